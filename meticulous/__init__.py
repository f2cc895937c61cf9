"""Record experiments so that they can be believed, found again and run again."""

from __future__ import annotations

from meticulous.lazy import on_first_use

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
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

# So that importing the package costs next to nothing.
__getattr__, __dir__ = on_first_use(globals(), _HOME)
