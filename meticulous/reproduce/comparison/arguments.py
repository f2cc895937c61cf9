"""Whether two runs are the same experiment: the arguments with which they ran."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from meticulous.reader.record import Record
from meticulous.reproduce.comparison.normal_text import normalize_result
from meticulous.reproduce.comparison.places import Place, Places
from meticulous.reproduce.comparison.tally import Tallies, weighed
from meticulous.reproduce.comparison.tolerance import Tolerances
from meticulous.reproduce.comparison.values import compare_values
from meticulous.reproduce.verdict import SAME, Finding

PART = "args"


def compare_arguments(
    recorded: Record, reproduced: Record, tolerances: Tolerances, places: Places
) -> list[Finding]:
    """Return the arguments that differ, but for paths and the time of the run; equal ones are none.

    A program that makes several experiments may make them in another order, or with what it finds
    on the machine. Records of the original recorder wrote some values otherwise.
    """
    tallies = Tallies(PART, tolerances)
    compare_values(
        _general(recorded.args, places.recorded),
        _general(reproduced.args, places.reproduced),
        tallies,
        places,
    )
    findings = [
        weighed(tally.finding(PART, name), tally.applied, name)
        for name, tally in tallies.by_name.items()
        if tally.outcome != SAME
    ]
    # No tolerance is suggested for what was not measured but given.
    findings = [replace(finding, absolute=None, relative=None) for finding in findings]
    if "format" in recorded.metadata:
        return findings
    return [replace(finding, decides=False) for finding in findings]


def _general(value: Any, place: Place) -> Any:
    if isinstance(value, str):
        return normalize_result(value, place)
    if isinstance(value, dict):
        return {key: _general(inner, place) for key, inner in value.items()}
    if isinstance(value, list):
        return [_general(inner, place) for inner in value]
    return value
