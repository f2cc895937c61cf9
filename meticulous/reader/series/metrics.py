"""The series an experiment logged: metrics.jsonl as rows, and each name as one series."""

from __future__ import annotations

import difflib
import fnmatch
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from meticulous.errors import UnknownColumnError, UnreadableRecordError
from meticulous.folder import layout
from meticulous.folder.encoding import decode_document, decode_lines, revive_numbers
from meticulous.reader.files import Files
from meticulous.reader.table.flattening import MISSING, flatten, unique_name
from meticulous.reader.table.sameness import is_numeric

STEP = "step"
TIME = "time"
EXPID = "expid"
"""The column of ids in a table of several experiments' metrics."""

_NAMED_PROBLEMS = 3
"""Broken lines that are named one by one; the others are counted."""

_NAMED = 20
"""Names that an error message lists."""


@dataclass(frozen=True, slots=True)
class Series:
    """The values that were logged under one name, in the order in which they were logged.

    Attributes:
        name: The name, with dots where values were nested.
        steps: Where in the run each value belongs; the number of its line, counted from 0, where
            the step is missing or no number.
        times: When it was logged, in seconds since the epoch; None where that is unknown.
        values: The values; NaN and the infinities are floats.
    """

    name: str
    steps: list[float]
    times: list[float | None]
    values: list[Any]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class MetricsLog:
    """All that an experiment logged.

    Attributes:
        rows: One dict for each line, in the order of the file: names and values, `step` and `time`
            among them. Nested values have dotted names, NaN and the infinities are floats.
        problems: What could not be read, one sentence each.
    """

    rows: list[dict[str, Any]]
    problems: list[str]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> list[str]:
        """What was logged, in the order of its first appearance, without `step` and `time`."""
        found = dict.fromkeys(chain.from_iterable(self.rows))
        return [name for name in found if name not in (STEP, TIME)]

    def series(self, name: str) -> Series:
        """Return the values of one name; an empty series when there are none."""
        found = [(number, row) for number, row in enumerate(self.rows) if name in row]
        return Series(
            name,
            [_number(row.get(STEP), number) for number, row in found],
            [_number(row.get(TIME), None) for _, row in found],
            [row[name] for _, row in found],
        )


def read_metrics(directory: str | os.PathLike[str]) -> MetricsLog:
    """Read what an experiment logged; a folder without metrics.jsonl has logged nothing.

    A last line that is torn, since its writer died or is still writing, is left out without a
    word. Any other line that cannot be read costs only itself and is named in `problems`.

    Args:
        directory: The folder of the experiment.
    """
    files = Files(directory)
    content = files.read(layout.METRICS)
    lines = [] if content is None else _decode(files, content.data)
    return MetricsLog(_rows(lines), files.problems)


def _decode(files: Files, data: bytes) -> list[dict[str, Any]]:
    try:
        values = decode_lines(data)
    except UnreadableRecordError:
        values = _decode_each(files, data)
    if set(map(type, values)) <= {dict}:
        return values
    files.problems.append(f"{layout.METRICS} has lines that are not objects")
    return [value for value in values if type(value) is dict]


def _decode_each(files: Files, data: bytes) -> list[Any]:
    """Return the values of all lines that can be read, and note the others."""
    values, broken = [], 0
    *lines, torn = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values.append(decode_document(line))
        except UnreadableRecordError as error:
            broken += 1
            if broken <= _NAMED_PROBLEMS:
                files.problems.append(f"{layout.METRICS} has an unreadable line {number}: {error}")
    if broken > _NAMED_PROBLEMS:
        more = broken - _NAMED_PROBLEMS
        files.problems.append(f"{layout.METRICS} has {more} further unreadable lines")
    return [*values, *decode_lines(torn)]


def _rows(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kinds = set(map(type, chain.from_iterable(map(dict.values, lines))))
    if kinds.isdisjoint({str, list, dict}):
        return lines
    return [_row(line) for line in lines]


def _row(line: dict[str, Any]) -> dict[str, Any]:
    kinds = set(map(type, line.values()))
    if kinds.isdisjoint({str, list, dict}):
        return line
    revived: dict[str, Any] = revive_numbers(line)
    return flatten(revived, "") if dict in kinds else revived


def _number(value: Any, default: Any) -> Any:
    return value if is_numeric(value) else default


def long_columns(
    logs: Mapping[str, MetricsLog], names: Sequence[str] = (), with_ids: bool = True
) -> dict[str, list[Any]]:
    """Return what several experiments logged, one below the other, as columns of equal length.

    Args:
        logs: What each experiment logged, by its id.
        names: The names that are wanted; `*`, `?` and `[...]` stand for several, as in file names.
            Rows that hold none of them are left out. All by default.
        with_ids: Whether the first column is `expid`.

    Returns:
        `expid`, `step` and `time`, then the names; MISSING where a row has no such value.

    Raises:
        UnknownColumnError: None of the experiments has logged anything under one of the names.
    """
    known = list(dict.fromkeys(name for log in logs.values() for name in log.names))
    wanted = choose_names(names, known) if names else known
    chosen = set(wanted)
    ids: list[str] = []
    rows: list[dict[str, Any]] = []
    for experiment_id, log in logs.items():
        found = [row for row in log.rows if not chosen.isdisjoint(row)] if names else log.rows
        ids += [experiment_id] * len(found)
        rows += found
    columns = {EXPID: ids} if with_ids else {}
    for name in (STEP, TIME, *wanted):
        columns[unique_name(name, columns)] = [row.get(name, MISSING) for row in rows]
    return columns


def choose_names(names: Iterable[str], known: list[str]) -> list[str]:
    """Return the names that are meant, each once, without `step` and `time`, always there.

    Args:
        names: Names; `*`, `?` and `[...]` stand for several.
        known: The names there are.

    Raises:
        UnknownColumnError: One stands for none of those there are; the nearest are named.
    """
    found: list[str] = []
    for name in names:
        if name in (STEP, TIME):
            continue  # they are always there
        if not isinstance(name, str):
            raise UnknownColumnError(
                f"A metric has a text for its name, and {name!r} is none. {_named(known)}"
            )
        matching = [name] if name in known else fnmatch.filter(known, name)
        if not matching:
            nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            is_pattern = ", in which * and ? are wildcards" if {"*", "?"} & set(name) else ""
            hint = f"The nearest: {', '.join(nearest)}. " if nearest else ""
            raise UnknownColumnError(
                f"Nothing was logged under the name {name!r}{is_pattern}. {hint}{_named(known)}"
            )
        found += matching
    return list(dict.fromkeys(found))


def _named(known: list[str]) -> str:
    if not known:
        return "Nothing was logged at all; `experiment.log(loss=...)` does that."
    shown = ", ".join(known[:_NAMED]) + (", ..." if len(known) > _NAMED else "")
    return f"What was logged: {shown}."
