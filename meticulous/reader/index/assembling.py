"""The table of experiments that were gathered, each column made when it is first asked for."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from meticulous.folder.encoding import revive_numbers
from meticulous.reader.index.columnar import Columns, take_apart
from meticulous.reader.index.gathering import Gathered
from meticulous.reader.index.sound import LOCAL, facts_of, moment
from meticulous.reader.record import Record
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.reasons import REASON, reason_line
from meticulous.reader.table.table import FACTS, PARTS, Table, make_table

Values = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """The values of some rows of a column.

    Attributes:
        rows: The numbers of the rows, -1 for values that are to be left out; None for all rows.
        values: As many values, as they are kept: the numbers of a summary not revived.
    """

    rows: Sequence[int] | None
    values: Values


class LazyColumns(Mapping[str, list[Any]]):
    """The columns of a table, each made of its pieces when it is first asked for.

    Attributes:
        count: How many rows the table has.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pieces: dict[str, list[Piece]] = {}
        self._makers: dict[str, Callable[[], list[Any]]] = {}
        self._made: dict[str, list[Any]] = {}

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def pieces(self, name: str) -> list[Piece]:
        """Return what a column is made of; nothing where only its values tell what it holds."""
        return self._pieces.get(name, [])

    def add(self, name: str, make: Callable[[], list[Any]], pieces: Sequence[Piece] = ()) -> None:
        """Add a column behind the others."""
        self._makers[name] = make
        self._pieces[name] = list(pieces)

    def spread(self, pieces: Sequence[Piece]) -> list[Any]:
        """Return the pieces as one value for each row, MISSING where there is none."""
        full = [MISSING] * self.count
        for piece in pieces:
            if piece.rows is None:
                full = list(piece.values)
                continue
            for row, value in zip(piece.rows, piece.values, strict=True):
                if row >= 0:
                    full[row] = value
        return full


@dataclass(frozen=True, slots=True)
class _Source:
    """Experiments that came the same way.

    Attributes:
        places: For each of them the number of its row, -1 for none; None when they are all rows.
        parts: The columns of the facts and of each of `PARTS`.
    """

    places: Sequence[int] | None
    parts: Mapping[str, Columns]

    def piece(self, rows: Sequence[int] | None, values: Values) -> Piece:
        """Return values of some of them as a piece of the table."""
        if self.places is None or rows is None:
            return Piece(self.places if rows is None else rows, values)
        return Piece(array("q", map(self.places.__getitem__, rows)), values)


def table_of(gathered: Gathered) -> Table:
    """Return the table that `make_table` makes of the same experiments."""
    try:
        sources = _sources(gathered)
    except RecursionError:  # objects nested as deep as Python's stack
        return make_table(records_of(gathered))
    columns = LazyColumns(len(gathered.ids))
    _add_facts(columns, gathered, sources)
    for part in PARTS:
        if not _add_part(columns, part, sources):
            return make_table(records_of(gathered))
    return Table(list(gathered.ids), columns)


def records_of(gathered: Gathered) -> list[Record]:
    """Return the experiments as records, in the order of their ids."""
    records = dict(gathered.records)
    sounds = dict(gathered.sounds)
    if gathered.kept is not None:
        places = gathered.places
        rows = range(len(gathered.kept.names))
        wanted = list(rows) if places is None else [row for row in rows if places[row] >= 0]
        for row, sound in zip(wanted, gathered.kept.sounds(wanted), strict=True):
            sounds[row if places is None else places[row]] = sound
    for number, sound in sounds.items():
        records[number] = sound.record(os.path.join(gathered.directory, gathered.ids[number]))
    return [records[number] for number in range(len(records))]


def _sources(gathered: Gathered) -> list[_Source]:
    sources = []
    if gathered.kept is not None:
        sources.append(_Source(gathered.places, gathered.kept.parts))
    if gathered.sounds:
        sounds = gathered.sounds.values()
        parts = gathered.apart or {
            part: take_apart([getattr(sound, part) for sound in sounds])
            for part in ("facts", *PARTS)
        }
        places = array("q", gathered.sounds)
        sources.append(_Source(None if len(places) == len(gathered.ids) else places, parts))
    if gathered.records:
        records = gathered.records.values()
        parts = {part: take_apart([getattr(record, part) for record in records]) for part in PARTS}
        parts["facts"] = take_apart([_facts(record) for record in records])
        sources.append(_Source(array("q", gathered.records), parts))
    return sources


