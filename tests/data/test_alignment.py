"""Picture, object, hole and reference stay on each other through everything that is done to them.

The pictures here tell by their colours what is where: red is the column, green the row, and blue is absent on the
object and full beside it. So each pixel of whatever comes out can be asked where it comes from, and how much of it is
the object.
"""

import inspect
import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dreaminpainter.cutout import boxes_of, cut_out
from dreaminpainter.data import masking, references
from dreaminpainter.data.captioning import ClassNameCaptioner
from dreaminpainter.data.framing import Framing
from dreaminpainter.data.masking import BoxMask, ElsewhereMask, ExactMask, MaskGenerator
from dreaminpainter.data.references import (
    Augmentations,
    BlurredScene,
    Colour,
    ColourJitter,
    FlipRotate,
    NoAugmentation,
    ReferenceAugmentation,
    ReferenceBackground,
    White,
)
from dreaminpainter.data.samples import SampleMaker
from dreaminpainter.data.sources import Instance
from dreaminpainter.levels import from_levels
from dreaminpainter.schedules import Constant

T = TypeVar("T")

PARTS: dict[str, Any] = {  # of the components that need some
    "mask": BoxMask(),
    "masks": [BoxMask(), ExactMask()],
    "start": BoxMask(),
    "end": ExactMask(),
    "share": Constant(0.5),
    "step": FlipRotate(),
    "steps": [FlipRotate(), references.Elastic(), references.Perspective()],
}


def every(package: ModuleType, base: type[T]) -> list[T]:
    """One of each class that a package exports, with default arguments where it has them."""
    made = []
    for name in package.__all__:
        kind = getattr(package, name)
        if issubclass(kind, base) and not inspect.isabstract(kind):
            arguments = inspect.signature(kind).parameters.values()
            needed = [one.name for one in arguments if one.default is one.empty and one.name not in ("args", "kwargs")]
            made.append(kind(**{argument: PARTS[argument] for argument in needed}))
    return made


MASKS: list[MaskGenerator] = every(masking, MaskGenerator)
AUGMENTATIONS: list[ReferenceAugmentation] = every(references, ReferenceAugmentation)
BACKGROUNDS: list[ReferenceBackground] = [White(), Colour([40, 90, 255]), BlurredScene(0.05), BlurredScene(0.5)]
KEYS = st.integers(-(2**63), 2**63 - 1)


def kind(component: object) -> str:
    return type(component).__name__


class Told(Instance):
    """An instance whose colours tell what is where."""

    def __init__(self, mask: Tensor) -> None:
        height, width = mask.shape[1:]
        columns = torch.arange(width).expand(height, width)
        rows = torch.arange(height)[:, None].expand(height, width)
        # Not rounded to whole levels, as pictures are, so that places are told to a thousandth of a pixel.
        image = torch.stack((columns, rows, torch.where(mask[0], 0, 255))).float()
        super().__init__(image, mask, "dog", (0, 0, 1, 1), [], "mine", "1")

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # how hypothesis shows it
        printer.text(f"{self.mask.shape[1]} x {self.mask.shape[2]} with {boxes_of(self.mask[None])[0].tolist()}")


@st.composite
def instances(draw: st.DrawFn, least: int = 2) -> Told:
    """One or two boxes or ellipses, at least so many pixels wide and high, in a picture of any aspect."""
    height, width = draw(st.integers(16, 120)), draw(st.integers(16, 120))
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    mask = torch.zeros(1, height, width, dtype=torch.bool)
    for _ in range(draw(st.integers(1, 2))):
        left, top = draw(st.integers(0, width - least)), draw(st.integers(0, height - least))
        right, bottom = draw(st.integers(left + least, width)), draw(st.integers(top + least, height))
        across, down = (2 * x - left - right) / (right - left), (2 * y - top - bottom) / (bottom - top)
        distance = across**2 + down**2 if draw(st.booleans()) else torch.maximum(across.abs(), down.abs())
        mask[0] |= distance <= 1
    return Told(mask)


@dataclass
class Shown:
    """What the pixels of a picture tell: columns, rows, and the share of the object, (H, W) each."""

    x: Tensor
    y: Tensor
    share: Tensor


def shown(pixels: Tensor) -> Shown:
    columns, rows, beside = (pixels.double() + 1) * 127.5
    return Shown(columns, rows, 1 - beside / 255)


def at(places: Shown, picture: Tensor) -> Tensor:
    """The values of (1, H, W) at the places that are shown."""
    height, width = picture.shape[1:]
    return picture[0, places.y.round().long().clamp(0, height - 1), places.x.round().long().clamp(0, width - 1)]


def widened(mask: Tensor, by: int) -> Tensor:
    return F.max_pool2d(mask.float()[None], 2 * by + 1, stride=1, padding=by)[0]


