"""How the program that is recorded was started, where the interpreter's own answer is another one.

`meticulous train.py:Train` carries out the program in train.py, but the interpreter was told to run
this package.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Start:
    """How a program was started.

    Attributes:
        command: The command line as the program is to be called again.
        original_command: The command line as the system saw it, with interpreter and its options.
        main_script: The absolute path of its main file, None where there is none.
        shown: What messages and its help call it; None for the name of the script.
        project_directory: A folder in the repository of its code; "" for the working directory.
        looks_above: Whether it is recorded in the nearest experiments directory with experiments,
            here or above, as by all commands of ours; a script of its own makes one here.
    """

    __slots__ = (
        *("command", "looks_above", "main_script", "original_command"),
        *("project_directory", "shown"),
    )

    def __init__(
        self,
        command: Sequence[str],
        original_command: Sequence[str],
        main_script: str | None,
        shown: str | None = None,
        project_directory: str = "",
        looks_above: bool = False,
    ) -> None:
        self.command = list(command)
        self.original_command = list(original_command)
        self.main_script = main_script
        self.shown = shown
        self.project_directory = project_directory
        self.looks_above = looks_above


_told: Start | None = None


def start_here() -> Start:
    """Return how the program of this process was started."""
    if _told is not None:
        return _told
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    main_script = os.path.abspath(file) if isinstance(file, str) else None
    return Start(sys.argv, sys.orig_argv, main_script)


def tell_start(start: Start | None) -> Start | None:
    """Say how the program of this process was started; None leaves it to the interpreter.

    Returns:
        What was said before.
    """
    global _told
    before, _told = _told, start
    return before
