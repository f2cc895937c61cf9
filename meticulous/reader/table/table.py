"""Many experiments as columns: one flat dotted name for each fact, without pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from meticulous.reader.record import Record
from meticulous.reader.table.flattening import MISSING, flatten
from meticulous.reader.table.reasons import REASON, reason_line

ID = "id"
"""The name under which the ids can be asked for as if they were a column."""

PARTS = ("args", "default_args", "summary", "metadata")
"""The parts of a record whose values become columns `PART.NAME`, in this order."""


def _known(value: Any) -> Any:
    return MISSING if value is None else value


FACTS: dict[str, Callable[[Record], Any]] = {
    "status": lambda record: record.status,
    "start": lambda record: _known(record.start),
    "end": lambda record: _known(record.end),
    "duration": lambda record: _known(record.duration),
    "description": lambda record: record.description,
    "tags": lambda record: record.tags,
    "directory": lambda record: str(record.directory),
    REASON: lambda record: reason_line(record.status, record.reason, record.cause),
    "cause": lambda record: _known(record.cause),
    "problems": lambda record: record.problems,
}
"""The columns that every table has, in this order, and how a record gives their values."""


@dataclass(frozen=True, slots=True)
class Table:
    """Experiments side by side.

    Attributes:
        ids: The ids, one a row.
        columns: Under each name one value a row, MISSING where the experiment has no such value;
            null in JSON is None. First come the columns of `FACTS`, then the arguments and so on
            as `args.NAME`, `default_args.NAME`, `summary.NAME` and `metadata.NAME`, where objects
            in objects are flattened with dots.
    """

    ids: list[str]
    columns: Mapping[str, list[Any]]

    def __len__(self) -> int:
        return len(self.ids)

    def column(self, name: str) -> list[Any]:
        """Return a column, or the ids under the name `id`.

        Raises:
            KeyError: There is no such column.
        """
        return self.columns[name] if name != ID else list(self.ids)

    def take(self, rows: Sequence[int]) -> Table:
        """Return a table of the rows at these positions, in this order, with all columns."""
        if not rows:
            return Table([], {name: [] for name in self.columns})
        if len(rows) == 1:
            return Table(
                [self.ids[rows[0]]],
                {name: [values[rows[0]]] for name, values in self.columns.items()},
            )
        pick = itemgetter(*rows)
        columns = {name: list(pick(values)) for name, values in self.columns.items()}
        return Table(list(pick(self.ids)), columns)


def make_table(records: Iterable[Record]) -> Table:
    """Return the records as a table, one row each, in their order."""
    records = list(records)
    columns = {name: [fact(record) for record in records] for name, fact in FACTS.items()}
    for part in PARTS:
        columns.update(_spread([flatten(getattr(record, part), part) for record in records]))
    return Table([record.id for record in records], columns)


def _spread(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return flat rows as columns, in the order in which their names first occur."""
    columns: dict[str, list[Any]] = {}
    for number, row in enumerate(rows):
        for name, value in row.items():
            column = columns.get(name)
            if column is None:
                column = columns[name] = [MISSING] * len(rows)
            column[number] = value
    return columns
