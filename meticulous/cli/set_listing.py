"""What `meticulous list --sets` shows: each set with its experiments, and what is known of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meticulous.cli.choosing import Chosen, narrowed_records
from meticulous.cli.gathering import left_out, linked
from meticulous.cli.grid import STATUS_STYLES
from meticulous.cli.screen import Line, find_screen, wrapped
from meticulous.cli.widths import cell_width
from meticulous.cli.wording import minute_text, visible
from meticulous.reader import Record, by_start
from meticulous.reader.index import read_records
from meticulous.reader.sets import Code, RunSet, sets_of, type_of

_SHA_LENGTH = 10
_MOST = 5
"""Lines of code, purposes or notes that are shown of a set."""

_LABEL = len("Purpose") + 2


def gather_sets(place: str, options: Mapping[str, Any]) -> tuple[list[RunSet], Chosen, str]:
    """Return the sets of the experiments that the options choose, what was chosen, and a remark.

    The remark is about what was left out; "" when nothing was.

    Args:
        place: The experiments directory.
        options: The values of the options of `meticulous list`.

    Raises:
        MeticulousError: An option cannot be understood or applied, or the directory be read.
    """
    records = linked(by_start(read_records(place, with_foreign=True)), options)
    chosen = narrowed_records(place, options, records)
    shown = chosen.records
    if options["tail"]:
        shown = shown[-options["tail"] :]
    if options["head"]:
        shown = shown[: options["head"]]
    return sets_of(shown, records), chosen, left_out(place, options, len(shown), chosen)


def print_sets(sets: Sequence[RunSet], place: str) -> None:
    """Print sets: on a terminal within its width, in a pipe as plain lines with nothing cut."""
    lines = list(_lines(sets, place))
    screen = find_screen()
    if screen is None:
        from meticulous.cli.exact_output import print_exactly

        text = "".join(f"{''.join(text for text, _ in line)}\n" for line in lines)
        print_exactly(text.encode(errors="surrogateescape"))
        return
    screen.print([part for line in lines for part in wrapped(line, screen.width)])


def as_objects(sets: Sequence[RunSet]) -> list[dict[str, Any]]:
    """Return one object for each set, for programs."""
    return [
        {
            "set": one.id or None,
            "is_set": one.is_set,
            "experiments": [record.id for record in one.records],
            "size": one.size,
            "types": one.types,
            "created": one.created.isoformat() if one.created else None,
            "last": one.last.isoformat() if one.last else None,
            "statuses": one.statuses,
            "code": [
                {
                    "root": code.root,
                    "branch": code.branch,
                    "commit": code.commit,
                    "has_changes": code.has_changes,
                }
                for code in one.codes
            ],
            "purposes": one.purposes,
            "notes": one.notes,
        }
        for one in sets
    ]


def _lines(sets: Sequence[RunSet], place: str) -> Iterator[Line]:
    for number, one in enumerate(sets, 1):
        if number > 1:
            yield []
        title = f"{number}: {_title(one, place)}" if one.is_set else "without a set"
        yield [(title, "bold")]
        yield from _experiments(one)
        yield from _facts(one)


def _title(one: RunSet, place: str) -> str:
    if one.folder:
        inside = os.path.relpath(one.folder, place)
        is_below = inside.partition(os.sep)[0] != os.pardir
        return visible(inside if is_below and inside != os.curdir else one.folder)
    return visible(", ".join(one.types)) or "of an unknown target"


def _experiments(one: RunSet) -> Iterator[Line]:
    rows = [(visible(_id(one, record)), visible(_name(one, record))) for record in one.records]
    id_width = max(cell_width(text) for text, _ in rows)
    name_width = max(cell_width(text) for _, text in rows)
    for record, (id_text, name) in zip(one.records, rows, strict=True):
        gap = " " * (id_width - cell_width(id_text))
        middle = f"{gap}  {name}{' ' * (name_width - cell_width(name))}" if name_width else gap
        style = STATUS_STYLES.get(record.status, "")
        problems = visible("; ".join(record.problems))
        told = [(f"  {problems}", "red")] if problems else []
        yield [
            ("|- ", "dim"),
            (id_text, "bold"),
            (f"{middle}  ", ""),
            (record.status, style),
            *told,
        ]


def _id(one: RunSet, record: Record) -> str:
    is_foreign = one.folder and "uid" not in record.metadata
    return os.path.relpath(record.directory, one.folder) if is_foreign else record.id


def _name(one: RunSet, record: Record) -> str:
    name = record.metadata.get("name")
    if isinstance(name, str):
        return name
    return "" if one.is_set else type_of(record)


def _facts(one: RunSet) -> Iterator[Line]:
    counts = ", ".join(f"{count:,} {status}" for status, count in one.statuses.items())
    if len(one.records) < one.size:
        counts += f" ({len(one.records):,} of {one.size:,} shown)"
    types = visible(", ".join(one.types))
    facts = {
        "Type": [types] if one.folder else [],
        "Created" if one.is_set else "First": [minute_text(one.created)] if one.created else [],
        "Last": [minute_text(one.last)] if one.last else [],
        "Status": [counts],
        "Git": [_code(code) for code in one.codes],
        "Purpose": list(map(visible, one.purposes)),
        "Notes": list(map(visible, one.notes)),
    }
    for label, texts in facts.items():
        shown = [text for text in texts if text]
        if len(shown) > _MOST:
            shown = [*shown[:_MOST], f"and {len(shown) - _MOST:,} more"]
        for number, text in enumerate(shown):
            yield [(("" if number else label).ljust(_LABEL), "dim"), (text, "")]


def _code(code: Code) -> str:
    commit = code.commit[:_SHA_LENGTH]
    words = " ".join(visible(word) for word in (code.root, code.branch, commit) if word)
    return f"{words}, with uncommitted changes" if code.has_changes else words
