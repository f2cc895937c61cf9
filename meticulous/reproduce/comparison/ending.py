"""Whether two runs ended the same way."""

from __future__ import annotations

from typing import Any

from meticulous.folder import status
from meticulous.reader.record import Record
from meticulous.reproduce.comparison.normal_text import normalize
from meticulous.reproduce.comparison.places import Place, Places
from meticulous.reproduce.verdict import OUTSIDE, SAME, Finding

EXCEPTION = "exception"
"""The name of the finding about what ended two runs that failed."""

_PART = "status"
_TRACEBACK = "Traceback (most recent call last):"


def compare_endings(recorded: Record, reproduced: Record, places: Places) -> list[Finding]:
    """Compare the word of STATUS, exit code, signal and exception; what one lacks is left out.

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
    if recorded.status == reproduced.status == status.ERROR:
        findings += _compare_exceptions(exception_of(recorded), exception_of(reproduced), places)
    return findings


def _compare_exceptions(then: str, now: str, places: Places) -> list[Finding]:
    if not then and not now:
        return []
    is_same = _general(then, places.recorded) == _general(now, places.reproduced)
    return [Finding(_PART, EXCEPTION, SAME if is_same else OUTSIDE, then or None, now or None)]


def _general(message: str, place: Place) -> list[str]:
    return [normalize(line, place) for line in message.splitlines()]


def exception_of(record: Record) -> str:
    """Return the exception that ended a run, with its message; "" where none did."""
    _, found, trace = record.reason.rpartition(_TRACEBACK)
    lines = trace.strip("\n").splitlines() if found else []
    # After the frames, which are indented, the message may have lines of any kind.
    start = next((at for at, line in enumerate(lines) if line and not line[0].isspace()), None)
    return "\n".join(lines[start:]).rstrip() if start is not None else ""


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
