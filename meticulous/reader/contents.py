"""What lies in an experiment's folder besides what a list shows: the part that `show` adds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from meticulous.folder import layout
from meticulous.folder.encoding import revive_numbers
from meticulous.reader.files import Files
from meticulous.reader.record import is_foreign

_WHOLE = 8 * 2**20
"""Bytes of metrics.jsonl that are decoded to find the last values; of larger files the end."""

_STEP = 2**20

_OF_XMEN = frozenset({"params.yml"})


@dataclass(frozen=True, slots=True)
class Metrics:
    """The series an experiment logged, in short.

    Attributes:
        lines: How many lines there are.
        last: The last value of each name, step and time included. In very large files only names
            that occur in the last 8 MiB are found.
        steps: The step of each of these values, without step and time themselves; of a value
            whose line tells no step there is none.
    """

    lines: int
    last: dict[str, Any]
    steps: dict[str, Any]

    @property
    def earlier(self) -> dict[str, Any]:
        """The steps of the values that were logged last before the last step."""
        now = self.last.get("step")
        return {name: step for name, step in self.steps.items() if step != now}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the folder, or a subfolder as a whole.

    Attributes:
        name: The name; that of a subfolder ends with a slash.
        size: Bytes, of all files below for a subfolder.
        files: How many files it is: 1, or those below a subfolder.
    """

    name: str
    size: int
    files: int


@dataclass(frozen=True, slots=True)
class Contents:
    """The larger parts of a record.

    Attributes:
        environment: All of environment.json; empty when it is missing.
        notes: The lines of notes.jsonl.
        metrics: What was logged, None when nothing was.
        entries: Files and subfolders by name, without the recorder's hidden ones.
        problems: What could not be read, one sentence each.
        launches: The lines of launches.jsonl: what it was handed to.
    """

    environment: dict[str, Any]
    notes: list[dict[str, Any]]
    metrics: Metrics | None
    entries: list[Entry]
    problems: list[str]
    launches: list[dict[str, Any]]


def read_contents(directory: str | os.PathLike[str]) -> Contents:
    """Read what a folder holds besides the parts of a `Record`; never raises for broken files."""
    files = Files(directory)
    environment = files.mapping(layout.ENVIRONMENT)
    notes = files.lines(layout.NOTES)
    metrics = _read_metrics(files)
    launches = files.lines(layout.LAUNCHES)
    entries = _list_entries(files)
    is_candidate = not environment and _OF_XMEN.issubset(entry.name for entry in entries)
    if is_candidate and is_foreign(files.directory):
        from meticulous.reader.xmen.records import read_xmen_parts

        environment, notes = read_xmen_parts(files.directory)
    return Contents(environment, notes, metrics, entries, files.problems, launches)


def _read_metrics(files: Files) -> Metrics | None:
    file = files.open(layout.METRICS)
    if file is None:
        return None
    with file:
        try:
            lines = 0
            while chunk := file.read(_STEP):
                lines += chunk.count(b"\n")
            size = file.tell()
            file.seek(max(0, size - _WHOLE))
            data = file.read()
        except OSError as error:
            files.failed(layout.METRICS, error)
            return None
    if size > _WHOLE:
        data = data.partition(b"\n")[2]
    last: dict[str, Any] = {}
    steps: dict[str, Any] = {}
    for line in files.decode_lines(layout.METRICS, data):
        last.update(line)
        step = line.get("step")
        steps.update(dict.fromkeys(line, step))
    steps = {n: s for n, s in steps.items() if s is not None and n not in ("step", "time")}
    return Metrics(lines, revive_numbers(last), steps)


def _list_entries(files: Files) -> list[Entry]:
    entries = []
    try:
        with os.scandir(files.directory) as found:
            for entry in found:
                if not entry.name.startswith("."):
                    entries.append(_entry(entry))
    except OSError as error:
        files.problems.append(f"the folder cannot be listed: {error.strerror or error}")
    return sorted(entries, key=lambda entry: entry.name)


def _entry(entry: os.DirEntry[str]) -> Entry:
    if not entry.is_dir(follow_symlinks=False):
        return Entry(entry.name, _size(entry.path), 1)
    size = count = 0
    for folder, _, names in os.walk(entry.path):
        count += len(names)
        size += sum(_size(os.path.join(folder, name)) for name in names)
    return Entry(f"{entry.name}/", size, count)


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
