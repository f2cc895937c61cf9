"""The commands of two experiments: as shell lines, and whether their arguments say it all."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from meticulous.reader.table.flattening import flatten

if TYPE_CHECKING:
    from meticulous.reader.comparing.comparison import Comparison
    from meticulous.reader.record import Record


def shell_line(command: Any) -> str:
    """Return a recorded command, a list of words or one text, as it would be typed in a shell."""
    return shlex.join(map(str, command)) if isinstance(command, list) else str(command)


def said_by_args(comparison: Comparison) -> bool:
    """Say whether two commands differ in nothing but words that give arguments.

    Where no arguments differ, or were not compared, the commands are all there is to be told.
    """
    if not comparison.sections.get("args"):
        return False
    one, other = (_command(record) for record in (comparison.a, comparison.b))
    if one is None or other is None:
        return False
    return list(_others(one, comparison.a)) == list(_others(other, comparison.b))


def _command(record: Record) -> list[str] | None:
    command = record.metadata.get("original-command") or record.metadata.get("command")
    return list(map(str, command)) if isinstance(command, list) else None


def _others(words: list[str], record: Record) -> Iterator[str]:
    """Yield the words that give no argument: neither a name, nor a value, nor both."""
    names: set[str] = set()
    values: set[str | float] = set()
    for name, value in flatten(record.args).items():
        names.add(_plain_name(name))
        for item in value if isinstance(value, list) else [value]:
            values.add(str(item))
            values.update(_numbers(str(item)))
    for word in words:
        name, equals, _ = word.partition("=")
        is_name = (equals or word.startswith("-")) and _plain_name(name) in names
        if not is_name and word not in values and not values.intersection(_numbers(word)):
            yield word


def _plain_name(word: str) -> str:
    return word.lstrip("-+").replace("-", "_").removeprefix("no_")


def _numbers(word: str) -> Iterator[float]:
    try:
        yield float(word)
    except ValueError:
        return
