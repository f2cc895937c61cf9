"""Tolerances that fit no result, most often because a name was mistyped."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterator, Sequence

from meticulous.reader.wording import visible
from meticulous.reproduce.comparison.tolerance import Specification, Tolerances
from meticulous.reproduce.verdict import Finding

_NEAR = 3
"""Names that are told of those that are nearest."""


def warn_of_unfitting(findings: Sequence[Finding], tolerances: Tolerances) -> Iterator[str]:
    """Yield a sentence for each tolerance that fits no result, with the names that are nearest.

    Args:
        findings: What was found with these tolerances.
        tolerances: The tolerances.
    """
    names: dict[str, None] = {}
    for finding in findings:
        names.update(dict.fromkeys(_names(finding)))
    # Of a file with the same bytes the places are not known, nor of one that was not read.
    is_complete = not any(one.part == "outputs" and ":" not in one.name for one in findings)
    for specification in tolerances.specifications:
        # Equal arguments are no result, and so have no finding.
        if specification.pattern.startswith("args.") or _fits(specification, names):
            continue
        pattern = specification.pattern
        near = difflib.get_close_matches(pattern, names, _NEAR)
        if near or is_complete:
            said = f"No result is called {pattern}, as in --tolerance {specification}"
            verb = "name is" if len(near) == 1 else "names are"
            said += f"; the nearest {verb} {', '.join(near)}" if near else ""
            yield f"{visible(said)}."


def _names(finding: Finding) -> Iterator[str]:
    if finding.part == "status":
        return
    yield finding.name
    yield f"{finding.part}.{finding.name}"
    file, _, place = finding.name.partition(":")
    if finding.part == "outputs" and place:
        yield from (file, f"outputs.{file}", place)


def _fits(specification: Specification, names: dict[str, None]) -> bool:
    pattern = specification.pattern
    file, colon, _ = pattern.partition(":")
    # Of a file with the same bytes the places are not known.
    if colon and file in names:
        return True
    return pattern in names or any(fnmatch.fnmatchcase(name, pattern) for name in names)
