"""What people write down: cases, folders and jobs as tables, captions, prompts, and results that come back."""

from pathlib import Path

from hypothesis import strategies as st
from PIL import Image

from benchmarks.hostile.mutation import jsons, texts
from benchmarks.hostile.trying import Parser
from dreaminpainter.commands.jobs import RESULTS, read_jobs, read_results
from dreaminpainter.data.sources import FolderSource
from dreaminpainter.data.sources.base import Caption
from dreaminpainter.data.store.captions import CaptionShards, StoredCaptions
from dreaminpainter.data.store.captions_csv import import_captions
from dreaminpainter.encoding import check_prompts
from dreaminpainter.errors import InputError, MissingFileError
from dreaminpainter.evaluation.cases.base import CaseSet
from dreaminpainter.evaluation.cases.problem import open_problem
from dreaminpainter.tokenizer import spelled_words, word_tokenizer

ROW = {"image": "a.png", "mask": "m.png", "reference": "a.png", "caption": "a dog", "id": "1", "class_name": "dog"}
HEADER, LINE = ",".join(ROW) + "\n", ",".join(ROW.values()) + "\n"
CASE = {
    "id": "c1", "kind": "edit", "scene": "a.png", "mask": "m.png", "reference": "a.png", "prompt": "a dog",
    "class_name": "dog", "attributes": {"hat": "crown"}, "checksums": {"truth": "0"},
}  # fmt: skip
CAPTIONS = 'id,of,text,by\n1,picture,"a dog, running",person\n2,object,a cat,blip\n'
RESULT = "id,status,outputs,seconds,seed,error,fingerprint\n1,filled,1.png,0.5,0,,ab\n2,failed,,0.0,0,no,cd\n"


def _pictures(folder: Path) -> None:
    Image.new("RGB", (8, 8), (1, 2, 3)).save(folder / "a.png")
    Image.new("L", (8, 8), 255).save(folder / "m.png")


def _table(name: str, folder: Path, content: bytes) -> None:
    _pictures(folder)
    (folder / name).write_bytes(content)
    source = FolderSource(str(folder))
    for index in range(len(source)):
        try:
            source[index]
        except (InputError, MissingFileError):
            continue  # told when it is met
    read_jobs(str(folder))


def _csv(folder: Path, content: bytes) -> None:
    _table("metadata.csv", folder, content)


def _json_lines(folder: Path, content: bytes) -> None:
    _table("metadata.jsonl", folder, content)


def _cases(folder: Path, content: bytes) -> None:
    _pictures(folder)
    (folder / "cases.jsonl").write_bytes(content)
    cases = CaseSet.read(folder / "cases.jsonl")
    for case in cases.cases:
        open_problem(cases, case)


def _captions(folder: Path, content: bytes) -> None:
    with CaptionShards(folder / "captions") as shards:
        shards.write([("1", Caption("a dog", of="picture", by="blip"))])
    (folder / "captions.csv").write_bytes(content)
    import_captions(StoredCaptions(folder / "captions"), folder / "captions.csv", {"1", "2"})
    list(StoredCaptions(folder / "captions"))


def _prompts(folder: Path, content: bytes) -> None:
    """The caption beside a picture, which is what its hole is filled with."""
    for name, picture in {"a": "RGB", "a_mask": "L", "a_reference": "RGB"}.items():
        Image.new(picture, (8, 8), "white").save(folder / f"{name}.png")
    (folder / "a.txt").write_bytes(content)
    tokenizer = word_tokenizer(["a", "dog"], max_length=16)
    for job in read_jobs(str(folder))[0]:
        spelled_words(tokenizer, job.request.prompt)
        check_prompts(tokenizer, [job.request.prompt])


def _results(folder: Path, content: bytes) -> None:
    (folder / RESULTS).write_bytes(content)
    read_results(folder)


TABLES = (
    Parser("tables of pictures and jobs: CSV", texts(HEADER + LINE * 2), _csv),
    Parser("tables of pictures and jobs: JSON Lines", jsons(ROW, {**ROW, "id": "2"}), _json_lines),
    Parser("lists of cases", jsons(CASE) | texts(str(CASE).replace("'", '"')), _cases),
    Parser("captions: CSV", texts(CAPTIONS), _captions),
    Parser("prompts", texts("a dog in a hat\n") | st.text(max_size=80).map(lambda text: text.encode()), _prompts),
    Parser("results of earlier jobs: CSV", texts(RESULT), _results),
)
