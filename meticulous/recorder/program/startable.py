"""Refuses what could not start, or would only say that its script is not there, before the start.

The system itself says so when the program is started, but then it has a number already.
"""

from __future__ import annotations

import os
import shlex

from meticulous.errors import ProgramNotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.recorder.program.command import Command

_LONGEST_SHEBANG = 256


def check_startable(command: Command) -> None:
    """Make sure that the program can be executed and its script exists, as far as files tell.

    Raises:
        ProgramNotFoundError: It is not so; the message says what to do.
    """
    if command.missing_script is not None:
        name = os.path.basename(command.missing_script)
        folder = os.path.dirname(os.path.abspath(command.missing_script))
        raise ProgramNotFoundError(
            f"{command.words[0]!r} cannot be run: there is no such script as {name!r} in {folder}."
        )
    problem = _problem(command.executable, command.words[0])
    if problem:
        raise ProgramNotFoundError(f"{command.words[0]!r} cannot be run: {problem}")


def _problem(path: str, name: str) -> str:
    try:
        with open(path, "rb") as file:
            start = file.read(_LONGEST_SHEBANG)
    except OSError:  # a program may be executable and not readable
        return ""
    if start.startswith(b"#!"):
        return _problem_with_interpreter(start[2:], name)
    # The same look as a shell's: a text, which no system executes without naming an interpreter.
    if b"\0" in start:
        return ""
    return (
        "its first line does not name an interpreter, as `#!/usr/bin/env python3` or `#!/bin/sh` "
        f"does. Add such a line, or name the interpreter: `python {name}`, `sh {name}`."
    )


def _problem_with_interpreter(line: bytes, name: str) -> str:
    interpreter = os.fsdecode(line.partition(b"\n")[0].strip(b" \t").partition(b" ")[0])
    interpreter = interpreter.partition("\t")[0]
    if not interpreter or os.access(interpreter, os.X_OK):
        return ""
    if interpreter.endswith("\r"):
        return (
            "its lines end as on Windows, and no interpreter has a name that ends so. Mend it with "
            f"sed -i 's/\\r$//' {shlex.quote(name)}"
        )
    return f"its first line names the interpreter {interpreter!r}, which cannot be executed here."