def assert_mask_is_where_the_object_is(mask: Tensor, share: Tensor, slack: int = 0) -> None:
    """Exactly the pixels that are at least half the object, but for `slack` pixels beside the edge."""
    assert mask.any()
    if not (share > 0.5).any():  # too small for that: some of it is marked anyway
        assert slack or (share[mask[0] == 1] > 0).all()
        return
    assert not (widened(1 - mask, slack)[0] == 0)[share < 0.5 - 1e-3].any()
    assert not (widened(mask, slack)[0] == 0)[share > 0.5 + 1e-3].any()


def affine(places: Shown, where: Tensor) -> tuple[Tensor, float]:
    """The best (3, 2) map from (column, row, 1) to what is shown, over the pixels `where`; and its worst error."""
    rows, columns = where.nonzero().double().unbind(dim=1)
    known = torch.stack((columns, rows, torch.ones_like(rows)), dim=1)
    wanted = torch.stack((places.x[where], places.y[where]), dim=1)
    found = torch.linalg.pinv(known) @ wanted
    return found, float((known @ found - wanted).abs().max())


@given(
    instance=instances(),
    height=st.integers(16, 48),
    width=st.integers(16, 48),
    shares=st.sampled_from([(0.0, 0.5), (0.1, 0.3), (0.3, 1.0), (0.0, 0.05)]),
    key=KEYS,
)
@settings(max_examples=200)
def test_a_scene_is_one_upright_crop_of_picture_and_object(
    instance: Told, height: int, width: int, shares: tuple[float, float], key: int
) -> None:
    framed = Framing(*shares)(instance, height, width, torch.tensor([key]))
    places = shown(from_levels(framed.image))
    assert_mask_is_where_the_object_is(framed.object_mask, places.share)

    middle = torch.zeros(height, width, dtype=torch.bool)  # at its borders, resizing has less to look at
    middle[height // 4 : -(height // 4), width // 4 : -(width // 4)] = True
    found, error = affine(places, middle)
    scale_x, scale_y = float(found[0, 0]), float(found[1, 1])
    exact = max(scale_x, scale_y) <= 1  # what is shrunk is weighed at whole pixels, which is not quite even
    assert error < (1e-3 if exact else 0.25), "a crop that was resized, and nothing else"
    assert max(found[0, 1].abs(), found[1, 0].abs()) < (1e-3 if exact else 0.02) and min(scale_x, scale_y) > 0
    told = torch.tensor(
        [scale_x * width, scale_y * height, found[2, 0] + (1 - scale_x) / 2, found[2, 1] + (1 - scale_y) / 2]
    )
    assert (told - told.round()).abs().max() < (2e-3 if exact else 0.25), "whole pixels of the picture"
    crop_width, crop_height, left, top = told.round().tolist()

    picture_height, picture_width = instance.mask.shape[1:]
    assert min(left, top) >= 0 and left + crop_width <= picture_width and top + crop_height <= picture_height
    box = boxes_of(instance.mask[None])[0].tolist()
    largest = min(picture_width, picture_height * width / height)
    if box[2] - box[0] <= largest and box[3] - box[1] <= largest * height / width:
        assert left <= box[0] and top <= box[1] and left + crop_width >= box[2] and top + crop_height >= box[3], (
            "inside"
        )

    blur = int(max(scale_x, scale_y)) + 1  # how far around itself a pixel looks
    surely = at(places, 1 - widened(~instance.mask, blur))
    maybe = at(places, widened(instance.mask, blur))
    assert (framed.object_mask[0][surely == 1] == 1).all()
    assert (framed.object_mask[0][maybe == 0] == 0).all() or framed.object_mask.sum() == 1


@pytest.mark.parametrize("generator", MASKS, ids=kind)
@given(instance=instances(), key=KEYS, step=st.integers(0, 1000))
def test_the_hole_is_where_the_object_is_seen(generator: MaskGenerator, instance: Told, key: int, step: int) -> None:
    keys = torch.tensor([key])
    framed = Framing()(instance, 40, 32, keys)
    hole = generator(framed.object_mask[None], keys, step)[0]
    places = shown(from_levels(framed.image))
    assert hole.any() and hole.shape == framed.object_mask.shape
    if isinstance(generator, ElsewhereMask):
        return
    assert (hole[0][places.share > 0.5 + 1e-3] == 1).all()
    if isinstance(generator, ExactMask):
        assert_mask_is_where_the_object_is(hole, places.share)
    if isinstance(generator, BoxMask) and (places.share > 0.5).any():
        seen = (places.share > 0.5 - 1e-3)[None, None]
        left, top, right, bottom = boxes_of(seen)[0].tolist()
        hole[:, top:bottom, left:right] = 0
        assert not hole.any()


@pytest.mark.parametrize("background", BACKGROUNDS, ids=["white", "colour", "blurred", "blurred widely"])
@given(instance=instances(), size=st.integers(24, 64), key=KEYS)
def test_a_reference_is_the_whole_object_and_none_of_the_scene(
    background: ReferenceBackground, instance: Told, size: int, key: int
) -> None:
    behind = background(instance.image, instance.mask, torch.tensor([key]))
    pixels, mask = cut_out(instance.image, instance.mask, size, background=behind)
    places = shown(pixels)
    assert_mask_is_where_the_object_is(mask, places.share)
    if isinstance(background, White | Colour):
        colour = torch.tensor(background.rgb if isinstance(background, Colour) else [255, 255, 255]) / 127.5 - 1
        assert torch.allclose(pixels[:, places.share < 1e-6], colour[:, None], atol=1e-5)
    pure = places.share > 1 - 1e-5
    if pure.sum() < 12 or not (pure.any(0).sum() > 2 and pure.any(1).sum() > 2):
        return
    found, error = affine(places, pure)
    side = max(size_of(instance.mask)) + 2 * math.ceil(0.05 * max(size_of(instance.mask)))
    exact = side <= size
    assert error < (1e-3 if exact else 0.25), "cut out and resized, and nothing else"
    scale = side / size * torch.eye(2, dtype=torch.float64)
    assert (found[:2] - scale).abs().max() < (1e-3 if exact else 0.25), "upright"
    assert (at(places, widened(instance.mask, int(side / size) + 1))[pure] == 1).all(), "of the object alone"
    if exact:
        ends = torch.tensor([[-0.5, -0.5, 1], [size - 0.5, size - 0.5, 1]], dtype=torch.float64) @ found + 0.5
        left, top, right, bottom = boxes_of(instance.mask[None])[0].tolist()
        assert (ends[0] < torch.tensor([left, top])).all() and (ends[1] > torch.tensor([right, bottom])).all(), "whole"


def size_of(mask: Tensor) -> list[int]:
    left, top, right, bottom = boxes_of(mask[None])[0].tolist()
    return [right - left, bottom - top]


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=kind)
@given(instance=instances(least=12), key=KEYS)  # of what is thin, resampling may lose a part
def test_an_augmented_reference_shows_the_object_where_its_mask_says(
    augmentation: ReferenceAugmentation, instance: Told, key: int
) -> None:
    cut, cut_mask = cut_out(instance.image, instance.mask, 48)
    pixels, mask = (one[0] for one in augmentation(cut[None], cut_mask[None], torch.tensor([key])))
    blank = (pixels > 1 - 1e-5).all(dim=0)
    side = 1.1 * max(size_of(instance.mask))
    assert not (mask[0][blank] == 1).any()
    assert blank[widened(mask, math.ceil(48 / side) + 4)[0] == 0].all()  # edges are soft, thin ends may be lost
    if isinstance(augmentation, ColourJitter):  # what the colours tell has changed
        assert torch.equal(mask, cut_mask)
        return
    places = shown(pixels)
    steps = augmentation.steps if isinstance(augmentation, Augmentations) else [augmentation]
    edge = sum(not isinstance(step, NoAugmentation) for step in steps)  # each rounds the mask anew
    assert_mask_is_where_the_object_is(mask, places.share, slack=edge)
    pure = places.share > 1 - 1e-5
    blur = 2 * (int(side / 48) + 1)
    assert (at(places, widened(instance.mask, blur))[pure] == 1).all()
    if isinstance(augmentation, NoAugmentation | FlipRotate) and pure.sum() > 40:
        assert affine(places, pure)[1] < 0.25


