"""Compare the files that two runs left: by size, by content within a budget, by recorded hash."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meticulous.errors import UnreadableRecordError
from meticulous.folder import layout
from meticulous.folder.encoding import decode_lines
from meticulous.reader.comparing.differences import Difference, Section
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.sameness import is_same

BUDGET = 2**30
"""Bytes of each folder that are read at most to tell files of the same size apart."""

RECORDED = layout.FILES
"""The file that tells the inputs and outputs of a run with their size and sha256."""

_OWN = layout.OWN_FILES - {layout.STDOUT, layout.STDERR, layout.METRICS}
"""Files of the recorder that other sections compare, or that are no result."""

_STEP = 2**20
_LOOK = 8192
"""A file with a zero byte among its first ones is binary."""

_READABLE_METRICS = 2**26
"""Metrics of more bytes are not compared."""


@dataclass(frozen=True, slots=True)
class FileFact:
    """What is known of a file.

    Attributes:
        size: Bytes.
        sha256: The hash that the record has of it; None when it has none.
    """

    size: int | None
    sha256: str | None = None

    def __str__(self) -> str:
        size = "unknown size" if self.size is None else f"{self.size} bytes"
        return f"{size}, sha256 {self.sha256[:12]}" if self.sha256 else size


def compare_inputs(a: Mapping[str, Any], b: Mapping[str, Any]) -> Section:
    """Compare what two runs read, by the hashes in their files.json.

    Where neither has one there is nothing to be said, not even that it is not known.

    Args:
        a: The first one's files.json; empty when there is none.
        b: The second one's.
    """
    if not a and not b:
        return Section("inputs")
    if not a or not b:
        missing = f"only one of the experiments has a {RECORDED} that tells its inputs"
        return Section("inputs", unknown=missing)
    facts_a, facts_b = recorded_files(a, "inputs"), recorded_files(b, "inputs")
    section, same = Section("inputs"), 0
    for name in dict.fromkeys([*facts_a, *facts_b]):
        one, other = facts_a.get(name, MISSING), facts_b.get(name, MISSING)
        if one == other:
            same += 1
        else:
            section.differences.append(Difference(name, _fact(one), _fact(other)))
    return Section("inputs", section.differences, same)


def compare_outputs(
    a: str,
    b: str,
    recorded_a: Mapping[str, Any],
    recorded_b: Mapping[str, Any],
    budget: int = BUDGET,
) -> Section:
    """Compare the files in two folders of experiments, those of the program and its output.

    Files of different size differ. Of the same size they are read, as long as the budget lasts;
    beyond it the hashes in files.json decide, and without them nothing is known, which a remark
    says. Metrics are compared without the times of their lines.

    Args:
        a: The first folder.
        b: The second.
        recorded_a: The first one's files.json.
        recorded_b: The second one's.
        budget: Bytes of each folder that may be read.
    """
    found_a, found_b = dict(_files(a)), dict(_files(b))
    hashes_a, hashes_b = (
        recorded_files(recorded_a, "outputs"),
        recorded_files(recorded_b, "outputs"),
    )
    differences, unread, same = [], [], 0
    for name in sorted({*found_a, *found_b}):
        size_a, size_b = found_a.get(name), found_b.get(name)
        if size_a is None or size_b is None:
            only = a if size_b is None else b
            kind = _kind(os.path.join(only, name))
            differences.append(Difference(name, _size(size_a), _size(size_b), kind))
            continue
        path_a, path_b = os.path.join(a, name), os.path.join(b, name)
        is_affordable = size_a <= budget
        verdict: str | None
        if name == layout.METRICS:
            is_readable = max(size_a, size_b) <= _READABLE_METRICS
            verdict = _compare_metrics(path_a, path_b) if is_readable else None
        elif is_affordable:
            budget -= size_a
            verdict = _compare_content(path_a, path_b)
        elif size_a != size_b:
            verdict = _kind(path_a)
        else:
            verdict = _compare_hashes(hashes_a.get(name), hashes_b.get(name))
        # Of metrics the size tells nothing, for the times in them are of any length.
        if verdict or (size_a != size_b and name != layout.METRICS):
            differences.append(Difference(name, size_a, size_b, verdict or ""))
        elif verdict is None:
            unread.append(name)
        else:
            same += 1
    remarks = [f"{', '.join(unread)}: too large or not readable, the content was not compared"]
    return Section("outputs", differences, same, remarks if unread else [])


def recorded_files(recorded: Mapping[str, Any], kind: str) -> dict[str, FileFact]:
    """Return the files of one kind ("inputs" or "outputs") in a files.json, by path."""
    entries = recorded.get(kind)
    if isinstance(entries, list):
        entries = {e["path"]: e for e in entries if isinstance(e, dict) and _is_text(e.get("path"))}
    if not isinstance(entries, dict):
        return {}
    return {
        path: FileFact(_whole(entry.get("size")), _text(entry.get("sha256")))
        for path, entry in entries.items()
        if isinstance(entry, dict)
    }


def _files(folder: str) -> Iterator[tuple[str, int]]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = os.path.join(place, name)
            relative = os.path.relpath(path, folder)
            if name.startswith(".") or relative in _OWN:
                continue
            try:
                yield relative, os.stat(path, follow_symlinks=False).st_size
            except OSError:
                continue  # deleted since it was listed


def _compare_content(a: str, b: str) -> str | None:
    """Return "" for the same bytes, what differs, or None when they cannot be read."""
    try:
        if os.path.islink(a) or os.path.islink(b):
            return "" if _target(a) == _target(b) else "another link"
        if not (os.path.isfile(a) and os.path.isfile(b)):
            return None
        with open(a, "rb") as one, open(b, "rb") as other:
            return _compare_streams(one, other)
    except OSError:
        return None


def _compare_streams(one: Any, other: Any) -> str:
    lines, is_binary, first = 1, False, True
    while True:
        left, right = one.read(_STEP), other.read(_STEP)
        if first:
            is_binary, first = b"\0" in left[:_LOOK] or b"\0" in right[:_LOOK], False
        if left != right:
            if is_binary:
                return "binary"
            return f"text, the first difference is in line {lines + _shared_lines(left, right)}"
        if not left:
            return ""
        lines += left.count(b"\n")


def _shared_lines(left: bytes, right: bytes) -> int:
    lines, others = left.split(b"\n"), right.split(b"\n")
    pairs = enumerate(zip(lines, others, strict=False))
    return next(
        (n for n, (line, other) in pairs if line != other), min(len(lines), len(others)) - 1
    )


def _compare_metrics(a: str, b: str) -> str | None:
    try:
        with open(a, "rb") as one, open(b, "rb") as other:
            left, right = one.read(), other.read()
        pairs = [[_timeless(line) for line in decode_lines(data)] for data in (left, right)]
    except OSError:
        return None
    except UnreadableRecordError:
        return "" if left == right else "not readable as metrics"
    for number, (line_a, line_b) in enumerate(zip(*pairs, strict=False), 1):
        if not is_same(line_a, line_b):
            step = line_a.get("step", "?") if isinstance(line_a, dict) else "?"
            return f"values differ from line {number} on (step {step})"
    counts = [len(lines) for lines in pairs]
    return "" if counts[0] == counts[1] else f"{counts[0]} and {counts[1]} lines"


def _timeless(line: Any) -> Any:
    if isinstance(line, dict):
        line.pop("time", None)
    return line


def _compare_hashes(a: FileFact | None, b: FileFact | None) -> str | None:
    if a is None or b is None or a.sha256 is None or b.sha256 is None:
        return None
    return "" if a.sha256 == b.sha256 else "another sha256"


def _kind(path: str) -> str:
    try:
        if os.path.islink(path) or not os.path.isfile(path):
            return ""
        with open(path, "rb") as file:
            return "binary" if b"\0" in file.read(_LOOK) else "text"
    except OSError:
        return ""


def _target(path: str) -> str | None:
    return os.readlink(path) if os.path.islink(path) else None


def _fact(fact: Any) -> Any:
    return fact if fact is MISSING else str(fact)


def _size(size: int | None) -> Any:
    return MISSING if size is None else size


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
