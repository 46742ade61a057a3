"""A schedule of one's own."""

from dreaminpainter.regularization import Schedule


class Steps(Schedule):
    """One value up to a step, another from there on.

    Args:
        before: value up to the step.
        after: value from the step on.
        step: where it changes.
    """

    def __init__(self, before: float, after: float, step: int) -> None:
        self.before = before
        self.after = after
        self.step = step

    def __call__(self, step: int) -> float:
        return self.before if step < self.step else self.after
