"""What a command line is: a Python program or another one, its main file and its arguments."""

from __future__ import annotations

import os
import re

from meticulous.errors import ProgramNotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERPRETER = re.compile(r"(python|pypy)[0-9.]*t?$")
_OTHER_INTERPRETERS = re.compile(
    r"(sh|bash|dash|ksh|zsh|fish|Rscript|julia|node|perl|ruby|lua|php|octave)[0-9.]*$"
)
_OPTIONS_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")


class Command:
    """A command line, understood as far as recording it needs.

    Attributes:
        words: The command line as given.
        executable: Absolute path of the program.
        is_python: Whether a Python interpreter carries it out.
        main_file: The script, or the program's own file; None for `-m`, `-c` and standard input.
        arguments: The words after the program or script.
    """

    def __init__(self, words: Sequence[str]) -> None:
        """Understand the words of a command line.

        Raises:
            ProgramNotFoundError: The program cannot be found or may not be executed.
        """
        self.words = list(words)
        self.executable = _find(self.words[0])
        self.main_file: str | None = self.executable
        self.arguments = self.words[1:]
        self.is_python = _is_interpreter(self.executable) or _has_python_shebang(self.executable)
        if _is_interpreter(self.executable):
            self.main_file, self.arguments = _python_program(self.words[1:])
        elif _OTHER_INTERPRETERS.match(os.path.basename(self.executable)):
            self.main_file = _first_file(self.arguments)


def _find(name: str) -> str:
    import shutil

    found = shutil.which(name)
    if found is not None:
        return os.path.abspath(found)
    if os.path.isdir(name):
        reason = "it is a folder"
    elif os.path.isfile(name):
        # Without a slash the shell would not look in the working directory either.
        hint = name if os.sep in name else f"./{name}"
        reason = f"the file is not executable; try `chmod +x {name}`, or `python {name}`"
        if os.access(name, os.X_OK):
            reason = f"the file is here, but programs are looked for on PATH; write {hint}"
    else:
        reason = "there is no such program on PATH or file"
    raise ProgramNotFoundError(f"{name!r} cannot be run: {reason}.")


def _is_interpreter(path: str) -> bool:
    return _INTERPRETER.match(os.path.basename(path)) is not None


def _has_python_shebang(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            first = file.readline(512).decode("utf-8", "replace")
    except OSError:
        return False
    words = first[2:].split() if first.startswith("#!") else []
    return any(_is_interpreter(word) for word in words)


def _first_file(words: list[str]) -> str | None:
    """Return the script among the words after a shell or another interpreter."""
    for word in words:
        if not word.startswith("-"):
            return os.path.abspath(word) if os.path.isfile(word) else None
    return None


def _python_program(words: list[str]) -> tuple[str | None, list[str]]:
    """Split the words after the interpreter into the script, if there is one, and its arguments.

    The interpreter's options are those of https://docs.python.org/3/using/cmdline.html.
    """
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "-" or not word.startswith("-"):
            return (None if word == "-" else os.path.abspath(word)), rest
        if word in _OPTIONS_WITH_VALUE:
            rest = rest[1:]
            continue
        if word.startswith("--"):
            continue
        for position, letter in enumerate(word[1:], 1):
            if letter in "cm":
                # The value is the rest of the word or the next one; the arguments follow.
                return None, rest if word[position + 1 :] else rest[1:]
            if letter in "WX":
                if not word[position + 1 :]:
                    rest = rest[1:]
                break
    return None, []
