"""Copy what a program of another tool left in its folder, and tell what each file is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from meticulous.errors import UnreadableRecordError
from meticulous.folder import clock, hashing, layout
from meticulous.folder.plain import plain
from meticulous.folder.writing import write_all
from meticulous.recorder.files.listing import EXPERIMENT

ASIDE = "from-xmen"
"""Where files go whose names mean something else here."""

_CHUNK = 1 << 20


@dataclass(slots=True)
class Copied:
    """What became of the files of a folder.

    Attributes:
        entries: One for each regular file, as files.json has them.
        left_out: What is neither a file, a folder nor a link, such as a named pipe.
    """

    entries: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def measure(source: str, without: frozenset[str]) -> tuple[int, int]:
    """Return how many files a folder holds, below it too, and their bytes.

    Raises:
        UnreadableRecordError: Something in `source` cannot be read.
    """
    count = size = 0
    for _, found in _walk(source, without):
        if stat.S_ISREG(found.st_mode):
            count, size = count + 1, size + found.st_size
    return count, size


def copy_files(source: str, target: str, without: frozenset[str], link: bool) -> Copied:
    """Copy everything in a folder into another one; links stay links.

    Args:
        source: The folder; it is only read.
        target: A new folder.
        without: Names directly in it that are left out.
        link: Whether files become hard links where the file system can do that. Then the content is
            there once, and whoever changes one changes the other.

    Raises:
        UnreadableRecordError: Something in `source` cannot be read.
        OSError: Something in `target` cannot be written.
    """
    copied = Copied()
    budget = hashing.Budget.of_user()
    folders: list[tuple[str, os.stat_result]] = []
    for name, found in _walk(source, without):
        path, place = os.path.join(source, name), _place(name)
        new = os.path.join(target, place)
        os.makedirs(os.path.dirname(new), exist_ok=True)
        if stat.S_ISDIR(found.st_mode):
            os.makedirs(new, exist_ok=True)
            folders.append((new, found))
        elif stat.S_ISLNK(found.st_mode):
            os.symlink(_destination(path, source), new)
        elif not stat.S_ISREG(found.st_mode):
            copied.left_out.append(name)
        else:
            if link and _linked(path, new):
                digest, reason = _hashed(path, found.st_size, budget)
            else:
                digest, reason = copy_file(path, new), None
            copied.entries.append(_entry(place, found, digest, reason))
    for folder, found in reversed(folders):
        _set_times(folder, found)
    return copied


def copy_file(source: str, target: str) -> str:
    """Copy a file with its permissions and times; return the SHA-256 of what was written.

    Raises:
        UnreadableRecordError: It cannot be read.
        OSError: It cannot be written.
    """
    digest = hashlib.sha256(usedforsecurity=False)
    with _reading(source):
        reader = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(reader)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        writer = os.open(target, flags, 0o600)
        try:
            while True:
                with _reading(source):
                    data = os.read(reader, _CHUNK)
                if not data:
                    break
                digest.update(data)
                write_all(writer, data)
            os.fchmod(writer, stat.S_IMODE(found.st_mode) & 0o777)
        finally:
            os.close(writer)
    finally:
        os.close(reader)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    result: str = digest.hexdigest()
    return result


def _walk(source: str, without: frozenset[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each entry by its path in the folder, folders before what is in them."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        path = os.path.join(source, folder)
        with _reading(path):
            names = sorted(os.listdir(path))
        for name in names:
            if not folder and name in without:
                continue
            inside = os.path.join(folder, name)
            with _reading(os.path.join(source, inside)):
                found = os.lstat(os.path.join(source, inside))
            if stat.S_ISDIR(found.st_mode):
                waiting.append(inside)
            yield inside, found


def _place(name: str) -> str:
    """Return where a file goes: aside, if its name would be taken for one of the recorder's."""
    first = name.partition(os.sep)[0]
    if layout.is_own(first) or first == ASIDE:
        return os.path.join(ASIDE, name)
    return name


def _destination(link: str, source: str) -> str:
    """Return what a copy of a link points to: the same, wherever the copy lies."""
    destination = os.readlink(link)
    if os.path.isabs(destination):
        return destination
    path = os.path.normpath(os.path.join(os.path.dirname(link), destination))
    is_inside = path == source or path.startswith(source.rstrip(os.sep) + os.sep)
    is_moved = _place(os.path.relpath(link, source)) != os.path.relpath(link, source)
    return destination if is_inside and not is_moved else path


def _linked(path: str, new: str) -> bool:
    try:
        os.link(path, new)
    except OSError:
        return False  # another file system, or one that cannot; then it is copied
    return True


def _hashed(path: str, size: int, budget: hashing.Budget) -> tuple[str | None, str | None]:
    reason = budget.refusal(size)
    if reason is not None:
        return None, reason
    try:
        digest = hashing.sha256_of(path, expected_size=size, may_go_on=budget.has_time)
    except hashing.OverBudgetError:
        return None, budget.lateness
    except OSError as error:
        return None, f"it cannot be read: {error.strerror or error}"
    budget.spent += size
    return digest, None


def _entry(
    name: str, found: os.stat_result, digest: str | None, reason: str | None
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "path": plain(name),
        "in": EXPERIMENT,
        "size": found.st_size,
        "modified": clock.local_time(found.st_mtime_ns / 1e9),
        "sha256": digest,
    }
    if reason is not None:
        entry["unhashed"] = reason
    entry["found"] = "imported"
    return entry


def _set_times(folder: str, found: os.stat_result) -> None:
    # The owner must be able to remove it again.
    os.chmod(folder, stat.S_IMODE(found.st_mode) & 0o777 | 0o700)
    os.utime(folder, ns=(found.st_atime_ns, found.st_mtime_ns))


@contextlib.contextmanager
def _reading(path: str) -> Iterator[None]:
    """Turn a failure to read the original into what a caller can tell from a failure to write."""
    try:
        yield
    except OSError as error:
        raise UnreadableRecordError(f"{path} cannot be read: {error.strerror or error}") from error
