"""The smallest tolerance that would make results agree, ready to be given to the command line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from meticulous.reproduce.comparison.tolerance import (
    PARTS,
    Specification,
    Tolerance,
    Tolerances,
    rounded_up,
)
from meticulous.reproduce.verdict import OUTSIDE, WITHIN, Finding

NAMED = 3
"""Results that are named one by one; where more differ, one tolerance is given for all."""

_MOST = 20
"""Results that are named one by one where one tolerance for all would not count for each."""

_LARGEST_RELATIVE = 1.0
"""A difference of more than the number itself is told as an absolute one."""


def suggest_tolerances(
    findings: Iterable[Finding], tolerances: Tolerances
) -> tuple[Specification, ...]:
    """Return what to add to the tolerances so that every result lies within.

    Args:
        findings: What was found with the tolerances that were given.
        tolerances: These tolerances.

    Returns:
        Nothing where all agree already, and where no tolerance could help: a text differs, a
        result is missing, a number is NaN.
    """
    deciding = [finding for finding in findings if finding.decides and finding.part in PARTS]
    outside = [finding for finding in deciding if finding.outcome == OUTSIDE]
    needed = [tolerance_for(finding) for finding in outside]
    if not outside or None in needed:
        return ()
    if len(outside) > NAMED:
        for_all = _for_all([one for one in deciding if one.outcome in (OUTSIDE, WITHIN)])
        if for_all is not None and not tolerances.specifications:
            return (for_all,)
    if len(outside) > _MOST:
        return ()
    return tuple(
        Specification(_name(finding), tolerance)
        for finding, tolerance in zip(outside, needed, strict=True)
        if tolerance is not None
    )


def tolerance_for(finding: Finding) -> Tolerance | None:
    """Return the smallest tolerance that would accept one result; None where none would."""
    absolute, relative = finding.absolute, finding.relative
    if absolute is None or relative is None or math.isnan(absolute):
        return None
    if relative <= _LARGEST_RELATIVE or math.isinf(absolute):
        return Tolerance(relative=_least(relative)) if math.isfinite(relative) else None
    return Tolerance(absolute=_least(absolute))


def _for_all(findings: Sequence[Finding]) -> Specification | None:
    """Return one tolerance for everything; with both kinds of limit where zeros need it."""
    needed = [tolerance_for(finding) for finding in findings]
    absolutes = [one.absolute for one in needed if one and one.absolute is not None]
    relatives = [one.relative for one in needed if one and one.relative is not None]
    if None in needed:
        return None
    # An absolute limit that one result needs could be far too lax for the others.
    if absolutes and relatives:
        return None
    tolerance = Tolerance(max(absolutes, default=None), max(relatives, default=None))
    return Specification("*", tolerance)


def _least(value: float) -> float:
    return float(next(rounded_up(value)))


def _name(finding: Finding) -> str:
    return f"{finding.part}.{finding.name}"
