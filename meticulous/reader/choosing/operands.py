"""What a name in a filter stands for: the values of a column, of the kind that is compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from meticulous.reader.choosing.kinds import ANY, ORDER, common_kind, of_kind
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import ID, Table


@dataclass(frozen=True, slots=True)
class Operand:
    """What a name in a rewritten filter stands for.

    Attributes:
        column: The column.
        convert: What is made of each of its values that is there.
        kind: What it is compared as; a value of another kind counts as one that is not there.
        rivals: The columns that it is compared with, where that decides on the kind.
        is_presence: Whether it stands for the answer whether there is a value.
    """

    column: str
    convert: Callable[[Any], Any] | None = None
    kind: str = ANY
    rivals: tuple[str, ...] = ()
    is_presence: bool = False

    def values(self, table: Table) -> list[Any]:
        """Return its value of each row; null counts as a value that is not there."""
        values = self._of_kind(self._converted(table), table)
        return [value is not MISSING for value in values] if self.is_presence else values

    def passed_over(self, table: Table) -> list[int]:
        """Return the rows whose value is of another kind; an id that is no number is meant to be.

        Raises:
            TypeError: There is no value of its kind, but there are others.
        """
        if self.is_presence or self.column == ID:
            return []
        before = self._converted(table)
        after = self._of_kind(before, table)
        rows = [row for row, value in enumerate(after) if value is not before[row] is not MISSING]
        rows = [row for row in rows if after[row] is MISSING]
        if rows and all(value is MISSING for value in after):
            raise TypeError(f"no value is a {self._kind(table)}")
        return rows

    def _converted(self, table: Table) -> list[Any]:
        if self.column != ID and self.column not in table.columns:
            return [MISSING] * len(table)
        values = [MISSING if value is None else value for value in table.column(self.column)]
        if self.convert is not None:
            values = [value if value is MISSING else self.convert(value) for value in values]
        return values

    def _of_kind(self, values: list[Any], table: Table) -> list[Any]:
        return of_kind(values, self._kind(table), is_id=self.column == ID)

    def _kind(self, table: Table) -> str:
        if self.kind != ORDER:
            return self.kind
        return common_kind(replace(self, column=name)._converted(table) for name in self.rivals)
