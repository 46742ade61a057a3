from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from dreaminpainter.data.captioning import ClassNameCaptioner, DatasetCaptioner
from dreaminpainter.data.dataset import InpaintingDataset, Pick
from dreaminpainter.data.degradation import Eroded, Shifted
from dreaminpainter.data.framing import Framing
from dreaminpainter.data.masking import DilatedMask, ExactMask, LooseBoxMask, MixtureMask
from dreaminpainter.data.references import FlipRotate, NoAugmentation
from dreaminpainter.data.samples import SampleMaker
from dreaminpainter.data.sources import CrittersSource, Instance, SegmentationSource
from dreaminpainter.types import Batch, Reference


class Photographs(SegmentationSource):
    """Pictures of many sizes, with an ellipse of their own as object."""

    name = "photographs"

    def __len__(self) -> int:
        return 9

    def id_of(self, index: int) -> str:
        return f"photo-{index}"

    def __getitem__(self, index: int) -> Instance:
        height, width = 40 + 7 * index, 90 - 5 * index
        noise = torch.Generator().manual_seed(index)
        rows, columns = torch.arange(height)[:, None], torch.arange(width)
        mask = ((rows - 20) / 12) ** 2 + ((columns - 25) / (8 + index)) ** 2 < 1
        return Instance(
            image=torch.randint(0, 256, (3, height, width), generator=noise, dtype=torch.uint8),
            mask=mask[None],
            class_name="dog",
            box=(0, 0, 1, 1),
            captions=[f"dog {index}", f"dog number {index}", f"a dog, {index}"],
            source=self.name,
            id=self.id_of(index),
        )


def dataset(**settings: Any) -> InpaintingDataset:
    critters = CrittersSource(size=48, reference_size=48, count=20, supersample=1)
    defaults: dict[str, Any] = {
        "size": (32, 48),
        "reference_size": 40,
        "mask": MixtureMask([ExactMask(), DilatedMask(), LooseBoxMask()]),
        "captioner": DatasetCaptioner(),
        "augmentation": FlipRotate(),
    }
    sources = settings.pop("sources", {"critters": critters, "photos": Photographs()})
    return InpaintingDataset(sources, SampleMaker(**(defaults | settings)))


PICKS = [
    Pick(name, index, epoch) for index in range(4) for name, epoch in (("critters", 0), ("photos", 0), ("photos", 3))
]


def as_made(batch: Batch) -> Batch:
    return batch


def different(one: Any, other: Any) -> list[str]:
    """The fields in which two batches differ in any bit."""
    names = []
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, Reference):
            names += [f"reference.{name}" for name in different(a, b)]
        elif not (torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b):
            names.append(field.name)
    return names


def rows(batch: Any, row: int) -> Any:
    """One sample of a batch, as a batch."""
    parts = {field.name: getattr(batch, field.name) for field in fields(batch)}
    cut = {
        name: rows(value, row) if isinstance(value, Reference) else None if value is None else value[row : row + 1]
        for name, value in parts.items()
    }
    return type(batch)(**cut)


@pytest.fixture(scope="module")
def batch() -> Batch:
    return dataset().__getitems__(PICKS)


def test_a_sample_does_not_depend_on_what_else_is_in_its_batch(batch) -> None:
    data = dataset()
    for row, pick in enumerate(PICKS):
        assert different(rows(batch, row), data[pick]) == [], pick
    backwards = data.__getitems__(PICKS[::-1])
    for row in range(len(PICKS)):
        assert different(rows(batch, row), rows(backwards, len(PICKS) - 1 - row)) == []


def test_details_that_a_source_marks_are_cropped_with_the_scene_and_photographs_have_none(batch) -> None:
    critters = CrittersSource(size=48, reference_size=48, count=20, supersample=1)
    for row, pick in enumerate(PICKS):
        if pick.source == "photos":
            assert not batch.detail_mask[row].any()
        else:
            framed = Framing()(critters[pick.index], 32, 48, batch.key[row : row + 1])
            assert framed.details.any() and torch.equal(batch.detail_mask[row], framed.details)


