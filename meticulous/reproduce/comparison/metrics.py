"""Compare two metrics.jsonl step by step, line after line, never holding more than a little."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, BinaryIO

from orjson import JSONDecodeError, loads

from meticulous.errors import UnreadableRecordError
from meticulous.folder import layout
from meticulous.folder.encoding import decode_document, revive_numbers
from meticulous.reader.files import Files
from meticulous.reader.series.metrics import STEP, TIME
from meticulous.reader.table.flattening import flatten
from meticulous.reader.wording import count_text, value_text
from meticulous.reproduce.comparison.attempts import Superseded, starts_of
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tally, weighed
from meticulous.reproduce.comparison.tolerance import Tolerances
from meticulous.reproduce.comparison.values import compare_leaves
from meticulous.reproduce.verdict import UNKNOWN, Finding

WAITING = 100_000
"""Values that wait for the same step of the other run at most; beyond, the oldest has none."""

LONGEST_LINE = 16 * 2**20
"""Bytes; a longer line is no line of metrics."""

_PLAIN = frozenset({int, float, bool, type(None)})
_LONG_INTEGER = 19


class _Log:
    """One of the two files, read row by row.

    Args:
        file: The file; None for none.
        superseded: Knows the rows that are passed over.

    Attributes:
        broken: How many lines could not be read.
        rows: How many rows were read.
    """

    def __init__(self, file: BinaryIO | None, superseded: Superseded | None = None) -> None:
        self._file = file
        self._superseded = superseded
        self._steps: dict[str, float] = {}
        self.broken = 0
        self.rows = 0

    def next_row(self) -> dict[str, Any] | None:
        """Return the next line's values and step without its time; None at the end."""
        while self._file is not None:
            line = self._file.readline(LONGEST_LINE)
            if not line:
                return None
            row = self._decode(line)
            if row is not None:
                if self._superseded is not None and self._superseded.holds(row):
                    continue
                row.pop(TIME, None)
                self.rows += 1
                return row
        return None

    def _decode(self, line: bytes) -> dict[str, Any] | None:
        row: Any = None
        try:
            row = loads(line)
        except JSONDecodeError:
            is_readable = False
        else:
            is_readable = type(row) is dict and not _may_hold_long_integer(row)
        if not is_readable:
            try:
                row = decode_document(line)
            except UnreadableRecordError:
                row = None
        if isinstance(row, dict):
            return row
        # A last line without an end was being written when its writer died.
        if line.strip() and line.endswith(b"\n"):
            self.broken += 1
        return None

    def points(self, row: dict[str, Any]) -> Iterator[tuple[str, float, Any]]:
        """Yield each value of a row under its name, with the step it belongs to."""
        step = row.pop(STEP, None)
        is_step = isinstance(step, int | float) and not isinstance(step, bool)
        revived = revive_numbers(row)
        for name, value in flatten(revived).items():
            if is_step:
                yield name, step, value
            else:
                self._steps[name] = number = self._steps.get(name, -1) + 1
                yield name, number, value


def _may_hold_long_integer(row: dict[str, Any]) -> bool:
    """Say whether orjson may have rounded an integer beyond 64 bits."""
    waiting: list[Any] = list(row.values())
    for value in waiting:  # which grows meanwhile
        kind = type(value)
        if kind is float and abs(value) >= 10**_LONG_INTEGER:
            return True
        if kind is dict:
            waiting += value.values()
        elif kind is list:
            waiting += value
    return False


class _Series:
    """What is known of one series so far: its tally, and points that wait for their like."""

    __slots__ = ("added", "first_step", "missing", "tally", "waiting")

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.waiting: tuple[deque[tuple[float, Any]], deque[tuple[float, Any]]] = deque(), deque()
        self.missing: list[float] = [0, 0.0]
        self.added: list[float] = [0, 0.0]


