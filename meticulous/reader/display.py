"""How experiments show themselves: HTML in a notebook, plain text elsewhere."""

from __future__ import annotations

import contextlib
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from meticulous.errors import ExperimentNotFoundError
from meticulous.folder import status
from meticulous.reader.record import Record
from meticulous.reader.series.metrics import TIME
from meticulous.reader.table.argument_columns import args_columns
from meticulous.reader.table.flattening import MISSING, flatten
from meticulous.reader.table.sameness import is_numeric
from meticulous.reader.table.table import make_table
from meticulous.reader.wording import (
    ABSENT,
    count_text,
    duration_text,
    minute_text,
    moment_text,
    short_value,
    size_text,
    value_text,
    visible,
)

if TYPE_CHECKING:
    from meticulous.reader.contents import Contents
    from meticulous.reader.experiment_reader import ExperimentReader

USUAL_ROWS = 20
"""Experiments that are shown of a directory: those started last."""

_MOST_COLUMNS = 12
"""Columns of arguments, and of results, in HTML; what is left out is counted."""

_MOST_LINES = 200
"""Entries of one section that are shown of an experiment."""

_COLOURS = {
    status.REGISTERED: "#0277bd",
    status.RUNNING: "#0277bd",
    status.SUCCESS: "#2e7d32",
    status.ERROR: "#c62828",
    status.KILLED: "#c62828",
    status.LOST: "#8e24aa",
    status.UNKNOWN: "#8e24aa",
}
"""Readable on white and on black; a status without one is ochre."""

