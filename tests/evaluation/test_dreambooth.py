"""DreamBooth's subjects in scenes: drawn ones for what cases are, real photographs for what they hold."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from inpainting import noise
from tiny_segmenters import save_mask2former

from dreaminpainter.components import describe, make
from dreaminpainter.data.masking import BoxMask, ExactMask
from dreaminpainter.data.segmenting import UniversalSegmenter
from dreaminpainter.data.sources import CocoSource, CrittersSource
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.evaluation.cases import CaseBuilder, DreamBoothCases, open_problem
from dreaminpainter.evaluation.cases.placing import places_in

TABLE = "Classes\n\nsubject_name,class\nrex,dog\nmug,cup\ngone,toy\n\nPrompts\n\n'a {0} {1}'.format(a, b)\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A live subject of three photographs, an object of one, and one without a folder."""
    folder = tmp_path_factory.mktemp("dreambooth")
    for name, count in (("rex", 3), ("mug", 1)):
        (folder / "dataset" / name).mkdir(parents=True)
        for number in range(count):
            noise((40, 30), number).save(folder / "dataset" / name / f"{number:02}.jpg")
    (folder / "dataset" / "prompts_and_classes.txt").write_text(TABLE)
    return str(folder)


def scenes(count: int = 12) -> CrittersSource:
    return CrittersSource(size=32, reference_size=32, count=count, supersample=1)


def cases_of(root: str, **settings) -> DreamBoothCases:
    return DreamBoothCases(root, scenes(), **({"scenes_per_subject": 2, "references_per_subject": 2} | settings))


def test_cases_are_all_combinations(root: str, tmp_path: Path) -> None:
    builder = cases_of(
        root,
        edits={"live": ["a {} asleep"], "object": ["a {} of glass", "a wet {}"]},
        class_changes={"dog": ["a fox"]},
        contradictions={"mug": ["a black cup", "an empty cup"]},
    )
    cases = builder.build(tmp_path).cases
    # rex: 2 photographs x 2 scenes x 3 holes x (class, edit, change); mug: 1 x 2 x 3 x (class, 2 edits, 2 opposites)
    assert len(builder) == len(cases) == 2 * 2 * 3 * 3 + 1 * 2 * 3 * 5
    assert len({case.id for case in cases}) == len(cases)
    told = Counter((case.subject, case.kind, case.prompt) for case in cases)
    assert told == {
        ("rex", "identity", "dog"): 2 * 2 * 2,
        ("rex", "mask shape", "dog"): 2 * 2,
        ("rex", "edit", "a dog asleep"): 2 * 2 * 3,
        ("rex", "class change", "a fox"): 2 * 2 * 3,
        ("mug", "identity", "cup"): 2 * 2,
        ("mug", "mask shape", "cup"): 2,
        ("mug", "edit", "a cup of glass"): 2 * 3,
        ("mug", "edit", "a wet cup"): 2 * 3,
        ("mug", "contradiction", "a black cup"): 2 * 3,
        ("mug", "contradiction", "an empty cup"): 2 * 3,
    }
    shape = next(case for case in cases if case.kind == "mask shape")
    assert "odd" in shape.mask


def test_the_same_settings_give_the_same_cases_and_another_seed_other_scenes(root: str, tmp_path: Path) -> None:
    first = cases_of(root).build(tmp_path / "first")
    assert cases_of(root).build(tmp_path / "again").checksum == first.checksum
    assert cases_of(root, seed=1).build(tmp_path / "other").checksum != first.checksum
    again = make(describe(cases_of(root)), CaseBuilder)
    assert describe(again) == describe(cases_of(root))


def test_a_subject_is_cut_out_where_a_segmenter_finds_it(root: str, tmp_path: Path) -> None:
    segmenter = UniversalSegmenter(save_mask2former(tmp_path / "network", favourite="hat"), threshold=0.0)
    builder = cases_of(root, subjects=["rex"], edits={}, references_per_subject=1, reference_segmenter=segmenter)
    cases = builder.build(tmp_path / "cases")
    problem = open_problem(cases, cases.cases[0])
    (found,) = segmenter([torch.from_numpy(np.array(problem.reference)).permute(2, 0, 1)])
    expected = found[0].mask[0].numpy()
    assert expected.sum() > 0
    assert (np.asarray(problem.reference_mask) == expected * 255).all()


