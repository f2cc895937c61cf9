"""Lay out many experiments: as a table, as short blocks where there is no room, as objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from meticulous.cli.rendering import STATUS_STYLES, aligned
from meticulous.cli.wording import (
    ABSENT,
    duration_text,
    minute_text,
    pairs_text,
    short_value,
    value_text,
    visible,
)
from meticulous.reader import Record

PROBLEM_MARK = "!"
"""Stands after the status of a record of which something cannot be read."""

_LEAST_ROOM = 24
"""Characters that a column of free text must at least have; with less, blocks are printed."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Attributes:
        title: Its heading.
        cells: One for each experiment, on one line.
        style: How rich shall print it.
        right: Whether it is aligned to the right.
        flexible: Whether its cells may be broken into several lines.
    """

    title: str
    cells: list[str]
    style: str = ""
    right: bool = False
    flexible: bool = False

    @property
    def width(self) -> int:
        """The characters that its longest cell takes."""
        return max(map(cell_len, (self.title, *self.cells)))

    @property
    def least_width(self) -> int:
        """The characters it needs at least."""
        return min(self.width, _LEAST_ROOM) if self.flexible else self.width


def as_objects(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return what the list shows, for programs."""
    return [
        {
            "id": record.id,
            "status": record.status,
            "start": record.start.isoformat() if record.start else None,
            "duration": record.duration,
            "args": record.args,
            "changed_args": record.changed_args,
            "summary": record.summary,
            "description": record.description,
            "tags": record.tags,
            "problems": record.problems,
            "directory": str(record.directory),
        }
        for record in records
    ]


def print_records(console: Console, records: Sequence[Record]) -> None:
    """Print the experiments, at least one, for a person or for a pipe."""
    if not console.is_terminal:
        columns = _layout(records, value_text)
        rows = [
            [column.title for column in columns],
            *(list(row) for row in zip(*(column.cells for column in columns), strict=True)),
        ]
        for line in aligned(rows, [column.right for column in columns]):
            click.echo(line)
        return
    for fold_args, fold_summary in ((False, False), (True, False), (True, True)):
        columns = _layout(records, short_value, fold_args, fold_summary)
        if _room(columns) <= console.width:
            console.print(_table(records, columns))
            return
    facts, details = _facts(records), _details(records)
    if _room(facts) + 2 + _LEAST_ROOM <= console.width:
        console.print(_table(records, facts, details))
    else:
        _print_blocks(console, records, details)


def _room(columns: Sequence[Column]) -> int:
    return sum(column.least_width + 2 for column in columns) - 2


def _layout(
    records: Sequence[Record],
    text: Callable[[Any], str],
    fold_args: bool = False,
    fold_summary: bool = False,
) -> list[Column]:
    args, summaries = _telling_args(records), [record.summary for record in records]
    columns = _facts(records)
    shared = {name for row in args for name in row} & {name for row in summaries for name in row}
    if fold_args:
        columns += _folded("args", [record.changed_args for record in records], args, "cyan")
    else:
        columns += _spread(args, text, "cyan", {name: f"args.{name}" for name in shared})
    if fold_summary:
        columns += _folded("summary", summaries, summaries, "")
    else:
        columns += _spread(summaries, text, "", {name: f"summary.{name}" for name in shared})
    remarks = {
        "description": [visible(record.description) for record in records],
        "tags": [visible(", ".join(record.tags)) for record in records],
    }
    for title, cells in remarks.items():
        if any(cells):
            filled = [cell or ABSENT for cell in cells]
            columns.append(Column(title, filled, style="dim", flexible=True))
    return columns


def _facts(records: Sequence[Record]) -> list[Column]:
    return [
        Column(
            "id",
            [visible(record.id) for record in records],
            style="bold",
            right=all(record.id.isdecimal() for record in records),
        ),
        Column(
            "status",
            [
                f"{record.status} {PROBLEM_MARK}" if record.problems else record.status
                for record in records
            ],
        ),
        Column("started", [_started(record) for record in records]),
        Column("duration", [_took(record) for record in records], right=True),
    ]