def test_sources_may_be_mixed_and_samples_stay_in_their_order(batch) -> None:
    assert batch.source == ["critters", "photos", "photos"] * 4
    assert batch.id[:6] == ["train-0-0", "photo-0", "photo-0", "train-0-1", "photo-1", "photo-1"]
    assert batch.class_name[:3] == ["critter", "dog", "dog"]
    assert "dog" in batch.caption[1]
    assert len(batch) == 12


@pytest.mark.parametrize("workers", [0, 2])
def test_any_number_of_workers_makes_the_same_batches(batch, workers) -> None:
    loader = DataLoader(
        dataset(),
        sampler=PICKS,
        batch_size=4,
        num_workers=workers,
        collate_fn=as_made,
        multiprocessing_context="fork" if workers else None,
    )
    singles = [rows(one, row) for one in loader for row in range(4)]
    assert [different(rows(batch, row), single) for row, single in enumerate(singles)] == [[]] * 12


def test_validation_samples_are_the_same_each_time(batch) -> None:
    assert different(batch, dataset().__getitems__(PICKS)) == []


def test_keys_differ_between_epochs_sources_ids_and_seeds(batch) -> None:
    class Others(Photographs):
        name = "others"

    others = dataset(sources={"critters": Others(), "photos": Others()})
    keys = [
        *batch.key.tolist(),
        *dataset(seed=1).__getitems__(PICKS).key.tolist(),
        *others.__getitems__([pick for pick in PICKS if pick.source == "photos"]).key.tolist(),
    ]
    assert len(set(keys)) == len(keys)
    assert batch.key.dtype == torch.int64


def test_a_source_may_be_labelled_otherwise_without_changing_its_samples(batch) -> None:
    renamed = dataset(sources={"critters": CrittersSource(size=48, reference_size=48), "elsewhere": Photographs()})
    photos = [pick for pick in PICKS if pick.source == "photos"]
    keys = renamed.__getitems__([replace(pick, source="elsewhere") for pick in photos]).key.tolist()
    assert keys == [key for key, source in zip(batch.key.tolist(), batch.source, strict=True) if source == "photos"]


def test_the_next_epoch_draws_another_crop_hole_and_augmentation(batch) -> None:
    first, later = rows(batch, 1), rows(batch, 2)
    assert first.id == later.id
    assert {"image", "mask", "key", "reference.pixels"} <= set(different(first, later))


@pytest.mark.parametrize("size", [(32, 64), (96, 40)])
def test_scenes_need_not_be_square(size) -> None:
    made = dataset(size=size).__getitems__(PICKS)
    assert made.image.shape == (12, 3, *size)
    assert made.mask.shape == (12, 1, *size)
    assert made.reference.pixels.shape == (12, 3, 40, 40)


def test_ranges_are_those_of_the_records(batch) -> None:
    for pixels in (batch.image, batch.reference.pixels):
        assert pixels.dtype == torch.float32
        assert -1 <= pixels.min() < -0.5
        assert 0.5 < pixels.max() <= 1
    for mask in (batch.mask, batch.reference.mask):
        assert set(mask.unique().tolist()) == {0, 1}
        assert mask.flatten(1).any(1).all()
    assert batch.reference.text == [""] * 12


@pytest.mark.parametrize("augmentation", [NoAugmentation(), FlipRotate()])
def test_references_stand_on_white(augmentation) -> None:
    reference = dataset(augmentation=augmentation).__getitems__(PICKS).reference
    # Bilinear edges blend into white one pixel around the subject.
    around = torch.nn.functional.max_pool2d(reference.mask, 5, stride=1, padding=2) == 0
    assert (around.flatten(1).sum(1) > 100).all()
    assert reference.pixels[around.expand(-1, 3, -1, -1)].min() > 0.99


