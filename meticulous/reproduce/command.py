"""The recorded command line, as it is to be started again in a private worktree."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meticulous.errors import CannotReproduceError
from meticulous.reader.record import Record, as_text
from meticulous.recorder.program.command import Command
from meticulous.recorder.secrets.shapes import MARKER

_INTERPRETER = re.compile(r"(python|pypy)[0-9.]*t?$")
_OPTION = re.compile(r"--?([A-Za-z][\w.-]*)")

NOTEBOOK, SESSION = "a notebook", "an interactive session"
"""Into what a person types."""

_SESSIONS = {
    **dict.fromkeys(("ipykernel_launcher", "ipykernel", "colab_kernel_launcher"), NOTEBOOK),
    **dict.fromkeys(("ipython", "bpython", "ptpython", "idle", "idlelib"), SESSION),
    **dict.fromkeys(("jupyter", "jupyter-lab", "jupyter-notebook"), SESSION),
}
_INPUT_SHELLS = ("sh", "bash", "dash", "zsh", "ksh")
_OURS = ("meticulous", "meticulous.exe")


@dataclass(frozen=True, slots=True)
class RecordedCommand:
    """How a recorded program was started.

    Attributes:
        words: The command line; the first word is the interpreter or program.
        through_run: Whether `meticulous run` recorded it, and is to do so again.
        is_python: Whether the first word is the Python that ran the experiment itself.
        ordinal: Which experiment of its process it is; 0 for one of `meticulous run`.
    """

    words: tuple[str, ...]
    through_run: bool
    is_python: bool
    ordinal: int


def recorded_command(record: Record) -> RecordedCommand:
    """Return how the program of a record was started.

    Raises:
        CannotReproduceError: The record does not tell, or it was a notebook, an interactive
            session, or a process that only its parent can start.
    """
    command, original = (_words(record, key) for key in ("command", "original-command"))
    ordinal = record.metadata.get("ordinal")
    ordinal = ordinal if isinstance(ordinal, int) and not isinstance(ordinal, bool) else None
    if record.is_foreign and not command and not original:
        raise CannotReproduceError(_about_xmen(record))
    if not command and not original:
        raise CannotReproduceError("The record does not say by which command it was started.")
    if ordinal == 0 or (ordinal is None and _is_by_run(command, original)):
        _refuse_typed_in(command, as_text(record.metadata.get("stdin")))
        return RecordedCommand(tuple(command), True, False, 0)
    if not original:
        # The original recorder kept only what the program saw of its command line.
        original = ["python", *command]
    _refuse_sessions(original)
    return RecordedCommand(tuple(original), False, True, ordinal or 1)


def _about_xmen(record: Record) -> str:
    facts = record.metadata.get("xmen")
    version = facts.get("version") if isinstance(facts, dict) else None
    version = version if isinstance(version, dict) else {}
    names = (version.get("module"), version.get("class") or version.get("function"))
    what = ":".join(as_text(name) for name in names if name) or as_text(version.get("path"))
    sha = as_text(record.metadata.get("githead-sha"))
    ran = f" It ran {what}" if what else ""
    at = f" at commit {sha[:10]}" if ran and sha else ""
    return (
        f"It was imported from xmen, which recorded no command line.{ran}{at}{'.' if ran else ''} "
        "Check that out, record it anew with `meticulous run` and the same parameters, and compare "
        f"the two with `meticulous diff {record.id} ID`."
    )


def with_secrets(words: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Return the words with what was left out of the record put in again.

    Args:
        words: The command line; values that looked secret are "<redacted>" in it.
        values: The values by the names of their options, as in `token` for `--token`.

    Raises:
        CannotReproduceError: A value is missing; says how to give it.
    """
    known = {_plain(name): value for name, value in values.items()}
    filled: list[str] = []
    missing: list[str] = []
    for number, word in enumerate(words):
        if MARKER not in word:
            filled.append(word)
            continue
        before, equals, _ = word.partition("=")
        name = _redacted_name(words, number)
        value = known.get(_plain(name))
        if value is None:
            missing.append(name)
            continue
        filled.append(f"{before}={value}" if equals else value)
    if missing:
        ways = " ".join(f"--set {name}=VALUE" for name in missing)
        raise CannotReproduceError(
            f"The command held what looked like a secret and was not recorded "
            f"({', '.join(missing)}). Give it again: {ways}"
        )
    return filled


def redacted_names(record: Record) -> list[str]:
    """Return the names by which `--set` gives what was left out of a command as a secret."""
    try:
        words = recorded_command(record).words
    except CannotReproduceError:
        return []
    return [_redacted_name(words, number) for number, word in enumerate(words) if MARKER in word]


def is_same_option(name: str, other: str) -> bool:
    """Say whether two names mean the same option: `api-key`, `--api_key`."""
    return _plain(name) == _plain(other)


