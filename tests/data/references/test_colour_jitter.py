import pytest
import torch
from torchvision.transforms import functional

from dreaminpainter.data.references import ColourJitter
from dreaminpainter.randomness import uniform


def pictures(count: int) -> torch.Tensor:
    return torch.rand(count, 3, 24, 24, generator=torch.Generator().manual_seed(3)) * 2 - 1


@pytest.mark.parametrize("place", range(4), ids=["brightness", "contrast", "saturation", "hue"])
def test_each_change_is_that_of_torchvision(place: int) -> None:
    strength = [0.0, 0.0, 0.0, 0.0]
    strength[place] = 0.3
    pixels, key = pictures(8), torch.arange(8)
    changed, _ = ColourJitter(*strength)(pixels, torch.ones(8, 1, 24, 24), key)
    names = ["adjust_brightness", "adjust_contrast", "adjust_saturation", "adjust_hue"]
    middle = 0 if place == 3 else 1
    for one, before, drawn in zip(changed, pixels, uniform(key, (4,), "reference.colour")[:, place], strict=True):
        amount = middle + 0.3 * (2 * float(drawn) - 1)
        expected = getattr(functional, names[place])(before / 2 + 0.5, amount) * 2 - 1
        assert torch.allclose(one, expected, atol=2e-3)  # their weights of grey differ in the fourth digit


def test_contrast_is_about_the_subject_alone() -> None:
    pixels, mask = pictures(1), torch.zeros(1, 1, 24, 24)
    mask[..., 4:12, 6:20] = 1
    jitter = ColourJitter(0.0, 0.8, 0.0, 0.0)
    inside = (mask == 1).expand_as(pixels)
    on_white, on_black = (
        jitter(torch.where(mask == 1, pixels, level), mask, torch.tensor([4]))[0][inside] for level in (1.0, -1.0)
    )
    assert torch.equal(on_white, on_black)
    assert not torch.allclose(on_white, pixels[inside], atol=0.05)


def test_changes_spread_over_all_of_their_range_either_way() -> None:
    grey = torch.zeros(300, 3, 4, 4)
    changed, _ = ColourJitter(0.2, 0.0, 0.0, 0.0)(grey, torch.ones(300, 1, 4, 4), torch.arange(300))
    factor = (changed[:, 0, 0, 0] + 1) / 1.0
    assert 0.8 <= factor.min() < 0.82 and 1.18 < factor.max() <= 1.2001
