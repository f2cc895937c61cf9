"""Lay out why a reproduction does not agree: the cause, then what was tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from rich.text import Text

from meticulous.cli.rendering import Line
from meticulous.cli.widths import broken, cell_width
from meticulous.cli.wording import count_text, visible

_NARROWEST = 16
"""Cells of a column beside another; where there is less room, effects stand below."""

_MARGIN = len("  ")
_TITLES = {"factor": "factor", "tried": "tried", "effect": "effect"}

_TELLING = ("moves", "brings", "the noise disappears", "the runs differ")
"""How effects begin that lead to the cause."""


def diagnosis_sections(diagnosis: object, width: int | None) -> Iterator[list[Line]]:
    """Yield the sections of a diagnosis; nothing where there is none.

    Args:
        diagnosis: What stands under `diagnosis` in reproduction.json.
        width: The characters in a line of the terminal, within which columns are broken; None
            where each row is one line.
    """
    if not isinstance(diagnosis, dict):
        return
    sentence = Text(visible(str(diagnosis.get("sentence") or "")), style="bold")
    yield [Line("diagnosis"), Line("", sentence)]
    rows = diagnosis.get("rows")
    found = [row for row in rows or () if isinstance(row, dict)]
    if found:
        runs = diagnosis.get("runs")
        count = ""
        if isinstance(runs, int) and runs:
            count = f" in {count_text(runs, 'run')} beside the reproduction"
        yield [Line(f"what was tried{count}"), *_table(found, width)]
    remarks = diagnosis.get("remarks")
    if isinstance(remarks, list) and remarks:
        yield [Line("what is not known"), *(Line("", Text(visible(str(one)))) for one in remarks)]


def _table(rows: Sequence[dict[str, Any]], width: int | None) -> Iterator[Line]:
    entries = [_TITLES, *rows]
    tried = max(cell_width(_cell(row, "tried")) for row in entries)
    effect = max(cell_width(_cell(row, "effect")) for row in entries)
    if width is not None:
        room = width - max(cell_width(_cell(row, "factor")) for row in entries) - 2 * _MARGIN
        least = min(tried, _NARROWEST)
        tried = min(tried, max(room // 2, room - _MARGIN - effect))
        effect = room - _MARGIN - tried
        if tried < least or effect < _NARROWEST:
            tried, effect = 0, max(room, 1)
    for row in entries:
        yield from _row(row, tried, effect)


def _row(row: dict[str, Any], tried: int, effect: int) -> Iterator[Line]:
    """Yield the lines of a row; with no width for what was tried, the effect stands below it."""
    style = "dim" if row is _TITLES else ""
    style = "red" if _cell(row, "effect").startswith(_TELLING) else style
    before = _broken(row, "tried", tried or effect)
    after = _broken(row, "effect", effect)
    if tried:
        pairs = list(zip_longest(before, after, fillvalue=""))
    else:
        pairs = [*((text, "") for text in before), *(("", text) for text in after)]
    for number, (left, right) in enumerate(pairs):
        space = " " * (tried + _MARGIN - cell_width(left) if tried and right else 0)
        text = Text.assemble((f"{left}{space}", style if row is _TITLES else ""), (right, style))
        yield Line("" if number else _cell(row, "factor"), text)


def _broken(row: dict[str, Any], key: str, width: int) -> list[str]:
    text = _cell(row, key)
    return [text[part] for part in broken(text, width)]


def _cell(row: dict[str, Any], key: str) -> str:
    return visible(str(row.get(key)))
