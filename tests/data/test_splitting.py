from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dreaminpainter.components import describe, make
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.sources import CocoSource, Instance, SegmentationSource
from dreaminpainter.data.splitting import Side
from dreaminpainter.data.store import PreparedSource, prepare
from dreaminpainter.errors import SettingError


class Album(SegmentationSource):
    """Objects of pictures that are told by one number each."""

    def __init__(self, pictures: list[int], name: str = "album") -> None:
        self.pictures = pictures
        self.name = name

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Instance:
        image = torch.full((3, 8, 8), self.pictures[index] % 256, dtype=torch.uint8)
        image[0] = self.pictures[index] // 256
        mask = torch.ones(1, 8, 8, dtype=torch.bool)
        return Instance(image, mask, "thing", (0, 0, 8, 8), ["a thing"], self.name, f"{index}")


def shown(source: SegmentationSource) -> set[int]:
    return {int(one.image[1, 0, 0]) + 256 * int(one.image[0, 0, 0]) for one in source}


@settings(max_examples=30, deadline=None)
@given(
    albums=st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=20), min_size=1, max_size=3),
    share=st.sampled_from([0.1, 0.5, 0.9]),
)
def test_no_picture_is_on_both_sides_whichever_sources_it_is_in(albums, share) -> None:
    sources = [Album(pictures, f"album {number}") for number, pictures in enumerate(albums)]
    train, validation = ([Side(source, side, share) for source in sources] for side in ("train", "validation"))
    assert not set().union(*map(shown, train)) & set().union(*map(shown, validation))
    for source, one, other in zip(sources, train, validation, strict=True):
        ids = [side.id_of(index) for side in (one, other) for index in range(len(side))]
        assert sorted(ids) == sorted(source.id_of(index) for index in range(len(source))), "each object is on one side"
        assert [instance.id for instance in one] == [one.id_of(index) for index in range(len(one))]


def test_the_share_is_that_of_the_pictures() -> None:
    held_out = len(Side(Album(list(range(3000))), "validation", 0.2))
    assert 520 < held_out < 680  # 600, less or more three and a half standard deviations


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 5])
def test_a_share_that_leaves_a_side_empty_is_refused(share) -> None:
    with pytest.raises(SettingError, match=f"validation is {share}"):
        Side(Album([1]), "train", share)


def test_a_side_can_be_written_down() -> None:
    side = Side(CocoSource("no/such/folder"), "validation", 0.3)
    assert describe(make(describe(side), SegmentationSource)) == describe(side)


def test_photographs_prepared_from_two_datasets_stay_on_one_side(test_data: Path, tmp_path: Path) -> None:
    """The photographs of one data set, laid out as another's too, under other names."""
    root = test_data / "coco"
    twin = tmp_path / "twin"
    (twin / "annotations").mkdir(parents=True)
    (twin / "mine").mkdir()
    annotations = (root / "annotations" / "instances_val2017.json").read_text()
    names = {path.name: f"{number}.jpg" for number, path in enumerate(sorted((root / "val2017").iterdir()))}
    for name, new in names.items():
        (twin / "mine" / new).write_bytes((root / "val2017" / name).read_bytes())
        annotations = annotations.replace(name, new)
    (twin / "annotations" / "instances_mine.json").write_text(annotations)
    for name, source in {"coco": CocoSource(str(root), "val2017"), "twin": CocoSource(str(twin), "mine")}.items():
        prepare(source, tmp_path / name, num_workers=0)
    sources = {name: PreparedSource(str(tmp_path / name)) for name in ("coco", "twin")}
    data = InpaintingDataModule(train=sources, validation_share=0.3)
    sides = [
        [{side.content_of(index) for index in range(len(side))} for side in part.values()]
        for part in (data.train, data.validation)
    ]
    assert sides[0][0] == sides[0][1] and sides[1][0] == sides[1][1], "a copy is on the side of its original"
    assert sides[0][0] and sides[1][0] and not sides[0][0] & sides[1][0]
