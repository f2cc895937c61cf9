"""Lay out a comparison, and what may explain it: as sections of lines, or as one object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from meticulous.cli.rendering import Line
from meticulous.cli.wording import count_text, visible
from meticulous.reader.comparing.causes import RESULTS_SAME, Cause, Explanation
from meticulous.reader.comparing.comparison import Comparison
from meticulous.reader.comparing.differences import Difference
from meticulous.reader.comparing.display import (
    blocks,
    change_text,
    command_lines,
    heading,
    is_command,
)
from meticulous.reader.record import Record
from meticulous.reader.table.flattening import MISSING

SHORT_PATCH = 40
"""Lines of a patch that are shown without being asked for."""

FEW = 5
"""Explanations that are shown without being asked for."""

_STYLES = {"added": "green", "removed": "red", "remark": "dim"}
_PATCH_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_NAMES = ("code", "args", "inputs", "packages", "seeds", "hardware", "rest")


def comparison_object(comparison: Comparison, patch: str | None) -> dict[str, Any]:
    """Return a comparison for programs."""
    found: dict[str, Any] = {
        **_pair(comparison),
        "differ": comparison.differs,
        "sections": {
            name: {
                "differences": [_difference(difference) for difference in section.differences],
                "same": section.same,
                "remarks": section.remarks,
                "unknown": section.unknown or None,
            }
            for name, section in comparison.sections.items()
        },
        "problems": comparison.problems,
    }
    return found if patch is None else {**found, "patch": patch}


def comparison_sections(comparison: Comparison, cut: bool) -> Iterator[list[Line]]:
    """Yield the sections of a comparison.

    Args:
        comparison: The comparison.
        cut: Whether what is long is cut.
    """
    yield _head(comparison)
    for block in blocks(comparison, cut):
        yield [
            Line(block.title),
            *(Line(row.label, Text(row.text, _STYLES.get(row.kind, ""))) for row in block.rows),
        ]
    if not comparison.differs:
        yield [Line("", Text("Nothing that was recorded differs."), is_indented=False)]


def explanation_object(comparison: Comparison, explanation: Explanation) -> dict[str, Any]:
    """Return an explanation for programs."""
    return {
        **_pair(comparison),
        "results": [{"section": name, **_difference(found)} for name, found in explanation.results],
        "causes": [
            {
                "kind_of_cause": _NAMES[cause.rank],
                "likely": cause.is_likely,
                "reason": cause.reason,
                "section": cause.section,
                **_difference(cause.difference),
            }
            for cause in explanation.causes
        ],
        "remarks": explanation.remarks,
        "problems": comparison.problems,
    }


def explanation_sections(
    comparison: Comparison, explanation: Explanation, everything: bool, cut: bool
) -> Iterator[list[Line]]:
    """Yield the sections of an explanation: what came out, why, what else.

    Args:
        comparison: The comparison it explains.
        explanation: The explanation.
        everything: Whether all causes are wanted, or the few likeliest.
        cut: Whether long values are cut.
    """
    yield _head(comparison)
    titles = ("likely because of", "possibly because of")
    results = explanation.results if everything else explanation.results[:FEW]
    if results:
        yield [
            Line("what came out differently"),
            *(line for found in results for line in _lines(*found, cut)),
            *_more(len(explanation.results) - len(results)),
        ]
    else:
        yield [Line("", Text(RESULTS_SAME), is_indented=False)]
        titles = ("what went in differently", "what went in differently, of less weight")
    wanted = _wanted(explanation.causes, everything)
    hidden = len(explanation.causes) - len(wanted)
    for title, is_likely in zip(titles, (True, False), strict=True):
        causes = [cause for cause in wanted if cause.is_likely is is_likely]
        if causes:
            yield [
                Line(title),
                *(line for c in causes for line in _lines(c.section, c.difference, cut, c.reason)),
            ]
    if hidden:
        yield _more(hidden)
    remarks = [text for text in explanation.remarks if text != RESULTS_SAME]
    remarks += comparison.problems
    if remarks:
        yield [Line("besides"), *(Line("", Text(visible(text), "dim")) for text in remarks)]


def print_patch(console: Console, patch: str) -> None:
    """Print a patch: coloured and with visible control characters on a terminal."""
    click.echo()
    for line in patch.splitlines() if console.is_terminal else [patch.rstrip("\n")]:
        if console.is_terminal:
            text = Text(visible(line.expandtabs()), _PATCH_STYLES.get(line[:1], ""))
            console.print(text, soft_wrap=True)
        else:
            click.echo(line)


def _wanted(causes: list[Cause], everything: bool) -> list[Cause]:
    if everything:
        return causes
    likely = [cause for cause in causes if cause.is_likely]
    return (likely or causes)[:FEW]


def _head(comparison: Comparison) -> list[Line]:
    pairs = (("A", comparison.a), ("B", comparison.b))
    return [
        Line("", Text.assemble((name, "bold"), f"  {heading(record)}"), is_indented=False)
        for name, record in pairs
    ]


def _lines(section: str, difference: Difference, cut: bool, reason: str = "") -> Iterator[Line]:
    if is_command(section, difference):
        one, other = command_lines(difference, cut)
        yield Line("command", Text(f"A  {one}"))
        label, text = "", Text(f"B  {other}")
    else:
        label = f"{section} {visible(difference.name)}"
        text = Text(change_text(section, difference, cut))
    if reason:
        text.append(f"  [{reason}]", style="dim")
    yield Line(label, text)


def _more(count: int) -> list[Line]:
    if count <= 0:
        return []
    text = Text(f"... and {count_text(count, 'difference')} more; --all shows all", style="dim")
    return [Line("", text)]


def _pair(comparison: Comparison) -> dict[str, Any]:
    return {"a": _identity(comparison.a), "b": _identity(comparison.b)}


def _identity(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "directory": str(record.directory),
        "status": record.status,
        "start": record.start.isoformat() if record.start else None,
        "duration": record.duration,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    """Return a difference for programs; a value that is not there is left out."""
    found: dict[str, Any] = {"name": difference.name, "kind": difference.kind}
    for key, value in (("a", difference.a), ("b", difference.b)):
        if value is not MISSING:
            found[key] = value
    if difference.absolute is not None:
        found |= {"absolute": difference.absolute, "relative": difference.relative}
    if difference.detail:
        found["detail"] = difference.detail
    return found
