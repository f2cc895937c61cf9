"""The experiments that were started last, found without reading all of them.

The start of each, and the stamp of the metadata.json that tells it, are kept in the user's cache
directory. The experiments that are returned are read from their folders each time; what is kept
only says which these are.
"""

from __future__ import annotations

import contextlib
import os
import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

import orjson

from meticulous.folder import layout, status
from meticulous.reader.collection import is_record, list_folders, position_of, start_of
from meticulous.reader.index import cachefile
from meticulous.reader.index.sound import FRESH, UnusualError, moment
from meticulous.reader.record import Record, read_record

CHECKED = 500
"""Experiments started last whose stamps are always compared; those of the others only when the
experiments directory has changed, as it does when an experiment starts, resumes or goes away."""

_KIND = "latest"

_UNTRUSTED = 0
"""The stamp of an experiment whose start has to be read each time."""

_FEW = 1000
"""So many experiments are put in their places one by one; more are sorted together."""

_Entry = tuple[float, str, int]


class _Starts:
    """When each experiment was started, in that order.

    Attributes:
        names: The names of the folders.
        starts: For each its start in seconds since the epoch, as `start_of` tells it.
        stamps: For each what changes with its metadata.json.
        others: Names of folders that were no experiments.
        stamp: What changes with the experiments directory.
        changed: Whether this differs from what is kept.
    """

    __slots__ = ("changed", "names", "others", "stamp", "stamps", "starts")

    def __init__(self) -> None:
        self.names: list[str] = []
        self.starts: array[float] = array("d")
        self.stamps: array[int] = array("q")
        self.others: list[str] = []
        self.stamp = _UNTRUSTED
        self.changed = False

    def replace(self, rows: set[int], entries: list[_Entry]) -> None:
        """Take rows out and put entries (start, name, stamp) where they belong."""
        if rows:
            kept = [row for row in range(len(self.names)) if row not in rows]
            self._fill([(self.starts[row], self.names[row], self.stamps[row]) for row in kept])
        if len(entries) > _FEW:
            entries = [*zip(self.starts, self.names, self.stamps, strict=True), *entries]
            entries.sort(key=lambda entry: (entry[0], position_of(entry[1])))
            self._fill(entries)
        else:
            for entry in entries:
                self._insert(*entry)
        self.changed |= bool(rows or entries)

    def _fill(self, entries: list[_Entry]) -> None:
        self.starts = array("d", [start for start, _, _ in entries])
        self.names = [name for _, name, _ in entries]
        self.stamps = array("q", [stamp for _, _, stamp in entries])

    def _insert(self, start: float, name: str, stamp: int) -> None:
        row = bisect_left(self.starts, start)
        end = bisect_right(self.starts, start, row)
        while row < end and position_of(self.names[row]) < position_of(name):
            row += 1
        self.starts.insert(row, start)
        self.names.insert(row, name)
        self.stamps.insert(row, stamp)


def read_latest(directory: str | os.PathLike[str], count: int) -> tuple[list[Record], int]:
    """Read the experiments that were started last, the latest last, and count all.

    They are those that come last in `by_start(find_records(directory))`. Only when somebody writes
    a later start into the metadata.json of an old experiment that goes unnoticed for a while.

    Args:
        directory: The experiments directory.
        count: How many are wanted.

    Raises:
        ExperimentsDirectoryError: The directory cannot be read.
    """
    directory = os.path.abspath(directory)
    now = time.time_ns()
    stamp, newest = _stamp(directory)
    starts = _load(directory) or _Starts()
    rows: Iterable[int]
    if stamp != _UNTRUSTED and stamp == starts.stamp and not _is_grown(directory, starts):
        first = max(0, len(starts.names) - max(CHECKED, 2 * count))
        rows = [*_untrusted(starts.stamps, first), *range(first, len(starts.names))]
        _refresh(directory, starts, rows, set(), now)
    else:
        folders = list_folders(directory)
        rows = range(len(starts.names))
        starts.others = []
        _refresh(directory, starts, rows, folders.difference(starts.names), now)
        starts.stamp = _trusted(stamp, newest, now)
        starts.changed |= starts.stamp != _UNTRUSTED
    records = _read(directory, starts, count, now)
    if starts.changed:
        _save(directory, starts)
    return records, len(starts.names)


def _is_grown(directory: str, starts: _Starts) -> bool:
    """Say whether a folder that was none has become an experiment."""
    return any(is_record(os.path.join(directory, name)) for name in starts.others)


def _untrusted(stamps: array[int], end: int) -> Iterator[int]:
    row = -1
    with contextlib.suppress(ValueError):
        while True:
            row = stamps.index(_UNTRUSTED, row + 1, end)
            yield row


