"""How commands are told which two experiments they compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from meticulous.cli.identifiers import directory_option, folder_of, id_argument

if TYPE_CHECKING:
    from meticulous.reader import Record


def pair_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the arguments A and B and what tells where they and their code lie.

    They are passed on as `first: str`, `second: str`, `directory: str | None` and
    `repository: str | None`; `read_pair` reads the experiments.
    """
    additions: tuple[Callable[[Any], Any], ...] = (
        id_argument("first", "A"),
        id_argument("second", "B"),
        directory_option,
        click.option(
            "--repository",
            metavar="DIR",
            help="A clone that has the commits of both.  "
            "[default: where the experiments lie, or here]",
        ),
    )
    for add in reversed(additions):
        command = add(command)
    return command


def read_pair(first: str, second: str, directory: str | None) -> tuple[Record, Record]:
    """Return the two experiments that are to be compared.

    Raises:
        ExperimentNotFoundError: An identifier names none, or several.
        ExperimentsDirectoryError: There is no experiments directory, or it cannot be read.
    """
    from meticulous.reader import read_record

    # Both are looked for before one is read.
    folders = [folder_of(word, directory) for word in (first, second)]
    a, b = map(read_record, folders)
    return a, b
