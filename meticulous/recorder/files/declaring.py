"""Files that the program or its command line names as inputs and outputs."""

from __future__ import annotations

import contextlib
import os
import stat

from meticulous.errors import InputNotFoundError
from meticulous.recorder.files import tracker
from meticulous.recorder.files.gathering import files_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LONGEST_WORD = 4096


def input_lines(path: str) -> list[bytes]:
    """Return the lines of the journal that say that a file, or each of a folder, is an input.

    Raises:
        InputNotFoundError: There is no such file or folder.
    """
    path = os.path.abspath(path)
    if not os.path.exists(path):
        raise InputNotFoundError(
            f"{path} cannot be an input: it does not exist. Name a file or a folder that is there."
        )
    lines = []
    for file in files_below(path):
        with contextlib.suppress(OSError):
            lines.append(tracker.line(tracker.DECLARED_INPUT, file, os.stat(file)))
    return lines[: tracker.LIMIT] + [tracker.UNLISTED_LINES[0]] * (len(lines) - tracker.LIMIT)


def output_lines(path: str) -> list[bytes]:
    """Return the lines of the journal that say that a file or folder will be an output."""
    return [tracker.line(tracker.DECLARED_OUTPUT, os.path.abspath(path))]


def note_arguments(directory: str, words: Sequence[str]) -> None:
    """Note the words of a command line that name files, for a program that is not Python.

    A file that is there, and at the end still the same, is an input. One that appears or changes
    meanwhile is an output.
    """
    lines = []
    for word in dict.fromkeys(_names(words)):
        path = os.path.abspath(word)
        try:
            found = os.stat(path)
        except FileNotFoundError:
            if os.path.isdir(os.path.dirname(path)):
                lines.append(tracker.line(tracker.ARGUMENT, path))
        except (OSError, ValueError):
            continue
        else:
            if stat.S_ISREG(found.st_mode):
                lines.append(tracker.line(tracker.ARGUMENT, path, found))
    with contextlib.suppress(OSError):
        tracker.append(directory, lines)


def _names(words: Iterable[str]) -> Iterable[str]:
    for word in words:
        if word.startswith("-"):
            name, equals, value = word.partition("=")
            del name
            word = value if equals else ""
        if word and len(word) <= _LONGEST_WORD and "\0" not in word and "\n" not in word:
            yield word