def _started(record: Record) -> str:
    return minute_text(record.start) if record.start else ABSENT


def _took(record: Record) -> str:
    return duration_text(record.duration) if record.duration is not None else ABSENT


def _telling_args(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return of each experiment the arguments that tell it from its defaults or from others."""
    changed = {
        name
        for record in records
        for name in record.changed_args
        if name in record.default_args or len(records) == 1
    }
    names = [
        name
        for name in dict.fromkeys(name for record in records for name in record.args)
        if name in changed or _differs(name, records)
    ]
    return [{name: r.args[name] for name in names if name in r.args} for r in records]


def _differs(name: str, records: Sequence[Record]) -> bool:
    holders = [record for record in records if name in record.args]
    if len({value_text(record.args[name]) for record in holders}) > 1:
        return True
    # Nobody knows its default; that only some have it is then all that can be said about it.
    has_default = any(name in record.default_args for record in holders)
    return not has_default and len(holders) < len(records)


def _spread(
    rows: list[dict[str, Any]], text: Callable[[Any], str], style: str, titles: dict[str, str]
) -> list[Column]:
    columns = []
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row[name] for row in rows if name in row]
        columns.append(
            Column(
                visible(titles.get(name, name)),
                [text(row[name]) if name in row else ABSENT for row in rows],
                style=style,
                right=all(isinstance(v, int | float) and not isinstance(v, bool) for v in values),
            )
        )
    return columns


def _folded(
    title: str, rows: list[dict[str, Any]], telling: list[dict[str, Any]], style: str
) -> list[Column]:
    cells = [
        pairs_text({name: row[name] for name in row if name in names}) or ABSENT
        for row, names in zip(rows, telling, strict=True)
    ]
    return [Column(title, cells, style=style, flexible=True)] if any(telling) else []


def _details(records: Sequence[Record]) -> list[Text]:
    """Return of each experiment everything but the facts, one kind a line."""
    details = []
    for record, telling in zip(records, _telling_args(records), strict=True):
        changed = {name: telling[name] for name in telling if name in record.changed_args}
        tags = f"[{', '.join(record.tags)}]" if record.tags else ""
        about = f"{record.description} {tags}".strip()
        lines = (
            Text(pairs_text(changed), "cyan"),
            Text(pairs_text(record.summary)),
            Text(visible(about), "dim"),
        )
        details.append(Text("\n").join(line for line in lines if line))
    return details


def _table(
    records: Sequence[Record], columns: Sequence[Column], details: Sequence[Text] | None = None
) -> Table:
    table = Table(
        box=SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False, header_style="dim"
    )
    for column in columns:
        table.add_column(
            Text(column.title),
            style=column.style,
            justify="right" if column.right else "left",
            no_wrap=not column.flexible,
            overflow="fold",
        )
    if details:
        table.add_column(Text("args, summary"), overflow="fold")
    for number, record in enumerate(records):
        cells = [_cell(column, number, record) for column in columns]
        table.add_row(*cells, *(details[number : number + 1] if details else ()))
    return table


def _cell(column: Column, number: int, record: Record) -> Text:
    cell = column.cells[number]
    if column.title == "status":
        return _status(record)
    return Text(cell, style="dim" if cell == ABSENT else "")


def _status(record: Record) -> Text:
    text = Text(record.status, style=STATUS_STYLES.get(record.status, ""))
    return text.append(f" {PROBLEM_MARK}", style="bold red") if record.problems else text


def _print_blocks(console: Console, records: Sequence[Record], details: Sequence[Text]) -> None:
    for record, detail in zip(records, details, strict=True):
        title = (visible(record.id), "bold"), " ", _status(record)
        when = f"{_started(record)} {_took(record)}"
        console.print(Text.assemble(*title, " ", when, no_wrap=False), overflow="fold")
        if detail:
            console.print(Padding(detail, (0, 0, 0, 2)), overflow="fold")
