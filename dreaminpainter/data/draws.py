"""What components of the data draw from the samples' keys."""

import torch
from torch import Tensor

from dreaminpainter.errors import SettingError
from dreaminpainter.randomness import bits, uniform


def between(low: float, high: float, key: Tensor, stream: str, like: Tensor, shape: tuple[int, ...] = ()) -> Tensor:
    """(B, *shape) float32, uniform from `low` to `high`, on the device of `like`; keys stay on the host."""
    return (low + (high - low) * uniform(key, shape, stream)).to(like.device)


def key_of_its_own(key: Tensor, stream: str) -> Tensor:
    """(B,) int64: keys for a component within a component, whose draws would else repeat those of the outer one."""
    return bits(key, 1, stream)[:, 0]


def some_ones(mask: Tensor, count: int, key: Tensor, stream: str) -> Tensor:
    """(B, count, 2) int64: x and y of ones of `mask` (B, 1, H, W), each drawn from all of them alike.

    A row is drawn by how many ones it has, then one of these, so that the cost is that of a sum over the mask.
    """
    ones_BHW = mask[:, 0] > 0
    until_BH = ones_BHW.sum(dim=2).cumsum(1)
    total_B1 = until_BH[:, -1:]
    rank_BP = (uniform(key, (count,), stream).double().to(mask.device) * total_B1).long()
    y_BP = torch.searchsorted(until_BH, rank_BP, right=True)
    before_BP = torch.where(y_BP > 0, until_BH.gather(1, (y_BP - 1).clamp(min=0)), 0)
    rows_BPW = ones_BHW.gather(1, y_BP[:, :, None].expand(-1, -1, mask.shape[3])).cumsum(2)
    x_BP = torch.searchsorted(rows_BPW, (rank_BP - before_BP)[:, :, None], right=True)[:, :, 0]
    return torch.stack((x_BP, y_BP), dim=2)


def checked_shares(owner: str, low: float, high: float, names: tuple[str, str] = ("min_share", "max_share")) -> None:
    """Refuses a range of shares that is negative or in the wrong order.

    Raises:
        SettingError: the range makes no sense.
    """
    if not 0 <= low <= high:
        raise SettingError(f"{owner} needs 0 <= {names[0]} <= {names[1]}, not {low} and {high}.")
