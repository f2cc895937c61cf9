"""Conditions whose names are regular expressions: `1e-3 <= lr < 0.1`, `loss.* < 2`, `optimizer`.

They are parsed here and compared by type; nothing in them is ever carried out as code.
"""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from meticulous.errors import InvalidQueryError
from meticulous.folder.allocation import is_number
from meticulous.reader.choosing.kinds import number_in
from meticulous.reader.choosing.moments import parse_moment, parse_span
from meticulous.reader.table.columns import unknown
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import ID, Table

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_WORDS = {"true": True, "false": False, "none": None, "null": None}
_OPERATOR = re.compile("==|!=|<=|>=|=|<|>")
_LOGIC = re.compile(r"(?:^|\s)(and|or)(?=\s|$)")
_SPECIAL = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
_SEARCHED_FIRST = ("args", "summary")
_HOW_TO_WRITE = (
    'Write a name, a comparison such as "loss < 2", or two such as "1e-3 <= lr < 0.1"; '
    "several with and, or"
)


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it stands in a condition.

    Attributes:
        value: The value; text where nothing else can be meant.
        is_name: Whether it may as well be a name: it is neither a number nor in quotes.
    """

    value: Any
    is_name: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What must hold for each value whose name matches.

    Attributes:
        name: The regular expression, as it was written.
        pattern: The same, compiled; a name has to match as a whole.
        tests: Operators and the values on their right; empty where the value only has to exist.
    """

    name: str
    pattern: re.Pattern[str]
    tests: tuple[tuple[str, Any], ...]

    def columns(self, names: Collection[str]) -> list[str]:
        """Return the columns that are meant: by their full names, or without `args.`, `summary.`.

        Names in `metadata` and `default_args` count where no other matches.

        Raises:
            UnknownColumnError: There is none.
        """
        first = [name for name in names if _part(name) in ("", *_SEARCHED_FIRST)]
        for pool in (first, [name for name in names if name not in set(first)]):
            found = [name for name in pool if self._means(name)]
            if found:
                return found
        raise unknown(self.name, names)

    def _means(self, name: str) -> bool:
        if self.pattern.fullmatch(name):
            return True
        return bool(_part(name)) and bool(self.pattern.fullmatch(name.partition(".")[2]))


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, understood but not yet applied.

    Attributes:
        text: It as it was written.
        alternatives: Comparisons of which all must hold, in groups of which one is enough.
    """

    text: str
    alternatives: tuple[tuple[Comparison, ...], ...]

    def matching(
        self,
        table: Table,
        columns: Collection[str] | None = None,
        now: datetime | None = None,
    ) -> list[bool]:
        """Say of each row whether the condition is met.

        All values whose names match must meet a comparison; an experiment that has none does not.
        A value of another type than what it is compared with is different from it, and neither
        larger nor smaller.

        Args:
            table: The experiments.
            columns: The names there are, where the table is a part of a larger one.
            now: The present, with its offset from UTC, for times such as 2d.

        Raises:
            UnknownColumnError: No name matches.
            InvalidQueryError: A time is compared with what is none.
        """
        now = now or datetime.now().astimezone()
        names = [ID, *(table.columns if columns is None else columns)]
        answers = [False] * len(table)
        for comparisons in self.alternatives:
            held = [True] * len(table)
            for comparison in comparisons:
                found = [_values(table, name) for name in comparison.columns(names)]
                for row, values in enumerate(zip(*found, strict=True)):
                    held[row] = held[row] and _holds(values, comparison.tests, now)
            answers = [one or other for one, other in zip(answers, held, strict=True)]
        return answers


def parse_condition(text: str) -> Condition:
    """Understand a condition.

    Args:
        text: `NAME`, `NAME OPERATOR VALUE`, `VALUE OPERATOR NAME` or
            `VALUE OPERATOR NAME OPERATOR VALUE`; several joined by `and` and `or`, of which `and`
            binds closer. NAME is a regular expression for the whole name, in full (`args.lr`) or
            without its part (`lr`). Operators are ==, !=, <, <=, >, >=. VALUE is a number, true,
            false, none, or text, in quotes where it could be something else.

    Raises:
        InvalidQueryError: It is no condition.
    """
    alternatives: list[list[Comparison]] = [[]]
    for number, piece in enumerate(_split(text)):
        if number % 2:
            if piece == "or":
                alternatives.append([])
            continue
        alternatives[-1].append(_comparison(piece.strip(), text))
    return Condition(text, tuple(map(tuple, alternatives)))


def _split(text: str) -> list[str]:
    """Return what stands between `and` and `or`, and these words in between."""
    outside = _outside(text)
    pieces, start = [], 0
    for word in _LOGIC.finditer(text):
        if all(outside[word.start() : word.end()]):
            pieces += [text[start : word.start()], word[1]]
            start = word.end()
    return [*pieces, text[start:]]


def _outside(text: str) -> list[bool]:
    """Say of each character whether it stands outside of quotes, parentheses and brackets.

    A regular expression may hold `<`, `=` and spaces, but only inside parentheses and brackets.
    """
    outside, depth, quote, is_escaped = [], 0, "", False
    for character in text:
        if is_escaped:
            is_escaped = False
            outside.append(False)
        elif quote:
            outside.append(False)
            quote = "" if character == quote else quote
        elif character == "\\":
            is_escaped = True
            outside.append(False)
        elif character in "\"'`" and depth == 0:
            quote = character
            outside.append(False)
        else:
            depth += (character in "([") - (character in ")]" and depth > 0)
            outside.append(depth == 0 and character not in ")]")
    return outside


def _comparison(piece: str, text: str) -> Comparison:
    outside = _outside(piece)
    operators, terms, start = [], [], 0
    for found in _OPERATOR.finditer(piece):
        if all(outside[found.start() : found.end()]):
            operators.append(found[0])
            terms.append(piece[start : found.start()].strip())
            start = found.end()
    terms.append(piece[start:].strip())
    if not all(terms) or len(operators) > 2:
        raise _refusal(text, "a name or value is missing" if not all(terms) else "it is too long")
    values = [_literal(term) for term in terms]
    place = _place_of_name(values, terms, text)
    tests = [(found, values[place + 1].value) for found in operators[place : place + 1]]
    if place:
        before = operators[place - 1]
        tests.append((_MIRRORED.get(before, before), values[place - 1].value))
    return Comparison(terms[place], _pattern(terms[place], text), tuple(tests))


def _place_of_name(values: list[Literal], terms: list[str], text: str) -> int:
    """Return which term is the name: the only one, the middle one, else the first that can be."""
    if len(values) == 3:
        return 1
    for place, value in enumerate(values):
        if value.is_name:
            return place
    if len(values) == 1 and terms[0][0] not in "\"'":
        return 0  # a name made of digits
    raise _refusal(text, "it has values but no name")


def _literal(term: str) -> Literal:
    if len(term) > 1 and term[0] == term[-1] and term[0] in "\"'":
        return Literal(re.sub(r"\\(.)", r"\1", term[1:-1]), False)
    if term.startswith("`"):
        return Literal(term, True)
    word = term.lower()
    if word in _SPECIAL:
        return Literal(_SPECIAL[word], False)
    try:
        return Literal(int(term), False)
    except ValueError:
        pass
    try:
        return Literal(float(term), False)
    except ValueError:
        return Literal(_WORDS.get(word, term), word not in _WORDS)


def _pattern(name: str, text: str) -> re.Pattern[str]:
    if len(name) > 1 and name[0] == name[-1] == "`":
        return re.compile(re.escape(name[1:-1]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # re warns of what it may read differently one day
            return re.compile(name)
    except (re.error, OverflowError, RecursionError) as error:
        raise _refusal(text, f"{name!r} is no regular expression ({error})") from None


def _refusal(text: str, why: str) -> InvalidQueryError:
    return InvalidQueryError(
        f"The condition {text[:200]!r} cannot be understood: {why}. {_HOW_TO_WRITE}."
    )


def _part(name: str) -> str:
    part, dot, _ = name.partition(".")
    return part if dot else ""


def _values(table: Table, name: str) -> list[Any]:
    if name == ID:
        return [_Id(experiment_id) for experiment_id in table.ids]
    if name == "status" and name in table.columns:
        return [_Status(word) for word in table.columns[name]]
    return table.columns.get(name, [MISSING] * len(table))


class _Id(str):
    """An id: compared with a number it is one, if it can be."""

    __slots__ = ()


class _Status(str):
    """A status: compared with text, capitals do not matter."""

    __slots__ = ()


def _holds(values: Iterable[Any], tests: tuple[tuple[str, Any], ...], now: datetime) -> bool:
    present = [value for value in values if value is not MISSING]
    return bool(present) and all(
        _meets(value, word, wanted, now) for value in present for word, wanted in tests
    )


def _meets(value: Any, word: str, wanted: Any, now: datetime) -> bool:
    if isinstance(value, list) and not isinstance(wanted, list):
        # A list has what one of its items is.
        found = [_meets(item, "==" if word == "!=" else word, wanted, now) for item in value]
        return not any(found) if word == "!=" else any(found)
    value, wanted = _comparable(value, wanted, now)
    compare = _OPERATORS[word]
    if _kind(value) != _kind(wanted):
        return word == "!="
    if value is None:
        return compare is operator.eq
    try:
        return bool(compare(value, wanted))
    except TypeError:  # objects have no order
        return False


def _comparable(value: Any, wanted: Any, now: datetime) -> tuple[Any, Any]:
    if isinstance(value, datetime) and isinstance(wanted, str):
        return value, parse_moment(wanted, now)
    if (
        _kind(value) == "number"
        and isinstance(wanted, str)
        and (span := parse_span(wanted)) is not None
    ):
        return value, span.total_seconds()
    if (
        _kind(wanted) == "number"
        and type(value) is str
        and (number := number_in(value)) is not None
    ):
        return number, wanted
    if isinstance(value, _Status):
        return str(value), wanted.upper() if isinstance(wanted, str) else wanted
    if isinstance(value, _Id):
        is_counted = _kind(wanted) == "number" and is_number(value)
        return int(value) if is_counted else str(value), wanted
    return value, wanted


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__
