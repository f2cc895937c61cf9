"""What a text says of the very run that wrote it: when it ran, its process, its temporary folder.

A time that lies within its run cannot be a result of the program; any other date may be one.
"""

from __future__ import annotations

import calendar
import functools
import math
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

TIME, PROCESS, TEMPORARY = "<time of the run>", "<process of the run>", "<temporary>"
"""What takes the place of a mark."""

_BEFORE = 300.0
"""Seconds before the start of the record in which its program may have looked at the clock."""

_AFTER = 5.0

_DAY = 86_400.0
_MONTHS = {name: number for number, name in enumerate(calendar.month_abbr) if name}
_MONTH = "|".join(_MONTHS)
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
_ZONE = r"(?: ?(?P<zone>Z|UTC|GMT|[-+]\d\d:?\d\d))?"
_DATES = [
    re.compile(pattern)
    for pattern in (
        r"(?<!\d)(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)[T_-](?P<hour>\d\d)[-_]?"
        rf"(?P<minute>\d\d)(?:[-_]?(?P<second>\d\d)(?:[._](?P<fraction>\d+))?)?{_ZONE}(?!\d)",
        rf"(?<!\d)(?P<year>\d{{4}})[-/](?P<month>\d\d)[-/](?P<day>\d\d)(?:[T _]{_CLOCK}{_ZONE})?"
        r"(?![\d:])",
        rf"(?P<month>{_MONTH}) +(?P<day>\d\d?) {_CLOCK}(?: [A-Z]{{3,4}})? (?P<year>\d{{4}})(?!\d)",
        rf"(?P<month>{_MONTH}) +(?P<day>\d\d?) {_CLOCK}(?![\d:]| \d{{4}})",
        rf"(?<!\d)(?P<day>\d\d?) (?P<month>{_MONTH}) (?P<year>\d{{4}}) {_CLOCK}{_ZONE}(?![\d:])",
    )
]
_TIME_OF_DAY = re.compile(r"(?<![\d:.])(?<!\d[T _])(\d\d):(\d\d):(\d\d)(?![\d:])(?:[.,]\d+)?")
_EPOCH = re.compile(r"(?<![^\W_])(?<!\.)(?:\d{10}(?:\.\d+)?|\d{13}|\d{16}|\d{19})(?![^\W_]|\.\d)")
_SCALES = (1.0, 1e3, 1e6, 1e9)
"""Ticks in a second of the clocks that count from 1970."""

_MOST = 1e20
"""Greater than the nanoseconds since 1970; also what is no number is not less than it."""

_SMALLEST_PROCESS = 100
"""A smaller number may well be a result, even if it is that of both processes."""


@dataclass(frozen=True, slots=True)
class OwnMarks:
    """When a run took place, and as which process.

    Attributes:
        start: Seconds since 1970.
        end: The same.
        offset: Seconds by which the local time of the run is ahead of UTC.
        pid: The number of its process; None when unknown.
    """

    start: float
    end: float
    offset: float = 0.0
    pid: int | None = None

    def replaced(self, text: str) -> str:
        """Return a text with general words for what it says of its own run."""
        if "/" in text:
            text = _temporary(tempfile.gettempdir()).sub(TEMPORARY, text)
        if not any(map(str.isdigit, text)):
            return text
        for pattern in _DATES:
            text = pattern.sub(self._date, text)
        text = _TIME_OF_DAY.sub(self._time_of_day, text)
        text = _EPOCH.sub(lambda found: self.mark_of(float(found[0])) or found[0], text)
        if self.pid is not None and self.pid >= _SMALLEST_PROCESS:
            text = re.sub(rf"(?<![^\W_])(?<!\.){self.pid}(?![^\W_]|\.\d)", PROCESS, text)
        return text

    def mark_of(self, number: float) -> str:
        """Return what a number tells of its own run; "" for nothing."""
        if self.pid is not None and number == self.pid and number >= _SMALLEST_PROCESS:
            return PROCESS
        if abs(number) < _MOST and any(self._holds(number / scale) for scale in _SCALES):
            return TIME
        return ""

    def _holds(self, moment: float, length: float = 0.0) -> bool:
        return moment <= self.end + _AFTER and moment + length >= self.start - _BEFORE

    def _date(self, found: re.Match[str]) -> str:
        parts = found.groupdict()
        month = parts["month"]
        try:
            moment = datetime(
                int(parts.get("year") or datetime.fromtimestamp(self.start, UTC).year),
                _MONTHS.get(month) or int(month),
                int(parts["day"]),
                int(parts["hour"] or 0),
                int(parts["minute"] or 0),
                int(parts["second"] or 0),
                tzinfo=UTC,
            )
        except ValueError:
            return found[0]
        lengths = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
        length = next((lengths[name] for name in lengths if parts.get(name)), _DAY)
        seconds = moment.timestamp()
        offsets = _offsets(parts.get("zone"), self.offset)
        return TIME if any(self._holds(seconds - one, length) for one in offsets) else found[0]

    def _time_of_day(self, found: re.Match[str]) -> str:
        hour, minute, second = map(int, found.groups())
        if self.end - self.start > _DAY / 2:
            return found[0]
        moment = hour * 3600.0 + minute * 60.0 + second
        for offset in {0.0, self.offset}:
            midnight = math.floor((self.start + offset) / _DAY) * _DAY - offset
            if any(self._holds(midnight + day * _DAY + moment, 1.0) for day in (-1, 0, 1)):
                return TIME
        return found[0]


def own_marks(metadata: Mapping[str, Any]) -> OwnMarks | None:
    """Return what a record says of when it ran; None where it does not say."""
    offset = _seconds_of(str(metadata.get("utc-offset") or "+00:00"))
    try:
        start, end = (
            datetime.fromisoformat(str(metadata.get(key))).replace(tzinfo=UTC).timestamp()
            for key in ("start-time", "end-time")
        )
    except ValueError:
        return None
    pid = metadata.get("pid")
    return OwnMarks(start - offset, end - offset, offset, pid if type(pid) is int else None)


def _offsets(zone: str | None, local: float) -> Iterator[float]:
    if zone is None:
        yield from {local, 0.0}
    else:
        yield _seconds_of(zone)


def _seconds_of(zone: str) -> float:
    found = re.fullmatch(r"([-+])(\d\d):?(\d\d)", zone)
    if found is None:
        return 0.0
    seconds = timedelta(hours=int(found[2]), minutes=int(found[3])).total_seconds()
    return -seconds if found[1] == "-" else seconds


@functools.cache
def _temporary(place: str) -> re.Pattern[str]:
    """Return a pattern of what `tempfile` makes, whose names are drawn by chance."""
    places = {"/tmp", "/var/tmp", place, os.path.realpath(place)}  # noqa: S108
    words = "|".join(map(re.escape, sorted(places, key=len, reverse=True)))
    return re.compile(rf"(?<![\w/])(?:{words})/tmp[a-z0-9_]{{8}}(?!\w)")
