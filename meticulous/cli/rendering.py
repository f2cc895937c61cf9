"""Print with rich on a terminal, and as plain aligned text elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.text import Text

from meticulous.cli.exact_output import escaped_json, print_exactly
from meticulous.cli.widths import cell_width
from meticulous.folder.encoding import encode_document

_LONGEST_LABEL = 24


class Line(NamedTuple):
    """One entry of a sheet.

    Attributes:
        label: What the text is; "" for a text of its own.
        text: What stands beside the label; a heading has none.
        is_indented: Whether it stands below a heading.
    """

    label: str
    text: Text | None = None
    is_indented: bool = True


def terminal() -> Console:
    """Return the console on standard output; `is_terminal` says whether a person looks at it."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def print_json(value: Any) -> None:
    """Print a value as strict JSON, in the form of the files in a folder.

    Characters that could steer a terminal are escaped, which means the same in JSON.
    """
    print_exactly(escaped_json(encode_document(value)))


def print_sheet(console: Console, sections: Iterable[Sequence[Line]]) -> None:
    """Print sections of labelled lines, an empty line between them.

    Long text continues below itself on a terminal; elsewhere each entry is one line.
    """
    for number, section in enumerate(sections):
        if number:
            click.echo()
        width = min(
            _LONGEST_LABEL,
            max((cell_width(line.label) for line in section if line.text is not None), default=0),
        )
        for line in section:
            if line.text is None:
                _print_heading(console, line.label)
            else:
                _print_entry(console, line, line.text, width)


def _print_heading(console: Console, title: str) -> None:
    if console.is_terminal:
        console.print(Text(title, style="bold"))
    else:
        click.echo(title)


def _print_entry(console: Console, line: Line, text: Text, width: int) -> None:
    space = " " * (width - cell_width(line.label))
    margin = f"  {line.label}{space}{'  ' if width else ''}" if line.is_indented else ""
    if not console.is_terminal:
        click.echo(f"{margin}{text.plain}".rstrip())
        return
    if cell_width(line.label) > max(_LONGEST_LABEL, console.width // 2):
        # A name that leaves no room beside it stands above, broken where it must be.
        for part in Text(line.label).wrap(console, max(1, console.width - 2), overflow="fold"):
            console.print(Text(f"  {part.plain}", "dim"), soft_wrap=True)
        margin = " " * 4
    room = max(16, console.width - cell_width(margin))
    for number, part in enumerate(text.wrap(console, room, overflow="fold") or [Text()]):
        begin = margin if number == 0 else " " * cell_width(margin)
        part.rstrip()
        console.print(Text.assemble((begin, "dim"), part), soft_wrap=True)