def _redacted_name(words: Sequence[str], number: int) -> str:
    before, equals, _ = words[number].partition("=")
    option = before if equals else (words[number - 1] if number else "")
    match = _OPTION.fullmatch(option)
    return match[1] if match else str(number)


def with_interpreter(
    words: Sequence[str], python: str, bin_directories: Sequence[str]
) -> list[str]:
    """Return the words with the interpreter of now in the place of that of then.

    Args:
        words: The command line.
        python: The interpreter to use.
        bin_directories: Where the programs of its environment are.
    """
    if not words:
        return []
    first, *rest = words
    if is_interpreter(first):
        return [python, *(_installed(word, bin_directories) for word in rest[:1]), *rest[1:]]
    return [_installed(first, bin_directories), *rest]


def find_script(words: Sequence[str]) -> str | None:
    """Return the script that a Python command line names, as it is given; None for other forms."""
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        if word in ("-c", "-m", "-"):
            return None
        if word in ("-W", "-X", "--check-hash-based-pycs"):
            rest = rest[1:]
        elif re.match(r"-[A-Za-z]*[cm]", word) and not word.startswith("--"):
            return None
        elif not word.startswith("-"):
            return word
    return None


def is_interpreter(word: str) -> bool:
    """Say whether a word names a Python interpreter."""
    return _INTERPRETER.fullmatch(os.path.basename(word)) is not None


def session_of(words: Sequence[str]) -> str | None:
    """Return `NOTEBOOK` or `SESSION` where that is what a command line starts, else None."""
    return _SESSIONS.get(os.path.basename(_started(words)).lower())


def takes_hook(words: Sequence[str]) -> bool:
    """Say whether a Python interpreter carries the words out that heeds PYTHONPATH."""
    return Command(words).takes_hook


def _words(record: Record, key: str) -> list[str]:
    words = record.metadata.get(key)
    return [as_text(word) for word in words] if isinstance(words, list) else []


def _is_by_run(command: Sequence[str], original: Sequence[str]) -> bool:
    """Say whether the command line is one of `meticulous run`, and the command what it was told."""
    count = len(original) - len(command)
    if count < 2 or not command or list(original[count:]) != list(command):
        return False
    ours = original[:count]
    if "run" not in ours:
        return False
    before = ours[: ours.index("run")]
    return any(os.path.basename(word) in _OURS for word in before) or any(
        word.endswith(os.path.join("meticulous", "__main__.py")) for word in before
    )


def _started(words: Sequence[str]) -> str:
    """Return the script or the module that Python is to run, else the program."""
    first = words[0] if words else ""
    if not is_interpreter(first):
        return first
    script = find_script(words)
    if script is not None:
        return script
    for word, following in itertools.pairwise(words[1:]):
        if re.fullmatch(r"-[A-Za-z]*m", word):
            return following
        if re.match(r"-[A-Za-z]*c", word):
            break
    return first


def _refuse_sessions(words: Sequence[str]) -> None:
    session = session_of(words)
    if session == NOTEBOOK:
        raise CannotReproduceError(
            "It was recorded in a notebook, whose cells no command line runs again. Move the "
            "code into a script, or run the notebook as a program (jupyter nbconvert "
            "--execute) under `meticulous run`."
        )
    if session == SESSION:
        raise CannotReproduceError(
            "It was recorded in an interactive session, whose input is not in the record. "
            "Move the code into a script."
        )
    if "--multiprocessing-fork" in words or any("spawn_main(" in word for word in words):
        raise CannotReproduceError(
            "It was recorded by a process that only its parent can start (multiprocessing). Make "
            "the experiment in the main process, or reproduce that one."
        )
    _refuse_typed_in(words, "")


def _refuse_typed_in(words: Sequence[str], stdin: str) -> None:
    """Refuse an interpreter without a program; a shell only where it could read one."""
    name = os.path.basename(words[0]) if words else ""
    if words and is_interpreter(words[0]):
        is_typed_in = _reads_program(words)
    else:
        reads = all(word.startswith("-") and "c" not in word for word in words[1:])
        is_typed_in = name in _INPUT_SHELLS and stdin in ("pipe", "file", "terminal") and reads
    if is_typed_in:
        raise CannotReproduceError(
            "Its program came from standard input or was typed in, so it is not in the record. "
            "Keep it in a file of the repository."
        )


def _reads_program(words: Sequence[str]) -> bool:
    """Say whether a Python command line takes its program from standard input."""
    script = find_script(words)
    if script is not None:
        return script in ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
    for word in words[1:]:
        if word == "-":
            return True
        if re.match(r"-[A-Za-z]*[cmVh]", word) or word in ("--version", "--help"):
            return False
    return True


def _installed(word: str, bin_directories: Sequence[str]) -> str:
    """Return the program of the same name in the present environment, where there is one."""
    if not os.path.isabs(word) or os.path.basename(os.path.dirname(word)) != "bin":
        return word
    for directory in bin_directories:
        found = shutil.which(os.path.basename(word), path=directory)
        if found is not None:
            return found
    return word


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_").lower()
