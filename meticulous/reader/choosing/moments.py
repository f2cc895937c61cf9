"""Times as a person writes them: dates, hours ago, durations."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from meticulous.errors import InvalidQueryError

_UNITS = {
    "ms": 0.001,
    "msec": 0.001,
    "millisecond": 0.001,
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
    "w": 7 * 86400,
    "week": 7 * 86400,
}

_PART = r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)"
_SPAN = re.compile(rf"{_PART}(?:[\s,]*{_PART})*", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?", re.ASCII)


_ONE = re.compile(r"(?:an?|one)\s+(?=[a-z])")
_HALF = re.compile(r"half\s+(?:an?\s+)?(?=[a-z])")
_CLOCK = re.compile(
    r"(?:(today|yesterday)[\s,]+(?:at\s+)?)?([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?", re.ASCII
)


def parse_span(text: str) -> timedelta | None:
    """Return a length of time such as "2d", "1h30m", "an hour ago"; None when it is none.

    The units are ms, s, m (minutes), h, d, w and the English words for them.
    """
    text = text.strip().lower().removesuffix("ago").strip()
    for written, amount in ((_HALF, "0.5 "), (_ONE, "1 ")):
        if begun := written.match(text):
            text = amount + text[begun.end() :]
    if not _SPAN.fullmatch(text):
        return None
    seconds = 0.0
    for amount, unit in re.findall(_PART, text):
        length = _UNITS.get(unit) or (_UNITS.get(unit.removesuffix("s")) if len(unit) > 2 else None)
        if length is None:
            return None
        seconds += float(amount) * length
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        return timedelta.max


def parse_moment(text: str, now: datetime, *, is_end: bool = False) -> datetime:
    """Return the time that a person means.

    Args:
        text: A length of time before `now` ("2d", "3h", "a week ago"), an ISO date or time
            ("2026-11-22", "2026-11-22 14:03", "2026-11-22T14:03:05+01:00"), a month ("2026-11"),
            or "now", "today" or "yesterday", or when it last was a time of the clock ("18:00",
            "yesterday 18:00"). Without an offset from UTC, local time is meant.
        now: The present, with its offset from UTC.
        is_end: Whether the end of a day or month is meant where only that is given.

    Raises:
        InvalidQueryError: It is none of these.
    """
    word = text.strip().lower()
    if word == "now":
        return now
    if word in ("today", "yesterday"):
        day = now.astimezone() - timedelta(days=word == "yesterday")
        word = f"{day:%Y-%m-%d}"
    span = parse_span(word)
    try:
        if clock := _CLOCK.fullmatch(word):
            return _on_the_clock(clock, now)
        if span is not None:
            return _before(now, span)
        if date := _DATE.fullmatch(word):
            first = datetime.fromisoformat(word if date[1] else f"{word}-01")
            return _local(_after(first, is_month=not date[1]) if is_end else first, now)
        moment = datetime.fromisoformat(text.strip())
        return moment if moment.tzinfo is not None else _local(moment, now)
    except (ValueError, OverflowError, OSError):
        raise InvalidQueryError(
            f"{text!r} is no time. Write how long ago it was (2d, 3h, 90m, 1w), a date "
            "(2026-11-22), a time (2026-11-22T14:03, 18:00), today or yesterday."
        ) from None


def _on_the_clock(clock: re.Match[str], now: datetime) -> datetime:
    here = now.astimezone().replace(tzinfo=None)  # a day may have another offset from UTC
    hour, minute, second = (int(part or 0) for part in clock.groups()[1:])
    moment = here.replace(hour=hour, minute=minute, second=second, microsecond=0)
    is_before = clock[1] == "yesterday" or (clock[1] is None and moment > here)
    return (moment - timedelta(days=is_before)).astimezone()


def _before(now: datetime, span: timedelta) -> datetime:
    try:
        return now - span
    except OverflowError:  # longer ago than there are years
        return datetime.min.replace(tzinfo=now.tzinfo)


def _after(first: datetime, *, is_month: bool) -> datetime:
    try:
        if not is_month:
            return first + timedelta(days=1)
        return (first + timedelta(days=31)).replace(day=1)
    except OverflowError:  # the end of the last year
        return datetime.max


def _local(moment: datetime, now: datetime) -> datetime:
    """Return a time with the offset it has here; that of `now` where the years end."""
    try:
        return moment.astimezone()
    except (ValueError, OverflowError, OSError):
        return moment.replace(tzinfo=now.tzinfo)
