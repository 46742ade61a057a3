"""Studies: what is varied, what came of it, and what that says."""

from dreaminpainter.evaluation.ablation.plan import Axis, Cell, Plan
from dreaminpainter.evaluation.ablation.report import write_study
from dreaminpainter.evaluation.ablation.results import Results

__all__ = ["Axis", "Cell", "Plan", "Results", "write_study"]
