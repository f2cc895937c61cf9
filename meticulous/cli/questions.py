"""How answers with evidence and remedy are shown, and which experiments a question is about."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
from rich.text import Text

from meticulous.cli.choosing import choose, is_choosing
from meticulous.cli.grid import STATUS_STYLES
from meticulous.cli.identifiers import CountsBackwards, Decorated, folders_of
from meticulous.cli.rendering import Line
from meticulous.cli.sections import SectionedCommand
from meticulous.cli.wording import ABSENT, visible
from meticulous.reader import Record, locate, read_record
from meticulous.reader.index import read_records
from meticulous.reproduce.answers import NO, OUTCOMES, UNKNOWN, YES, Answer

_STYLES = {YES: "green", NO: "red", UNKNOWN: "yellow"}


class QuestionCommand(CountsBackwards, SectionedCommand):
    """A command about the experiments IDS, or those that options choose."""


def repository_option(command: Decorated) -> Decorated:
    """Give a command the option --repository, passed on as `repository: str | None`."""
    add = click.option(
        "--repository",
        metavar="DIR",
        help="A clone that has the commits.  [default: where the experiments lie, or here]",
    )
    return add(command)


def records_meant(
    ids: tuple[str, ...], directory: str | None, options: Mapping[str, Any], everything: bool
) -> list[Record] | None:
    """Return the experiments that are meant; None where none was named.

    Args:
        ids: The identifiers on the command line.
        directory: The experiments directory, or None.
        options: The values of `choosing_options`.
        everything: Whether all experiments are meant where nothing else is said.

    Raises:
        MeticulousError: There is no such experiment, or an option cannot be understood.
        UsageError: Identifiers and conditions were given.
    """
    if ids and is_choosing(options):
        raise click.UsageError(
            "Name the experiments, or choose them by conditions; both exclude each other."
        )
    if ids:
        return [read_record(folder) for folder in folders_of(ids, directory)]
    if is_choosing(options):
        return choose(locate(directory), options).records
    return read_records(locate(directory)) if everything else None


def answer_lines(answers: Mapping[str, Answer]) -> Iterator[Line]:
    """Yield a line for each answer, and one for its remedy below it."""
    width = max(map(len, OUTCOMES))
    names = max(map(len, answers), default=0)
    for name, answer in answers.items():
        label = f"{answer.outcome:<{width}}  {name:<{names}}"
        yield Line(label, Text(visible(answer.evidence), style=_STYLES[answer.outcome]))
        if answer.remedy:
            yield Line("", Text(f"-> {visible(answer.remedy)}"))


def experiment_line(record_id: str, status: str) -> Line:
    """Return the first line about an experiment."""
    style = STATUS_STYLES.get(status, "")
    name = (visible(record_id), "bold")
    return Line("", Text.assemble("experiment ", name, "  ", (status, style)), is_indented=False)


def print_overview(found: Sequence[tuple[str, str, Mapping[str, Answer]]]) -> None:
    """Print a line for each experiment: its id, its status, and what is not answered with yes."""
    from meticulous.cli.aligning import aligned

    rows = [["id", "status", NO, UNKNOWN]]
    for name, status, answers in found:
        rows.append(
            [
                visible(name),
                status,
                *(
                    ", ".join(key for key, each in answers.items() if each.outcome == outcome)
                    or ABSENT
                    for outcome in (NO, UNKNOWN)
                ),
            ]
        )
    for line in aligned(rows, [False] * 4):
        click.echo(line)


def counts_text(counts: Mapping[str, int]) -> str:
    """Return how many answers came out how, such as "7 yes, 1 no, 1 unknown"."""
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome])


def near() -> tuple[str, ...]:
    """Return the folders that may lie in the repository, besides the experiments themselves."""
    try:
        return (os.getcwd(),)
    except FileNotFoundError:
        return ()
