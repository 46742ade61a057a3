"""Files of cases: read as they were written, and refused with the place named where they are not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fills import case_set
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dreaminpainter.errors import InputError, MissingFileError
from dreaminpainter.evaluation.cases import Case, CaseSet, CrittersCases, WrittenCases, open_problem

CASE = Case("c1", "edit", "scene.png", "mask.png", "cat.png", "a cat", "cat")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DICT = st.dictionaries(TEXT, TEXT, max_size=3)
ENDINGS = ("jsonl", "parquet")


@pytest.mark.parametrize("ending", ENDINGS)
@given(prompt=TEXT, attributes=DICT, shown=DICT)
def test_cases_are_read_as_they_were_written(
    ending: str, prompt: str, attributes: dict[str, str], shown: dict[str, str], tmp_path_factory
) -> None:
    file = tmp_path_factory.mktemp("cases") / f"cases.{ending}"
    cases = [replace(CASE, prompt=prompt, attributes=attributes), replace(CASE, id="c2", shown=shown, truth="t.png")]
    CaseSet(file, cases).write()
    assert CaseSet.read(file).cases == cases
    assert CaseSet.read(file).checksum == CaseSet(file, cases).checksum


def written(folder: Path, *rows: object) -> Path:
    file = folder / "cases.jsonl"
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return file


ROW = {name: getattr(CASE, name) for name in ("id", "kind", "scene", "mask", "reference", "prompt", "class_name")}


@pytest.mark.parametrize(
    ("second", "named"),
    [
        ("{oops", "line 2 is no JSON"),
        ("[1, 2]", r"line 2 is no case but \[1, 2\]"),
        ({key: value for key, value in ROW.items() if key != "prompt"}, "row 2: the case lacks prompt"),
        (ROW | {"id": "c2", "promt": "a"}, "row 2: the case has the unknown promt"),
        (ROW | {"id": "c2", "kind": "edits"}, "'edits'.*identity, edit"),
        (ROW | {"id": "c2", "prompt": None}, "row 2.*prompt"),
        (ROW | {"id": 2}, "row 2.*id"),
        (ROW | {"id": "c2", "attributes": ["hat"]}, "row 2.*attributes"),
        (ROW | {"id": "../c2"}, r"row 2.*'\.\./c2'"),
        (ROW | {"id": ""}, "row 2.*id"),
        (ROW | {"id": "c2", "scene": "/etc/scene.png"}, "row 2.*scene '/etc/scene.png', which lies outside"),
        (ROW | {"id": "c2", "scene": ""}, "row 2.*empty scene"),
        (ROW | {"id": "c2", "reference": ""}, "row 2.*empty reference"),
        (ROW | {"id": "c2", "truth": "../truth.png"}, r"row 2.*truth '\.\./truth\.png', which lies outside"),
        (ROW, "same id"),
    ],
)
def test_a_row_that_is_no_case_is_named(second: object, named: str, tmp_path: Path) -> None:
    file = written(tmp_path, ROW, second)
    with pytest.raises(InputError, match=named) as refused:
        CaseSet.read(file)
    assert str(tmp_path) in str(refused.value) or "kind" in named or "edits" in named


def test_files_that_hold_no_cases_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nowhere"):
        CaseSet.read(tmp_path / "nowhere.jsonl")
    with pytest.raises(InputError, match="no case"):
        CaseSet.read(written(tmp_path, ""))
    (tmp_path / "cases.parquet").write_text("none")
    with pytest.raises(InputError, match="no Parquet"):
        CaseSet.read(tmp_path / "cases.parquet")
    (tmp_path / "latin.jsonl").write_bytes(json.dumps(ROW).encode() + b"\xe9\n")
    with pytest.raises(InputError, match=r"latin.*UTF-8"):
        CaseSet.read(tmp_path / "latin.jsonl")


def test_empty_lines_are_no_cases(tmp_path: Path) -> None:
    assert len(CaseSet.read(written(tmp_path, ROW, "", ROW | {"id": "c2"}, ""))) == 2


@pytest.mark.parametrize("name", ["scene", "mask", "reference", "reference_mask", "truth"])
def test_a_picture_that_has_changed_is_refused(name: str, tmp_path: Path) -> None:
    cases = case_set(tmp_path, 1)
    case = cases.cases[0]
    path = cases.folder / getattr(case, name)
    with Image.open(path) as picture:
        changed = picture.copy()
    changed.putpixel((0, 0), 255 if changed.mode == "L" else (1, 2, 3))
    changed.save(path)
    with pytest.raises(InputError, match=rf"{path.name}.*{case.id}"):
        open_problem(cases, case)


def test_a_truth_or_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    cases = case_set(tmp_path, 1)
    case = replace(cases.cases[0], checksums={}, truth=cases.cases[0].scene)
    for name in ("truth", "mask"):
        other = replace(case, **{name: "small.png"})
        Image.new("L" if name == "mask" else "RGB", (8, 8), "white").save(cases.folder / "small.png")
        with pytest.raises(InputError, match="small"):
            open_problem(cases, other)


def test_the_checksum_is_of_cases_and_pictures_and_not_of_where_they_lie(tmp_path: Path) -> None:
    here, there = case_set(tmp_path / "here", 2), case_set(tmp_path / "there", 2)
    assert here.checksum == there.checksum
    first, second = here.cases
    assert CaseSet(here.file, [replace(first, prompt="other"), second]).checksum != here.checksum
    assert (
        CaseSet(here.file, [replace(first, checksums=first.checksums | {"mask": "0"}), second]).checksum
        != here.checksum
    )
    assert CaseSet(here.file, [first]).checksum != here.checksum


def test_cases_are_made_once_and_refused_where_others_are(tmp_path: Path) -> None:
    cases = case_set(tmp_path, 2)
    times = {path: path.stat().st_mtime_ns for path in cases.folder.rglob("*.png")}
    assert case_set(tmp_path, 2).cases == cases.cases
    assert {path: path.stat().st_mtime_ns for path in times} == times
    with pytest.raises(InputError, match="other settings"):
        case_set(tmp_path, 3)


def test_a_builder_that_makes_another_number_than_it_says_is_refused(tmp_path: Path) -> None:
    class Wrong(CrittersCases):
        def __len__(self) -> int:
            return 2

    with pytest.raises(InputError, match="announced 2 cases and made 1"):
        Wrong(1, 32, 32).build(tmp_path)
    assert not (tmp_path / "cases.jsonl").exists()


def test_written_cases_stay_where_they_are(tmp_path: Path) -> None:
    cases = case_set(tmp_path, 2)
    builder = WrittenCases(str(cases.file))
    assert len(builder) == 2
    assert builder.build(tmp_path / "elsewhere").cases == cases.cases
    assert not (tmp_path / "elsewhere").exists()


def test_written_cases_without_checksums_are_told_apart_by_their_pictures(tmp_path: Path) -> None:
    cases = case_set(tmp_path, 2)
    CaseSet(cases.file, [replace(case, checksums={}) for case in cases.cases]).write()
    builder = WrittenCases(str(cases.file))
    before = builder.build(tmp_path)
    assert before.checksum == cases.checksum
    Image.new("RGB", (32, 32)).save(cases.folder / cases.cases[0].scene)
    assert builder.build(tmp_path).checksum != before.checksum
    (cases.folder / cases.cases[0].mask).unlink()
    with pytest.raises(MissingFileError, match="mask"):
        builder.build(tmp_path)


def test_a_builder_that_gives_an_id_twice_is_refused(tmp_path: Path) -> None:
    class Twice(CrittersCases):
        def draw(self, folder: Path):
            yield from (replace(case, id="same") for case in super().draw(folder))

    with pytest.raises(InputError, match="same id, 'same'"):
        Twice(2, 32, 32).build(tmp_path)


def test_what_is_unrelated_is_of_another_subject() -> None:
    def named(id: str, subject: str, reference: str = "cat.png") -> Case:
        return replace(CASE, id=id, subject=subject, reference=reference)

    cases = CaseSet(
        Path("cases.jsonl"), [named("1", "a"), named("2", "a", "dog.png"), named("3", "b"), named("4", "b")]
    )
    assert [cases.unrelated(case).id for case in cases.cases] == ["3", "3", "1", "1"]
    untold = CaseSet(Path("cases.jsonl"), [named("1", ""), named("2", ""), named("3", "", "dog.png")])
    assert [untold.unrelated(case).id for case in untold.cases] == ["3", "3", "1"]
    assert CaseSet(Path("cases.jsonl"), [CASE]).unrelated(CASE) == CASE


def test_what_drawn_cases_ask(tmp_path: Path) -> None:
    for case in case_set(tmp_path, 8).cases:
        opposed = all(case.attributes[name] != case.shown[name] for name in ("hat", "mouth", "pose"))
        assert case.kind == ("contradiction" if opposed else "edit")
        assert all(
            case.attributes[name] == case.shown[name] for name in ("body", "palette", "pattern", "eyes", "marks")
        )
