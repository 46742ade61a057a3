"""Cases of one's own pictures, and of COCOEE's layout."""

import shutil
from pathlib import Path

import pytest
from inpainting import ellipse, noise

from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.evaluation.cases import CaseBuilder, CaseSet, CocoeeCases, FolderCases, open_problem

SIZE = (24, 18)
HOLE = ellipse(SIZE, (4, 4, 16, 14))


def case_folders(root: Path) -> Path:
    for number, name in enumerate(("first", "second")):
        (root / name).mkdir(parents=True)
        noise(SIZE, number).save(root / name / "scene.png")
        HOLE.save(root / name / "mask.png")
        noise((20, 20), 7).save(root / name / "subject.png")
        (root / name / "prompt.txt").write_text(f"a cat in the {name} place\n")
    ellipse((20, 20), (3, 3, 15, 15)).save(root / "second" / "subject_mask.png")
    (root / "notes").mkdir()
    return root


def named_files(root: Path) -> Path:
    root.mkdir()
    for number, name in enumerate(("first", "second")):
        noise(SIZE, number).save(root / f"{name}.png")
        HOLE.save(root / f"{name}_mask.png")
        noise((20, 20), 7).save(root / f"{name}_reference.png")
        (root / f"{name}.txt").write_text(f"a cat in the {name} place\n")
    ellipse((20, 20), (3, 3, 15, 15)).save(root / "second_reference_mask.png")
    return root


def table(root: Path) -> Path:
    named_files(root)
    for file in root.glob("*.txt"):
        file.unlink()
    rows = [
        f"{name}.png,{name}_mask.png,{name}_reference.png,{mask},a cat in the {name} place,cat,{name}"
        for name, mask in (("first", ""), ("second", "second_reference_mask.png"))
    ]
    head = "image,mask,reference,reference_mask,caption,class_name,id"
    (root / "metadata.csv").write_text("\n".join([head, *rows]))
    return root


def cocoee(root: Path, count: int = 3) -> Path:
    for folder in ("GT_3500", "Mask_bbox_3500", "Ref_3500"):
        (root / folder).mkdir(parents=True)
    for number in range(count):
        name = f"{number * 11:012}"
        noise(SIZE, number).save(root / "GT_3500" / f"{name}_GT.png")
        HOLE.save(root / "Mask_bbox_3500" / f"{name}_mask.png")
        noise((10, 12), 50 + number).save(root / "Ref_3500" / f"{name}_ref.png")
    return root


def built(builder: CaseBuilder, folder: Path) -> CaseSet:
    cases = builder.build(folder)
    assert len(cases) == len(builder)
    for case in cases.cases:
        problem = open_problem(cases, case)
        assert problem.scene.size == problem.mask.size == SIZE
        assert problem.mask.tobytes() == HOLE.tobytes()
    return cases


@pytest.mark.parametrize(("layout", "class_name"), [(case_folders, "pet"), (named_files, "pet"), (table, "cat")])
def test_every_layout_of_a_folder_gives_the_same_cases(layout, class_name: str, tmp_path: Path) -> None:
    root = layout(tmp_path / "mine")
    cases = built(FolderCases(str(root), class_name="pet"), tmp_path / "cases")
    first, second = cases.cases
    assert [case.id for case in cases.cases] == ["first", "second"]
    assert (first.prompt, first.kind, first.class_name) == ("a cat in the first place", "edit", class_name)
    assert first.subject == second.subject, "one picture, one subject"
    assert open_problem(cases, first).scene.tobytes() == noise(SIZE, 0).tobytes()
    assert open_problem(cases, first).reference_mask.getbbox() == (0, 0, 20, 20)
    assert open_problem(cases, second).reference_mask.getbbox() == (3, 3, 16, 16)
    shutil.rmtree(root)
    assert open_problem(cases, first).reference.size == (20, 20), "cases lean on no picture that can go"


def test_a_table_can_be_named_itself(tmp_path: Path) -> None:
    root = table(tmp_path / "mine")
    assert len(FolderCases(str(root / "metadata.csv"))) == 2


@pytest.mark.parametrize("file", ["mask.png", "subject.png", "prompt.txt"])
def test_an_incomplete_case_is_refused_and_named(file: str, tmp_path: Path) -> None:
    root = case_folders(tmp_path / "mine")
    (root / "second" / file).unlink()
    with pytest.raises(InputError, match=rf"second has no {Path(file).stem}"):
        FolderCases(str(root)).build(tmp_path / "cases")


def test_an_incomplete_pair_is_refused_and_named(tmp_path: Path) -> None:
    root = named_files(tmp_path / "mine")
    (root / "first.txt").unlink()
    with pytest.raises(InputError, match="first has no prompt"):
        len(FolderCases(str(root)))


def test_a_picture_that_a_table_names_and_is_not_there_is_named(tmp_path: Path) -> None:
    root = table(tmp_path / "mine")
    (root / "second_reference.png").unlink()
    with pytest.raises(MissingFileError, match="second_reference"):
        FolderCases(str(root)).build(tmp_path / "cases")


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nowhere"):
        len(FolderCases(str(tmp_path / "nowhere")))


def test_cocoee_is_read_as_it_was_published(tmp_path: Path) -> None:
    cases = built(CocoeeCases(str(cocoee(tmp_path / "bench")), prompt="a thing"), tmp_path / "cases")
    assert [case.id for case in cases.cases] == ["000000000000", "000000000011", "000000000022"]
    assert {case.kind for case in cases.cases} == {"identity"}
    assert {case.prompt for case in cases.cases} == {"a thing"}
    problem = open_problem(cases, cases.cases[1])
    assert problem.scene.tobytes() == noise(SIZE, 1).tobytes()
    assert problem.reference.tobytes() == noise((10, 12), 51).tobytes()
    assert problem.reference_mask.getbbox() == (0, 0, 10, 12)


def test_cocoee_can_be_cut_short(tmp_path: Path) -> None:
    builder = CocoeeCases(str(cocoee(tmp_path / "bench")), count=2)
    assert [case.id for case in built(builder, tmp_path / "cases").cases] == ["000000000000", "000000000011"]
    assert builder.build(tmp_path / "cases").cases[0].prompt == ""


def test_what_cocoee_lacks_is_named(tmp_path: Path) -> None:
    root = cocoee(tmp_path / "bench")
    (root / "Ref_3500" / "000000000011_ref.png").unlink()
    with pytest.raises(MissingFileError, match="000000000011_ref"):
        CocoeeCases(str(root)).build(tmp_path / "cases")
    with pytest.raises(MissingFileError, match="GT_3500"):
        len(CocoeeCases(str(tmp_path)))
    (tmp_path / "empty" / "GT_3500").mkdir(parents=True)
    with pytest.raises(InputError, match="holds no"):
        len(CocoeeCases(str(tmp_path / "empty")))
    with pytest.raises(SettingError, match="count is 0"):
        CocoeeCases(str(root), count=0)


def test_a_table_names_no_file_outside_its_folder(tmp_path: Path) -> None:
    root = table(tmp_path / "mine")
    text = (root / "metadata.csv").read_text()
    (root / "metadata.csv").write_text(text.replace("second_reference.png", "../elsewhere.png"))
    noise((20, 20), 7).save(tmp_path / "elsewhere.png")
    with pytest.raises(InputError, match=r"'\.\./elsewhere\.png', which lies outside"):
        FolderCases(str(root)).build(tmp_path / "cases")
