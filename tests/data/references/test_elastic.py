import torch
from torch import Tensor

from dreaminpainter.data.references import Elastic


def seen_places(elastic: Elastic, count: int, size: int = 65) -> Tensor:
    """(B, 2, S, S): which column and row each pixel of the augmented picture shows, in pixels."""
    at = torch.linspace(-1, 1, size)
    places = torch.stack((at.expand(size, size), at[:, None].expand(size, size), torch.zeros(size, size)))
    pixels, _ = elastic(places.expand(count, -1, -1, -1), torch.ones(count, 1, size, size), torch.arange(count))
    return (pixels[:, :2] + 1) / 2 * (size - 1)


def test_nothing_folds_at_the_greatest_strength() -> None:
    for knots in (1, 4, 7):
        places = seen_places(Elastic(0.12 / (knots + 1), knots), 64)
        along_x = places[..., :-1, 1:] - places[..., :-1, :-1]
        along_y = places[..., 1:, :-1] - places[..., :-1, :-1]
        area = along_x[:, 0] * along_y[:, 1] - along_x[:, 1] * along_y[:, 0]
        assert area.min() > 0.2


def test_the_border_stays_and_shifts_are_as_large_as_asked_for() -> None:
    places = seen_places(Elastic(0.02, 4), 64)
    shift = places - seen_places(Elastic(0.0, 4), 1)
    assert shift[:, :, [0, -1]].abs().max() < 1e-3 and shift[..., [0, -1]].abs().max() < 1e-3
    assert 0.9 * 0.02 * 64 < shift.abs().max() < 1.375**2 * 0.02 * 64  # bicubic interpolation overshoots by so much
    assert shift.mean().abs() < 0.05 and (shift.std(dim=0)[:, 10:-10, 10:-10] > 0.3).all(), "either way, everywhere"


def test_neighbours_are_shifted_alike() -> None:
    shift = seen_places(Elastic(0.02, 4), 8) - seen_places(Elastic(0.0, 4), 1)
    assert shift.diff(dim=2).abs().max() < 0.5 and shift.diff(dim=3).abs().max() < 0.5
