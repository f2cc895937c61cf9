"""The times and sizes of many files, asked for by several processes at once.

This module is also the program of those processes. It imports nothing of this package, so that
they start in a few milliseconds.
"""

from __future__ import annotations

import os
import sys
from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from subprocess import Popen
    from typing import BinaryIO

ABSENT = (-1, -1)
"""The stamp of a file that is not there."""

SHARE = 4000
"""Folders that are worth a process of their own."""

_MOST = 8
"""Processes that are of use: then the file system is busy."""

_SEPARATOR = b"\0"


def stamp_of(found: os.stat_result) -> tuple[int, int]:
    """Return the two numbers of which one changes whenever a file does.

    Nobody can set the time at which an inode last changed, but some file systems have none; the
    sum of both times follows either.
    """
    return found.st_mtime_ns + found.st_ctime_ns, found.st_size


def read_stamps(directory: str, names: Sequence[str], files: Sequence[str]) -> array[int]:
    """Return the stamps of files with these names in each of many folders, in this order.

    One processor alone would need a second for a hundred thousand folders; so if there are more,
    further interpreters take their share.

    Args:
        directory: Where the folders are.
        names: The names of the folders.
        files: The names of the files in each.
    """
    count = min(_processors(), _MOST, len(names) // SHARE)
    if count < 2:
        return _stamps(directory, names, files)
    bounds = [len(names) * number // count for number in range(count + 1)]
    shares = [names[bounds[number] : bounds[number + 1]] for number in range(count)]
    others = [_start(directory, share, files) for share in shares[1:]]
    stamps = _stamps(directory, shares[0], files)
    for share, other in zip(shares[1:], others, strict=True):
        stamps += _answer(other, 2 * len(share) * len(files)) or _stamps(directory, share, files)
    return stamps


def _processors() -> int:
    """Return how many processors may be used; one where this interpreter cannot be started."""
    name = os.path.basename(sys.executable or "")
    if getattr(sys, "frozen", False) or not name.startswith(("python", "pypy")):
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _stamps(directory: str, names: Sequence[str], files: Sequence[str]) -> array[int]:
    stat, stamps = os.stat, array("q")
    add = stamps.extend
    suffixes = [os.sep + name for name in files]
    try:
        place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return array("q", ABSENT * (len(names) * len(files)))
    try:
        for name in names:
            for suffix in suffixes:
                try:
                    found = stat(name + suffix, dir_fd=place)
                except OSError:
                    add(ABSENT)
                else:
                    add((found.st_mtime_ns + found.st_ctime_ns, found.st_size))
    finally:
        os.close(place)
    return stamps


def _start(directory: str, names: Sequence[str], files: Sequence[str]) -> Popen[bytes] | None:
    import subprocess
    import tempfile

    try:
        # Through a file, since a pipe would make us wait until the other has started.
        with tempfile.TemporaryFile() as questions:
            questions.write(_SEPARATOR.join(map(os.fsencode, names)))
            questions.seek(0)
            return subprocess.Popen(
                [sys.executable, "-I", "-S", __file__, directory, *files],
                stdin=questions,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
    except (OSError, ValueError):
        return None


def _answer(process: Popen[bytes] | None, count: int) -> array[int] | None:
    """Return the `count` numbers that a process has found; None when it failed."""
    if process is None:
        return None
    with process:
        data = process.communicate()[0]
    stamps = array("q")
    if process.returncode == 0 and len(data) == count * stamps.itemsize:
        stamps.frombytes(data)
        return stamps
    return None


def _serve(questions: BinaryIO, answers: BinaryIO, directory: str, files: Sequence[str]) -> None:
    names = [os.fsdecode(name) for name in questions.read().split(_SEPARATOR)]
    # All at once at the end, since whoever asked may not read before.
    answers.write(_stamps(directory, names, files).tobytes())


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer, sys.argv[1], sys.argv[2:])
