"""Which arguments are worth a column: those that tell experiments apart, or from defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from meticulous.errors import InvalidOptionError
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.sameness import is_same
from meticulous.reader.table.table import Table

CHOICES = ("none", "changed", "non-default", "all")

_PREFIX = "args."


def args_columns(table: Table, choice: str) -> list[str]:
    """Return the columns of arguments that a choice stands for, in the order of the table.

    Args:
        table: The experiments.
        choice: "none"; "changed" for those that differ between the experiments (of a single one,
            as "non-default"); "non-default" for those that differ from their default in any
            experiment; or "all".

    Raises:
        InvalidOptionError: The choice is none of these.
    """
    if choice not in CHOICES:
        raise InvalidOptionError(
            f"args={choice!r} is not known; choose one of {', '.join(map(repr, CHOICES))}."
        )
    names = [name for name in table.columns if name.startswith(_PREFIX)]
    if choice == "none":
        return []
    if choice == "all":
        return names
    if choice == "changed" and len(table) != 1:
        return [name for name in names if _differs(table.columns[name])]
    return [name for name in names if _is_non_default(table, name)]


def rows_of_default(table: Table, names: Iterable[str]) -> dict[str, list[bool]]:
    """Return for arguments that have a default in which rows they are what it is."""
    return {
        name: [same for _, same in _pairs(table, name, table.columns[f"default_{name}"])]
        for name in names
        if name.startswith(_PREFIX) and f"default_{name}" in table.columns
    }


def _differs(values: list[Any]) -> bool:
    first = values[0] if values else MISSING
    return any(not is_same(value, first) for value in values)


def _is_non_default(table: Table, name: str) -> bool:
    defaults = table.columns.get(f"default_{name}")
    if defaults is None:
        return True
    return any(value is not MISSING and not same for value, same in _pairs(table, name, defaults))


def _pairs(table: Table, name: str, defaults: list[Any]) -> Iterator[tuple[Any, bool]]:
    for value, default in zip(table.columns[name], defaults, strict=True):
        yield value, is_same(value, default)