def _facts(record: Record) -> dict[str, Any]:
    return {
        **facts_of(record.metadata, record.start, record.end, True),
        "status": record.status,
        "reason": record.reason,
        "duration": record.duration,
        "cause": record.cause,
        "problems": record.problems,
    }


def _add_part(columns: LazyColumns, part: str, sources: Sequence[_Source]) -> bool:
    """Add the columns of a part; say False when two of them have the same name."""
    found: dict[tuple[str, ...], list[Piece]] = {}
    order: dict[tuple[str, ...], tuple[int, ...]] = {}
    for source in sources:
        for path, column in source.parts[part].leaves.items():
            piece = source.piece(column.rows, column.values)
            first, *place = column.place
            if source.places is not None:
                first = _first(piece, source.places[first])
            if first < 0:
                continue  # none of those that had it is left
            found.setdefault(path, []).append(piece)
            here = (first, *place)
            order[path] = min(order.get(path, here), here)
    names = {".".join((part, *path)) for path in found}
    for path in sorted(found, key=order.__getitem__):
        pieces = found[path]
        make = partial(_values, columns, pieces, part == "summary")
        columns.add(".".join((part, *path)), make, pieces)
    return len(names) == len(found)


def _first(piece: Piece, expected: int) -> int:
    if expected >= 0:
        return expected
    return min((row for row in piece.rows or () if row >= 0), default=-1)


def _values(columns: LazyColumns, pieces: Sequence[Piece], revive: bool) -> list[Any]:
    values = columns.spread(pieces)
    if revive and not {str, list}.isdisjoint(map(type, values)):
        return [revive_numbers(value) if value is not MISSING else value for value in values]
    return values


def _add_facts(columns: LazyColumns, gathered: Gathered, sources: Sequence[_Source]) -> None:
    def pieces(name: str) -> list[Piece]:
        found = []
        for source in sources:
            leaf = source.parts["facts"].leaves.get((name,))
            if leaf is not None:
                found.append(source.piece(leaf.rows, leaf.values))
        return found

    def plain(name: str) -> list[Any]:
        return [MISSING if value is None else value for value in columns.spread(pieces(name))]

    def duration() -> list[Any]:
        values = plain("duration")
        if LOCAL in values:
            for row, value in enumerate(values):
                if value == LOCAL:
                    took = columns["end"][row] - columns["start"][row]
                    values[row] = max(0.0, took.total_seconds())
        return values

    def problems() -> list[Any]:
        return [[] if value is MISSING else value for value in plain("problems")]

    def reasons() -> list[Any]:
        told = zip(columns["status"], columns.spread(pieces(REASON)), columns["cause"], strict=True)
        return [reason_line(word, reason or "", cause or None) for word, reason, cause in told]

    prefix = os.path.join(gathered.directory, "")
    makers: dict[str, Callable[[], list[Any]]] = {
        "start": partial(_moments, gathered, sources, "start"),
        "end": partial(_moments, gathered, sources, "end"),
        "duration": duration,
        "directory": lambda: [prefix + name for name in gathered.ids],
        "problems": problems,
        REASON: reasons,
    }
    for name in FACTS:
        # A column of reasons holds but one line of each.
        kept = pieces(name) if name != REASON else []
        columns.add(name, makers.get(name, partial(plain, name)), kept)


def _moments(gathered: Gathered, sources: Sequence[_Source], name: str) -> list[Any]:
    """Return the times of all experiments, each with the offset that its record states."""
    moments: list[Any] = [MISSING] * len(gathered.ids)
    for source in sources:
        metadata = source.parts["metadata"]
        keys = (f"{name}-time", "utc-offset")
        leaves = [metadata.leaves.get((key,)) for key in keys]
        texts, offsets = (
            [None] * metadata.count if leaf is None else leaf.dense(metadata.count)
            for leaf in leaves
        )
        places = range(metadata.count) if source.places is None else source.places
        for row, text, offset in zip(places, texts, offsets, strict=True):
            if row >= 0 and row not in gathered.records and text is not MISSING:
                found = moment(text, offset)
                moments[row] = MISSING if found is None else found
    for row, record in gathered.records.items():
        known = getattr(record, name)
        moments[row] = MISSING if known is None else known
    return moments