class _Comparison:
    """Both files side by side."""

    def __init__(self, tolerances: Tolerances, places: Places) -> None:
        self._tolerances = tolerances
        self._places = places
        self._in_waiting = 0
        self.series: dict[str, _Series] = {}
        self._alike: dict[tuple[str, ...], int] = {}

    def run(self, recorded: _Log, reproduced: _Log) -> None:
        logs = recorded, reproduced
        while True:
            row, other = logs[0].next_row(), logs[1].next_row()
            if row is None and other is None:
                break
            if self._is_same_row(row, other) or self._is_paired_row(row, other):
                continue
            for side, log, values in ((0, recorded, row), (1, reproduced, other)):
                for name, step, value in log.points(values) if values is not None else ():
                    self._take(side, name, step, value)
        for name in list(self.series):
            self._settle(name, at_end=True)
        for names, count in self._alike.items():
            for name in names:
                if name != STEP:
                    self._named(name).tally.same(count)

    def _is_same_row(self, row: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
        """Count two equal rows of plain numbers at once, where nothing waits and no doubt is."""
        if self._in_waiting or row != other or row is None or other is None or STEP not in row:
            return False
        kinds = list(map(type, row.values()))
        # 0 equals -0 and false, and a row may tell its names in another order.
        if not _PLAIN.issuperset(kinds) or kinds != list(map(type, other.values())):
            return False
        names = tuple(row)
        if names != tuple(other) or any(row[name] == 0 for name in names if name != STEP):
            return False
        self._alike[names] = self._alike.get(names, 0) + 1
        return True

    def _is_paired_row(self, row: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
        """Compare two rows of plain numbers with the same step and names; False if they are not."""
        if self._in_waiting or row is None or other is None or row.keys() != other.keys():
            return False
        step = row.get(STEP)
        if type(step) not in (int, float) or step != other[STEP]:
            return False
        if not _PLAIN.issuperset(map(type, row.values())):
            return False
        if not _PLAIN.issuperset(map(type, other.values())):
            return False
        place = f"step {value_text(step)}"
        for name, value in row.items():
            if name != STEP:
                compare_leaves(value, other[name], self._named(name).tally, place, self._places)
        return True

    def _named(self, name: str) -> _Series:
        found = self.series.get(name)
        if found is None:
            tally = Tally(self._tolerances.applied_to("metrics", name))
            found = self.series[name] = _Series(tally)
        return found

    def _take(self, side: int, name: str, step: float, value: Any) -> None:
        series = self._named(name)
        series.waiting[side].append((step, value))
        self._in_waiting += 1
        if series.waiting[1 - side]:
            self._settle(name)
        if self._in_waiting > WAITING:
            longest = max(self.series.values(), key=lambda one: max(map(len, one.waiting)))
            side = 0 if len(longest.waiting[0]) >= len(longest.waiting[1]) else 1
            # Many at once, for looking for the longest takes its time.
            for _ in range(1 + len(longest.waiting[side]) // 2):
                self._drop(longest, side)

    def _settle(self, name: str, at_end: bool = False) -> None:
        """Pair the points that wait on both sides; of two steps the smaller has no like."""
        series = self.series[name]
        left, right = series.waiting
        while left and right:
            (step, value), (other_step, other) = left[0], right[0]
            if step == other_step:
                left.popleft()
                right.popleft()
                self._in_waiting -= 2
                place = f"step {value_text(step)}"
                compare_leaves(value, other, series.tally, place, self._places)
            else:
                self._drop(series, 0 if step < other_step else 1)
        if at_end:
            for side, points in enumerate(series.waiting):
                while points:
                    self._drop(series, side)

    def _drop(self, series: _Series, side: int) -> None:
        """Count the oldest point that waits on a side as one that the other run does not have."""
        step, value = series.waiting[side].popleft()
        self._in_waiting -= 1
        counter = series.added if side else series.missing
        if not counter[0]:
            counter[1] = step
        counter[0] += 1
        recorded, reproduced = (None, value) if side else (value, None)
        series.tally.unequal(recorded, reproduced, f"step {value_text(step)}")


def compare_metrics(
    recorded: str, reproduced: str, tolerances: Tolerances, places: Places
) -> list[Finding]:
    """Compare what two runs logged; one finding for each series.

    The points of a series are paired by their steps, or in their order where they have none; the
    times at which they were logged are left out of account.

    Args:
        recorded: The folder of the recorded run.
        reproduced: The folder of its reproduction.
        tolerances: How far numbers may be off.
        places: Where both lie.
    """
    files = Files(recorded), Files(reproduced)
    opened = [one.open(layout.METRICS) for one in files]
    try:
        logs = _Log(opened[0], _superseded(recorded, opened[0])), _Log(opened[1])
        comparison = _Comparison(tolerances, places)
        comparison.run(*logs)
    except OSError as error:
        return [_unknown(f"cannot be read: {error.strerror or error}")]
    finally:
        for file in opened:
            if file is not None:
                file.close()
    findings = [_finding(name, series) for name, series in comparison.series.items()]
    problems = [problem for one in files for problem in one.problems]
    for whose, log in zip(("recorded", "reproduced"), logs, strict=True):
        if log.broken:
            problems.append(f"{count_text(log.broken, f'{whose} line')} cannot be read")
    return findings + [_unknown("; ".join(problems))] * bool(problems)


def _superseded(folder: str, file: BinaryIO | None) -> Superseded | None:
    """Return what knows the rows that a resumed run logged again; None for any other run."""
    found = Superseded(starts_of(folder))
    if file is None or not found.is_resumed:
        return None
    for line in iter(lambda: file.readline(LONGEST_LINE), b""):
        try:
            row = loads(line)
        except JSONDecodeError:
            continue
        if isinstance(row, dict):
            found.learn(row)
    file.seek(0)
    return found


def _finding(name: str, series: _Series) -> Finding:
    for counter, whose in ((series.missing, "missing"), (series.added, "added")):
        if counter[0]:
            first = value_text(counter[1])
            steps = count_text(int(counter[0]), "step")
            series.tally.remark(f"{steps} {whose}, from step {first} on")
    finding = series.tally.finding("metrics", name, "step")
    return weighed(finding, series.tally.applied, name)


def _unknown(remark: str) -> Finding:
    return Finding("metrics", layout.METRICS, UNKNOWN, remark=remark)
