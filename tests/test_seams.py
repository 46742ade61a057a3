import torch

from dreaminpainter.seams import with_colours_of


def hole(size: int = 32) -> torch.Tensor:
    mask = torch.zeros(1, 1, size, size)
    mask[:, :, 8:24, 8:24] = 1
    return mask


def test_a_shift_and_a_change_of_contrast_are_taken_back_in_the_hole_too():
    generator = torch.Generator().manual_seed(0)
    whole = torch.rand(2, 3, 32, 32, generator=generator) * 0.4 + 0.3
    scenes = whole * (1 - hole())  # what is in the hole is not looked at
    contrast, shift = torch.tensor([0.7, 1.3, 1.0])[:, None, None], torch.tensor([0.1, -0.1, 0.05])[:, None, None]
    fills = (whole - 0.5) * contrast + 0.5 + shift
    assert torch.allclose(with_colours_of(fills, scenes, hole().expand(2, -1, -1, -1)), whole, atol=1e-4)


def test_flat_surroundings_shift_the_fill_and_leave_its_contrast():
    fill = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.4
    fill = torch.where(hole() > 0, fill, 0.5)
    matched = with_colours_of(fill, torch.full((1, 3, 32, 32), 0.6), hole())
    assert torch.allclose(matched, fill + 0.1, atol=1e-4)


def test_a_hole_without_surroundings_keeps_its_fill():
    fill = torch.rand(1, 3, 32, 32)
    assert torch.equal(with_colours_of(fill, torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32)), fill)
