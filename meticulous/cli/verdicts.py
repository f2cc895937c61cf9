"""Lay out what a reproduction found: as sections of lines, or as a line of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from meticulous.cli.diagnoses import diagnosis_sections
from meticulous.cli.rendering import Line
from meticulous.cli.wording import count_text, value_text, visible

STYLES = {
    "IDENTICAL": "bold green",
    "AGREES": "green",
    "DIFFERS": "bold red",
    "FAILED": "red",
    "CANNOT": "yellow",
}

_MOST = 20
"""Lines of a section that are shown."""

_OUTCOMES = ("outside", "unknown", "within")
_WORDS = {"outside": "differs", "unknown": "not compared", "within": "within the tolerance"}


def verdict_sections(
    document: Mapping[str, Any], heading: str, width: int | None
) -> Iterator[list[Line]]:
    """Yield the sections of a reproduction that have something to say.

    Args:
        document: The content of reproduction.json, as it was just made.
        heading: What stands before the verdict.
        width: The characters in a line of the terminal; None where there is none.
    """
    verdict = visible(str(document.get("verdict")))
    lines = [
        Line(
            "",
            Text.assemble(f"{visible(heading)}  ", (verdict, STYLES.get(verdict, ""))),
            is_indented=False,
        )
    ]
    reason = str(document.get("reason") or "")
    lines += [Line("", Text(visible(text)), is_indented=False) for text in reason.splitlines()]
    yield lines
    yield from diagnosis_sections(document.get("diagnosis"), width)
    findings = _entries(document, "findings")
    for outcome in _OUTCOMES:
        chosen = [entry for entry in findings if entry.get("outcome") == outcome]
        # What decides the verdict comes first.
        chosen.sort(key=lambda entry: not entry.get("decides", True))
        found = [_finding(entry) for entry in chosen]
        yield from _section(f"{_WORDS[outcome]}: {count_text(len(found), 'result')}", found)
    same = sum(entry.get("outcome") == "same" for entry in findings)
    if same:
        yield [Line(f"the same: {count_text(same, 'result')}")]
    changes = [
        Line(visible(str(entry.get("path"))), Text(_joined(entry, "change", "detail")))
        for entry in _entries(document, "inputs")
    ]
    yield from _section("inputs that are not as they were", changes)
    drift = sorted(_entries(document, "drift"), key=lambda entry: not entry.get("matters", True))
    added = [one for one in drift if _is_added(one)]
    lines = [_drift(one) for one in drift if not _is_added(one)]
    if added:
        lines.append(Line("packages", Text(f"{len(added)} more than then", style="dim")))
    yield from _section("surroundings that are not as they were", lines)
    lacking = _lacking(document)
    yield from _section("packages that could not be installed", lacking)
    remarks = [Line("", Text(visible(text))) for text in document["remarks"]]
    yield from _section("remarks", remarks)


def reproduction_lines(document: Mapping[str, Any] | None) -> Iterator[Line]:
    """Yield one section with the verdict, why, and what differs; nothing for no reproduction."""
    if document is None:
        return
    verdict = visible(str(document.get("verdict")))
    original = document.get("reproduces")
    of = original.get("id") if isinstance(original, dict) else None
    yield Line(f"reproduction of experiment {visible(str(of))}")
    yield Line("verdict", Text(verdict, style=STYLES.get(verdict, "")))
    yield Line("why", Text(verdict_line(document)))
    diagnosis = document.get("diagnosis")
    if isinstance(diagnosis, dict) and diagnosis.get("sentence"):
        yield Line("diagnosis", Text(visible(str(diagnosis["sentence"]))))
    differing = [
        entry
        for entry in _entries(document, "findings")
        if entry.get("outcome") == "outside" and entry.get("decides", True)
    ]
    yield from map(_finding, differing)
    for entry in _entries(document, "inputs"):
        yield Line(visible(f"input {entry.get('path')}"), Text(_joined(entry, "change", "detail")))


def verdict_line(document: Mapping[str, Any]) -> str:
    """Return one line that says what a reproduction found."""
    reason = " ".join(str(document.get("reason") or "").split())
    return visible(reason)


def _section(title: str, found: Sequence[Line]) -> Iterator[list[Line]]:
    if not found:
        return
    shown = [*found[:_MOST]]
    if len(found) > len(shown):
        more = f"... and {len(found) - len(shown)} more, in reproduction.json"
        shown.append(Line("", Text(more, style="dim")))
    yield [Line(title), *shown]


def _finding(entry: Mapping[str, Any]) -> Line:
    label = visible(f"{entry.get('part')} {entry.get('name')}".strip())
    values: list[str] = []
    if entry.get("recorded") is not None or entry.get("reproduced") is not None:
        then, now = (value_text(entry.get(key)) for key in ("recorded", "reproduced"))
        values.append(f"{then} -> {now}" if then != now else then)
    absolute, relative = entry.get("absolute"), entry.get("relative")
    if isinstance(absolute, int | float) and absolute:
        share = f", relative {relative:.3g}" if isinstance(relative, int | float) else ""
        values.append(f"(off by {absolute:.3g}{share})")
    if entry.get("tolerance"):
        values.append(f"[tolerance {entry['tolerance']}]")
    if entry.get("remark"):
        values.append(visible(str(entry["remark"])))
    if entry.get("decides") is False:
        values.append("(only informative)")
    style = "red" if entry.get("outcome") == "outside" and entry.get("decides", True) else ""
    return Line(label, Text("  ".join(values), style=style))


def _is_added(entry: Mapping[str, Any]) -> bool:
    """Say whether it is a package that is merely there besides; reproduction.json names it."""
    is_new = entry.get("recorded") is None and entry.get("kind") == "packages"
    return is_new and not entry.get("matters", True)


def _drift(entry: Mapping[str, Any]) -> Line:
    then, now = (value_text(entry.get(key)) for key in ("recorded", "present"))
    text = Text(f"{then} -> {now}", style="" if entry.get("matters", True) else "dim")
    return Line(visible(f"{entry.get('kind')} {entry.get('name')}"), text)


def _lacking(document: Mapping[str, Any]) -> Sequence[Line]:
    environment = document.get("environment")
    entries = environment.get("not-installed") if isinstance(environment, dict) else None
    return [
        Line(visible(str(entry.get("requirement"))), Text(visible(str(entry.get("reason")))))
        for entry in entries or ()
        if isinstance(entry, dict)
    ]


def _entries(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = document.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _joined(entry: Mapping[str, Any], *keys: str) -> str:
    return visible(", ".join(str(entry[key]) for key in keys if entry.get(key)))
