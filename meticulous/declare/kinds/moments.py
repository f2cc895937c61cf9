"""The kinds of dates, times of day and lengths of time."""

# ruff: noqa: D102 - the methods are those of Kind, which documents them

from __future__ import annotations

import re

from meticulous.declare.kinds.kind import Kind, UnfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DURATION = re.compile(
    r"(?:(?P<days>[+-]?\d+) days?(?:, ?| |$))?"
    r"(?:(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d(?:\.\d{1,6})?))?"
)
_UNITS = re.compile(r"(?P<count>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|min|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


class Moment(Kind):
    """Dates, times of day, and both; their text is that of ISO 8601.

    Args:
        text: The type as one writes it.
        moment_type: date, datetime or time of the datetime module.
    """

    greedy = 20
    stands_alone = True

    def __init__(self, text: str, moment_type: Any) -> None:
        super().__init__(text)
        self.moment_type = moment_type

    def holds(self, value: Any) -> bool:
        return type(value) is self.moment_type

    def cast(self, value: Any) -> Any:
        import datetime

        if self.holds(value):
            return value
        if isinstance(value, str):
            return self.parse(value)
        if self.moment_type is datetime.datetime and type(value) is datetime.date:
            return datetime.datetime(value.year, value.month, value.day)
        # A datetime is a date to Python, but a date that carries a time would lose it.
        is_kin = isinstance(value, self.moment_type)
        if is_kin and not (
            self.moment_type is datetime.date and isinstance(value, datetime.datetime)
        ):
            return value
        raise self.unfit(value)

    def parse(self, text: str) -> Any:
        try:
            return self.moment_type.fromisoformat(text.strip())
        except ValueError as error:
            raise UnfitError(
                f"must be {self.text}, as in ISO 8601", f"{text!r} is none ({error})"
            ) from None

    def render(self, value: Any) -> str:
        return str(value.isoformat())


class Duration(Kind):
    """Lengths of time: a number is one of seconds."""

    greedy = 30

    def holds(self, value: Any) -> bool:
        import datetime

        return isinstance(value, datetime.timedelta)

    def cast(self, value: Any) -> Any:
        import datetime

        if self.holds(value):
            return value
        if isinstance(value, str):
            return self.parse(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                return datetime.timedelta(seconds=value)
            except (ValueError, OverflowError):
                raise self.unfit(value) from None
        raise self.unfit(value)

    def parse(self, text: str) -> Any:
        import datetime

        text = text.strip()
        found = _DURATION.fullmatch(text) if text else None
        parts = [match.groupdict() for match in _UNITS.finditer(text)]
        try:
            if found:
                given = {key: float(count) for key, count in found.groupdict("0").items()}
                return datetime.timedelta(**given)
            if parts and not _UNITS.sub("", text).strip():
                seconds = sum(float(part["count"]) * _SECONDS[part["unit"]] for part in parts)
                return datetime.timedelta(seconds=seconds)
            return datetime.timedelta(seconds=float(text))
        except (ValueError, OverflowError):
            raise UnfitError(
                f"must be {self.text}, such as 90, 1h30m or 1:30:00", f"{text!r} is none"
            ) from None

    def render_item(self, value: Any) -> str:
        # Quotes would make it a text where a text is possible too.
        return self.render(value).replace(",", "")
