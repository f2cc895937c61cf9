"""Compare two JSON-like values, however nested, name by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meticulous.reader.table.flattening import MISSING
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tallies, Tally, weighed
from meticulous.reproduce.comparison.tolerance import Tolerances
from meticulous.reproduce.verdict import Finding

NAMES = 10_000
"""Names that are told apart; what lies deeper counts for the name above it."""

_LONGEST = 200
"""Characters of a name or place; what is nested deeper is counted under the one it has so far."""

_ADDED, _MISSING = "only the reproduction has it", "the reproduction does not have it"


def compare_summaries(
    recorded: dict[str, Any], reproduced: dict[str, Any], tolerances: Tolerances, places: Places
) -> list[Finding]:
    """Compare two summaries; one finding for each name, nested ones with dots."""
    tallies = Tallies("summary", tolerances)
    compare_values(recorded, reproduced, tallies, places)
    return [
        weighed(tally.finding("summary", name), tally.applied, name)
        for name, tally in tallies.by_name.items()
    ]


def compare_values(
    recorded: Any, reproduced: Any, tallies: Tallies, places: Places, origin: str = ""
) -> None:
    """Compare two values and count each pair in the tally of its name.

    The name of a value is made of the keys that lead to it; elements of a list count for the name
    of the list. Numbers are the same when they are equal, also 1 and 1.0, and NaN is the same as
    NaN; true is not 1; a text is also the same when it differs only in where the run lies, and
    agrees when it differs only in what it says of its own run, such as the time.

    Args:
        recorded: The value then.
        reproduced: The value now.
        tallies: What counts the pairs.
        places: Where the runs lie.
        origin: Said before the place of a difference, such as the line in a file.
    """
    # Not recursive, since a document may be nested deeper than Python's stack.
    waiting: list[tuple[str, str, Any, Any]] = [("", origin, recorded, reproduced)]
    while waiting:
        name, place, one, other = waiting.pop()
        if isinstance(one, dict) and isinstance(other, dict) and (one or other):
            waiting += reversed(list(_entries(name, place, one, other, tallies)))
        elif isinstance(one, list) and isinstance(other, list) and (one or other):
            if len(one) != len(other):
                _count_lengths(tallies[name], len(one), len(other), place)
            pairs = list(zip(one, other, strict=False))
            if _are_numbers(one) and _are_numbers(other):
                _compare_numbers(tallies[name], pairs, place, places)
            else:
                places_of = _places(place, len(pairs))
                waiting += reversed(
                    [(name, at, a, b) for at, (a, b) in zip(places_of, pairs, strict=True)]
                )
        else:
            compare_leaves(one, other, tallies[name], place, places)


def _places(place: str, count: int) -> list[str]:
    if len(place) > _LONGEST:
        return [place] * count
    return [f"{place}[{at}]" for at in range(count)]


def _entries(
    name: str, place: str, one: dict[str, Any], other: dict[str, Any], tallies: Tallies
) -> Iterator[tuple[str, str, Any, Any]]:
    is_full = len(tallies.by_name) >= NAMES or len(name) > _LONGEST
    prefix = f"{name}." if name else ""
    # A place is only told where the name does not say it all: within lists.
    is_told = (bool(place) or is_full) and len(place) <= _LONGEST
    for key in dict.fromkeys([*one, *other]):
        inner = name if is_full else f"{prefix}{key}"
        where = f"{place}.{key}" if is_told else place
        yield inner, where, one.get(key, MISSING), other.get(key, MISSING)


def compare_leaves(one: Any, other: Any, tally: Tally, place: str, places: Places) -> None:
    """Compare two values that are not both objects or both lists."""
    if one is MISSING or other is MISSING:
        tally.remark(_ADDED if one is MISSING else _MISSING)
        tally.unequal(None if one is MISSING else one, None if other is MISSING else other, place)
        return
    if is_number(one) and is_number(other):
        if one != other and places.are_marks(one, other):
            tally.mark(one, other, place)
        else:
            tally.numbers(one, other, place)
    elif type(one) is not type(other):
        tally.remark(f"{_kind(other)} instead of {_kind(one)}")
        tally.unequal(one, other, place)
    elif one == other:
        tally.same(alike=(one, other))
    elif isinstance(one, str) and places.is_same(one, other):
        tally.same(alike=(one, other))
        tally.remark("the same but for the folder in its path")
    elif isinstance(one, str) and places.is_alike(one, other):
        tally.mark(one, other, place)
    else:
        tally.unequal(one, other, place)


def _count_lengths(tally: Tally, one: int, other: int, place: str) -> None:
    tally.remark(f"{other:,} elements instead of {one:,}")
    tally.unequal(f"{one} elements", f"{other} elements", place, abs(one - other))


def _are_numbers(values: list[Any]) -> bool:
    return set(map(type, values)) <= {int, float}


def _compare_numbers(
    tally: Tally, pairs: list[tuple[Any, Any]], place: str, places: Places
) -> None:
    for at, (one, other) in enumerate(pairs):
        if one == other and one != 0 and type(one) is type(other):
            tally.compared += 1
        else:
            compare_leaves(one, other, tally, f"{place}[{at}]", places)


def is_number(value: Any) -> bool:
    """Say whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "true or false", str: "a text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")
