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
_LIKE_A_FILE = re.compile(r"[^-+].*(/|\.[A-Za-z]\w*$)|/", re.DOTALL)
_SHELL = re.compile(r"[|&;<>$`*?(){}\"'\\]")
_CHANGES_FOLDER = re.compile(r"-C|--chdir(=|$)")
_WRAPPERS = {
    "env": (("-u", "--unset", "-C", "--chdir"), 0),
    "ionice": (("-c", "-n"), 0),
    "nice": (("-n",), 0),
    "nohup": ((), 0),
    "setsid": ((), 0),
    "stdbuf": (("-i", "-o", "-e"), 0),
    "time": (("-f", "-o"), 0),
    "timeout": (("-s", "--signal", "-k", "--kill-after"), 1),
}
"""Programs that start another: their options with a value of its own, and their own operands."""


class Command:
    """A command line, understood as far as recording it needs.

    Attributes:
        words: The command line as given.
        executable: Absolute path of the program.
        takes_hook: Whether a Python interpreter carries it out that heeds PYTHONPATH.
        is_isolated: Whether it is a Python interpreter that does not heed PYTHONPATH.
        main_file: The script, or the program's own file; None for `-m`, `-c` and standard input.
        arguments: The words after the program or script.
        missing_script: The script, as given, when it is certainly one and not there; else None.
    """

    def __init__(self, words: Sequence[str]) -> None:
        """Understand the words of a command line.

        Raises:
            ProgramNotFoundError: The program cannot be found or may not be executed.
        """
        self.words = list(words)
        self.executable = _find(self.words[0])
        program = _without_wrappers(self.words)
        wrappers = self.words[: len(self.words) - len(program)]
        path = _find(program[0])
        self.main_file: str | None = path
        self.arguments = program[1:]
        self.is_isolated = False
        self.takes_hook = _is_interpreter(path) or _has_python_shebang(path)
        if _is_interpreter(path):
            python = _PythonWords(program[1:])
            self.main_file, self.arguments = python.script, python.arguments
            self.is_isolated = python.is_isolated
            self.takes_hook = not python.is_isolated
            missing = python.script if python.script and not os.path.exists(python.script) else None
        elif _OTHER_INTERPRETERS.match(os.path.basename(path)):
            self.main_file = _first_file(self.arguments)
            missing = _missing_file(self.arguments)
        else:
            missing = None
        # `env -C FOLDER` looks for it in another folder than we do.
        self.missing_script = None if any(map(_CHANGES_FOLDER.match, wrappers)) else missing


def _without_wrappers(words: list[str]) -> list[str]:
    """Leave out programs that only start another one, such as `env A=1`, `nice -n 5`, `timeout 9`.

    What cannot be understood stays: the wrapper is then taken for the program.
    """
    name = os.path.basename(words[0])
    if name not in _WRAPPERS:
        return words
    with_value, operands = _WRAPPERS[name]
    rest = words[1:]
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in with_value else rest[1:]
    rest = rest[operands:]
    while name == "env" and rest and "=" in rest[0]:
        rest = rest[1:]
    if not rest or not _is_program(rest[0]):
        return words
    return _without_wrappers(rest)


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
        reason = f"there is no such program on PATH or file{_hint_at_quotes(name)}"
    end = "" if "meticulous run" in reason else "."
    raise ProgramNotFoundError(f"{name!r} cannot be run: {reason}{end}")


def _hint_at_quotes(name: str) -> str:
    """Say how a whole command that was given as one word is to be written."""
    words = name.split()
    if len(words) < 2 or not _is_program(words[0]):
        return ""
    if _SHELL.search(name):
        import shlex

        return f". A shell understands it: meticulous run -- sh -c {shlex.quote(name)}"
    return f". Write the command without the quotes: meticulous run -- {name}"


def _is_program(name: str) -> bool:
    import shutil

    return shutil.which(name) is not None


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


def _missing_file(words: list[str]) -> str | None:
    """Return the first word after such an interpreter if it names a file that is not there.

    Options may have values, and some interpreters take commands of their own; so only the very
    first word counts, and only if it looks like a file. Shells also look for scripts on PATH.
    """
    if not words or not _LIKE_A_FILE.match(words[0]):
        return None
    return None if os.path.exists(words[0]) or _is_program(words[0]) else words[0]


class _PythonWords:
    """The words after a Python interpreter.

    The interpreter's options are those of https://docs.python.org/3/using/cmdline.html.

    Attributes:
        script: The script; None for `-m`, `-c` and standard input.
        arguments: What the program is told.
        is_isolated: Whether environment variables are ignored (`-I`, `-E`), or `site` (`-S`).
    """

    def __init__(self, words: list[str]) -> None:
        self.script: str | None = None
        self.is_isolated = False
        self.arguments = list(words)
        while self.arguments:
            word = self.arguments.pop(0)
            if word == "-" or not word.startswith("-"):
                self.script = None if word == "-" else os.path.abspath(word)
                return
            if self._option_ends_options(word):
                return

    def _option_ends_options(self, word: str) -> bool:
        if word.startswith("--"):
            if word == "--check-hash-based-pycs":
                self.arguments = self.arguments[1:]
            return False
        for position, letter in enumerate(word[1:], 1):
            has_value = bool(word[position + 1 :])
            if letter in "cmWX":
                # The value is the rest of the word or the next one.
                self.arguments = self.arguments if has_value else self.arguments[1:]
                return letter in "cm"
            self.is_isolated |= letter in "IES"
        return False
