"""The times that xmen wrote: local, without an offset, in a form of their own in each version."""

from __future__ import annotations

from datetime import datetime
from typing import Any

_FORMS = (
    "%y-%m-%d-%H-%M-%S-%f",
    "%Y-%m-%d-%H-%M-%S",
    "%Y-%m-%d-%H-%M-%S-%f",
    "%y-%m-%d-%H-%M-%S",
    "%I:%M%p %B %d, %Y",
)


def read_time(value: Any) -> str | None:
    """Return a time as naive local ISO time with microseconds; None where it is no time.

    A day alone, as somebody may have written it by hand, is none: it does not say when.
    """
    if isinstance(value, datetime):
        return _iso(value)
    if not isinstance(value, str):
        return None
    for form in _FORMS:
        try:
            return _iso(datetime.strptime(value.strip(), form))
        except ValueError:
            continue
    try:
        return _iso(datetime.fromisoformat(value.strip())) if ":" in value else None
    except ValueError:
        return None


def _iso(moment: datetime) -> str:
    if moment.tzinfo is not None:
        moment = moment.astimezone().replace(tzinfo=None)
    return moment.isoformat(timespec="microseconds")
