"""Experiment, the object a script holds while it is recorded, and what it raises."""

from meticulous.errors import (
    DirtyRepoException,
    MismatchedArgsException,
    MismatchedCommitException,
)
from meticulous.experiment.experiment import ON_ERROR_CHOICES, Experiment

__all__ = [
    "ON_ERROR_CHOICES",
    "DirtyRepoException",
    "Experiment",
    "MismatchedArgsException",
    "MismatchedCommitException",
]
