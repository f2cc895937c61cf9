"""A comparison in the words of a person: plain text, HTML for notebooks, blocks to lay out."""

from __future__ import annotations

import html as markup
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from meticulous.reader.comparing.commands import said_by_args, shell_line
from meticulous.reader.comparing.differences import Difference, Section
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.wording import (
    ABSENT,
    count_text,
    duration_text,
    moment_text,
    size_text,
    value_text,
    visible,
)

if TYPE_CHECKING:
    from meticulous.reader.comparing.comparison import Comparison
    from meticulous.reader.record import Record

LONGEST_SECTION = 20
"""Differences of one section that are shown at most, unless all are wanted."""

_LONGEST_VALUE = 60
_LONGEST_COMMAND = 180
_LEAD = 16
_SHA = 10


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a block.

    Attributes:
        label: What it is about; "" for a sentence of its own.
        text: What is to be said.
        kind: "changed", "added", "removed", or "remark".
    """

    label: str
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Block:
    """A heading and its lines."""

    title: str
    rows: list[Row]


def blocks(comparison: Comparison, cut: bool = True) -> Iterator[Block]:
    """Yield what is to be said about a comparison, in its order.

    Args:
        comparison: The comparison.
        cut: Whether long values and long sections are cut, with a remark.
    """
    for section in comparison.sections.values():
        if section.name == "command" and said_by_args(comparison):
            others = [found for found in section.differences if found.name != "command"]
            section = replace(section, differences=others)
        rows = list(_rows(section, cut))
        if rows:
            yield Block(_title(section), rows)
    unknown = [section for section in comparison.sections.values() if section.unknown]
    if unknown:
        rows = [Row(section.name, visible(section.unknown), "remark") for section in unknown]
        yield Block("not known", rows)
    if comparison.problems:
        rows = [Row("", visible(problem), "remark") for problem in comparison.problems]
        yield Block("could not be read", rows)
    alike = [
        f"{section.name} ({count_text(section.same, 'value')})" if section.same > 1 else name
        for name, section in comparison.sections.items()
        if not section and not section.unknown and section.same
    ]
    if alike:
        yield Block("the same", [Row("", ", ".join(alike), "remark")])


def heading(record: Record) -> str:
    """Return one line about an experiment: id, status, start, duration."""
    parts = [visible(record.id), record.status]
    if record.start:
        parts.append(f"started {moment_text(record.start)}")
    if record.duration is not None:
        parts.append(f"took {duration_text(record.duration)}")
    return ", ".join(parts)


def change_text(section: str, difference: Difference, cut: bool = True) -> str:
    """Return what became of a value, such as "0.5 -> 0.25  (-0.25, -50 %)".

    Args:
        section: The section of the difference.
        difference: The difference.
        cut: Whether long values are cut to where they differ.
    """
    a, b, detail = difference.a, difference.b, visible(difference.detail)
    if a is MISSING and b is MISSING:
        return detail
    if section == "status" and difference.name == "reason":
        was, became = (_last_line(value, cut) for value in (a, b))
        return f"{was}  (with another traceback)" if was == became else f"{was} -> {became}"
    if section == "outputs":
        was, became = (_size(value) for value in (a, b))
    elif section in ("code", "packages") and not isinstance(a, list):
        width = _SHA if section == "code" else None
        was, became = (ABSENT if v is MISSING else visible(str(v))[:width] for v in (a, b))
    else:
        was, became = (ABSENT if v is MISSING else _value(v, cut) for v in (a, b))
        if cut and detail and len(was) + len(became) > _LONGEST_VALUE:
            return _shortened(detail)
        if cut:
            was, became = _around_difference(was, became)
        detail = "" if isinstance(a, list) else detail
    change = was if was == became and section == "outputs" else f"{was} -> {became}"
    extra = ", ".join(filter(None, [*_amounts(difference, section), detail]))
    return f"{change}  ({extra})" if extra else change


def command_lines(difference: Difference, cut: bool = True) -> tuple[str, str]:
    """Return two commands that differ as lines of a shell.

    Args:
        difference: The difference named `command` of the section `command`.
        cut: Whether long ones are cut to where they differ.
    """
    one, other = (
        ABSENT if command is MISSING else visible(shell_line(command))
        for command in (difference.a, difference.b)
    )
    return _around_difference(one, other, _LONGEST_COMMAND) if cut else (one, other)


def is_command(section: str, difference: Difference) -> bool:
    """Say whether a difference is that of the commands, for which there are `command_lines`."""
    return section == difference.name == "command"


def text(comparison: Comparison) -> str:
    """Return a comparison as plain text."""
    lines = [f"A: {heading(comparison.a)}", f"B: {heading(comparison.b)}"]
    for block in blocks(comparison):
        lines += ["", block.title]
        width = min(32, max(len(row.label) for row in block.rows))
        for row in block.rows:
            label = f"{row.label:{width}}  " if row.label else ""
            lines.append(f"  {label}{row.text}")
    if not comparison.differs:
        lines += ["", "Nothing that was recorded differs."]
    return "\n".join(lines)


def html(comparison: Comparison) -> str:
    """Return a comparison as HTML, without scripts and without styles of its own."""
    parts = [
        f"<p><b>A</b>: {markup.escape(heading(comparison.a))}<br>"
        f"<b>B</b>: {markup.escape(heading(comparison.b))}</p>"
    ]
    for block in blocks(comparison):
        rows = "".join(
            f'<tr><td style="text-align: left">{markup.escape(row.label)}</td>'
            f'<td style="text-align: left">{markup.escape(row.text)}</td></tr>'
            for row in block.rows
        )
        parts.append(
            f'<table><thead><tr><th colspan="2" style="text-align: left">'
            f"{markup.escape(block.title)}</th></tr></thead><tbody>{rows}</tbody></table>"
        )
    if not comparison.differs:
        parts.append("<p>Nothing that was recorded differs.</p>")
    return f"<div>{''.join(parts)}</div>"


def _title(section: Section) -> str:
    count, total = len(section.differences), len(section.differences) + section.same
    if count in (0, 1) and total == count:
        return section.name
    return f"{section.name}: {count} of {total:,} differ{'s' if count == 1 else ''}"


def _rows(section: Section, cut: bool) -> Iterator[Row]:
    shown = section.differences[:LONGEST_SECTION] if cut else section.differences
    for difference in shown:
        if is_command(section.name, difference):
            pairs = zip("AB", command_lines(difference, cut), strict=True)
            yield from (Row(name, line, difference.kind) for name, line in pairs)
            continue
        name = visible(difference.name)
        yield Row(name, change_text(section.name, difference, cut), difference.kind)
    if len(shown) < len(section.differences):
        yield Row("", f"... and {len(section.differences) - len(shown)} more", "remark")
    for remark in section.remarks:
        yield Row("", _shortened(visible(remark)) if cut else visible(remark), "remark")


def _amounts(difference: Difference, section: str) -> Iterator[str]:
    if difference.absolute is None or section in ("outputs", "status", "command"):
        return
    yield f"{difference.absolute:+.4g}"
    if difference.relative is not None:
        yield f"{difference.relative * 100:+.3g} %"


def _last_line(value: Any, cut: bool) -> str:
    """Return the end of a reason: of a traceback the line that names the exception."""
    if not isinstance(value, str):
        return ABSENT if value is MISSING else value_text(value)
    line = visible((value.strip().splitlines() or [""])[-1].strip())
    return _shortened(line) if cut else line


def _size(value: Any) -> str:
    return ABSENT if value is MISSING else size_text(value)


def _value(value: Any, cut: bool) -> str:
    if cut and isinstance(value, str) and "\n" in value.strip():
        return f"... {visible(value.strip().splitlines()[-1])}"
    return value_text(value)


def _shortened(line: str) -> str:
    return line if len(line) <= 3 * _LONGEST_VALUE else f"{line[: 3 * _LONGEST_VALUE - 3]}..."


def _around_difference(a: str, b: str, width: int = _LONGEST_VALUE) -> tuple[str, str]:
    """Cut two texts so that where they differ is to be seen."""
    if max(len(a), len(b)) <= width:
        return a, b
    pairs = enumerate(zip(a, b, strict=False))
    first = next((n for n, (x, y) in pairs if x != y), min(len(a), len(b)))
    start = max(0, first - _LEAD)
    return _window(a, start, width), _window(b, start, width)


def _window(line: str, start: int, width: int) -> str:
    begin, end = ("..." if start else ""), start + width
    return f"{begin}{line[start:end]}{'...' if len(line) > end else ''}"