def _stamp(name: str, place: int | None = None) -> tuple[int, int]:
    """Return what changes with a file, and when it last did in nanoseconds since the epoch."""
    try:
        found = os.stat(name, dir_fd=place)
    except OSError:
        return _UNTRUSTED, 0
    # Nobody can set the second time, but some file systems have only the first.
    changed, inode_changed = found.st_mtime_ns, found.st_ctime_ns
    return changed + inode_changed, max(changed, inode_changed)


def _trusted(stamp: int, newest: int, now: int) -> int:
    """Return a stamp, unless another change could follow so soon that it leaves the same one."""
    return stamp if newest < now - FRESH else _UNTRUSTED


def _refresh(
    directory: str, starts: _Starts, rows: Iterable[int], added: set[str], now: int
) -> None:
    """Bring the starts up to date.

    Args:
        directory: The experiments directory.
        starts: What was known.
        rows: Which of them are compared with their files.
        added: Folders of which nothing is known.
        now: The present, in nanoseconds since the epoch.
    """
    stale: set[int] = set()
    entries: list[_Entry] = []
    suffix = os.sep + layout.METADATA
    place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for row in rows:
            name, known = starts.names[row], starts.stamps[row]
            stamp, newest = _stamp(name + suffix, place)
            if stamp == known != _UNTRUSTED:
                continue
            entry = _entry(directory, name, _trusted(stamp, newest, now), now)
            if entry is None:
                stale.add(row)
                if os.path.isdir(os.path.join(directory, name)):
                    starts.others.append(name)
            elif entry[0] != starts.starts[row]:
                stale.add(row)
                entries.append(entry)
            elif entry[2] != known:
                starts.stamps[row] = entry[2]
                starts.changed = True
        for name in added:
            stamp, newest = _stamp(name + suffix, place)
            entry = _entry(directory, name, _trusted(stamp, newest, now), now)
            if entry is None:
                starts.others.append(name)
            else:
                entries.append(entry)
    finally:
        os.close(place)
    if stale or entries:
        starts.replace(stale, entries)


def _entry(directory: str, name: str, stamp: int, now: int) -> _Entry | None:
    """Return when an experiment was started; None when the folder is no experiment."""
    path = os.path.join(directory, name)
    start = _written_start(path)
    if start is not None:
        return start, name, stamp
    if not is_record(path):
        return None
    record = read_record(path, now / 1e9)
    # Without a start the last sign of life counts, which moves without a change of the folder.
    return start_of(record), name, stamp if record.start is not None else _UNTRUSTED


def _written_start(path: str) -> float | None:
    """Return the start that a folder's metadata tell; None when they need more care."""
    try:
        with open(os.path.join(path, layout.METADATA), "rb", buffering=0, opener=_open) as file:
            metadata = orjson.loads(file.read())
        version = metadata.get("format")
        if isinstance(version, int) and version > layout.FORMAT:
            return None
        start = moment(metadata.get("start-time"), metadata.get("utc-offset"))
        return None if start is None else start.timestamp()
    except (OSError, ValueError, OverflowError, AttributeError, UnusualError):
        return None


def _open(path: str, flags: int) -> int:
    # A named pipe in the place of a file must not make the reader wait for a writer.
    return os.open(path, flags | os.O_NONBLOCK)


def _read(directory: str, starts: _Starts, count: int, now: int) -> list[Record]:
    """Read the experiments that come last, and put those right that were elsewhere meanwhile."""
    read: dict[str, Record] = {}
    while True:
        first = max(0, len(starts.names) - count)
        wrong: set[int] = set()
        entries: list[_Entry] = []
        for row in range(first, len(starts.names)):
            name = starts.names[row]
            if name not in read:
                path = os.path.join(directory, name)
                record = read_record(path, now / 1e9)
                if record.status == status.UNKNOWN and not os.path.lexists(path):
                    wrong.add(row)  # deleted since the directory was looked at
                    continue
                read[name] = record
            start = start_of(read[name])
            if start != starts.starts[row]:
                wrong.add(row)
                entries.append((start, name, starts.stamps[row]))
        if not wrong:
            return [read[name] for name in starts.names[first:]]
        starts.replace(wrong, entries)


def _load(directory: str) -> _Starts | None:
    found = cachefile.load(directory, _KIND)
    if found is None or found[0].get("zone") != _zone():
        return None
    header, (names, others, starts, stamps) = found
    loaded = _Starts()
    loaded.names = cachefile.split_names(names)
    loaded.others = cachefile.split_names(others)
    loaded.starts.frombytes(starts)
    loaded.stamps.frombytes(stamps)
    loaded.stamp = header["stamp"]
    return loaded


def _save(directory: str, starts: _Starts) -> None:
    blocks = [
        cachefile.join_names(starts.names),
        cachefile.join_names(starts.others),
        starts.starts.tobytes(),
        starts.stamps.tobytes(),
    ]
    cachefile.save(directory, _KIND, {"stamp": starts.stamp, "zone": _zone()}, blocks)


def _zone() -> list[int | str]:
    """Return the time zone of the reader, which old records are read with."""
    return [time.timezone, time.altzone, *time.tzname]
