"""Lay out a list on a terminal: as a table, folded or as short blocks where there is no room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from meticulous.cli.grid import as_table, fitting, room, status_text
from meticulous.cli.plain_table import LEAST_ROOM, Column, make_columns, part_of
from meticulous.cli.view import View
from meticulous.cli.wording import ABSENT, count_text, short_value, value_text, visible
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import ID

_ENOUGH = 12
"""Values that are shown of one experiment where they do not have columns of their own."""

_FACTS = (ID, "status", "start", "duration")


@dataclass(frozen=True, slots=True)
class Layout:
    """How a list is laid out.

    Attributes:
        width: The characters in a line of the terminal.
        is_wide: Whether lines may be longer than that.
        is_full: Whether values are neither cut nor rounded, and none is left out.
    """

    width: int
    is_wide: bool = False
    is_full: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A list that was laid out.

    Attributes:
        body: What is printed.
        width: The characters that its lines take; more than the terminal has, where that is wanted.
        remark: What is said below; "" when nothing.
    """

    body: RenderableType
    width: int
    remark: str = ""


def print_picture(console: Console, picture: Picture) -> None:
    """Print on a terminal."""
    if picture.width > console.width:
        console = Console(
            file=console.file, width=picture.width, highlight=False, markup=False, emoji=False
        )
    console.print(picture.body, soft_wrap=False)


def draw(view: View, layout: Layout) -> Picture:
    """Lay out a view, of at least one row, for a terminal."""
    if view.is_usual and not layout.is_wide:
        return _draw_usual(view, layout)
    columns = make_columns(view, list(view.columns), full=layout.is_full)
    count = fitting(columns, layout.width)
    if count == len(columns):
        return Picture(as_table(columns), layout.width)
    if layout.is_wide or layout.is_full:
        return Picture(as_table(columns), room(columns, at_least=not layout.is_wide))
    if count < min(2, len(columns)):
        return Picture(_plain_blocks(columns[:_ENOUGH]), layout.width, _left_out(columns, _ENOUGH))
    return Picture(as_table(columns[:count]), layout.width, _left_out(columns, count))


def _left_out(columns: Sequence[Column], count: int) -> str:
    more = len(columns) - count
    if more <= 0:
        return ""
    do = "do" if more > 1 else "does"
    return (
        f"{count_text(more, 'more column')} {do} not fit; --wide shows all, --columns those you "
        "choose."
    )


def _draw_usual(view: View, layout: Layout) -> Picture:
    now = datetime.now().astimezone()
    for present, fold_args, fold_summary in (
        (now, False, False),
        (None, False, False),
        (now, True, False),
        (None, True, False),
        (None, True, True),
    ):
        columns, remark = _usual_columns(view, layout, present, fold_args, fold_summary)
        if room(columns) <= layout.width:
            return Picture(as_table(columns), layout.width, remark)
    facts = make_columns(view, [name for name in _FACTS if name in view.columns], layout.is_full)
    details, remark = _details(view, layout)
    if room(facts) + 2 + LEAST_ROOM <= layout.width:
        return Picture(as_table(facts, details), layout.width, remark)
    return Picture(_blocks(facts, details), layout.width, remark)


def _usual_columns(
    view: View, layout: Layout, now: datetime | None, fold_args: bool, fold_summary: bool
) -> tuple[list[Column], str]:
    groups = {"args": fold_args, "summary": fold_summary}
    columns: list[Column] = []
    remark = ""
    spread = [name for name in view.columns if not groups.get(part_of(name), False)]
    by_name = dict(zip(spread, make_columns(view, spread, layout.is_full, now), strict=True))
    for name in view.columns:
        part = part_of(name)
        if name in by_name:
            columns.append(by_name[name])
        elif groups.pop(part, False):
            names = [name for name in view.columns if part_of(name) == part]
            texts, left_out = _folded(view, names, layout)
            remark = remark or left_out
            style = "cyan" if part == "args" else ""
            columns.append(Column(part, texts, style=style, flexible=True))
    return columns, remark


def _folded(view: View, names: Sequence[str], layout: Layout) -> tuple[list[str], str]:
    """Return the values of each row in one cell; and what was left out, if anything was."""
    titles = [visible(name.partition(".")[2]) for name in names]
    text = value_text if layout.is_full else short_value
    rows, most = [], 0
    for number in range(len(view)):
        present = [
            _pair(title, view.columns[name][number], text)
            for name, title in zip(names, titles, strict=True)
            if view.columns[name][number] is not MISSING
        ]
        shown = present if layout.is_full else present[:_ENOUGH]
        more = len(present) - len(shown)
        most = max(most, more)
        rows.append(" ".join(shown) + (f" and {more:,} more" if more else "") or ABSENT)
    if not most:
        return rows, ""
    return rows, (
        f"Not all of {part_of(names[0])} is shown; --wide or --no-truncate shows all, --columns "
        "what you choose."
    )


def _pair(title: str, value: Any, text: Callable[[Any], str]) -> str:
    shown = text(value)
    is_phrase = isinstance(value, str) and " " in shown and shown[0] != "'"
    return f'{title}="{shown}"' if is_phrase else f"{title}={shown}"


def _details(view: View, layout: Layout) -> tuple[list[Text], str]:
    """Return of each row everything but the facts, one kind a line."""
    remark = ""
    lines: list[list[Text]] = [[] for _ in range(len(view))]
    for part, style in (("args", "cyan"), ("summary", "")):
        names = [name for name in view.columns if part_of(name) == part]
        if names:
            texts, left_out = _folded(view, names, layout)
            remark = remark or left_out
            for row, text in zip(lines, texts, strict=True):
                row += [Text(text, style)] if text != ABSENT else []
    rest = [name for name in view.columns if not part_of(name) and name not in _FACTS]
    for column in make_columns(view, rest, full=True):
        for row, text in zip(lines, column.cells, strict=True):
            shown = f"[{text}]" if column.title == "tags" else text
            row += [Text(shown, column.style)] if text != ABSENT else []
    return [Text("\n").join(row) for row in lines], remark


def _blocks(facts: Sequence[Column], details: Sequence[Text]) -> RenderableType:
    from rich.padding import Padding

    parts: list[RenderableType] = []
    for number, detail in enumerate(details):
        title = Text(facts[0].cells[number], "bold", overflow="fold")
        for column in facts[1:]:
            text = column.cells[number]
            title.append(" ").append(status_text(text) if column.is_status else Text(text))
        parts.append(title)
        if detail:
            detail.overflow = "fold"
            parts.append(Padding(detail, (0, 0, 0, 2)))
    return Group(*parts)


def _plain_blocks(columns: Sequence[Column]) -> RenderableType:
    lines: list[Text] = []
    for number in range(len(columns[0].cells)):
        lines += [Text("", overflow="fold")] if number else []
        lines += list(_entries(columns, number))
    return Group(*lines)


def _entries(columns: Sequence[Column], number: int) -> Iterator[Text]:
    for column in columns:
        text = column.cells[number]
        shown = status_text(text) if column.is_status else Text(text, column.style)
        yield Text.assemble((column.title, "dim"), " ", shown, overflow="fold")
