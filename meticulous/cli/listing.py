"""Lay out a list on a terminal: as a table, folded or as short blocks where there is no room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from meticulous.cli.cells import value_cell
from meticulous.cli.grid import as_table, fitting, room, styled
from meticulous.cli.plain_table import LEAST_ROOM, Column, make_columns, part_of
from meticulous.cli.screen import Line, Span, wrapped
from meticulous.cli.view import View
from meticulous.cli.wording import ABSENT, count_text, visible
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import ID

_ENOUGH = 12
"""Values that are shown of one experiment where they do not have columns of their own."""

_LONGEST_NAME = 60
"""Characters of a name that are shown of a value without a column of its own: its end."""

_HELD = "\1"
"""Stands for a space at which a line must not be broken; no cell holds it."""

_FACTS = (ID, "status", "start", "duration")


class _Form(NamedTuple):
    """A way to lay out the usual columns."""

    shows_age: bool = True
    folds_args: bool = False
    folds_summary: bool = False


_FORMS = (
    _Form(),
    _Form(shows_age=False),
    _Form(folds_args=True),
    _Form(folds_args=True, folds_summary=True),
)
"""Those that are tried, the most spacious first."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a list is laid out.

    Attributes:
        width: The characters in a line of the terminal.
        is_wide: Whether lines may be longer than that.
        is_full: Whether values are neither cut nor rounded, and none is left out.
        digits: How many significant digits numbers have; None for as many as usual.
    """

    width: int
    is_wide: bool = False
    is_full: bool = False
    digits: int | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A list that was laid out.

    Attributes:
        lines: What is printed; longer than the lines of the terminal only where that is wanted.
        remark: What is said below; "" when nothing.
    """

    lines: Sequence[Line]
    remark: str = ""


def draw(view: View, layout: Layout) -> Picture:
    """Lay out a view, of at least one row, for a terminal."""
    if view.is_usual and not layout.is_wide:
        return _draw_usual(view, layout)
    names = list(view.columns)
    columns = make_columns(view, names, layout.is_full, digits=layout.digits)
    if room(columns) <= layout.width:
        return Picture(as_table(columns, layout.width))
    if layout.is_wide:
        return Picture(as_table(columns, room(columns, at_least=False)))
    keys = [column for name, column in zip(names, columns, strict=True) if name in view.keys]
    others = [column for name, column in zip(names, columns, strict=True) if name not in view.keys]
    parts = _parts(keys, others, layout.width)
    if not parts:
        return Picture(_plain_blocks(columns, layout.width))
    lines: list[Line] = []
    for number, part in enumerate(parts):
        lines += [[]] if number else []
        lines += as_table([*keys, *part], layout.width)
    shown = count_text(len(parts), "part")
    return Picture(lines, f"In {shown}, one below the other; --wide shows it in one.")


def _parts(keys: Sequence[Column], others: Sequence[Column], width: int) -> list[Sequence[Column]]:
    """Return the columns in parts that fit beside the keys; none where there is too little room."""
    parts: list[Sequence[Column]] = []
    while others:
        count = fitting([*keys, *others], width) - len(keys)
        if count < 1:
            first = replace(others[0], flexible=True)
            if room([*keys, first]) > width:
                return []
            parts.append([first])
        else:
            parts.append(others[:count])
        others = others[max(1, count) :]
    return parts


def _draw_usual(view: View, layout: Layout) -> Picture:
    now = datetime.now().astimezone()
    for form in _FORMS:
        columns, remark = _usual_columns(view, layout, now, form)
        if room(columns) <= layout.width:
            return Picture(as_table(columns, layout.width), remark)
    names = [name for name in _FACTS if name in view.columns]
    details, remark = _details(view, layout)
    facts = make_columns(view, names, layout.is_full, now, age_below=True)
    if facts and room(facts) + 2 + LEAST_ROOM <= layout.width:
        title = ", ".join(_folded_titles(view))
        return Picture(as_table(facts, layout.width, details, title), remark)
    facts = make_columns(view, names, layout.is_full, now)
    return Picture(_blocks(facts, details, layout.width))


