"""The interpreter that a reproduction runs in, and the variables it is started with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meticulous.reproduce.environment.locking import Hold
from meticulous.reproduce.environment.pins import NotInstalled
from meticulous.reproduce.verdict import Drift

CURRENT, MATCH, RECREATE = "current", "match", "recreate"

MODES = (CURRENT, MATCH, RECREATE)
"""Where a reproduction runs: in the present interpreter, in it only if its packages are the
recorded ones, or in an environment made anew from the recorded pins."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The interpreter of a reproduction and what goes with it.

    Attributes:
        mode: One of `MODES`.
        python: Its path.
        path: Directories to put first on PATH.
        python_path: Directories outside the repository that the recorded program had on PYTHONPATH.
        checkout_path: Folders of the repository, relative to its root ("" for that), to put on
            PYTHONPATH before those: the recorded PYTHONPATH, and the packages that were installed
            in place from the repository and whose code now is the checkout's.
        variables: What to change in the environment variables: the recorded value, or None for one
            that must not be set.
        drift: How the surroundings differ, with these variables set.
        not_installed: Recorded packages that are lacking; only after `RECREATE`.
        remarks: What else is to be said, one sentence each; also what is not known.
        temporary: A directory to remove at the end; None mostly. See `discard`.
        hold: Keeps others from changing the environment until `discard`; None mostly.
    """

    mode: str
    python: str
    path: tuple[str, ...] = ()
    python_path: tuple[str, ...] = ()
    checkout_path: tuple[str, ...] = ()
    variables: Mapping[str, str | None] = field(default_factory=dict)
    drift: Sequence[Drift] = ()
    not_installed: Sequence[NotInstalled] = ()
    remarks: Sequence[str] = ()
    temporary: str | None = None
    hold: Hold | None = field(default=None, repr=False, compare=False)

    def environment(self, checkout: str, present: Mapping[str, str]) -> dict[str, str]:
        """Return the environment variables for the rerun.

        Args:
            checkout: The root of the checked out code.
            present: The variables to begin with.
        """
        changed = {**present, **self.variables}
        variables = {name: value for name, value in changed.items() if value is not None}
        folders = [os.path.normpath(os.path.join(checkout, path)) for path in self.checkout_path]
        # An older recorder would not know that it records a reproduction.
        places = [folder for folder in folders if not _holds_recorder(folder)]
        variables.pop("PYTHONPATH", None)
        if places or self.python_path:
            variables["PYTHONPATH"] = os.pathsep.join([*places, *self.python_path])
        if self.path:
            variables["PATH"] = os.pathsep.join([*self.path, variables.get("PATH", os.defpath)])
        if self.mode == RECREATE:
            variables["VIRTUAL_ENV"] = os.path.dirname(os.path.dirname(self.python))
            variables.pop("PYTHONHOME", None)
        return variables

    def as_document(self) -> dict[str, Any]:
        """Return what reproduction.json says about it."""
        return {
            "mode": self.mode,
            "python": self.python,
            "not-installed": [
                {"requirement": entry.requirement, "reason": entry.reason}
                for entry in self.not_installed
            ],
        }

    def discard(self) -> None:
        """Let go of the environment, and remove one made for this once. May be called twice."""
        if self.hold is not None:
            self.hold.release()
        if self.temporary is not None:
            shutil.rmtree(self.temporary, ignore_errors=True)


def _holds_recorder(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, "meticulous", "__init__.py"))
