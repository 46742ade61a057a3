import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny_segmenters import save_mask2former
from torch import Tensor, nn

from dreaminpainter.components import describe, make
from dreaminpainter.data.segmenting import Segment, Segmenter, UniversalSegmenter
from dreaminpainter.data.sources.base import Instance, SegmentationSource, content_hash, reasons
from dreaminpainter.data.sources.filter import ObjectFilter
from dreaminpainter.data.sources.unlabelled import UnlabelledSource
from dreaminpainter.data.store.preparing import prepare
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.pictures import open_scene, to_tensor

ORIENTATION = 0x0112
COLOURS = ["red", "green", "blue"]


class ColourSegmenter(Segmenter):
    """Finds what is red, green and blue; the score is the share of the picture."""

    pictures = 0
    """How many pictures were segmented in this test."""
    killed_after: int | None = None
    """After how many of them the run is killed."""

    def __init__(self, threshold: float = 0.0) -> None:
        super().__init__(threshold)

    def class_names(self) -> list[str]:
        return COLOURS

    def read(self) -> nn.Module:
        return nn.Linear(1, 1)

    def segment(self, network: nn.Module, images: Tensor) -> list[list[Segment]]:
        if ColourSegmenter.pictures == ColourSegmenter.killed_after:
            raise KeyboardInterrupt
        ColourSegmenter.pictures += len(images)
        return [
            [
                Segment(mask[None], name, float(mask.float().mean()))
                for name, mask in zip(COLOURS, image > 200, strict=True)
            ]
            for image in images
        ]


@pytest.fixture(autouse=True)
def _count_anew() -> None:
    ColourSegmenter.pictures, ColourSegmenter.killed_after = 0, None


