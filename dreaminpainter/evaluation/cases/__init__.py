"""Cases: what an evaluation asks of a method, from drawn scenes, photographs or a file."""

from dreaminpainter.evaluation.cases.base import Case, CaseSet
from dreaminpainter.evaluation.cases.builder import CaseBuilder, WrittenCases
from dreaminpainter.evaluation.cases.cocoee import CocoeeCases
from dreaminpainter.evaluation.cases.critters import CrittersCases
from dreaminpainter.evaluation.cases.dreambooth import DreamBoothCases
from dreaminpainter.evaluation.cases.folder import FolderCases
from dreaminpainter.evaluation.cases.problem import Problem, open_problem

__all__ = [
    "Case",
    "CaseBuilder",
    "CaseSet",
    "CocoeeCases",
    "CrittersCases",
    "DreamBoothCases",
    "FolderCases",
    "Problem",
    "WrittenCases",
    "open_problem",
]
