"""Which columns of which rows are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from meticulous.cli.wording import visible
from meticulous.errors import InvalidQueryError
from meticulous.folder.status import REGISTERED
from meticulous.reader.program import PROGRAM
from meticulous.reader.progress import PROGRESS
from meticulous.reader.table.argument_columns import args_columns, rows_of_default
from meticulous.reader.table.columns import candidates, find_columns, resolve
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.grouping import STATISTICS, USUAL, group
from meticulous.reader.table.ordering import sorted_rows
from meticulous.reader.table.reasons import REASON
from meticulous.reader.table.sameness import is_numeric
from meticulous.reader.table.table import ID, Table

_FACTS = ("status", "start", "duration")
_ALL_FACTS = ("status", "start", "end", "duration", PROGRAM)
_NAME = "metadata.name"
_REPRODUCTIONS = ("metadata.reproduces", "metadata.verdict")
_REMARKS = (REASON, "description", "tags", "problems")


_USUAL_DIGITS = 6
_STATISTIC_DIGITS = 4


@dataclass(frozen=True, slots=True)
class View:
    """What is shown.

    Attributes:
        columns: One value a row under each name, in the order in which they are shown.
        is_usual: Whether they are those that a list shows unless it is told otherwise, which may
            be folded together where there is no room.
        keys: The columns by which rows are told apart.
        is_grouped: Whether each row is a group, and all columns but the keys are statistics.
        is_default: Under the names of arguments, of which rows they are what they are by default;
            where they are folded together these are not repeated.
    """

    columns: dict[str, list[Any]]
    is_usual: bool = False
    keys: tuple[str, ...] = ()
    is_grouped: bool = False
    is_default: Mapping[str, list[bool]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def ordered(self, keys: Sequence[str]) -> View:
        """Return it with the rows in another order; see `sorted_rows`.

        In a view of groups the name of a column means the first of its statistics.
        """
        if self.is_grouped:
            keys = [_statistic_meant(key, self.columns) for key in keys]
        return self.take(sorted_rows(self.columns, keys))

    def take(self, rows: Sequence[int]) -> View:
        """Return it with some of its rows."""
        columns = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        known = {name: [same[row] for row in rows] for name, same in self.is_default.items()}
        return replace(self, columns=columns, is_default=known)

    def without(self, name: str) -> View:
        """Return it without a column."""
        columns = {other: values for other, values in self.columns.items() if other != name}
        return replace(self, columns=columns, keys=tuple(key for key in self.keys if key != name))

    def digits(self, name: str) -> int:
        """Return how many significant digits the numbers of a column have unless told otherwise."""
        return _STATISTIC_DIGITS if self.is_grouped and name not in self.keys else _USUAL_DIGITS


def everything(table: Table) -> dict[str, list[Any]]:
    """Return all columns of a table, the ids first."""
    return {ID: list(table.ids), **table.columns}


def usual_view(table: Table, args: str, *, is_data: bool) -> View:
    """Return the columns of a list that was told nothing about them.

    Args:
        table: The rows.
        args: Which arguments: see `args_columns`.
        is_data: Whether programs will read it, so that columns do not come and go.
    """
    names = [*(_ALL_FACTS if is_data else _FACTS)]
    if not is_data and len(set(map(str, table.columns[PROGRAM]))) > 1:
        names.append(PROGRAM)
    names += [name for name in args_columns(table, args) if _is_held(table.columns[name])]
    names += [
        name
        for name, values in table.columns.items()
        if name.startswith("summary.") and _is_held(values)
    ]
    if not is_data:
        if REGISTERED in table.columns["status"] and _is_held(table.columns.get(_NAME, ())):
            names.append(_NAME)
        names += [name for name in _REPRODUCTIONS if _is_held(table.columns.get(name, ()))]
    names += [PROGRESS] if PROGRESS in table.columns else []
    names += [name for name in _REMARKS if is_data or any(table.columns[name])]
    columns = {ID: list(table.ids), **{name: table.columns[name] for name in names}}
    same = {} if args == "all" else rows_of_default(table, names)
    return View(columns, is_usual=True, keys=(ID,), is_default=same)


def chosen_view(table: Table, patterns: Sequence[str], args: Sequence[str] = ()) -> View:
    """Return the columns that patterns choose; the ids come first unless they are among them.

    Raises:
        UnknownColumnError: A pattern chooses nothing.
    """
    columns = everything(table)
    names = [*find_columns(patterns, list(columns)), *args]
    if ID not in names:
        names.insert(0, ID)
    return View({name: columns[name] for name in names}, keys=(ID,))


def grouped_view(
    table: Table, by: Sequence[str], patterns: Sequence[str], statistics: Sequence[str]
) -> View:
    """Return one row for each group, with statistics of numbers.

    Args:
        table: The rows.
        by: The columns whose values make a group.
        patterns: The columns of which statistics are computed; by default those of the summary,
            and the duration.
        statistics: Which; the usual ones by default.

    Raises:
        UnknownColumnError: A column is unknown, or could be several.
    """
    columns = everything(table)
    names = list(dict.fromkeys(resolve(name, columns) for name in by))
    numbers = find_columns(patterns, list(columns)) if patterns else _numbers(columns)
    wanted = [name for name in numbers if name not in names]
    for pattern in patterns:
        _refuse_without_numbers(pattern, columns)
    grouped = group(columns, names, wanted, statistics or USUAL)
    return View(grouped, keys=tuple(names), is_grouped=True).ordered(names)


def _refuse_without_numbers(pattern: str, columns: Mapping[str, list[Any]]) -> None:
    found = find_columns([pattern], list(columns))
    if not any(is_numeric(value) for name in found for value in columns[name]):
        has = f"{visible(found[0])} has" if len(found) == 1 else f"the columns {pattern!r} have"
        raise InvalidQueryError(
            f"There are no statistics of {pattern!r}: {has} no numbers. Name columns of numbers "
            "with --columns; those with text can be named with --group-by."
        )


def _statistic_meant(key: str, columns: Mapping[str, list[Any]]) -> str:
    """Return what a key to sort groups by means in full, where it leaves out the statistic."""
    sign, name = ("-", key[1:]) if key.startswith("-") and key not in columns else ("", key)
    if name in columns or candidates(name, columns):
        return key
    summed = dict.fromkeys(
        column.rpartition(".")[0] for column in columns if column.rpartition(".")[2] in STATISTICS
    )
    others = [column for column in columns if column.rpartition(".")[0] not in summed]
    full = resolve(name, [*summed, *others])
    statistics = [column for column in columns if column.rpartition(".")[0] == full]
    return f"{sign}{statistics[0]}" if statistics else key


def _is_held(values: Sequence[Any]) -> bool:
    """Say whether any row has a value: the table may be a part of a larger one."""
    return any(value is not MISSING for value in values)


def _numbers(columns: Mapping[str, list[Any]]) -> list[str]:
    results = [
        name
        for name, values in columns.items()
        if name.startswith("summary.") and any(map(is_numeric, values))
    ]
    return [*results, "duration"]


def is_blank(view: View) -> bool:
    """Say whether nothing at all could be read of any row."""
    if not len(view) or not all(view.columns.get("problems", [False])):
        return False
    facts = [name for name in view.columns if name not in (ID, "status", "problems")]
    statuses = view.columns.get("status", [])
    return all(status == "UNKNOWN" for status in statuses) and all(
        value in (MISSING, None, "", []) for name in facts for value in view.columns[name]
    )
