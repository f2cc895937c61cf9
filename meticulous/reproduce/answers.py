"""An answer about a record: yes, no or unknown, with the evidence and the remedy."""

from __future__ import annotations

from dataclasses import dataclass

YES, NO, UNKNOWN = "yes", "no", "unknown"
"""The outcomes. What the record or the repository does not tell is unknown, never no."""

OUTCOMES = (YES, NO, UNKNOWN)


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


def count_of(count: int, noun: str) -> str:
    """Return a count with its noun, such as "1 file" or "2 files"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def some_of(names: list[str], most: int = 3) -> str:
    """Return the first few of the names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