@given(
    first=instances(),
    second=instances(),
    other=instances(),
    mask=st.sampled_from(MASKS),
    framing=st.sampled_from([Framing(), Framing(0.1, 0.3)]),
    epoch=st.integers(0, 1000),
)
def test_a_batch_holds_scenes_with_their_own_objects_holes_and_references(
    first: Told, second: Told, other: Told, mask: MaskGenerator, framing: Framing, epoch: int
) -> None:
    second.reference_image, second.reference_mask = other.image, other.mask  # another picture of its subject
    maker = SampleMaker((32, 40), 48, mask, ClassNameCaptioner(), FlipRotate(), framing, Colour([40, 90, 255]))
    batch = maker([second, first], ["mine", "mine"], [epoch, epoch])
    for place, (scene, subject) in enumerate([(second, other), (first, first)]):
        seen = shown(batch.image[place])
        assert seen.x.max() < scene.mask.shape[2] and seen.y.max() < scene.mask.shape[1]
        blur = max(scene.mask.shape[1:]) // 32 + 1
        assert (at(seen, widened(scene.mask, blur))[seen.share > 1 - 1e-5] == 1).all(), "its own object"
        assert (at(seen, widened(~scene.mask, blur))[seen.share < 1e-5] == 1).all()
        assert isinstance(mask, ElsewhereMask) or (batch.mask[place, 0][seen.share > 0.5 + 1e-3] == 1).all()
        shows = shown(batch.reference.pixels[place])
        # Cut out and then turned, the mask is rounded twice; thin ends of it may be lost.
        assert_mask_is_where_the_object_is(batch.reference.mask[place], shows.share, slack=2)
        blur = 2 * (max(size_of(subject.mask)) // 40 + 1)
        assert (at(shows, widened(subject.mask, blur))[shows.share > 1 - 1e-5] == 1).all(), "its own reference"
