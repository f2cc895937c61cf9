"""Read the short form of a sweep: `lr=0.1,0.2 width=range(8,33,8) decay=log(1e-4,1e-1,4)`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation

from meticulous.sweep.tree import Choice, Mapping, Node, Scalar

_ENTRY = re.compile(r"([^\W\d][\w.-]*)=")
_IS_SHORT = re.compile(r"\s*[^\W\d][\w.-]*=")
_FUNCTION = re.compile(r"(range|lin|log)\(([^()]*)\)")

MOST_VALUES = 1_000_000
"""How many values one of the functions may stand for."""


def is_short_form(text: str) -> bool:
    """Say whether a sweep is written in the short form: it begins with `name=`."""
    return _IS_SHORT.match(text) is not None


def parse_short_form(text: str) -> Mapping:
    """Read `name=value,value` entries, parted by spaces.

    A value is what it would be in YAML, or a list or mapping in brackets, or one of

    - `range(stop)`, `range(start,stop)`, `range(start,stop,step)`: from start up to, and without,
      stop; of decimal numbers too, exactly;
    - `lin(first,last,count)`: that many numbers at equal distances, both ends included;
    - `log(first,last,count)`: that many numbers in equal ratios, both ends included.

    Raises:
        InvalidSweepError: The text cannot be read; points to the place.
    """
    from meticulous.sweep.grammar import mistake

    entries: dict[str, Node] = {}
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _ENTRY.match(text, at)
        if found is None:
            raise mistake(text, at, "name=value is expected; texts with spaces are quoted")
        if found[1] in entries:
            raise mistake(text, at, f"{found[1]!r} is given twice")
        at = found.end()
        options, at = _options(text, at)
        entries[found[1]] = options[0] if len(options) == 1 else Choice(tuple(options))
    return Mapping(entries)


def _options(text: str, at: int) -> tuple[list[Node], int]:
    options: list[Node] = []
    while True:
        function = _FUNCTION.match(text, at)
        if function is not None:
            options += _values(function, text)
            at = function.end()
        else:
            option, at = _value(text, at)
            options.append(option)
        if at >= len(text) or text[at].isspace():
            return options, at
        if text[at] not in ",|":
            from meticulous.sweep.grammar import mistake

            raise mistake(text, at, "a comma or a space is expected")
        at += 1


def _value(text: str, start: int) -> tuple[Node, int]:
    """Read one value, as the long form has it; it ends at a comma or space outside brackets."""
    from meticulous.sweep.grammar import mistake, parse_sweep

    at, depth, quote = start, 0, ""
    while at < len(text) and (quote or depth or not (text[at].isspace() or text[at] in ",|")):
        letter = text[at]
        if quote:
            at += letter == "\\" and quote == '"'
            quote = "" if letter == quote else quote
        elif letter in "'\"" and (at == start or text[at - 1] in "[{:, "):
            quote = letter
        elif letter in "[{(":
            depth += 1
        elif letter in "]})":
            depth -= 1
        at += 1
    if at == start:
        raise mistake(text, start, "a value is missing here; for no value write null")
    if quote or depth > 0:
        raise mistake(text, start, "a quote or bracket is not closed")
    return parse_sweep(f"{{value: {text[start:at]}}}").root.entries["value"], at


def _values(function: re.Match[str], text: str) -> list[Node]:
    from meticulous.sweep.grammar import mistake

    name, words = function[1], [word.strip() for word in function[2].split(",")]
    try:
        numbers = [Decimal(word) for word in words]
        finite = all(number.is_finite() for number in numbers)
    except InvalidOperation:
        finite = False
    if not finite:
        raise mistake(text, function.start(2), f"{name}(...) takes numbers, parted by commas")
    try:
        values = list(_FUNCTIONS[name](numbers))
    except ValueError as error:
        raise mistake(text, function.start(), str(error)) from None
    if name == "range" and all("." not in word and "e" not in word.lower() for word in words):
        return [Scalar(int(value)) for value in values]
    return [Scalar(float(value)) for value in values]


def _range(numbers: list[Decimal]) -> list[Decimal]:
    if len(numbers) > 3:
        raise ValueError("range takes one to three numbers: range(start,stop,step)")
    start, stop = (Decimal(0), numbers[0]) if len(numbers) == 1 else numbers[:2]
    step = numbers[2] if len(numbers) == 3 else Decimal(1)
    if step == 0:
        raise ValueError("the step of a range cannot be 0")
    count = _checked(math.ceil((stop - start) / step), "range")
    return [start + step * n for n in range(count)]


def _lin(numbers: list[Decimal]) -> list[float]:
    first, last, count = _ends_and_count("lin", numbers)
    if count == 1:
        return [float(first)]
    return [float(first + (last - first) * n / (count - 1)) for n in range(count)]


def _log(numbers: list[Decimal]) -> list[float]:
    first, last, count = _ends_and_count("log", numbers)
    if first * last <= 0:
        raise ValueError("log takes two numbers above 0, or two below")
    if count == 1:
        return [float(first)]
    ratio = (last / first).ln() / (count - 1)
    middle = [float(first * (ratio * n).exp()) for n in range(1, count - 1)]
    # Rounded, or a tenth would become 0.10000000000000002.
    return [float(first), *(float(f"{value:.12g}") for value in middle), float(last)]


def _ends_and_count(name: str, numbers: list[Decimal]) -> tuple[Decimal, Decimal, int]:
    if len(numbers) != 3 or numbers[2] != int(numbers[2]):
        raise ValueError(f"{name} takes three numbers: {name}(first,last,count)")
    return numbers[0], numbers[1], _checked(int(numbers[2]), name)


def _checked(count: int, name: str) -> int:
    if count < 1:
        raise ValueError(f"this {name} holds no value at all")
    if count > MOST_VALUES:
        raise ValueError(f"this {name} holds {count:,} values, more than {MOST_VALUES:,}")
    return count


_FUNCTIONS: dict[str, Callable[[list[Decimal]], Iterable[Decimal | float]]] = {
    "range": _range,
    "lin": _lin,
    "log": _log,
}
