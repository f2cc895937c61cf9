"""Filters in pandas' query language, on dotted names: `args.lr > 0.01 and summary.loss < 2`."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from meticulous.errors import InvalidQueryError
from meticulous.reader.choosing.names import Spelling, spell_out
from meticulous.reader.choosing.operands import Operand
from meticulous.reader.choosing.rewriting import rewrite
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import ID, Table
from meticulous.reader.wording import visible


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter, understood but not yet applied.

    Attributes:
        text: It as it was written.
        expression: It in pandas' query language, over the names of `operands`.
        operands: What each name in the expression stands for.
    """

    text: str
    expression: str
    operands: dict[str, Operand]

    def matching(self, table: Table) -> list[bool]:
        """Say of each row whether the filter is met.

        A value that an experiment does not have meets no comparison with a number or text, and a
        value of another type meets no comparison of order; see `passed_over`.

        Raises:
            InvalidQueryError: The values of a column cannot be compared as the filter asks.
        """
        if not table.ids:
            return []
        from meticulous.reader.frame import matching, to_frame

        self.passed_over(table)
        columns = {name: operand.values(table) for name, operand in self.operands.items()}
        texts = [name for name, values in columns.items() if _is_text(values)]
        for name in texts:
            columns[name] = [_encodable(value) for value in columns[name]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # An id may hold what pandas' text cannot.
            frame = to_frame(Table([str(row) for row in range(len(table))], columns))
            # Unlike categories it has an order, and unlike objects it knows missing values.
            frame = frame.astype(dict.fromkeys(texts, "string[python]"))
            try:
                return matching(frame, self.expression)
            except Exception as error:  # pandas raises whatever its operations happen to raise
                raise InvalidQueryError(self._explain(error, table)) from error

    def passed_over(self, table: Table) -> str:
        """Return in a sentence whose values were not compared for their type; "" when none were.

        Raises:
            InvalidQueryError: None of a column's values can be compared as the filter asks.
        """
        found: dict[str, list[str]] = {}
        try:
            for operand in self.operands.values():
                rows = operand.passed_over(table)
                if rows:
                    found[operand.column] = [table.ids[row] for row in rows]
        except TypeError as error:
            raise InvalidQueryError(self._explain(error, table)) from error
        parts = [f"{visible(name)} in {_ids(ids)}" for name, ids in found.items()]
        if not parts:
            return ""
        return f"The filter {self.text!r} passes over values of another type: {', '.join(parts)}."

    def _explain(self, error: Exception, table: Table) -> str:
        kinds = [
            described
            for name in dict.fromkeys(operand.column for operand in self.operands.values())
            if (described := describe_kinds(name, table))
        ]
        said = str(error).partition("\n")[0]
        return (
            f"The filter {self.text!r} cannot be applied: {said or type(error).__name__}. "
            f"{'. '.join(kinds)}. A condition (--where) passes over values of another type."
        )


def parse_filter(text: str, columns: Collection[str], now: datetime | None = None) -> Filter:
    """Understand a filter.

    Args:
        text: A comparison, or several with and, or, not and parentheses. Columns are named in
            full (`args.lr`), or without their part where only one can be meant (`lr`); a name with
            other characters than letters, digits, dots and _ stands in backticks. Text stands in
            quotes. `start` and `end` are compared with times as `parse_moment` reads them,
            `duration` with seconds or a length of time such as '2h', `id` with numbers or text;
            `'word' in tags` looks into lists and text.
        columns: The names there are.
        now: The present, with its offset from UTC; by default the clock is asked.

    Raises:
        InvalidQueryError: The filter is none; the message says what is wrong with it.
        UnknownColumnError: It has a name that no column has; the message has the nearest ones.
    """
    spelling = spell_out(text, [ID, *columns])
    tree = _parse(text, spelling)
    expression, operands = rewrite(text, tree, spelling.columns, now or datetime.now().astimezone())
    return Filter(text, expression, operands)


def _parse(text: str, spelling: Spelling) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of code that looks odd
            return ast.parse(spelling.text, mode="eval").body
    except SyntaxError as error:
        hint = " Values are compared with ==." if spelling.has_lone_equals else ""
        raise InvalidQueryError(
            f"The filter {text!r} cannot be understood: {error.msg}.{hint} "
            "Write it such as \"args.lr > 0.01 and status == 'SUCCESS'\"."
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InvalidQueryError(
            f"The filter {text[:200]!r} cannot be understood: {error}. Write a shorter one."
        ) from None


_KINDS: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("true or false", lambda value: isinstance(value, bool)),
    ("a number", lambda value: isinstance(value, int | float)),
    ("text", lambda value: isinstance(value, str)),
    ("a time", lambda value: isinstance(value, datetime)),
    ("a list", lambda value: isinstance(value, list)),
    ("another value", lambda value: value is not None and value is not MISSING),
)


def _encodable(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _is_text(values: list[Any]) -> bool:
    kinds = {type(value) for value in values if value is not MISSING}
    return kinds == {str}


def describe_kinds(name: str, table: Table) -> str:
    """Return in a sentence of what kinds the values of a column are; "" when it has none."""
    values = table.column(name) if name == ID or name in table.columns else []
    holders: dict[str, list[str]] = {}
    for experiment_id, value in zip(table.ids, values, strict=False):
        kind = next((kind for kind, fits in _KINDS if fits(value)), None)
        if kind is not None:
            holders.setdefault(kind, []).append(experiment_id)
    parts = [f"{kind} in {_ids(ids)}" for kind, ids in holders.items()]
    if len(parts) < 2:
        return f"{visible(name)} is {next(iter(holders))}" if parts else ""
    return f"{visible(name)} is {', '.join(parts)}"


def _ids(ids: list[str]) -> str:
    if len(ids) > 3:
        return f"{len(ids)} experiments ({visible(', '.join(ids[:3]))}, ...)"
    return f"experiment{'s' if len(ids) > 1 else ''} {visible(', '.join(ids))}"
