"""`meticulous import`: make experiments of those that another tool recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meticulous.sweep.importing.xmen import Item, XmenImport

_LARGE = 100_000_000
"""Bytes from which on it is said that an experiment is being copied."""

_EXAMPLES = """\b
Examples:
  meticulous import xmen ~/sets/hello --dry-run
  meticulous import xmen ~/sets
  meticulous import xmen ~/sets/hello/a=1__b=2 --directory experiments

\b
Exit code: 0; 1 when an experiment could not be imported, and all others were;
2 when none can be, as when the disk is full.
"""


@click.command("import", context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES)
@click.argument("tool", metavar="xmen", type=click.Choice(["xmen"]))
@click.argument("source", metavar="DIR")
@click.option(
    "--directory",
    metavar="DIR",
    help="The experiments directory, made where there is none.  "
    "[default: the nearest `experiments`, here or above]",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be imported.")
@click.option(
    "--link",
    is_flag=True,
    help="Make hard links of the program's files instead of copies, where the disk is the same. "
    "Whoever changes such a file changes both.",
)
@click.option("--again", is_flag=True, help="Import anew what has changed since it was imported.")
def import_(
    tool: str, source: str, directory: str | None, dry_run: bool, link: bool, again: bool
) -> int:
    """Make experiments here of those that xmen recorded in DIR: a set, an experiment, or a tree.

    Each becomes an ordinary numbered folder, complete or not at all: parameters, defaults,
    messages, notes, purpose, times, commit, surroundings, output and all files of the program.
    Nothing in DIR is changed, and importing twice imports nothing twice. What cannot be read gets
    a line that says why, and the others are imported.

    params.yml itself is not copied, for xmen kept all environment variables in it, passwords
    included. `meticulous list DIR` lists what is in DIR without importing it.
    """
    from meticulous.sweep.importing.xmen import XmenImport

    del tool  # there is only one so far
    task = XmenImport(source, directory, link=link, again=again)
    return _plan(task) if dry_run else _carry_out(task)


def _plan(task: XmenImport) -> int:
    from meticulous.cli.wording import visible

    items = list(task.plan())
    _print(items)
    click.echo(f"{_counts(items, 'would be')} into {visible(task.place)}.", err=True)
    return _code(items)


def _carry_out(task: XmenImport) -> int:
    from meticulous.cli.wording import visible

    items: list[Item] = []
    try:
        for item in task.carry_out(_announce):
            items.append(item)  # so that those before a full disk are told
    finally:
        if items:
            _print(items)
    click.echo(f"{_counts(items, '')} into {visible(task.place)}.", err=True)
    return _code(items)


def _announce(item: Item) -> None:
    """Say what is being copied, where that takes a while."""
    from meticulous.cli.wording import size_text, visible

    if item.size >= _LARGE:
        click.echo(f"importing {visible(item.name)}, {size_text(item.size)}", err=True)


def _print(items: Iterable[Item]) -> None:
    from meticulous.cli.aligning import aligned
    from meticulous.cli.wording import ABSENT, size_text, visible

    rows = [["id", "what", "status", "files", "size", "name", "remark"]]
    rows += [
        [
            item.id or ABSENT,
            item.what,
            item.status or ABSENT,
            str(item.files) if item.files else ABSENT,
            size_text(item.size) if item.files else ABSENT,
            visible(item.name),
            visible(item.remark),
        ]
        for item in items
    ]
    for line in aligned(rows, [True, False, False, True, True, False, False]):
        click.echo(line)


def _counts(items: Iterable[Item], verb: str) -> str:
    from meticulous.cli.wording import count_text
    from meticulous.sweep.importing.xmen import CHANGED, FAILED, NEW, RUNNING, THERE

    counts = {NEW: 0, THERE: 0, CHANGED: 0, RUNNING: 0, FAILED: 0}
    for item in items:
        counts[item.what] += 1
    others = (
        (THERE, "was there already", "were there already"),
        (CHANGED, "has changed since", "have changed since"),
        (RUNNING, "still runs", "still run"),
        (FAILED, "cannot be read", "cannot be read"),
    )
    parts = [
        f"{counts[what]} {one if counts[what] == 1 else more}"
        for what, one, more in others
        if counts[what]
    ]
    first = " ".join(filter(None, (count_text(counts[NEW], "experiment"), verb, "imported")))
    return f"{first} ({', '.join(parts)})" if parts else first


def _code(items: Iterable[Item]) -> int:
    from meticulous.sweep.importing.xmen import FAILED

    return 1 if any(item.what == FAILED for item in items) else 0
