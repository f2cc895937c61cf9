"""Files of JSON lines, compared line by line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import IO, Any

from meticulous.reader.wording import count_text
from meticulous.reproduce.comparison.formats.choosing import NotComparableError
from meticulous.reproduce.comparison.formats.json_files import parse
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tallies
from meticulous.reproduce.comparison.text import encoding_of
from meticulous.reproduce.comparison.values import compare_values

_TORN = 2
_LONGEST = 16 * 2**20


def compare(recorded: str, reproduced: str, tallies: Tallies, places: Places) -> None:
    """Compare two files of JSON lines; a torn last line counts only where both have one."""
    missing = added = 0
    with (
        open(recorded, encoding=encoding_of(recorded)) as one,
        open(reproduced, encoding=encoding_of(reproduced)) as other,
    ):
        pairs = zip_longest(_values(one, "recorded"), _values(other, "reproduced"))
        for number, (value, other_value) in enumerate(pairs, 1):
            is_torn = len(value or ()) == _TORN, len(other_value or ()) == _TORN
            if value is None or other_value is None or is_torn[0] != is_torn[1]:
                missing += other_value is None or is_torn[1]
                added += value is None or is_torn[0]
                continue
            compare_values(value[0], other_value[0], tallies, places, f"line {number}")
    for count, what in ((missing, "missing"), (added, "added")):
        if count:
            tally = tallies[""]
            tally.remark(f"{count_text(count, 'line')} {what} at the end")
            tally.unequal(None, None, count=count)


def _values(file: IO[str], whose: str) -> Iterator[tuple[Any, ...]]:
    """Yield the value of each line, with a second word where a last one was not ended."""
    number = 0
    while line := file.readline(_LONGEST):
        number += 1
        if not line.strip():
            continue
        try:
            yield (parse(line),)
        except (ValueError, RecursionError) as error:
            if not line.endswith("\n") and len(line) < _LONGEST:
                yield line, "torn"
                return
            raise NotComparableError(
                f"line {number} of the {whose} file is not readable JSON: {error}"
            ) from None
