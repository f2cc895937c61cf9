"""An answer about a record: yes, no or unknown, with the evidence and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meticulous.reader.wording import few_text

YES, NO, UNKNOWN = "yes", "no", "unknown"
"""The outcomes. What the record or the repository does not tell is unknown, never no."""

OUTCOMES = (YES, NO, UNKNOWN)

_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, and what to do about it.

    Attributes:
        outcome: `YES`, `NO` or `UNKNOWN`.
        evidence: What that rests on, one sentence without a full stop.
        remedy: The command or the edit that helps; "" where there is nothing to do.
    """

    outcome: str
    evidence: str
    remedy: str = ""


def yes(evidence: str) -> Answer:
    """Return the answer yes."""
    return Answer(YES, evidence)


def no(evidence: str, remedy: str) -> Answer:
    """Return the answer no."""
    return Answer(NO, evidence, remedy)


def unknown(evidence: str, remedy: str = "") -> Answer:
    """Return the answer that nothing is known."""
    return Answer(UNKNOWN, evidence, remedy)


def some_of(names: Sequence[str]) -> str:
    """Return as many of the names as a line of evidence has room for, and how many more."""
    return few_text(names, _MOST_NAMES)