_OCHRE = "#b26a00"


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows and columns of text on one line each.

    Attributes:
        titles: The headings of the columns.
        rows: The cells, one text for each column.
        is_number: Of each column, whether it is aligned to the right.
        remark: What is said below.
    """

    titles: list[str]
    rows: list[list[str]]
    is_number: list[bool]
    remark: str = ""

    def as_html(self) -> str:
        """Return the grid as an HTML table; everything in it is escaped."""
        titles = "".join(f"<th>{escape(title)}</th>" for title in self.titles)
        rows = "".join(f"<tr>{self._html_row(row)}</tr>" for row in self.rows)
        body = f"<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>"
        return f"<div>{body if self.rows else ''}<p>{escape(self.remark)}</p></div>"

    def _html_row(self, row: list[str]) -> str:
        cells = []
        for title, cell, is_number in zip(self.titles, row, self.is_number, strict=True):
            style = f"text-align: {'right' if is_number else 'left'}"
            if title == "status":
                style += f"; {_status_style(cell)}"
            cells.append(f'<td style="{style}">{escape(cell)}</td>')
        return "".join(cells)

    def as_text(self, width: int) -> str:
        """Return the grid as aligned text; columns that do not fit into `width` are left out.

        The first two are always there.
        """
        columns = list(zip(self.titles, *self.rows, strict=True))
        widths = [max(map(cell_width, column)) for column in columns]
        count = len(columns)
        while count > 2 and sum(widths[:count]) + 2 * (count - 1) > width:
            count -= 1
        lines = [
            "  ".join(
                _padded(cell, room, is_number)
                for cell, room, is_number in zip(row[:count], widths, self.is_number, strict=False)
            ).rstrip()
            for row in ([self.titles, *self.rows] if self.rows else [])
        ]
        left_out = ", ".join(self.titles[count:])
        if left_out and self.rows:
            lines.append(f"No room for: {left_out}")
        return "\n".join([*lines, self.remark] if self.remark else lines)


def cell_width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def _padded(cell: str, width: int, is_number: bool) -> str:
    room = " " * (width - cell_width(cell))
    return room + cell if is_number else cell + room


def experiments_html(shown: Sequence[Record], total: int, directory: str) -> str:
    """Return the latest of some experiments as an HTML table.

    Args:
        shown: The experiments to be shown, the latest last.
        total: How many there are.
        directory: The experiments directory.
    """
    return _grid(shown, total, directory, _MOST_COLUMNS).as_html()


def experiments_text(
    shown: Sequence[Record], total: int, directory: str, width: int | None = None
) -> str:
    """Return the latest of some experiments as aligned text.

    Args:
        shown: The experiments to be shown, the latest last.
        total: How many there are.
        directory: The experiments directory.
        width: The characters of a line; those of the terminal by default.
    """
    width = shutil.get_terminal_size((100, 24)).columns if width is None else width
    return _grid(shown, total, directory, None).as_text(width)


def _grid(shown: Sequence[Record], total: int, directory: str, most: int | None) -> Grid:
    table = make_table(shown)
    args, further_args = _cut(args_columns(table, "changed"), most)
    summary, further_results = _cut([n for n in table.columns if n.startswith("summary.")], most)
    taken = [name.partition(".")[2] for name in (*args, *summary)]
    titles = ["id", "status", "started", "duration"]
    columns: list[list[str]] = [
        [visible(record.id) for record in shown],
        [_status_cell(record) for record in shown],
        [minute_text(record.start) if record.start else ABSENT for record in shown],
        [_took(record) for record in shown],
    ]
    is_number = [all(record.id.isdecimal() for record in shown), False, False, True]
    for name in (*args, *summary):
        short = name.partition(".")[2]
        titles.append(visible(short if taken.count(short) == 1 else name))
        columns.append([_cell(value) for value in table.columns[name]])
        is_number.append(_holds_numbers(table.columns[name]))
    for name in ("description", "tags"):
        cells = [_words(value) for value in table.columns[name]]
        if any(cells):
            titles.append(name)
            columns.append([cell or ABSENT for cell in cells])
            is_number.append(False)
    rows = [list(row) for row in zip(*columns, strict=True)]
    remark = _remark(shown, total, directory, further_args + further_results)
    return Grid(titles, rows, is_number, remark)


def _cut(names: list[str], most: int | None) -> tuple[list[str], int]:
    return (names, 0) if most is None else (names[:most], max(0, len(names) - most))


def _remark(shown: Sequence[Record], total: int, directory: str, columns: int) -> str:
    place = visible(directory)
    if not total:
        return f"No experiments in {place}"
    count = count_text(total, "experiment")
    parts = [f"{count} in {place}"]
    if len(shown) < total:
        parts = [f"The last {len(shown)} of {count} in {place}"]
    if columns:
        parts.append(f"{count_text(columns, 'column')} left out")
    broken = sum(bool(record.problems) for record in shown)
    if broken:
        folders = count_text(broken, "folder")
        parts.append(f"! something in {folders} cannot be read: see `problems`")
    return "; ".join(parts)


def _status_cell(record: Record) -> str:
    return f"{record.status} !" if record.problems else record.status


def _status_style(cell: str) -> str:
    return f"color: {_COLOURS.get(cell.partition(' ')[0], _OCHRE)}; font-weight: bold"


def _took(record: Record) -> str:
    return ABSENT if record.duration is None else duration_text(record.duration)


def _cell(value: Any) -> str:
    return ABSENT if value is MISSING else short_value(value)


def _words(value: Any) -> str:
    text = ", ".join(value) if isinstance(value, list) else value
    return visible(text if len(text) <= 60 else f"{text[:57]}...")


def _holds_numbers(values: Iterable[Any]) -> bool:
    held = [value for value in values if value is not MISSING]
    return all(map(is_numeric, held))


Section = tuple[str, list[tuple[str, str]]]
"""A heading, and labelled texts below it."""


def reader_line(reader: ExperimentReader) -> str:
    """Return an experiment on one line, for lists and error messages."""
    return f"<{type(reader).__name__} {visible(reader.curexpdir)} {reader.status}>"


def reader_text(reader: ExperimentReader) -> str:
    """Return an experiment as plain text: facts, arguments, results, files."""
    lines = [f"{visible(reader.expid)}  {reader.status}"]
    for heading, entries in _sections(reader):
        lines += ["", heading] if heading else []
        room = max((cell_width(label) for label, _ in entries), default=0)
        lines += [f"  {_padded(label, room, False)}  {text}".rstrip() for label, text in entries]
    return "\n".join(lines)


def reader_html(reader: ExperimentReader) -> str:
    """Return an experiment as HTML; everything that comes from the record is escaped."""
    title = (
        f"<strong>{escape(visible(reader.expid))}</strong> "
        f'<span style="{_status_style(reader.status)}">{escape(reader.status)}</span>'
    )
    parts = [title]
    for heading, entries in _sections(reader):
        rows = "".join(
            f'<tr><th style="text-align: left">{escape(label)}</th>'
            f'<td style="text-align: left">{escape(text)}</td></tr>'
            for label, text in entries
        )
        table = f"<table><tbody>{rows}</tbody></table>"
        is_open = " open" if heading in ("arguments", "results") else ""
        folded = f"<details{is_open}><summary>{escape(heading)}</summary>{table}</details>"
        parts.append(folded if heading else table)
    return f"<div>{''.join(parts)}</div>"


def recording_html(line: str, directory: str | None) -> str:
    """Return an experiment that is being recorded as HTML.

    Args:
        line: It on one line, for one that is not recorded or whose folder is gone.
        directory: Its folder; None when nothing is recorded.
    """
    from meticulous.reader.experiment_reader import ExperimentReader

    if directory is not None:
        with contextlib.suppress(ExperimentNotFoundError):
            return reader_html(ExperimentReader(directory))
    return f"<code>{escape(visible(line))}</code>"


def _sections(reader: ExperimentReader) -> list[Section]:
    changed = reader.changed_args
    args = [
        (f"{visible(name)}{' *' if name in changed else ''}", value_text(value))
        for name, value in reader.args.items()
    ]
    contents = reader.contents
    sections: list[Section] = [
        ("", _facts(reader)),
        ("arguments", _limited(args)),
        ("results", _limited(_values(reader.summary))),
        (_metrics_heading(contents), _limited(_last_values(contents))),
        ("notes", _limited([(_text(n.get("time")), _text(n.get("text"))) for n in contents.notes])),
        ("files", _limited([(visible(e.name), size_text(e.size)) for e in contents.entries])),
    ]
    return [section for section in sections if section[1]]


def _facts(reader: ExperimentReader) -> list[tuple[str, str]]:
    record = reader.record
    duration = "" if record.duration is None else f" ({duration_text(record.duration)})"
    commit = " ".join(
        filter(None, (_text(reader.sha)[:10], _text(reader.metadata.get("git-branch"))))
    )
    command = reader.metadata.get("command")
    facts = [
        ("directory", visible(reader.curexpdir)),
        ("description", visible(record.description)),
        ("tags", visible(", ".join(record.tags))),
        ("started", f"{moment_text(record.start)}{duration}" if record.start else ""),
        ("code", visible(commit)),
        ("command", visible(" ".join(map(str, command)) if isinstance(command, list) else "")),
        ("reason", visible(record.cause or reader.status_message)),
        *(("warning", visible(text)) for text in record.warnings),
        *(("problem", visible(text)) for text in record.problems),
    ]
    return [(label, text) for label, text in facts if text]


def _metrics_heading(contents: Contents) -> str:
    lines = contents.metrics.lines if contents.metrics else 0
    return f"metrics, the last values of {count_text(lines, 'line')}"


def _last_values(contents: Contents) -> list[tuple[str, str]]:
    if contents.metrics is None:
        return []
    found, earlier = [], contents.metrics.earlier
    for name, value in contents.metrics.last.items():
        step = earlier.get(name, MISSING)
        when = "" if step is MISSING else f" at step {value_text(step)}"
        found += [(n, f"{text}{when}") for n, text in _values({name: value}) if name != TIME]
    return found


def _values(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(visible(name), value_text(value)) for name, value in flatten(values).items()]


def _limited(entries: list[tuple[str, str]]) -> list[tuple[str, str]]:
    shown = [(label, text if len(text) <= 300 else f"{text[:297]}...") for label, text in entries]
    if len(shown) <= _MOST_LINES:
        return shown
    return [*shown[:_MOST_LINES], ("", f"and {len(shown) - _MOST_LINES:,} more")]


def _text(value: Any) -> str:
    return visible(value) if isinstance(value, str) else ""