def test_an_exact_hole_is_the_object_and_a_drawn_source_brings_its_own_reference() -> None:
    plain = dataset(mask=ExactMask(), augmentation=NoAugmentation(), size=(48, 48), reference_size=48)
    source = CrittersSource(size=48, reference_size=48, count=20, supersample=1, view="cross")
    plain.sources["critters"] = source
    made, instance = plain[Pick("critters", 5, 0)], source[5]
    assert torch.equal(made.mask[0].bool(), instance.mask)
    assert torch.equal(((made.image[0] + 1) * 127.5).round().byte(), instance.image)
    own = instance.reference_image
    assert own is not None
    # Colours of the cut-out come from the reference's own picture, not from the scene's.
    seen = made.reference.pixels[0][:, made.reference.mask[0, 0] > 0].mean(1)
    drawn = own[:, instance.reference_mask[0]].float().mean(1) / 127.5 - 1
    assert torch.allclose(seen, drawn, atol=0.1)


def test_the_captioner_sees_the_picture_as_it_was_cropped() -> None:
    class Looking(ClassNameCaptioner):
        def forward(self, images, instances):
            self.images = images
            return super().forward(images, instances)

    captioner = Looking("one {class_name}")
    made = dataset(captioner=captioner).__getitems__(PICKS)
    assert made.caption[:2] == ["one critter", "one dog"]
    assert [image.dtype for image in captioner.images] == [torch.uint8] * 12
    assert torch.equal(
        torch.stack(captioner.images).float() / 127.5 - 1, ((made.image + 1) * 127.5).round() / 127.5 - 1
    )


def test_worse_outlines_reach_scene_and_reference_and_leave_the_source_alone() -> None:
    class Kept(Photographs):
        """A source that keeps its instances."""

        def __init__(self) -> None:
            self.kept = list(Photographs())

        def __getitem__(self, index: int) -> Instance:
            return self.kept[index]

    source = Kept()
    before = [instance.mask.clone() for instance in source.kept]
    settings: dict[str, Any] = {"sources": {"photos": source}, "mask": ExactMask(), "augmentation": NoAugmentation()}
    plain, worse = dataset(**settings), dataset(**settings, degradation=Eroded(0.1, 0.1))
    picks = [Pick("photos", index, 0) for index in range(9)]
    twice = plain.__getitems__([Pick("photos", 0, 0), Pick("photos", 0, 1)])
    assert twice.key.unique().numel() == 2 and source.kept[0].key is None
    for _ in range(2):
        whole, eroded = plain.__getitems__(picks), worse.__getitems__(picks)
        assert (eroded.mask.sum((1, 2, 3)) < whole.mask.sum((1, 2, 3))).all()
        assert all(not torch.equal(*pair) for pair in zip(eroded.reference.pixels, whole.reference.pixels, strict=True))
    assert all(torch.equal(instance.mask, mask) for instance, mask in zip(source.kept, before, strict=True))


def test_the_outline_of_a_reference_picture_gets_worse_by_draws_of_its_own() -> None:
    class Twice(Photographs):
        """Another picture of the subject that is the same, so that only draws can tell the two apart."""

        def __getitem__(self, index: int) -> Instance:
            one = super().__getitem__(index)
            return replace(one, reference_image=one.image, reference_mask=one.mask)

    maker = dataset(degradation=Shifted(0.05, 0.3)).maker
    twice, key = Twice(), torch.tensor([5])
    shifted = maker.degraded(list(twice), [key] * 9)
    assert all(not torch.equal(one.reference_mask, two.reference_mask) for one, two in zip(shifted, twice, strict=True))
    assert all(not torch.equal(one.reference_mask, one.mask) for one in shifted)
    again = maker.degraded(list(twice), [key] * 9)
    assert all(torch.equal(one.reference_mask, two.reference_mask) for one, two in zip(shifted, again, strict=True))
