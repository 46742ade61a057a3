"""How the tables show what was measured."""

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


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a Markdown table.

    Example:
        >>> table(["a"], [["1"]])
        ['| a |', '| --- |', '| 1 |']
    """
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
