"""`meticulous columns`: what can be shown, filtered and sorted by."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from typing import Any

import click

from meticulous.cli.completion import complete_columns
from meticulous.cli.identifiers import directory_option

_EXAMPLES = """\b
Examples:
  meticulous columns
  meticulous columns args summary.loss
  meticulous columns '*.lr' --json
"""

_EXAMPLE_COUNT = 3
_LONGEST_EXAMPLE = 24
_SHORTEST_EXAMPLE = 10

_REPEATED = ("metadata.description", "metadata.tags")
"""Columns of metadata that are there under shorter names as well."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES)
@click.argument("patterns", metavar="[COLUMN]...", nargs=-1, shell_complete=complete_columns)
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with one object for each.")
def columns(patterns: tuple[str, ...], directory: str | None, as_json: bool) -> None:
    """List the columns of a directory: names that `meticulous list` can show, filter and sort by.

    COLUMN chooses some of them: a name, what names begin with, or a pattern with *. Of each are
    shown how many experiments have it, and some of its values, the latest first.
    """
    from meticulous.cli.rendering import print_json
    from meticulous.errors import UnknownColumnError
    from meticulous.reader import locate
    from meticulous.reader.index import read_table
    from meticulous.reader.table.columns import find_columns

    table = read_table(locate(directory), with_foreign=True)
    names = [name for name in table.columns if name not in _REPEATED]
    if patterns:
        try:
            names = find_columns(patterns, list(table.columns))
        except UnknownColumnError:
            _refuse_directories(patterns)
            raise
    found = [(name, *_summary(table.columns[name])) for name in names]
    if as_json:
        keys = ("name", "experiments", "examples")
        print_json([dict(zip(keys, entry, strict=True)) for entry in found])
        return
    _print(found)


def _print(found: list[tuple[str, int, list[Any]]]) -> None:
    from meticulous.cli.grid import as_table, room
    from meticulous.cli.plain_table import Column, as_lines
    from meticulous.cli.screen import find_screen
    from meticulous.cli.wording import short_value, visible

    names = Column("column", [visible(name) for name, _, _ in found])
    counts = Column("experiments", [str(count) for _, count, _ in found], right=True)
    screen = find_screen()
    longest = _LONGEST_EXAMPLE
    if screen is not None:
        left = screen.width - room([names, counts]) - len("  ,")
        names = replace(names, flexible=left < _SHORTEST_EXAMPLE)
        longest = min(longest, max(left, _SHORTEST_EXAMPLE))
    texts = [", ".join(short_value(value, longest) for value in values) for _, _, values in found]
    columns = [names, counts, Column("examples", texts, flexible=True)]
    if screen is not None:
        screen.print(as_table(columns, screen.width))
        return
    for line in as_lines(columns):
        click.echo(line)


def _refuse_directories(patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        if os.path.isdir(pattern):
            raise click.UsageError(
                f"{pattern} is a folder, not a column. To list the columns of the experiments "
                f"there: `meticulous columns --directory {shlex.quote(pattern)}`."
            )


def _summary(values: list[Any]) -> tuple[int, list[Any]]:
    """Return how many experiments have a value, and some values, each once."""
    from meticulous.folder.plain import plain
    from meticulous.reader.table.flattening import MISSING

    present = [value for value in values if value is not MISSING and value not in ("", [])]
    examples: dict[str, Any] = {}
    for value in reversed(present):
        examples.setdefault(repr(value), plain(value))
        if len(examples) == _EXAMPLE_COUNT:
            break
    return len(present), list(examples.values())
