"""Run a target as a program of its own: `meticulous train.py:Train --lr 0.2`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meticulous.declare.targets import describe, load_target, parse_target
from meticulous.errors import TargetError
from meticulous.recorder.started import Start, tell_start
from meticulous.sweep.known_targets import is_known, project_of, resolve

if TYPE_CHECKING:
    from meticulous.experiment.experiment import Experiment


@dataclass(frozen=True, slots=True)
class TargetProgram:
    """A class or function with a command line of its own.

    Attributes:
        kind: The class of its experiments.
        words: The words behind the target.
        start: What the record says of how it was started: it can be run again so.
    """

    kind: type[Experiment]
    words: Sequence[str]
    start: Start

    def run(self) -> None:
        """Run it, as its `main()` would.

        Raises:
            SystemExit: The command line is wrong, or the run cannot begin; one message was printed.
            BaseException: Whatever the experiment raises.
        """
        before = tell_start(self.start)
        try:
            self.kind.main(self.words)
        finally:
            tell_start(before)


def is_target(text: str) -> bool:
    """Say whether a text has the form of a target, or is a name that `meticulous target` knows."""
    try:
        parse_target(text)
    except TargetError:
        return is_known(text)
    return True


def load_program(text: str, words: Sequence[str]) -> TargetProgram:
    """Load a target that is to be run; `sys.argv` is what its own script would find there.

    Args:
        text: `file.py:name`, `module:name`, `file.py`, or a known name.
        words: The words behind it.

    Raises:
        TargetError: It cannot be found or loaded; has the traceback of its module.
        DeclarationError: It does not declare its parameters in a way that can be understood.
    """
    from meticulous.experiment.functions import as_class

    meant = resolve(text)
    target = parse_target(meant)
    sys.argv[:] = [os.path.expanduser(target.place), *words]
    thing = load_target(target)
    return TargetProgram(as_class(thing), words, _start(text, meant, describe(thing), words))


def _start(text: str, meant: str, found: dict[str, str], words: Sequence[str]) -> Start:
    file = found.get("file")
    again, project = text, ""
    # In a copy of the repository, neither a known name nor an absolute path would mean the copy.
    if text != meant or os.path.isabs(os.path.expanduser(meant)):
        # From anywhere, they mean the code that they name, and its repository.
        project = project_of(found)
        place = os.path.relpath(file) if file and not project else file or found["module"]
        again = f"{place}:{found['name']}"
    main_script = file or getattr(sys.modules.get(found.get("module", "")), "__file__", None)
    original = list(sys.orig_argv)
    if original[-len(words) - 1 :] == [text, *words]:
        original[-len(words) - 1] = again
    else:  # called from Python
        original = [sys.executable, "-m", "meticulous", again, *words]
    command = ["meticulous", again, *words]
    return Start(command, original, main_script, f"meticulous {text}", project, looks_above=True)
