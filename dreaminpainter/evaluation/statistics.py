"""Means with their uncertainty."""

import math
from dataclasses import dataclass

import torch
from scipy.special import stdtrit
from torch import Tensor


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval: of 100 repetitions of the measurement, the ranges of about 95 hold the true mean.

    Args:
        mean: the mean.
        low: the 2.5 % point of the bootstrapped means.
        high: the 97.5 % point.

    Example:
        >>> Interval(0.5, 0.4, 0.6).overlaps(Interval(0.7, 0.6, 0.8)), Interval(0.5, 0.4, 0.6).format(2)
        (True, '0.50 [0.40, 0.60]')
    """

    mean: float
    low: float
    high: float

    def overlaps(self, other: "Interval") -> bool:
        """Whether some value lies in both ranges."""
        return self.low <= other.high and other.low <= self.high

    def widened(self, half: float) -> "Interval":
        """The same mean, with a range that reaches at least so far to either side."""
        return Interval(self.mean, min(self.low, self.mean - half), max(self.high, self.mean + half))

    def times(self, factor: float) -> "Interval":
        """The same in another unit.

        Args:
            factor: above 0, such as 100 for percent.
        """
        return Interval(self.mean * factor, self.low * factor, self.high * factor)

    def format(self, digits: int) -> str:
        """As a table shows it."""
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def bootstrap(values: Tensor, groups: list[str] | None = None, draws: int = 2000) -> Interval:
    """The mean of (n,) values, and the 2.5 % and 97.5 % points of the means of samples drawn from them with return.

    Where values come in groups, such as the fills of one case from several seeds, groups are drawn with return and then
    values within each group that was drawn: the range holds both the choice of cases and the choice of seeds, and a
    case filled four times is not taken for four cases. The mean is that of the groups' means. The draws start from a
    fixed seed, so that a table made twice is the same.

    Args:
        values: (n,), n at least 1.
        groups: which group each value is of; each its own by default.
        draws: how many samples are drawn.

    Example:
        >>> alone = bootstrap(torch.tensor([0.0, 1.0, 0.0, 1.0]))
        >>> paired = bootstrap(torch.tensor([0.0, 1.0, 0.0, 1.0]), groups=["a", "b", "a", "b"])
        >>> alone.mean == paired.mean, paired.high - paired.low >= alone.high - alone.low
        (True, True)
    """
    generator = torch.Generator().manual_seed(0)
    values = values.double()
    if groups is None:
        rows = values[:, None]
        counts = torch.ones(len(values), dtype=torch.int64)
    else:
        names = list(dict.fromkeys(groups))
        members = [[place for place, group in enumerate(groups) if group == name] for name in names]
        counts = torch.tensor([len(places) for places in members])
        rows = torch.nan * torch.ones(len(names), int(counts.max()), dtype=torch.float64)
        for row, places in enumerate(members):
            rows[row, : len(places)] = values[places]
    mean = float(rows.nanmean(1).mean())
    picked = torch.randint(len(rows), (draws, len(rows)), generator=generator)
    if rows.shape[1] == 1:
        means = rows[:, 0][picked].mean(1)
    else:
        chosen = torch.rand(draws, len(rows), rows.shape[1], generator=generator)
        within = (chosen * counts[picked][..., None]).long()
        drawn = rows[picked[..., None], within]
        # A group of fewer values than the largest has draws of as many values as it holds.
        used = torch.arange(rows.shape[1]) < counts[picked][..., None]
        means = (drawn.where(used, 0.0).sum(2) / counts[picked]).mean(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Interval(mean, low, high)


def crossed_bootstrap(values: Tensor, comparisons: int = 1, draws: int = 2000) -> Interval | None:
    """The mean of values that cases and training seeds decide together, and its range when both are drawn anew.

    Rows and columns are drawn with return, independently (the pigeonhole bootstrap, Owen 2007): what one training got
    right by luck it got right in all cases, so a range that draws cases alone would be too narrow. Of few seeds this
    one is too narrow as well: it never leaves the range of their means, which of three holds the truth 3 of 4 times.

    Args:
        values: (seeds, cases); NaN where there is none.
        comparisons: how many means or differences this one was picked out of for being large. Its range is widened
            so that 95 of 100 times all of theirs would be right at once (Bonferroni).
        draws: how many tables are drawn, for each comparison.

    Returns:
        None where there is no value at all.

    Example:
        >>> one_seed = torch.tensor([[0.0, 1.0, 0.0, 1.0]])
        >>> crossed_bootstrap(one_seed).mean
        0.5
    """
    values = values.double()
    if values.isnan().all():
        return None
    generator = torch.Generator().manual_seed(0)
    draws = min(draws * comparisons, 50_000)
    seeds, cases = values.shape
    # Counts of each row and column in a drawn table: its mean is a product of matrices.
    rows, columns = (_counts(draws, size, generator) for size in (seeds, cases))
    there = (~values.isnan()).double()
    sums = ((rows @ values.nan_to_num()) * columns).sum(1)
    numbers = ((rows @ there) * columns).sum(1)
    means = (sums / numbers)[numbers > 0]
    tail = 0.025 / comparisons
    low, high = means.quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return Interval(float(values.nanmean()), low, high)


def half_width(variance: float, freedom: int, comparisons: int = 1) -> float:
    """How far Student's 95 % interval of a mean reaches to either side.

    Args:
        variance: of the mean, as estimated.
        freedom: degrees of freedom of that estimate.
        comparisons: as for `crossed_bootstrap`.

    Example:
        >>> round(half_width(variance=1.0, freedom=2), 2)
        4.3
    """
    quantile = float(stdtrit(freedom, 1 - 0.025 / comparisons))
    return quantile * math.sqrt(variance)


def _counts(draws: int, size: int, generator: torch.Generator) -> Tensor:
    """(draws, size) float64: how often each of `size` things is among as many that are drawn with return."""
    picked = torch.randint(size, (draws, size), generator=generator)
    return torch.zeros(draws, size, dtype=torch.float64).scatter_add_(1, picked, torch.ones_like(picked).double())
