"""Lay out why a reproduction does not agree: the cause, then what was tried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from meticulous.cli.rendering import Line
from meticulous.cli.wording import count_text, visible


def diagnosis_sections(diagnosis: object) -> Iterator[list[Line]]:
    """Yield the sections of a diagnosis; nothing where there is none.

    Args:
        diagnosis: What stands under `diagnosis` in reproduction.json.
    """
    if not isinstance(diagnosis, dict):
        return
    sentence = Text(visible(str(diagnosis.get("sentence") or "")), style="bold")
    yield [Line("diagnosis"), Line("", sentence)]
    rows = diagnosis.get("rows")
    lines = [_row(row) for row in rows or () if isinstance(row, dict)]
    if lines:
        runs = diagnosis.get("runs")
        count = f" in {count_text(runs, 'run')}" if isinstance(runs, int) and runs else ""
        yield [Line(f"what was tried{count}"), *lines]
    remarks = diagnosis.get("remarks")
    if isinstance(remarks, list) and remarks:
        yield [Line("what is not known"), *(Line("", Text(visible(str(one)))) for one in remarks)]


def _row(row: dict[str, Any]) -> Line:
    factor, tried, effect = (visible(str(row.get(key))) for key in ("factor", "tried", "effect"))
    style = "red" if effect.startswith(("moves", "the runs differ")) else ""
    return Line(factor, Text.assemble(f"{tried}  ", (effect, style)))
