import torch
from torchvision.transforms.functional import gaussian_blur

from dreaminpainter.data.references import Blur


def spots(count: int) -> torch.Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1


def test_a_subject_without_an_outline_is_blurred_as_torchvision_does() -> None:
    pixels, mask = spots(2), torch.ones(2, 1, 64, 64)
    blurred, _ = Blur(0.03, 0.03)(pixels, mask, torch.tensor([1, 2]))
    expected = gaussian_blur(pixels, [13, 13], [64 * 0.03, 64 * 0.03])  # three deviations, as ours
    inside = (slice(None), slice(None), slice(6, -6), slice(6, -6))
    assert torch.allclose(blurred[inside], expected[inside], atol=1e-5)


def test_nothing_from_around_the_subject_runs_into_it() -> None:
    pixels, mask = spots(1), torch.zeros(1, 1, 64, 64)
    mask[..., 20:40, 10:50] = 1
    blurred = [Blur(0.03, 0.03)(torch.where(mask == 1, pixels, level), mask, torch.tensor([1]))[0] for level in (-1, 1)]
    inside = (mask == 1).expand_as(pixels)
    assert torch.equal(blurred[0][inside], blurred[1][inside])
    flat, _ = Blur(0.03, 0.03)(torch.where(mask == 1, -0.5, 1.0).expand(-1, 3, -1, -1), mask, torch.tensor([1]))
    assert torch.allclose(flat[inside], torch.tensor(-0.5), atol=1e-6), "the edge is as dark as the middle"


def test_the_deviation_is_drawn_between_its_limits() -> None:
    pixels, mask, key = spots(1).expand(200, -1, -1, -1), torch.ones(200, 1, 64, 64), torch.arange(200)
    least, greatest = (Blur(sigma, sigma)(pixels, mask, key)[0].std(dim=(1, 2, 3)) for sigma in (0.01, 0.03))
    drawn = Blur(0.01, 0.03)(pixels, mask, key)[0].std(dim=(1, 2, 3))
    assert ((drawn <= least + 1e-6) & (drawn >= greatest - 1e-6)).all()
    assert drawn.max() > least[0] * 0.95 and drawn.min() < greatest[0] * 1.05


def test_no_deviation_changes_nothing() -> None:
    pixels, mask = spots(1), torch.ones(1, 1, 64, 64)
    assert torch.allclose(Blur(0.0, 0.0)(pixels, mask, torch.tensor([1]))[0], pixels, atol=1e-6)
