"""`meticulous columns`: what can be shown, filtered and sorted by."""

from __future__ import annotations

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


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES)
@click.argument("patterns", metavar="[COLUMN]...", nargs=-1, shell_complete=complete_columns)
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with one object for each.")
def columns(patterns: tuple[str, ...], directory: str | None, as_json: bool) -> None:
    """List the columns of a directory: names that `meticulous list` can show, filter and sort by.

    COLUMN chooses some of them: a name, what names begin with, or a pattern with *. Of each are
    shown how many experiments have it, and some of its values, the latest first.
    """
    from meticulous.cli.rendering import aligned, print_json
    from meticulous.cli.wording import short_value, visible
    from meticulous.reader import locate
    from meticulous.reader.index import read_table
    from meticulous.reader.table.columns import find_columns

    table = read_table(locate(directory))
    names = find_columns(patterns, list(table.columns)) if patterns else list(table.columns)
    found = [(name, *_summary(table.columns[name])) for name in names]
    if as_json:
        keys = ("name", "experiments", "examples")
        print_json([dict(zip(keys, entry, strict=True)) for entry in found])
        return
    rows = [["column", "experiments", "examples"]]
    for name, count, examples in found:
        texts = [short_value(value, 24) for value in examples]
        rows.append([visible(name), str(count), ", ".join(texts)])
    for line in aligned(rows, [False, True, False]):
        click.echo(line)


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
