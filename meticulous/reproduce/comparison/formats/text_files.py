"""Text files, compared line by line."""

from __future__ import annotations

from meticulous.reproduce.comparison.formats.choosing import NotComparableError
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tallies
from meticulous.reproduce.comparison.text import compare_texts, is_text


def compare(recorded: str, reproduced: str, tallies: Tallies, places: Places) -> None:
    """Compare two texts; numbers as numbers, and times and durations as of no weight."""
    if not (is_text(recorded) and is_text(reproduced)):
        raise NotComparableError("one of the files is no text")
    tally = tallies[""]
    if compare_texts(recorded, reproduced, tally, places) and not tally.worst:
        # Whether a date is a result or the time of writing, nobody can tell from outside.
        tally.within += 1
