"""Whether two runs ended the same way."""

from __future__ import annotations

from typing import Any

from meticulous.folder import status
from meticulous.reader.record import Record
from meticulous.reproduce.verdict import OUTSIDE, SAME, Finding

_PART = "status"


def compare_endings(recorded: Record, reproduced: Record) -> list[Finding]:
    """Compare the word of STATUS, the exit code and the signal; what one does not know is left out.

    Any finding that is not the same means that the results of the two say nothing of each other.
    """
    word = SAME if recorded.status == reproduced.status else OUTSIDE
    findings = [Finding(_PART, "status", word, recorded.status, reproduced.status)]
    for key in ("exit-code", "signal"):
        pair = recorded.metadata.get(key), reproduced.metadata.get(key)
        if None not in pair or key == "signal":
            outcome = SAME if pair[0] == pair[1] else OUTSIDE
            if pair != (None, None):
                findings.append(Finding(_PART, key, outcome, *pair))
    return findings


def ending_text(record: Record) -> str:
    """Return how a run ended, such as "ERROR (exit code 1)"."""
    facts = []
    code: Any = record.metadata.get("exit-code")
    signal: Any = record.metadata.get("signal")
    if signal is not None:
        facts.append(f"signal {signal}")
    elif code not in (None, 0):
        facts.append(f"exit code {code}")
    return f"{record.status} ({', '.join(facts)})" if facts else record.status


def is_final(record: Record) -> bool:
    """Say whether a run has ended, in whatever way."""
    return record.status not in (status.REGISTERED, status.RUNNING)
