"""What holds for every augmentation."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dreaminpainter.components import describe, make
from dreaminpainter.data.references import (
    Augmentations,
    Blur,
    ColourJitter,
    Elastic,
    FlipRotate,
    NoAugmentation,
    Perspective,
    ReferenceAugmentation,
    Sometimes,
)
from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import bits

COLOURING = [NoAugmentation(), Blur(0.01, 0.02), Blur(0.05, 0.05), ColourJitter(), ColourJitter(1.0, 1.0, 1.0, 0.5)]
MOVING = [
    FlipRotate(),
    FlipRotate(flip=1.0, degrees=90.0),
    Perspective(),
    Perspective(distortion=0.25),
    Elastic(),
    Elastic(strength=0.06, knots=1),
    Augmentations([FlipRotate(), Sometimes(Elastic(), 0.5), Perspective()]),
]
CHAIN = Augmentations([FlipRotate(), Elastic(), Perspective(), Sometimes(Blur(), 0.5), ColourJitter()])
ALL: list[ReferenceAugmentation] = [*COLOURING, *MOVING, CHAIN]


def name(augmentation: ReferenceAugmentation) -> str:
    return type(augmentation).__name__


def references(count: int = 24) -> tuple[Tensor, Tensor, Tensor]:
    """A black wedge, unlike its mirror image, that reaches into the corners."""
    mask = torch.ones(64, 64).tril()[None, None].expand(count, -1, -1, -1).contiguous()
    return 1 - 2 * mask.expand(-1, 3, -1, -1), mask, torch.arange(count)


def spotted(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Colours all over, in two blobs within margins."""
    key = bits(torch.tensor([5]), count, "test")[0]
    mask = torch.zeros(count, 1, 48, 48)
    mask[..., 5:20, 4:30] = 1
    mask[..., 25:44, 12:40] = 1
    colours = torch.rand(count, 3, 48, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return torch.where(mask == 1, colours, 1.0), mask, key


def widened(mask: Tensor, by: int) -> Tensor:
    return F.max_pool2d(mask, 2 * by + 1, stride=1, padding=by)


@pytest.mark.parametrize("augmentation", ALL, ids=name)
def test_an_augmented_reference_depends_on_its_key_alone(augmentation: ReferenceAugmentation) -> None:
    pixels, mask, key = spotted(12)
    before = torch.random.get_rng_state()
    together = augmentation(pixels, mask, key)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(1)
    alone = [augmentation(pixels[i : i + 1], mask[i : i + 1], key[i : i + 1]) for i in range(len(key))]
    for all_at_once, one_by_one in zip(together, map(torch.cat, zip(*alone, strict=True)), strict=True):
        assert torch.equal(all_at_once, one_by_one)


@pytest.mark.parametrize("augmentation", ALL, ids=name)
def test_what_was_given_is_not_written_over(augmentation: ReferenceAugmentation) -> None:
    pixels, mask, key = spotted(6)
    kept = pixels.clone(), mask.clone()
    augmentation(pixels, mask, key)
    assert torch.equal(pixels, kept[0]) and torch.equal(mask, kept[1])


@pytest.mark.parametrize("augmentation", MOVING, ids=name)
def test_picture_and_mask_move_as_one_on_white(augmentation: ReferenceAugmentation) -> None:
    pixels, mask, key = references()
    new_pixels, new_mask = augmentation(pixels, mask, key)
    assert new_pixels.shape == pixels.shape and new_mask.shape == mask.shape and new_mask.dtype == mask.dtype
    assert new_pixels.min() >= -1 and new_pixels.max() <= 1 and ((new_mask == 0) | (new_mask == 1)).all()
    dark = new_pixels.mean(dim=1, keepdim=True)
    edge = 1 if isinstance(augmentation, Augmentations) else 0  # each resampling rounds the mask's edge anew
    assert (dark[widened(new_mask, edge) == 0] >= -1e-4).all()
    assert (dark[widened(1 - new_mask, edge) == 0] <= 1e-4).all()
    assert (new_pixels == 1).double().mean() > 0.3
    assert (new_mask != mask).any()


@pytest.mark.parametrize("augmentation", COLOURING, ids=name)
def test_what_changes_colours_leaves_outline_and_surroundings_as_they_are(augmentation: ReferenceAugmentation) -> None:
    pixels, mask, key = spotted(12)
    new_pixels, new_mask = augmentation(pixels, mask, key)
    outside = (mask == 0).expand_as(pixels)
    assert torch.equal(new_mask, mask) and torch.equal(new_pixels[outside], pixels[outside])
    assert new_pixels.min() >= -1 and new_pixels.max() <= 1
    changed = (new_pixels != pixels).any(dim=1, keepdim=True)
    assert changed[mask == 1].double().mean() > 0.8 or isinstance(augmentation, NoAugmentation)


@pytest.mark.parametrize("augmentation", [*MOVING, CHAIN], ids=name)
@pytest.mark.parametrize("background", [1.0, -0.3])
def test_what_comes_into_view_has_the_colour_of_the_background(
    augmentation: ReferenceAugmentation, background: float
) -> None:
    pixels, mask, key = spotted(24)
    pixels = torch.where(mask == 1, pixels, background)
    new_pixels, new_mask = augmentation(pixels, mask, key)
    far = new_pixels[(widened(new_mask, 4) == 0).expand_as(pixels)]
    assert torch.allclose(far, torch.tensor(background), rtol=0, atol=1e-6)
    assert (far == 1).all() or background != 1, "exactly white"


@pytest.mark.parametrize("augmentation", MOVING, ids=name)
def test_no_part_of_the_subject_leaves_the_square(augmentation: ReferenceAugmentation) -> None:
    key = torch.arange(64)
    spots = torch.full((64, 3, 64, 64), -1.0)
    for channel, (row, column) in enumerate([(0, 0), (0, 58), (58, 0)]):
        spots[:, channel, row : row + 6, column : column + 6] = 1
    spots[:, :2, 58:, 58:] = 1
    new_pixels, new_mask = augmentation(spots, torch.ones(64, 1, 64, 64), key)
    for colour in ([1, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, -1]):
        difference = (new_pixels - torch.tensor(colour)[:, None, None]).abs().amax(dim=1, keepdim=True)
        assert ((difference < 0.8) & (new_mask == 1)).flatten(1).any(dim=1).all(), colour


@pytest.mark.parametrize("augmentation", ALL, ids=name)
@given(x=st.integers(0, 31), y=st.integers(0, 31), key=st.integers(-(2**63), 2**63 - 1))
@settings(max_examples=60, deadline=None)
def test_the_mask_never_becomes_empty(augmentation: ReferenceAugmentation, x: int, y: int, key: int) -> None:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., y, x] = 1
    new_pixels, new_mask = augmentation(1 - 2 * mask.expand(-1, 3, -1, -1), mask, torch.tensor([key]))
    assert new_mask.any() and torch.isfinite(new_pixels).all()
    assert new_mask.sum() <= 49


def test_augmentations_are_made_again_from_their_description() -> None:
    pixels, mask, key = spotted(4)
    for augmentation in ALL:
        again = make(describe(augmentation), ReferenceAugmentation)
        assert torch.equal(again(pixels, mask, key)[0], augmentation(pixels, mask, key)[0])


@pytest.mark.parametrize(
    ("kind", "arguments", "match"),
    [
        (Blur, {"min_sigma": 0.02, "max_sigma": 0.01}, "max_sigma"),
        (Blur, {"max_sigma": 0.2}, "max_sigma"),
        (ColourJitter, {"brightness": 1.1}, "brightness"),
        (ColourJitter, {"hue": 0.6}, "hue"),
        (Elastic, {"strength": 0.03}, "folds"),
        (Elastic, {"strength": 0.01, "knots": 0}, "knots"),
        (Perspective, {"distortion": 0.3}, "distortion"),
        (Sometimes, {"step": NoAugmentation(), "probability": 1.5}, "probability"),
    ],
)
def test_settings_out_of_range_are_refused(
    kind: type[ReferenceAugmentation], arguments: dict[str, object], match: str
) -> None:
    with pytest.raises(SettingError, match=match):
        kind(**arguments)