def paint(path: Path, *boxes: tuple[str, tuple[int, int, int, int]], size: tuple[int, int] = (20, 10)) -> Path:
    """Black, with boxes (left, top, right, bottom) in colours."""
    image = Image.new("RGB", size)
    for colour, box in boxes:
        image.paste({"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}[colour], box)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two pictures with three objects that are large enough, and one that is not."""
    root = tmp_path / "root"
    paint(root / "b.png", ("red", (1, 2, 5, 8)), ("blue", (10, 2, 18, 8)), ("green", (0, 0, 1, 1)))
    paint(root / "a" / "c.PNG", ("green", (4, 0, 12, 5)), size=(16, 12))
    return root


def test_every_object_becomes_an_instance_with_its_exact_mask(root: Path) -> None:
    source = UnlabelledSource(str(root), ColourSegmenter())
    assert [one.id for one in source] == ["a/c.PNG#0", "b.png#0", "b.png#1"]
    assert [one.class_name for one in source] == ["green", "blue", "red"], "within a picture the surest comes first"
    assert [one.box for one in source] == [(4, 0, 12, 5), (10, 2, 18, 8), (1, 2, 5, 8)]
    for index, one in enumerate(source):
        assert one.source == "unlabelled" and one.captions == [] and one.licence is None
        assert one.mask.dtype == torch.bool
        assert torch.equal(one.mask[0], one.image[COLOURS.index(one.class_name)] > 200)
        assert source.id_of(index) == one.id
        assert source.content_of(index) == content_hash(one.image)
        assert source.picture_of(index).path == root / one.id.split("#")[0]
    assert [(one.id, one.reason, one.damage) for one in source.left_out] == [("b.png#2", "too small", "")]


def test_what_the_filter_leaves_out_does_not_change_the_ids(root: Path) -> None:
    source = UnlabelledSource(str(root), ColourSegmenter(), ObjectFilter(0, 1, categories=["red", "green"]))
    assert [one.id for one in source] == ["a/c.PNG#0", "b.png#1", "b.png#2"]
    assert reasons(source.left_out) == {"other class": 1}


def test_a_class_that_the_segmenter_does_not_know_is_refused_before_anything_is_segmented(root: Path) -> None:
    with pytest.raises(SettingError, match=r"ColourSegmenter has no class 'reed'\. Did you mean 'red'"):
        len(UnlabelledSource(str(root), ColourSegmenter(), ObjectFilter(categories=["reed"])))
    assert ColourSegmenter.pictures == 0


def test_pictures_are_segmented_and_shown_upright(tmp_path: Path) -> None:
    path = paint(tmp_path / "turned.png", ("red", (0, 0, 8, 4)))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    with Image.open(path) as image:
        image.load()
    image.save(path, exif=exif)
    source = UnlabelledSource(str(tmp_path), ColourSegmenter())
    (instance,) = source
    assert instance.image.shape == (3, 20, 10)
    assert torch.equal(instance.image, to_tensor(open_scene(path, [])))
    assert torch.equal(instance.mask[0], instance.image[0] > 200)
    assert source.picture_of(0).upright


def test_captions_are_read_from_the_file_beside_the_picture(root: Path) -> None:
    (root / "a" / "c.txt").write_text("a green box\n\n  on black \n", encoding="utf-8")
    source = UnlabelledSource(str(root), ColourSegmenter())
    assert source[0].captions == ["a green box", "on black"]
    assert source[1].captions == []
    (root / "a" / "c.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(InputError, match=r"c\.txt cannot be read as UTF-8"):
        source[0]


def test_what_is_broken_or_empty_is_counted_and_the_rest_goes_on(root: Path, test_data: Path) -> None:
    photograph = sorted((test_data / "dreambooth" / "dataset" / "dog").glob("*.jpg"))[0].read_bytes()
    (root / "truncated.jpg").write_bytes(photograph[: len(photograph) // 2])
    (root / "empty.jpg").write_bytes(b"")
    (root / "text.webp").write_text("no picture")
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(root / "animated.gif", save_all=True, append_images=frames[1:])
    paint(root / "black.png")
    source = UnlabelledSource(str(root), ColourSegmenter(), batch_size=3)
    assert [one.id for one in source] == ["a/c.PNG#0", "b.png#0", "b.png#1"]
    broken = {one.id: one.damage for one in source.left_out if one.reason == "unreadable"}
    assert set(broken) == {"truncated.jpg", "empty.jpg", "text.webp", "animated.gif"}
    assert all(str(root / name) in damage for name, damage in broken.items())
    assert "several frames" in broken["animated.gif"]
    assert reasons(source.left_out) == {"unreadable": 4, "no object": 1, "too small": 1}


def test_a_folder_that_is_missing_or_has_no_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nowhere"):
        len(UnlabelledSource(str(tmp_path / "nowhere"), ColourSegmenter()))
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="There is no picture in"):
        len(UnlabelledSource(str(tmp_path), ColourSegmenter()))


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_each_picture_is_segmented_once_whatever_the_batch(root: Path, batch_size: int) -> None:
    paint(root / "d.png", ("red", (0, 0, 9, 9)))
    source = UnlabelledSource(str(root), ColourSegmenter(), batch_size=batch_size)
    assert [one.id for one in source] == ["a/c.PNG#0", "b.png#0", "b.png#1", "d.png#0"]
    assert len(source.left_out) == 1 and source.fingerprint() == source.fingerprint()
    assert ColourSegmenter.pictures == 3


def test_copies_for_other_processes_carry_what_was_found_and_no_network(root: Path) -> None:
    source = UnlabelledSource(str(root), ColourSegmenter())
    assert len(source) == 3
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301
    assert not list(copy.segmenter.parameters()) and not list(source.segmenter.parameters())
    assert [one.id for one in copy] == [one.id for one in source]
    assert torch.equal(copy[2].mask, source[2].mask)
    assert copy.left_out == source.left_out
    assert ColourSegmenter.pictures == 2


def equal(one: Instance, other: Instance) -> bool:
    return one.id == other.id and one.class_name == other.class_name and torch.equal(one.mask, other.mask)


def test_a_run_that_was_killed_goes_on_and_ends_as_one_that_was_not(root: Path, tmp_path: Path) -> None:
    for name in "defg":
        paint(root / f"{name}.png", ("red", (0, 0, 4 + ord(name) % 5, 9)))
    cache = tmp_path / "cache"
    whole = UnlabelledSource(str(root), ColourSegmenter())
    assert len(whole) == 7 and ColourSegmenter.pictures == 6

    ColourSegmenter.pictures, ColourSegmenter.killed_after = 0, 4
    with pytest.raises(KeyboardInterrupt):
        len(UnlabelledSource(str(root), ColourSegmenter(), cache=str(cache)))
    assert len(list(cache.iterdir())) == 4

    ColourSegmenter.killed_after = None
    continued = UnlabelledSource(str(root), ColourSegmenter(), cache=str(cache))
    assert len(continued) == len(whole)
    assert ColourSegmenter.pictures == 6, "no picture was segmented twice"
    assert all(map(equal, continued, whole))
    assert continued.left_out == whole.left_out and list(continued.contents()) == list(whole.contents())


def test_preparing_that_was_killed_goes_on_where_it_was_whatever_runs_it(root: Path, tmp_path: Path) -> None:
    for name in "defg":
        paint(root / f"{name}.png", ("red", (0, 0, 4 + ord(name) % 5, 9)))
    ColourSegmenter.killed_after = 4
    with pytest.raises(KeyboardInterrupt):
        prepare(UnlabelledSource(str(root), ColourSegmenter()), tmp_path / "out", num_workers=0)
    ColourSegmenter.killed_after = None
    continued = UnlabelledSource(str(root), ColourSegmenter(), batch_size=3, device="cpu")
    manifest = prepare(continued, tmp_path / "out", num_workers=0)
    assert manifest.kept == 7 and ColourSegmenter.pictures == 6, "no picture was segmented twice"
    again = UnlabelledSource(str(root), ColourSegmenter(), cache=str(tmp_path / "out" / "segmented"))
    assert prepare(again, tmp_path / "out", num_workers=0) == manifest and ColourSegmenter.pictures == 6
    with pytest.raises(SettingError, match="another source"):
        prepare(UnlabelledSource(str(root), ColourSegmenter(0.1)), tmp_path / "out", num_workers=0)


def test_a_preparation_that_stopped_in_between_goes_on_on_another_device(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = UnlabelledSource(str(root), ColourSegmenter(), device="cpu", cache=str(tmp_path / "cache"))
    (root / "a" / "c.txt").write_bytes(b"\xff")
    with pytest.raises(InputError, match="1 of 4 objects are broken"):
        prepare(source, tmp_path / "out", num_workers=0)
    (root / "a" / "c.txt").unlink()
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: None)
    assert prepare(UnlabelledSource(str(root), ColourSegmenter()), tmp_path / "out", num_workers=0).kept == 3


def test_what_is_kept_belongs_to_the_picture_and_the_settings(root: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    assert len(UnlabelledSource(str(root), ColourSegmenter(), cache=cache)) == 3
    (root / "b.png").rename(root / "a" / "renamed.png")
    renamed = UnlabelledSource(str(root), ColourSegmenter(), ObjectFilter(0, 1), cache=cache)
    assert [one.id for one in renamed] == ["a/c.PNG#0", *(f"a/renamed.png#{number}" for number in range(3))]
    assert ColourSegmenter.pictures == 2
    paint(root / "a" / "c.PNG", ("red", (0, 0, 9, 9)))
    assert UnlabelledSource(str(root), ColourSegmenter(), cache=cache)[0].class_name == "red"
    assert ColourSegmenter.pictures == 3
    assert len(UnlabelledSource(str(root), ColourSegmenter(threshold=0.1), cache=cache)) == 3
    assert ColourSegmenter.pictures == 5


def test_a_damaged_file_of_the_cache_is_named(root: Path, tmp_path: Path) -> None:
    len(UnlabelledSource(str(root), ColourSegmenter(), cache=str(tmp_path / "cache")))
    path = sorted((tmp_path / "cache").iterdir())[0]
    told = json.loads(path.read_text())
    for broken in ("{", "[]", json.dumps(told | {"width": 0, "heigth": 1})):
        path.write_text(broken)
        with pytest.raises(InputError, match=f"{path.name} is damaged.*Delete it"):
            len(UnlabelledSource(str(root), ColourSegmenter(), cache=str(tmp_path / "cache")))


def test_a_picture_that_was_replaced_or_removed_since_is_named(root: Path) -> None:
    source = UnlabelledSource(str(root), ColourSegmenter())
    assert len(source) == 3
    paint(root / "b.png", size=(30, 10))
    with pytest.raises(InputError, match=r"b\.png is 30 x 10 .* 20 x 10"):
        source[1]
    (root / "b.png").unlink()
    with pytest.raises(MissingFileError, match=r"b\.png"):
        source[1]


def test_it_is_prepared_in_several_processes_like_any_source(root: Path, tmp_path: Path) -> None:
    (root / "broken.jpg").write_bytes(b"")
    source = UnlabelledSource(str(root), ColourSegmenter())
    manifest = prepare(source, tmp_path / "prepared", num_workers=2, max_damaged=0.5)
    assert manifest.kept == 3
    assert manifest.left_out == {"unreadable": 1, "too small": 1}
    assert ColourSegmenter.pictures == 2


def test_real_photographs_are_segmented_by_a_real_network(test_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    photographs = sorted((test_data / "dreambooth" / "dataset" / "dog").glob("*.jpg"))[:3]
    for photograph in photographs:
        shutil.copy(photograph, folder)
    segmenter = UniversalSegmenter(save_mask2former(tmp_path / "model"), threshold=0.1)
    source = UnlabelledSource(str(folder), segmenter, ObjectFilter(0, 1), batch_size=2)
    assert {one.id.split("#")[0] for one in source} == {path.name for path in photographs}
    for one in source:
        assert one.mask.shape[1:] == one.image.shape[1:] and one.mask.any()
        assert one.class_name in segmenter.class_names()
    again = UnlabelledSource(str(folder), segmenter, ObjectFilter(0, 1), batch_size=2)
    assert all(map(equal, again, source))


def test_it_reads_nothing_before_it_is_asked_and_can_be_described(tmp_path: Path) -> None:
    segmenter = UniversalSegmenter("a/b", 0.4)
    source = UnlabelledSource(str(tmp_path / "nowhere"), segmenter, ObjectFilter(0.1, 0.4), 2, "kept", "cpu")
    assert describe(make(describe(source), SegmentationSource)) == describe(source)
    with pytest.raises(SettingError, match="batch_size is 0"):
        UnlabelledSource("pictures", segmenter, batch_size=0)