def test_without_a_segmenter_the_whole_photograph_is_the_reference(root: str, tmp_path: Path) -> None:
    cases = cases_of(root, subjects=["mug"], edits={}).build(tmp_path)
    assert open_problem(cases, cases.cases[0]).reference_mask.getbbox() == (0, 0, 40, 30)


@pytest.mark.parametrize(
    ("settings", "error", "named"),
    [
        ({"subjects": ["rexx"]}, SettingError, "mean 'rex'"),
        ({"subjects": ["gone"]}, MissingFileError, "gone"),
        ({"scenes_per_subject": 13}, InputError, "13 are asked for"),
    ],
)
def test_what_is_not_there_is_named(root: str, settings, error, named: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=named):
        cases_of(root, **settings).build(tmp_path)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"scenes_per_subject": 0}, "scenes_per_subject 0"),
        ({"references_per_subject": 0}, "references_per_subject is 0"),
        ({"masks": {}, "odd_masks": {}}, "no mask"),
        ({"masks": {"a/b": BoxMask()}}, "a/b"),
        ({"masks": {"odd": BoxMask()}}, "'odd'"),
        ({"edits": {"lively": []}}, "lively"),
    ],
)
def test_settings_out_of_range_are_refused(root: str, settings, named: str) -> None:
    with pytest.raises(SettingError, match=named):
        cases_of(root, **settings)


def test_a_table_without_classes_is_named(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    with pytest.raises(MissingFileError, match="prompts_and_classes"):
        len(cases_of(str(tmp_path)))
    (tmp_path / "dataset" / "prompts_and_classes.txt").write_text("rex,dog\n")
    with pytest.raises(InputError, match="prompts_and_classes"):
        len(cases_of(str(tmp_path)))


def test_places_are_of_different_pictures_and_of_the_sizes_told(test_data: Path) -> None:
    source = CocoSource(str(test_data / "coco"), "val2017")
    places = list(places_in(source, 20, key=3))
    assert len({place.id for place in places}) == 20
    pictures = {source.picture_of(index).path.name: source.id_of(index) for index in range(len(source))}
    assert len(pictures) >= 20
    by_id = {source.id_of(index): str(source.picture_of(index).path) for index in range(len(source))}
    assert len({by_id[place.id] for place in places}) == 20
    assert all(0.02 <= place.outline.float().mean() <= 0.5 for place in places)
    assert [one.id for one in places_in(source, 5, key=4)] != [place.id for place in places[:5]]


def test_real_subjects_in_real_scenes(test_data: Path, tmp_path: Path) -> None:
    """The number announced is the number made; each hole fits its scene and lies where the object was."""
    source = CocoSource(str(test_data / "coco"), "val2017")
    builder = DreamBoothCases(
        str(test_data / "dreambooth"),
        source,
        subjects=["dog6", "teapot"],
        scenes_per_subject=2,
        references_per_subject=2,
        masks={"exact": ExactMask(), "box": BoxMask()},
        edits={"live": ["a {} in the rain"], "object": ["a {} made of glass"]},
    )
    cases = builder.build(tmp_path)
    assert len(cases) == len(builder) == 2 * 2 * 2 * 3 * 2
    assert {(case.subject, case.class_name) for case in cases.cases} == {("dog6", "dog"), ("teapot", "teapot")}
    outlines = {}
    for case in cases.cases:
        if case.kind == "edit" or case.reference.endswith("01.jpg"):
            continue
        problem = open_problem(cases, case)
        hole = np.asarray(problem.mask) > 0
        outlines[case.scene, case.id.split("-")[3]] = hole
        assert problem.scene.size == problem.mask.size
        assert problem.reference.size == problem.reference_mask.size
    objects = [one.mask[0].numpy() for one in source]
    for scene in {scene for scene, _ in outlines}:
        exact, box, odd = (outlines[scene, name] for name in ("exact", "box", "odd"))
        assert 0.02 <= exact.mean() <= 0.5
        assert any(mask.shape == exact.shape and (mask == exact).all() for mask in objects)
        rows, columns = np.nonzero(exact.any(1))[0], np.nonzero(exact.any(0))[0]
        expected = np.zeros_like(exact)
        expected[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
        assert (box == expected).all()
        assert (odd >= exact).all()
        assert (odd != box).any()


def test_all_subjects_that_are_there_are_counted(test_data: Path) -> None:
    builder = DreamBoothCases(str(test_data / "dreambooth"), CocoSource(str(test_data / "coco"), "val2017"))
    assert len(builder) == 12 * 1 * 4 * 3 * 4