def _usual_columns(
    view: View, layout: Layout, now: datetime, form: _Form
) -> tuple[list[Column], str]:
    groups = {"args": form.folds_args, "summary": form.folds_summary}
    columns: list[Column] = []
    remark = ""
    spread = [name for name in view.columns if not groups.get(part_of(name), False)]
    made = make_columns(
        view,
        spread,
        layout.is_full,
        now if form.shows_age else None,
        layout.digits,
        age_below=form.folds_args,
    )
    by_name = dict(zip(spread, made, strict=True))
    for name in view.columns:
        part = part_of(name)
        if name in by_name:
            columns.append(by_name[name])
        elif groups.pop(part, False):
            names = [name for name in view.columns if part_of(name) == part]
            texts, left_out = _folded(view, names, layout)
            remark = remark or left_out
            style = "cyan" if part == "args" else ""
            title = _folded_titles(view)[0] if part == "args" else part
            columns.append(Column(title, texts, style=style, flexible=True))
    return columns, remark


def _folded(view: View, names: Sequence[str], layout: Layout) -> tuple[list[str], str]:
    """Return the values of each row in one cell; and what was left out, if anything was."""
    titles = [visible(name.partition(".")[2]) for name in names]
    if not layout.is_full:
        titles = [_end_of(title) for title in titles]
    rows, most = [], 0
    for number in range(len(view)):
        present = [
            _pair(title, view.columns[name][number], layout, view.digits(name))
            for name, title in zip(names, titles, strict=True)
            if view.columns[name][number] is not MISSING
            and not (name in view.is_default and view.is_default[name][number])
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


def _end_of(title: str) -> str:
    return title if len(title) <= _LONGEST_NAME else f"...{title[3 - _LONGEST_NAME :]}"


def _folded_titles(view: View) -> list[str]:
    """Return the headings of arguments and results that are folded together."""
    return ["changed args" if view.is_default else "args", "summary"]


def _pair(title: str, value: Any, layout: Layout, digits: int) -> str:
    shown = value_cell(value, layout.is_full, layout.digits or (None if layout.is_full else digits))
    is_phrase = isinstance(value, str) and " " in shown and shown[0] != "'"
    return f'{title}="{shown}"' if is_phrase else f"{title}={shown}"


def _details(view: View, layout: Layout) -> tuple[list[Line], str]:
    """Return of each row everything but the facts, one kind a line."""
    remark = ""
    lines: list[list[Span]] = [[] for _ in range(len(view))]
    for part, style in (("args", "cyan"), ("summary", "")):
        names = [name for name in view.columns if part_of(name) == part]
        if names:
            texts, left_out = _folded(view, names, layout)
            remark = remark or left_out
            for row, text in zip(lines, texts, strict=True):
                row += [(text, style)] if text != ABSENT else []
    rest = [name for name in view.columns if not part_of(name) and name not in _FACTS]
    for column in make_columns(view, rest, full=True):
        for row, text in zip(lines, column.cells, strict=True):
            shown = f"[{text}]" if column.title == "tags" else text
            row += [(shown, column.style)] if text != ABSENT else []
    return [_joined([[span] for span in row], "\n") for row in lines], remark


def _joined(texts: Sequence[Line], between: str) -> list[Span]:
    return [span for text in texts for span in ((between, ""), *text)][1:]


def _blocks(facts: Sequence[Column], details: Sequence[Line], width: int) -> list[Line]:
    lines: list[Line] = []
    for number, detail in enumerate(details):
        cells = [styled(column, number) for column in facts]
        held = [[(text.replace(" ", _HELD), style) for text, style in cell] for cell in cells]
        title = [(text, f"bold {style}") for text, style in _joined(held, " ")]
        lines += [
            [(text.replace(_HELD, " "), style) for text, style in line]
            for line in wrapped(title, width)
        ]
        if detail:
            lines += [[("  ", ""), *line] for line in wrapped(detail, max(1, width - 2))]
    return lines


def _plain_blocks(columns: Sequence[Column], width: int) -> list[Line]:
    lines: list[Line] = []
    for number in range(len(columns[0].cells)):
        lines += [[]] if number else []
        for column in columns:
            entry = [(column.title, "dim"), (" ", ""), *styled(column, number)]
            lines += wrapped(entry, width)
    return lines
