"""Values, times and sizes in the words of a person, safe to print on a terminal."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from meticulous.folder.encoding import SPECIAL_NUMBERS
from meticulous.folder.plain import plain

ABSENT = "-"
"""Stands for a value that is not there."""

_LONGEST = 1e12
"""Seconds up to which a duration is shown in days; some 30,000 years."""

# Control characters, line separators, changes of the writing direction, undecodable bytes.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Return the text on one line, with escapes for what a terminal would not show as it is."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def value_text(value: Any) -> str:
    """Return a JSON value in full, on one line.

    Text stands without quotes, unless it could be taken for a number or another value.
    """
    if isinstance(value, str):
        return repr(value) if _is_ambiguous(value) else visible(value)
    if value is None or isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, dict) and isinstance(value.get("__repr__"), str):
        return visible(value["__repr__"])
    return visible(json.dumps(plain(value), ensure_ascii=False))


def number_text(value: float) -> str:
    """Return all digits of a number."""
    if math.isfinite(value):
        return repr(value)
    return next(name for name, number in SPECIAL_NUMBERS.items() if repr(number) == repr(value))


def rounded_text(value: float, digits: int) -> str:
    """Return a number with so many significant digits, or fewer where these say all of it.

    Large numbers are not shortened to powers of ten, but to whole numbers.
    """
    if not math.isfinite(value):
        return number_text(value)
    text = format(value, f".{digits}g")
    if float(text) == value:
        return repr(value)
    return format(value, ".0f") if 10**digits <= abs(value) < 1e15 else text


def short_value(value: Any, width: int = 32) -> str:
    """Return a value for a table: numbers with six digits, long text cut to `width` characters."""
    if isinstance(value, float) and math.isfinite(value):
        text = repr(value)
        return text if len(text) <= 8 else format(value, ".6g")
    text = value_text(value)
    return text if len(text) <= width else f"{text[: width - 3]}..."


def duration_text(seconds: float) -> str:
    """Return a duration in the two units that matter, such as "4 min 10 s".

    What no clock can have measured is seconds as they stand.
    """
    if not abs(seconds) < _LONGEST:
        return f"{number_text(seconds)} s"
    if seconds < 0.9995:
        return f"{round(seconds * 1000)} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24:02d} h"


def size_text(size: int) -> str:
    """Return a number of bytes in the fitting unit, such as "4.2 kB"."""
    if size < 1000:
        return f"{size} B"
    amount, units = size / 1000, ["TB", "GB", "MB", "kB"]
    while amount >= 999.95 and len(units) > 1:
        amount /= 1000
        units.pop()
    return f"{amount:.1f} {units[-1]}"


def minute_text(moment: datetime) -> str:
    """Return a time in the reader's time zone, to the minute; as it is where that is no year."""
    with contextlib.suppress(ValueError, OverflowError, OSError):
        moment = moment.astimezone()
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="minutes")


def moment_text(moment: datetime) -> str:
    """Return a time as it was where it was recorded, with its offset from UTC."""
    return moment.isoformat(sep=" ", timespec="seconds")


def age_text(moment: datetime, now: datetime) -> str:
    """Return how long ago a time was, in one unit, such as "3 hours ago"."""
    seconds = (now - moment).total_seconds()
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def few_text(words: Sequence[str], most: int = 5) -> str:
    """Return the first words, each once, and how many more there are."""
    unique = list(dict.fromkeys(words))
    more = f" and {len(unique) - most} more" if len(unique) > most else ""
    return f"{', '.join(unique[:most])}{more}"


def pairs_text(values: dict[str, Any]) -> str:
    """Return names and shortened values as `name=value`, separated by spaces."""
    return " ".join(f"{visible(name)}={_as_word(value)}" for name, value in values.items())


def _as_word(value: Any) -> str:
    text = short_value(value)
    return f'"{text}"' if isinstance(value, str) and " " in text and text[0] != "'" else text


def count_text(count: int, noun: str) -> str:
    """Return a count with its noun, such as "1 line" or "2,000 lines"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _is_ambiguous(text: str) -> bool:
    if text in SPECIAL_NUMBERS:
        return False  # that is how a record writes these numbers
    if text in ("", ABSENT, "None", "True", "False") or text != text.strip():
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True
