"""The words in which the command line tells values, times and sizes: those of the reader."""

from __future__ import annotations

from meticulous.reader.wording import (
    ABSENT,
    age_text,
    count_text,
    duration_text,
    few_text,
    minute_text,
    moment_text,
    number_text,
    pairs_text,
    rounded_text,
    short_value,
    size_text,
    value_text,
    visible,
)

__all__ = [
    "ABSENT",
    "age_text",
    "count_text",
    "duration_text",
    "few_text",
    "minute_text",
    "moment_text",
    "number_text",
    "pairs_text",
    "rounded_text",
    "short_value",
    "size_text",
    "value_text",
    "visible",
]
