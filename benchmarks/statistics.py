"""Means with their uncertainty, and the tables that they stand in."""

import torch
from torch import Tensor


def bootstrap(values: Tensor, draws: int = 2000) -> tuple[float, float, float]:
    """The mean of (n,) values, and the 2.5 % and 97.5 % points of the means of samples drawn from them with return.

    The draws start from a fixed seed, so that a table made twice is the same.
    """
    generator = torch.Generator().manual_seed(0)
    picks = torch.randint(len(values), (draws, len(values)), generator=generator)
    means = values.double()[picks].mean(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return float(values.double().mean()), low, high


def percent(values: Tensor) -> str:
    """Mean and 95 % interval of (n,) shares, as a table shows them.

    Example:
        >>> percent(torch.tensor([1.0, 1.0]))
        '100.0 [100.0, 100.0]'
    """
    mean, low, high = bootstrap(values)
    return f"{100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a Markdown table.

    Example:
        >>> table(["a"], [["1"]])
        ['| a |', '| --- |', '| 1 |']
    """
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
