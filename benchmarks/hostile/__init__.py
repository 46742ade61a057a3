"""Hostile input: valid files, damaged on purpose, for everything of the package that reads what others write."""

from benchmarks.hostile.annotations import ANNOTATIONS
from benchmarks.hostile.checkpoint import CHECKPOINTS
from benchmarks.hostile.configs import CONFIGS
from benchmarks.hostile.pictures import PICTURES
from benchmarks.hostile.tables import TABLES

PARSERS = (*ANNOTATIONS, *TABLES, *CONFIGS, *PICTURES, *CHECKPOINTS)

__all__ = ["PARSERS"]
