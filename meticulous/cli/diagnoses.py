"""Lay out why a reproduction does not agree: the cause, then what was tried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from meticulous.cli.rendering import Line
from meticulous.cli.widths import cell_width
from meticulous.cli.wording import count_text, visible

_WIDEST_TRIED = 52
"""Cells; what was tried and is longer has its effect right behind it."""

_TELLING = ("moves", "brings", "the noise disappears", "the runs differ")
"""How effects begin that lead to the cause."""


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
    found = [row for row in rows or () if isinstance(row, dict)]
    if found:
        width = max(min(cell_width(_cell(row, "tried")), _WIDEST_TRIED) for row in found)
        lines = [Line("factor", Text(f"{'tried':{width}}  effect", style="dim"))]
        lines += [_row(row, width) for row in found]
        runs = diagnosis.get("runs")
        count = ""
        if isinstance(runs, int) and runs:
            count = f" in {count_text(runs, 'run')} beside the reproduction"
        yield [Line(f"what was tried{count}"), *lines]
    remarks = diagnosis.get("remarks")
    if isinstance(remarks, list) and remarks:
        yield [Line("what is not known"), *(Line("", Text(visible(str(one)))) for one in remarks)]


def _row(row: dict[str, Any], width: int) -> Line:
    tried, effect = _cell(row, "tried"), _cell(row, "effect")
    space = " " * max(0, width - cell_width(tried))
    style = "red" if effect.startswith(_TELLING) else ""
    return Line(_cell(row, "factor"), Text.assemble(f"{tried}{space}  ", (effect, style)))


def _cell(row: dict[str, Any], key: str) -> str:
    return visible(str(row.get(key)))
