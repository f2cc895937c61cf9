"""Digests of large files that were hashed before, in the user's cache directory.

A file is the same as before while device, inode, size, and the times of its last change are. A
file that was changed within the last seconds before it was hashed is not kept: it may change once
more within one tick of the clock of its file system.
"""

from __future__ import annotations

import os
import time

from meticulous.folder.writing import write_atomically

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

SMALLEST = 64 << 10
"""Bytes of a file from which on it is worth keeping its digest."""

MOST = 8 << 20
"""Bytes of the file of digests; from then on the older half is forgotten."""

_RACY_NS = 2_000_000_000


class KeptDigests:
    """The digests that were kept, read when first asked for one.

    Nothing here raises: without a cache every file is hashed again.
    """

    def __init__(self) -> None:
        self._path = _path()
        self._found: dict[bytes, str] | None = None
        self._size = 0
        self._new: list[bytes] = []

    def get(self, found: os.stat_result) -> str | None:
        """Return the digest of a file that `os.stat` has found; None when it is not known."""
        if self._path is None or found.st_size < SMALLEST:
            return None
        if self._found is None:
            self._found = dict(self._read(self._path))
        return self._found.get(_key(found))

    def keep(self, found: os.stat_result, digest: str) -> None:
        """Keep the digest of a file that was just hashed and is what `os.stat` had found."""
        if self._path is None or found.st_size < SMALLEST:
            return
        newest = max(found.st_mtime_ns, found.st_ctime_ns)
        if time.time_ns() - newest > _RACY_NS:
            self._new.append(_key(found) + b" " + digest.encode("ascii") + b"\n")

    def save(self) -> None:
        """Write down what was kept."""
        if self._path is None or not self._new:
            return
        data = b"".join(self._new)
        self._new = []
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            if self._size > MOST:
                write_atomically(self._path, self._newer_half(self._path) + data)
                return
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            descriptor = os.open(self._path, flags, 0o600)
            try:
                os.write(descriptor, data)
            finally:
                os.close(descriptor)
        except OSError:
            return

    def _read(self, path: str) -> Iterable[tuple[bytes, str]]:
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            return
        self._size = len(data)
        for line in data.split(b"\n"):
            key, _, digest = line.rpartition(b" ")
            # Not a torn line, to which the next one was appended.
            if len(digest) == 64 and key.count(b" ") == 4:
                yield key, digest.decode("ascii", "replace")

    def _newer_half(self, path: str) -> bytes:
        with open(path, "rb") as file:
            file.seek(self._size // 2)
            file.readline()
            return file.read()


def _key(found: os.stat_result) -> bytes:
    facts = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return b"%d %d %d %d %d" % facts


def _path() -> str | None:
    place = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(place):
        place = os.path.expanduser("~/.cache")
    return os.path.join(place, "meticulous", "digests") if os.path.isabs(place) else None
