"""Text files, compared line by line."""

from __future__ import annotations

from meticulous.reproduce.comparison.formats.choosing import NotComparableError
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tallies
from meticulous.reproduce.comparison.text import compare_texts, is_text


def compare(recorded: str, reproduced: str, tallies: Tallies, places: Places) -> None:
    """Compare two texts; numbers as numbers, and the times of the runs themselves as no result."""
    if not (is_text(recorded) and is_text(reproduced)):
        raise NotComparableError("one of the files is no text")
    tally = tallies[""]
    said = compare_texts(recorded, reproduced, tally, places, are_results=True, is_shown=False)
    if said.is_cut and not tally.outside:
        raise NotComparableError("; ".join(tally.remarks))
    if said.is_normalized and not tally.worst:
        tally.within += 1
