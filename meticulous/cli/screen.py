"""The terminal as a list sees it: its width, its colours, and printing on it.

It follows the conventions of rich, whose import takes longer than all else that a list does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import click

from meticulous.cli.widths import broken

Span = tuple[str, str]
"""A text, and the words of its style such as "bold red" or "", in the language of rich."""

Line = Sequence[Span]
"""What stands beside each other."""

_EFFECTS = {"bold": "1", "dim": "2"}
_COLOURS = {"red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36"}
_USUAL_WIDTH = 80
_WIDEST = 5
"""Digits that a width has at most."""
_DUMB = ("dumb", "unknown")


@dataclass(frozen=True, slots=True)
class Screen:
    """A terminal, or what the user wants to be taken for one.

    Attributes:
        width: The characters in a line.
        has_styles: Whether it understands the codes that make text bold or dim.
        has_colours: Whether text may be coloured.
    """

    width: int
    has_styles: bool = True
    has_colours: bool = True

    def print(self, lines: Iterable[Line]) -> None:
        """Print lines, each as long as it is."""
        text = "\n".join(["".join([self._coded(*span) for span in line]) for line in lines])
        if not (getattr(sys.stdout, "encoding", None) or "").lower().startswith("utf"):
            text = text.replace("─", "-")
        click.echo(text, color=True)

    def _coded(self, text: str, style: str) -> str:
        if not style or not self.has_styles or not text:
            return text
        known = {**_EFFECTS, **_COLOURS} if self.has_colours else _EFFECTS
        codes = ";".join([known[word] for word in dict.fromkeys(style.split()) if word in known])
        return f"\x1b[{codes}m{text}\x1b[0m" if codes else text


def find_screen() -> Screen | None:
    """Return the terminal on standard output; None where no person looks at it.

    FORCE_COLOR and TTY_COMPATIBLE say that a pipe is to be taken for a terminal, or that a
    terminal is none; NO_COLOR, TERM and COLUMNS are heeded as well.
    """
    if not _is_terminal():
        return None
    is_dumb = os.environ.get("TERM", "").lower() in _DUMB
    return Screen(_width(), not is_dumb, not is_dumb and not os.environ.get("NO_COLOR"))


def print_remark(text: str) -> None:
    """Print what is not data: below it on a terminal, on standard error when the data is piped."""
    screen = find_screen()
    if screen is None:
        click.echo(text, err=True)
    else:
        screen.print([[], *wrapped([(text, "dim")], screen.width)])


def wrapped(spans: Line, width: int) -> list[Line]:
    """Return a text as lines that have room within a width."""
    lines: list[Line] = []
    start = 0
    for line in "".join([text for text, _ in spans]).split("\n"):
        lines += [_part(spans, start + one.start, start + one.stop) for one in broken(line, width)]
        start += len(line) + 1
    return lines


def _part(spans: Line, start: int, stop: int) -> Line:
    """Return some of the characters of a text."""
    found = []
    for text, style in spans:
        if inner := text[max(0, start) : max(0, stop)]:
            found.append((inner, style))
        start -= len(text)
        stop -= len(text)
    return found


def _is_terminal() -> bool:
    compatible = os.environ.get("TTY_COMPATIBLE")
    if compatible in ("0", "1"):
        return compatible == "1"
    forced = os.environ.get("FORCE_COLOR")
    if forced is not None:
        return forced != ""
    try:
        return sys.stdout is not None and sys.stdout.isatty()
    except ValueError:  # it was closed
        return False


def _width() -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and len(columns) <= _WIDEST and int(columns):
        return int(columns)
    for descriptor in (1, 2, 0):
        try:
            return os.get_terminal_size(descriptor).columns or _USUAL_WIDTH
        except OSError:
            continue
    return _USUAL_WIDTH
