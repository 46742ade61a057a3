from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dreaminpainter.components import describe, make
from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.sources import CocoSource, Instance, SegmentationSource
from dreaminpainter.data.sources.base import content_hash
from dreaminpainter.data.splitting import Division
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
    division = Division({source.name: source for source in sources}, share)
    train, validation = (list(division.sides(side).values()) for side in ("train", "validation"))
    if len(set().union(*albums)) > 1:
        assert any(map(len, train)) and any(map(len, validation)), "two pictures are enough for one on each side"
    assert not set().union(*map(shown, train)) & set().union(*map(shown, validation))
    for source, one, other in zip(sources, train, validation, strict=True):
        ids = [side.id_of(index) for side in (one, other) for index in range(len(side))]
        assert sorted(ids) == sorted(source.id_of(index) for index in range(len(source))), "each object is on one side"
        assert [instance.id for instance in one] == [one.id_of(index) for index in range(len(one))]


def test_the_share_is_that_of_the_pictures() -> None:
    held_out = len(Division({"album": Album(list(range(3000)))}, 0.2).sides("validation")["album"])
    assert 520 < held_out < 680  # 600, less or more three and a half standard deviations


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 5])
def test_a_share_that_leaves_a_side_empty_is_refused(share) -> None:
    with pytest.raises(SettingError, match=f"validation is {share}"):
        Division({"album": Album([1])}, share)


def test_a_side_can_be_written_down() -> None:
    side = Division({"coco": CocoSource("no/such/folder")}, 0.3).sides("validation")["coco"]
    assert describe(make(describe(side), SegmentationSource)) == describe(side)


class Pairs(Album):
    """Each object's reference is cut out of the next one's picture."""

    def __getitem__(self, index: int) -> Instance:
        one, other = (super(Pairs, self).__getitem__(number) for number in (index, (index + 1) % len(self)))
        return replace(one, reference_image=other.image, reference_mask=other.mask)


def test_no_picture_is_on_both_sides_by_way_of_a_reference(tmp_path: Path) -> None:
    own = Pairs(list(range(60)))
    prepare(own, tmp_path, num_workers=0)
    for source in (own, PreparedSource(str(tmp_path))):
        sides = [Division({"pairs": source}, 0.3).sides(side)["pairs"] for side in ("train", "validation")]
        seen = [
            {content_hash(image) for one in side for image in (one.image, one.reference_image) if image is not None}
            for side in sides
        ]
        assert seen[0] and seen[1] and not seen[0] & seen[1]
        told = [[one.id for one in side.left_out if one.reason == "reference on the other side"] for side in sides]
        assert told[0] and told[1] and len(sides[0]) + len(sides[1]) + len(told[0]) + len(told[1]) == 60
        assert not set(told[0]) & {one.id for one in sides[0]}


def data_of(*albums: Album, **settings: Any) -> InpaintingDataModule:
    sizes = dict.fromkeys(("height", "width", "reference_size"), 16)
    train = {album.name: album for album in albums}
    return InpaintingDataModule(train=train, batch_size=1, num_workers=0, **sizes, **settings)


@pytest.mark.parametrize("first", range(5))
def test_two_pictures_are_enough_to_train_and_validate(first: int) -> None:
    data = data_of(Album([first, first + 50]))
    assert len(data.train_dataloader()) == len(data.val_dataloader()) == 1


def test_a_source_of_which_nothing_is_held_out_is_not_validated_on(caplog) -> None:
    few, many = Album([0], "few"), Album(list(range(100, 200)), "many")
    data = data_of(few, many)
    assert len(data.validation["few"]) == 0, "the picture that this test needs fell on the other side"
    with caplog.at_level("INFO"):
        assert {name for batch in data.val_dataloader() for name in batch.source} == {"many"}
    assert "few: no picture is held out for validation" in caplog.text
    assert len(data.train["few"]) == 1


def test_one_picture_alone_is_told_what_to_do() -> None:
    with pytest.raises(SettingError, match=r"No picture of 'album' is held out.*Raise data\.validation_share.* 0\.05"):
        data_of(Album([0])).val_dataloader()
    with pytest.raises(SettingError, match=r"No picture of 'album' is left to train on.*Lower data\.validation_share"):
        data_of(Album([0]), validation_share=0.999).train_dataloader()


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
