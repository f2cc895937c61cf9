"""How commands are told which experiments to take: their options, and what these choose."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from meticulous.cli.sections import SectionOption

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from meticulous.reader import Record
    from meticulous.reader.choosing.selection import Candidates, Criterion
    from meticulous.reader.table.table import Table

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _complete_statuses(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from meticulous.cli.completion import complete_statuses

    return complete_statuses(ctx, param, incomplete)


def _complete_tags(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from meticulous.cli.completion import complete_tags

    return complete_tags(ctx, param, incomplete)


_SECTION = "Which experiments (all conditions must hold)"

_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("--filter", "filters"),
        {
            "metavar": "EXPRESSION",
            "multiple": True,
            "help": 'A pandas query on columns: "args.lr > 0.01 and summary.loss < 2". `args.` '
            "and `summary.` can be left out where only one is meant; odd names stand in "
            "backticks. Also: start > '2d', duration > '1h', 'word' in tags.",
        },
    ),
    (
        ("--where", "conditions"),
        {
            "metavar": "CONDITION",
            "multiple": True,
            "help": 'A condition whose name is a regular expression: "1e-3 <= lr < 0.1", '
            '"loss.* < 2", "optimizer == adam or epochs > 9". Values of another type are passed '
            "over. A name alone: those that have such a value.",
        },
    ),
    (
        ("--status", "statuses"),
        {
            "metavar": "STATUS",
            "multiple": True,
            "help": "SUCCESS, ERROR, RUNNING, LOST and so on; several with commas.",
            "shell_complete": _complete_statuses,
        },
    ),
    (
        ("--since",),
        {
            "metavar": "TIME",
            "help": "Started since then: 2d, 3h, 90m, an hour ago, 18:00, yesterday, 2026-11-22.",
        },
    ),
    (("--until",), {"metavar": "TIME", "help": "Started until then; a day counts to its end."}),
    (
        ("--tag", "tags"),
        {
            "metavar": "TAG",
            "multiple": True,
            "help": "With this tag, which may have wildcards; with commas: with one of them.",
            "shell_complete": _complete_tags,
        },
    ),
    (
        ("--commit", "commits"),
        {
            "metavar": "REV",
            "multiple": True,
            "help": "Run from this commit or snapshot: any git revision (main, HEAD~2, 1f2e3d) or "
            "range (v1..main).",
        },
    ),
    (
        ("--id", "ids"),
        {
            "metavar": "IDS",
            "multiple": True,
            "help": "Numbers, names, ranges; -1 is the one started last: 3-9,12,-1.",
        },
    ),
    (
        ("--research", "researches"),
        {"metavar": "NAME", "multiple": True, "help": "Of this research; wildcards as for --tag."},
    ),
)


def choosing_options(command: Decorated) -> Decorated:
    """Give a command the options that choose experiments; `criteria` reads their values."""
    for words, settings in reversed(_OPTIONS):
        command = click.option(*words, cls=SectionOption, section=_SECTION, **settings)(command)
    return command


def some_choosing_options(*names: str) -> Callable[[Decorated], Decorated]:
    """Return the decorator that gives a command only these of them, such as "--tag"."""

    def decorate(command: Decorated) -> Decorated:
        for words, settings in reversed(_OPTIONS):
            if words[0] in names:
                command = click.option(*words, **settings)(command)
        return command

    return decorate


NO_CHOICE: Mapping[str, Any] = {
    words[-1].removeprefix("--"): () if settings.get("multiple") else None
    for words, settings in _OPTIONS
}
"""The values of `choosing_options` where none was given, for a command that has only some."""


_PATIENCE = 8.0
_PATIENCE_EACH = 0.001
"""Seconds that a condition may take, altogether and for each experiment; usual are 0.5."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The experiments that were chosen.

    Attributes:
        records: They, in the order of their start.
        count: How many they are; more than `records` where only the last were read.
        total: How many there are in the directory.
        emptied_by: What left none of them, as the user wrote it; None while there are some.
        before: How many there were before that.
        remarks: What is to be said about values that were passed over.
    """

    records: list[Record]
    count: int
    total: int
    emptied_by: str | None = None
    before: int = 0
    remarks: tuple[str, ...] = ()


def choose(place: str, options: Mapping[str, Any]) -> Chosen:
    """Return the experiments of a directory that the options of `choosing_options` choose.

    Raises:
        MeticulousError: An option cannot be understood or applied, or the directory be read.
    """
    from meticulous.reader import by_start
    from meticulous.reader.index import read_records

    return narrowed_records(place, options, by_start(read_records(place)))


def narrowed_records(place: str, options: Mapping[str, Any], records: list[Record]) -> Chosen:
    """Return which of the records of a directory the options choose.

    Raises:
        MeticulousError: An option cannot be understood or applied.
    """
    return _narrowed(place, options, records)[0]


def narrowed(place: str, options: Mapping[str, Any], records: list[Record]) -> tuple[Chosen, Table]:
    """Return which of the records of a directory the options choose, and a table of these.

    The table has a column for every value that any of the records has.

    Raises:
        MeticulousError: An option cannot be understood or applied.
    """
    chosen, candidates, positions = _narrowed(place, options, records)
    return chosen, candidates.table.take(positions)


def _narrowed(
    place: str, options: Mapping[str, Any], records: list[Record]
) -> tuple[Chosen, Candidates, list[int]]:
    from meticulous.reader.choosing.selection import Candidates, narrow

    candidates = Candidates(records)
    left = narrow(candidates, criteria(place, options, records))
    found = [records[position] for position in left.positions]
    chosen = Chosen(
        found, len(found), len(records), left.emptied_by, left.before, tuple(candidates.remarks)
    )
    return chosen, candidates, left.positions


def is_choosing(options: Mapping[str, Any]) -> bool:
    """Say whether any option of `choosing_options` was given."""
    names = (words[-1].removeprefix("--") for words, _ in _OPTIONS)
    return any(options[name] not in (None, ()) for name in names)


def criteria(
    place: str, options: Mapping[str, Any], records: list[Record]
) -> list[tuple[str, Criterion]]:
    """Return what the options ask for, each with the words of the user; the cheap ones first."""
    from meticulous.reader.choosing import selection

    now = datetime.now().astimezone()
    found: list[tuple[str, Criterion]] = []

    def add(option: str, text: str, criterion: Criterion) -> None:
        found.append((f"{option} {text}", criterion))

    if options["ids"]:
        from meticulous.reader.ids import resolve_ids

        ids = resolve_ids(options["ids"], place, with_foreign=True)
        add("--id", ",".join(options["ids"]), selection.passing(selection.has_id(ids)))
    if options["statuses"]:
        text = ",".join(options["statuses"])
        add("--status", text, selection.passing(selection.has_status(text)))
    for text in options["tags"]:
        add("--tag", text, selection.passing(selection.has_tag(text)))
    for text in options["researches"]:
        add("--research", text, selection.passing(selection.of_research(text)))
    if options["since"] is not None:
        test = selection.started_since(options["since"], now)
        add("--since", options["since"], selection.passing(test))
    if options["until"] is not None:
        test = selection.started_until(options["until"], now)
        add("--until", options["until"], selection.passing(test))
    for text in options["commits"]:
        add("--commit", text, selection.passing(_at_commit(text, place, records)))
    for text in options["conditions"]:
        add("--where", text, _limited(f"--where {text!r}", selection.meeting(text, now)))
    for text in options["filters"]:
        add("--filter", text, _limited(f"--filter {text!r}", selection.filtered(text, now)))
    return found


def _limited(what: str, criterion: Criterion) -> Criterion:
    from meticulous.cli.time_limit import time_limit

    def keep(candidates: Candidates, positions: list[int]) -> list[int]:
        with time_limit(_PATIENCE + _PATIENCE_EACH * len(candidates.records), what):
            return criterion(candidates, positions)

    return keep


def _at_commit(revision: str, place: str, records: list[Record]) -> Callable[[Record], bool]:
    from meticulous.cli.commits import commits_meant
    from meticulous.reader.choosing.selection import at_commits, commits_of

    recorded = (sha for record in records for sha in commits_of(record))
    return at_commits(commits_meant(revision, (place, os.getcwd()), recorded))
