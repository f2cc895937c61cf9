"""How commands are told which experiments of a set are meant, and how they ask before they act."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from meticulous.cli.wording import visible
from meticulous.reader import Record, by_start, locate
from meticulous.reader.index import read_records
from meticulous.sweep.choosing import named
from meticulous.sweep.launching import in_order

_SHOWN = 10


def records_named(words: Sequence[str], directory: str | None) -> list[Record]:
    """Return the experiments that identifiers, readable names and globs name, by number.

    Raises:
        ExperimentNotFoundError: A word names none.
        ExperimentsDirectoryError: There is no experiments directory, or it cannot be read.
    """
    paths = [word for word in words if os.sep in word]
    if paths and directory is None:
        # As for the other commands: the path of a folder says where it lies.
        from meticulous.reader import read_record
        from meticulous.reader.ids import resolve_folders

        if len(paths) == len(words):
            return in_order([read_record(folder) for folder in resolve_folders(words)])
    place = locate(directory)
    return in_order(named(by_start(read_records(place)), words, place))


def ids_text(records: Sequence[Record]) -> str:
    """Return the ids of some experiments, not more than a line can hold."""
    more = len(records) - _SHOWN
    names = ", ".join(visible(record.id) for record in records[:_SHOWN])
    return names + (f" and {more} more" if more > 0 else "")


def confirm(question: str, yes: bool, nothing: str) -> None:
    """Ask before something is done; end the command where it is not wanted.

    Args:
        question: What is asked.
        yes: Whether the answer was given on the command line.
        nothing: What to say where the answer is no.
    """
    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError("Nobody can be asked here; say --yes.")
    if not click.confirm(question, err=True):
        click.echo(nothing, err=True)
        raise click.exceptions.Exit(1)
