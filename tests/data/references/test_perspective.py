import torch

from dreaminpainter.data.references import Perspective


def test_corners_move_inwards_as_far_as_asked_for() -> None:
    full = torch.ones(300, 1, 64, 64)
    _, mask = Perspective(0.2)(-torch.ones(300, 3, 64, 64), full, torch.arange(300))
    reach = round(0.2 * 63)
    assert (mask[..., reach + 1 : -reach - 1, reach + 1 : -reach - 1] == 1).all()
    diagonal = mask[:, 0, torch.arange(32), torch.arange(32)].argmax(dim=1)  # where the first corner is, about
    assert diagonal.min() <= 1 and reach - 3 <= diagonal.max() <= reach + 1
    assert 0.6 < mask.mean() < 0.68  # 0.1 on each side on average


def test_straight_lines_stay_straight_but_not_parallel() -> None:
    size = 65
    at = torch.linspace(-0.9, 0.9, size)
    places = torch.stack((at.expand(size, size), at[:, None].expand(size, size), torch.zeros(size, size)))
    pixels, mask = Perspective(0.15)(places.expand(32, -1, -1, -1), torch.ones(32, 1, size, size), torch.arange(32))
    slopes = []
    for picture, inside in zip(pixels, mask, strict=True):
        for row in (20, 44):
            seen = inside[0, row] == 1
            seen &= torch.arange(size) % 64 != 0
            line = picture[:2, row, seen][:, 2:-2].double()  # edges blend into white
            centred = line - line.mean(dim=1, keepdim=True)
            assert torch.linalg.svdvals(centred)[1] < 1e-3 * torch.linalg.svdvals(centred)[0]
            slopes.append(float((line[1, -1] - line[1, 0]) / (line[0, -1] - line[0, 0])))
    upper, lower = torch.tensor(slopes).view(-1, 2).T
    assert (upper - lower).abs().median() > 0.02
