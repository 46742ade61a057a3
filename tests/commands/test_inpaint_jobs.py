import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from inpainting import ellipse, noise, pixels
from PIL import Image

from dreaminpainter.cli import main
from dreaminpainter.commands import many


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three jobs."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "jobs"
    folder.mkdir()
    for number, name in enumerate(("ann", "bob", "cat")):
        noise((40, 32), seed=number).save(folder / f"{name}.png")
        ellipse((40, 32), (8, 6, 30, 26)).save(folder / f"{name}_mask.png")
        reference = noise((50, 40), seed=9 + number)
        reference.putalpha(ellipse((50, 40), (5, 5, 40, 35)))
        reference.save(folder / f"{name}_reference.png")
        (folder / f"{name}.txt").write_text("a critter waves\n")
    return folder


def run(checkpoint: str, jobs: Path, *more: str) -> int:
    given = ["--jobs", str(jobs), "--checkpoint", checkpoint, "--num_inference_steps", "1", "--device", "cpu"]
    return main(["inpaint", *given, "--output", "out", *more])


def results() -> list[dict[str, str]]:
    with Path("out/results.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_folder_of_jobs_becomes_fills_a_table_and_a_sheet(checkpoint, jobs, capsys) -> None:
    assert run(checkpoint, jobs) == 0
    assert [(row["id"], row["status"], row["outputs"]) for row in results()] == [
        (name, "filled", f"{name}.png") for name in ("ann", "bob", "cat")
    ]
    for name in ("ann", "bob", "cat"):
        before, after, mask = pixels(jobs / f"{name}.png"), pixels(f"out/{name}.png"), pixels(jobs / f"{name}_mask.png")
        assert np.array_equal(after[mask == 0], before[mask == 0]) and (after != before).any()
    assert Image.open("out/contact_sheet.png").width > 400
    assert "filled 3 of 3 jobs" in capsys.readouterr().out


def test_a_table_tells_jobs_too(checkpoint, jobs) -> None:
    rows = [
        {"image": "ann.png", "mask": "ann_mask.png", "reference": "bob_reference.png", "caption": "a hat", "id": "one"},
        {"image": "ann.png", "mask": "ann_mask.png", "reference": "cat_reference.png", "caption": "a hat", "id": "two"},
    ]
    (jobs / "list.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    assert run(checkpoint, jobs / "list.jsonl") == 0
    assert [row["id"] for row in results()] == ["one", "two"]
    assert (pixels("out/one.png") != pixels("out/two.png")).any()


def test_what_is_done_is_not_done_again_and_what_has_changed_is(checkpoint, jobs, monkeypatch, capsys) -> None:
    assert run(checkpoint, jobs) == 0
    first, done = results(), []
    real = many._fill
    monkeypatch.setattr(many, "_fill", lambda filler, job, *rest: done.append(job.id) or real(filler, job, *rest))
    (jobs / "bob.txt").write_text("a critter in a hat\n")
    Path("out/cat.png").unlink()
    assert run(checkpoint, jobs) == 0
    assert done == ["bob", "cat"] and results()[0] == first[0]
    assert "1 of 3 jobs are done already" in capsys.readouterr().out
    assert run(checkpoint, jobs, "--seed", "4") == 0
    assert done == ["bob", "cat", "ann", "bob", "cat"]


def test_jobs_that_were_stopped_go_on_where_they_were(checkpoint, jobs, monkeypatch) -> None:
    real, done = many._fill, []

    def stopped(filler, job, *rest):
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(job.id)
        return real(filler, job, *rest)

    monkeypatch.setattr(many, "_fill", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint, jobs)
    assert [row["id"] for row in results()] == ["ann"]
    monkeypatch.setattr(many, "_fill", lambda filler, job, *rest: done.append(job.id) or real(filler, job, *rest))
    assert run(checkpoint, jobs) == 0 and done == ["ann", "bob", "cat"]


def test_a_job_that_fails_is_told_and_the_others_are_filled(checkpoint, jobs, capsys) -> None:
    (jobs / "bob.png").write_bytes(b"no picture")
    (jobs / "cat.txt").unlink()
    assert run(checkpoint, jobs) == 1
    assert [(row["id"], row["status"]) for row in results()] == [("ann", "filled"), ("bob", "failed")]
    assert "bob.png" in results()[1]["error"]
    told = capsys.readouterr()
    assert "cat has no prompt" in told.err and "filled 1 of 3 jobs" in told.out


def test_several_fills_a_picture_are_numbered_and_differ(checkpoint, jobs) -> None:
    assert run(checkpoint, jobs, "--num_images_per_prompt", "2") == 0
    assert results()[0]["outputs"] == "ann_1.png;ann_2.png"
    assert (pixels("out/ann_1.png") != pixels("out/ann_2.png")).any()
    assert run(checkpoint, jobs, "--seed", "1") == 0
    assert np.abs(pixels("out/ann.png").astype(int) - pixels("out/ann_2.png")).max() <= 1, "seeds count up"


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: [path.unlink() for path in folder.glob("*.txt")], "has no prompt"),
        (lambda folder: [path.unlink() for path in folder.glob("*_mask.png")], "no masks"),
    ],
)
def test_a_folder_without_jobs_says_what_is_missing(checkpoint, jobs, capsys, spoil, told) -> None:
    spoil(jobs)
    assert run(checkpoint, jobs) == 2
    assert told in capsys.readouterr().err


def test_no_picture_that_is_read_is_written_over(checkpoint, jobs, capsys) -> None:
    before = (jobs / "ann.png").read_bytes()
    assert main(["inpaint", "--jobs", str(jobs), "--checkpoint", checkpoint, "--output", str(jobs)]) == 2
    assert "Name another folder" in capsys.readouterr().err and (jobs / "ann.png").read_bytes() == before


def test_ids_become_names_of_files_in_the_folder_alone(checkpoint, jobs) -> None:
    ids = ["../a", "b;c", "contact_sheet", "x" * 300]
    row = {"image": "ann.png", "mask": "ann_mask.png", "reference": "bob_reference.png", "caption": "a hat"}
    (jobs / "list.jsonl").write_text("\n".join(json.dumps(row | {"id": id_}) for id_ in ids))
    for _ in range(2):
        assert run(checkpoint, jobs / "list.jsonl") == 0
    names = [row["outputs"] for row in results()]
    assert len(set(names)) == 4 and all((Path("out") / name).is_file() for name in names)
    assert names[1:3] == ["b-c.png", "contact_sheet-job.png"]


def test_other_weights_of_the_same_name_fill_anew(checkpoint, jobs, tmp_path, capsys) -> None:
    copy = tmp_path / "last.ckpt"
    copy.write_bytes(Path(checkpoint).read_bytes())
    assert run(str(copy), jobs) == 0 and run(str(copy), jobs) == 0
    assert "3 of 3 jobs are done already" in capsys.readouterr().out
    os.utime(copy, ns=(1, 1))
    assert run(str(copy), jobs) == 0
    assert "done already" not in capsys.readouterr().out
