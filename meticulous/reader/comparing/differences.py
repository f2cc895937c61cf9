"""What differs between two sets of named values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from meticulous.reader.table.flattening import MISSING, flatten
from meticulous.reader.table.sameness import is_numeric, kinship

CHANGED = "changed"
ADDED = "added"
REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that two experiments do not share.

    Attributes:
        name: The value's name; of a nested one with dots.
        a: The value in the first experiment, MISSING when it has none.
        b: The value in the second, MISSING when it has none. Where no values are known but only
            that they differ, as of a changed file, both are MISSING.
        detail: What else is known of the difference; "" when nothing.
    """

    name: str
    a: Any
    b: Any
    detail: str = ""

    @property
    def kind(self) -> str:
        """Whether the value was changed, added (only the second has it) or removed."""
        if (self.a is MISSING) == (self.b is MISSING):
            return CHANGED
        return ADDED if self.a is MISSING else REMOVED

    @property
    def absolute(self) -> float | None:
        """The second number less the first; None unless both are finite numbers."""
        if not (_is_finite(self.a) and _is_finite(self.b)):
            return None
        change: float = self.b - self.a
        return change if math.isfinite(change) else None

    @property
    def relative(self) -> float | None:
        """The change as a fraction of the first number's size; None where there is none."""
        change = self.absolute
        if change is None or self.a == 0:
            return None
        relative: float = change / abs(self.a)
        return relative if math.isfinite(relative) else None


@dataclass(frozen=True, slots=True)
class Section:
    """One part of two records, compared.

    Attributes:
        name: One of `SECTIONS` of `meticulous.reader.comparing.comparison`.
        differences: What differs.
        same: How many values are the same.
        remarks: What is no difference and yet worth knowing.
        unknown: Why the part could not be compared, in one sentence; "" when it could.
    """

    name: str
    differences: list[Difference] = field(default_factory=list)
    same: int = 0
    remarks: list[str] = field(default_factory=list)
    unknown: str = ""

    def __bool__(self) -> bool:
        """Say whether something differs."""
        return bool(self.differences)


def compare_values(name: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Section:
    """Compare two JSON objects value by value, nested ones included.

    Numbers are the same when they are equal, 1 and 1.0 too, which a remark says; NaN is the same
    as NaN; true is not 1. Values that only one object has come after the others of the first.
    """
    flat_a, flat_b = flatten(a), flatten(b)
    section = Section(name)
    same, typed = 0, []
    for key in dict.fromkeys([*flat_a, *flat_b]):
        value_a, value_b = flat_a.get(key, MISSING), flat_b.get(key, MISSING)
        related = kinship(value_a, value_b)
        if related is None:
            section.differences.append(
                Difference(key, value_a, value_b, _list_change(value_a, value_b))
            )
            continue
        same += 1
        if not related:
            typed.append(key)
    remarks = [f"{', '.join(typed)}: the same number, once with and once without a decimal point"]
    return Section(name, section.differences, same, remarks if typed else [])


def _list_change(a: Any, b: Any) -> str:
    """Say what came and went in a list of texts, where its order is not the whole difference."""
    if not (_is_list_of_texts(a) and _is_list_of_texts(b)):
        return ""
    gone, come = [item for item in a if item not in b], [item for item in b if item not in a]
    return " ".join(_signed(gone, come)) or "the same entries in another order or number"


def _signed(gone: list[str], come: list[str]) -> Iterator[str]:
    yield from (f"-{item}" for item in gone)
    yield from (f"+{item}" for item in come)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_finite(value: Any) -> bool:
    return is_numeric(value) and math.isfinite(value)
