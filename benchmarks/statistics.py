"""How the tables show what was measured."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from dreaminpainter.evaluation.statistics import bootstrap


def percent(values: Tensor) -> str:
    """Mean and 95 % interval of (n,) shares, as a table shows them.

    Example:
        >>> import torch
        >>> percent(torch.tensor([1.0, 1.0]))
        '100.0 [100.0, 100.0]'
    """
    return bootstrap(100 * values).format(1)


def exponents(over: Sequence[float], *costs: Sequence[float]) -> str:
    """With which power of what they are measured over costs grow, from each value to the next.

    Example:
        >>> exponents([1, 2, 4], [10, 20, 80], [3, 3, 3])
        '1 to 2: 1.00, 0.00; 2 to 4: 2.00, 0.00'
    """
    steps = zip(pairwise(over), zip(*map(pairwise, costs), strict=True), strict=True)
    return "; ".join(
        f"{n0} to {n1}: {', '.join(f'{math.log(b / a) / math.log(n1 / n0):.2f}' for a, b in grown)}"
        for (n0, n1), grown in steps
    )


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a Markdown table.

    Example:
        >>> table(["a"], [["1"]])
        ['| a |', '| --- |', '| 1 |']
    """
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
