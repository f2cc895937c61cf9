"""Record experiments so that they can be believed, found again and run again."""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from meticulous.declare.declaration import declaration_of
    from meticulous.declare.marks import Param, param
    from meticulous.errors import (
        DirtyRepoException,
        MeticulousError,
        MismatchedArgsException,
        MismatchedCommitException,
        TimeLimitReached,
    )
    from meticulous.experiment import Experiment
    from meticulous.experiment.functions import main
    from meticulous.experiments import ExperimentReader, Experiments
    from meticulous.sweep import any_of, launch, register

__all__ = [
    "DirtyRepoException",
    "Experiment",
    "ExperimentReader",
    "Experiments",
    "MeticulousError",
    "MismatchedArgsException",
    "MismatchedCommitException",
    "Param",
    "TimeLimitReached",
    "__version__",
    "any_of",
    "declaration_of",
    "launch",
    "main",
    "param",
    "register",
]

_HOME = {
    "DirtyRepoException": "meticulous.errors",
    "Experiment": "meticulous.experiment",
    "ExperimentReader": "meticulous.experiments",
    "Experiments": "meticulous.experiments",
    "MeticulousError": "meticulous.errors",
    "MismatchedArgsException": "meticulous.errors",
    "MismatchedCommitException": "meticulous.errors",
    "Param": "meticulous.declare.marks",
    "TimeLimitReached": "meticulous.errors",
    "any_of": "meticulous.sweep",
    "declaration_of": "meticulous.declare.declaration",
    "launch": "meticulous.sweep",
    "main": "meticulous.experiment.functions",
    "param": "meticulous.declare.marks",
    "register": "meticulous.sweep",
}


def __getattr__(name: str) -> Any:
    """Load a public name on its first use, so that importing the package costs next to nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
