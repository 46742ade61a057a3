import torch
from torch import Tensor

from dreaminpainter.data.references import (
    Augmentations,
    ColourJitter,
    FlipRotate,
    NoAugmentation,
    Perspective,
    ReferenceAugmentation,
    Sometimes,
)


def wedges(count: int) -> tuple[Tensor, Tensor, Tensor]:
    mask = torch.zeros(count, 1, 32, 32)
    mask[..., 4:28, 4:28] = torch.ones(24, 24).tril()
    return 1 - 2 * mask.expand(-1, 3, -1, -1), mask, torch.arange(count)


def test_two_steps_of_one_kind_draw_independently() -> None:
    pixels, mask, key = wedges(400)
    mirror = FlipRotate(flip=0.5, degrees=0.0)
    _, twice = Augmentations([mirror, mirror])(pixels, mask, key)
    mirrored = (twice != mask).flatten(1).any(dim=1)
    assert 0.4 < mirrored.double().mean() < 0.6, "two of the same draw would undo each other"


def test_steps_are_taken_in_order() -> None:
    pixels, mask, key = wedges(8)
    steps: list[ReferenceAugmentation] = [Perspective(0.2), FlipRotate(flip=1.0, degrees=0.0)]
    there, back = Augmentations(steps)(pixels, mask, key), Augmentations(steps[::-1])(pixels, mask, key)
    assert not torch.equal(there[1], back[1])
    assert torch.equal(Augmentations([NoAugmentation(), NoAugmentation()])(pixels, mask, key)[0], pixels)
    assert torch.equal(Augmentations([])(pixels, mask, key)[1], mask)


def test_sometimes_changes_its_share_of_the_samples_and_no_other() -> None:
    pixels, mask, key = wedges(400)
    step = ColourJitter(brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
    assert torch.allclose(Sometimes(step, 1.0)(pixels, mask, key)[0], pixels, atol=1e-6)
    changed, moved = Sometimes(FlipRotate(flip=1.0, degrees=0.0), 0.3)(pixels, mask, key)
    chosen = (moved != mask).flatten(1).any(dim=1)
    assert 0.23 < chosen.double().mean() < 0.37
    assert torch.allclose(changed[chosen], pixels[chosen].flip(3), atol=1e-5)
    assert torch.equal(changed[~chosen], pixels[~chosen])
    assert torch.equal(Sometimes(FlipRotate(), 0.0)(pixels, mask, key)[0], pixels)


def test_a_choice_within_a_choice_is_drawn_anew() -> None:
    pixels, mask, key = wedges(1000)
    mirror = FlipRotate(flip=1.0, degrees=0.0)
    _, moved = Sometimes(Sometimes(mirror, 0.5), 0.5)(pixels, mask, key)
    assert 0.2 < (moved != mask).flatten(1).any(dim=1).double().mean() < 0.3
