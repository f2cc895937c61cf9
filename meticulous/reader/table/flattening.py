"""Nested JSON objects as flat dotted names, one for each value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import chain
from typing import Any, Final

from meticulous.folder.encoding import encode_line


class _Missing(Enum):
    """The type of `MISSING`: an enumeration, so that it stays itself when pickled or copied."""

    MISSING = "MISSING"

    def __repr__(self) -> str:
        return self.value

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing.MISSING
"""Stands for a value that an experiment does not have; null in JSON is None."""

_DEEPEST = 100
"""Levels of nesting that any program can follow without running out of its stack."""

_MARKS = ({"__repr__", "__type__"}, {"__bytes__"}, {"__omitted__"})
"""The keys of an object that stands for one value which JSON does not know."""


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested objects under flat names: `{"a": {"b": 1}}` is `{"a.b": 1}`.

    Lists, empty objects, and the objects that stand in a record for a value that JSON does not know
    stay one value each. Of several values whose flat names are the same all are kept: the second
    gets the suffix `#2`, the third `#3`.

    Args:
        values: The outermost object.
        prefix: What every name begins with; a dot is put behind it unless it is empty.
    """
    flat: dict[str, Any] = {}
    for path, value in leaves(values):
        name = unique_name(".".join((prefix, *path) if prefix else path), flat)
        flat[name] = value
    return flat


def leaves(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Return each value that is no further object, with the keys that lead to it."""
    # Not recursive, since a document may be nested deeper than Python's stack.
    waiting: list[Iterator[tuple[str, Any]]] = [iter(values.items())]
    path: list[str] = []
    while waiting:
        for key, value in waiting[-1]:
            if isinstance(value, dict) and is_nested(value):
                path.append(key)
                waiting.append(iter(value.items()))
                break
            yield (*path, key), value
        else:
            waiting.pop()
            if path:
                path.pop()


def is_nested(value: dict[str, Any]) -> bool:
    """Say whether an object is flattened; the others stay one value."""
    return bool(value) and (len(value) > 2 or value.keys() not in _MARKS)


def unique_name(name: str, taken: Mapping[str, Any]) -> str:
    """Return the name, or if it is taken the first of `NAME#2`, `NAME#3`... that is not."""
    if name not in taken:
        return name
    count = 2
    while f"{name}#{count}" in taken:
        count += 1
    return f"{name}#{count}"


def bounded(value: Any) -> Any:
    """Return the value, or its JSON text where it is nested too deeply to be copied or pickled."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(_DEEPEST):
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, dict | list)
        ]
        if not level:
            return value
    # One line: as an object with one value, without what stands around that.
    return encode_line({"": value}).decode()[4:-2]


def bounded_values(values: list[Any]) -> list[Any]:
    """Return the values, each as `bounded` returns it; fast where none is nested too deeply."""
    inner: list[Iterable[Any]] = [values]
    for _ in range(_DEEPEST + 1):
        if {dict, list}.isdisjoint(map(type, chain.from_iterable(inner))):
            return values
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        inner = [outer.values() if isinstance(outer, dict) else outer for outer in level]
    return [bounded(value) for value in values]
