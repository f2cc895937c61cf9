"""The alternatives of a sweep as a tree, and the points it stands for."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import typing


@dataclass(frozen=True, slots=True)
class Scalar:
    """One plain value."""

    value: Any

    def count(self) -> int:
        """Return how many values it stands for."""
        return 1

    def value_at(self, index: int) -> Any:
        """Return the value of this number; there is only one."""
        del index
        return self.value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several, as `1 | 2` says."""

    options: tuple[Node, ...]
    _ends: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # A range may stand for a million options, and each point asks for one of them.
        ends = itertools.accumulate(option.count() for option in self.options)
        object.__setattr__(self, "_ends", tuple(ends))

    def count(self) -> int:
        """Return how many values it stands for."""
        return self._ends[-1]

    def value_at(self, index: int) -> Any:
        """Return the value of this number, from 0, the options in their order."""
        place = bisect.bisect_right(self._ends, index)
        return self.options[place].value_at(index - (self._ends[place - 1] if place else 0))


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list; each of its items may have alternatives."""

    items: tuple[Node, ...]

    def count(self) -> int:
        """Return how many values it stands for."""
        return math.prod(item.count() for item in self.items)

    def value_at(self, index: int) -> list[Any]:
        """Return the value of this number, from 0, the first item changing slowest."""
        return _combination(self.items, index)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Named values; each of them may have alternatives."""

    entries: dict[str, Node]

    def count(self) -> int:
        """Return how many values it stands for."""
        return math.prod(node.count() for node in self.entries.values())

    def value_at(self, index: int) -> dict[str, Any]:
        """Return the value of this number, from 0, the first name changing slowest."""
        values = _combination(tuple(self.entries.values()), index)
        return dict(zip(self.entries, values, strict=True))


Node = Scalar | Choice | Sequence | Mapping


class AnyOf:
    """Alternatives, as a program writes them.

    Attributes:
        values: What is to be chosen from.
    """

    __slots__ = ("values",)

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values = values

    def __repr__(self) -> str:
        return f"any_of({', '.join(map(repr, self.values))})"


class Sweep:
    """The points of a sweep, in the order in which they are run, none of them kept.

    Args:
        root: The names that are swept over, with their alternatives.

    Attributes:
        count: The number of points, known without enumerating them.
    """

    def __init__(self, root: Mapping) -> None:
        self.root = root
        self.count = root.count()

    def __repr__(self) -> str:
        return f"<Sweep of {self.count} over {', '.join(self.names) or 'nothing'}>"

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the points, the first name changing slowest."""
        return map(self.root.value_at, range(self.count))

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return the point of this number, from 0."""
        return self.root.value_at(range(self.count)[index])

    @property
    def names(self) -> tuple[str, ...]:
        """The names that are swept over, or set to one value, in their order."""
        return tuple(self.root.entries)


def sweep_of(values: typing.Mapping[str, Any]) -> Sweep:
    """Return the sweep over names and values, in which `AnyOf` may stand at any depth."""
    return Sweep(Mapping({str(name): _node_of(value) for name, value in values.items()}))


def _node_of(value: Any) -> Node:
    if isinstance(value, AnyOf):
        return Choice(tuple(map(_node_of, value.values)))
    if isinstance(value, dict) and _has_alternatives(value):
        return Mapping({name: _node_of(inner) for name, inner in value.items()})
    if isinstance(value, list | tuple) and _has_alternatives(value):
        return Sequence(tuple(map(_node_of, value)))
    # As it is: a path, a date, a tuple need no text between.
    return Scalar(value)


def _has_alternatives(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_alternatives, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_alternatives, value))
    return isinstance(value, AnyOf)


def _combination(nodes: tuple[Node, ...], index: int) -> list[Any]:
    values = []
    for node in reversed(nodes):
        index, place = divmod(index, node.count())
        values.append(node.value_at(place))
    return values[::-1]
