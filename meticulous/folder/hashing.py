"""SHA-256 of files: streamed, within a budget, and in lists as `sha256sum` writes them."""

from __future__ import annotations

import os
import stat
import sys
import time

from meticulous.folder import layout
from meticulous.folder.writing import write_all, write_atomically

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

BUDGET_VARIABLE = "METICULOUS_HASH_BUDGET"
"""Environment variable: how many bytes of inputs and outputs are hashed at the end of a run."""

BUDGET_BYTES = 512 << 20
"""Bytes of inputs and outputs that are hashed at the end of a run."""

BUDGET_SECONDS = 5.0
"""Seconds that this may take; without a limit where the user has chosen the bytes."""

_CHUNK = 1 << 20
"""Bytes read at once; from here on larger pieces are no faster."""

_SMALL = 1 << 20
"""Bytes that the interpreter's own SHA-256 hashes before OpenSSL's is loaded.

That one is four times as fast, and its import takes as long as hashing this much.
"""

_HEX = frozenset(b"0123456789abcdefABCDEF")

_hashed_slowly = 0


class FileChangedError(OSError):
    """The file is not, or not for as long as it was read, what it was expected to be."""


class OverBudgetError(Exception):
    """The time for hashing is over."""


def sha256_of(
    path: str | os.PathLike[str],
    *,
    expected_size: int | None = None,
    may_go_on: Callable[[], bool] = lambda: True,
) -> str:
    """Return the SHA-256 of a regular file, as 64 hexadecimal digits.

    Args:
        path: The file; a symbolic link is followed.
        expected_size: Bytes that the file must have, before and after it is read.
        may_go_on: Asked after each mebibyte.

    Raises:
        FileChangedError: It has another size, or is no regular file.
        OverBudgetError: `may_go_on` said no.
        OSError: The file cannot be read.
    """
    # Not to wait for a writer where a pipe has taken the place of the file.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    descriptor = os.open(path, flags)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise FileChangedError("it is no regular file")
        _check_size(found.st_size, expected_size)
        digest = new_digest(found.st_size)
        if found.st_size < _CHUNK:
            total = _feed_all(digest, descriptor, found.st_size)
        else:
            total = _feed(digest, descriptor, may_go_on)
        _check_size(total, expected_size)
    finally:
        os.close(descriptor)
    result: str = digest.hexdigest()
    return result


def _check_size(size: int, expected: int | None) -> None:
    if expected is not None and size != expected:
        raise FileChangedError(f"it has {size} bytes, not {expected}")


def _feed_all(digest: Any, descriptor: int, size: int) -> int:
    # One byte more than there should be tells that there is no more.
    data = os.read(descriptor, size + 1)
    total = 0
    while data:
        digest.update(data)
        total += len(data)
        data = b"" if total == size else os.read(descriptor, _CHUNK)
    return total


def _feed(digest: Any, descriptor: int, may_go_on: Callable[[], bool]) -> int:
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    total = 0
    while count := os.readv(descriptor, [buffer]):
        digest.update(view[:count])
        total += count
        if not may_go_on():
            raise OverBudgetError
    return total


def new_digest(size: int) -> Any:
    """Return a digest of SHA-256, by the faster module for so many bytes, its import included."""
    global _hashed_slowly
    if "hashlib" not in sys.modules and _hashed_slowly + size <= _SMALL:
        own = _own_sha256()
        if own is not None:
            _hashed_slowly += size
            return own()
    import hashlib

    return hashlib.sha256(usedforsecurity=False)


def _own_sha256() -> Any:
    try:
        if sys.version_info >= (3, 12):
            from _sha2 import sha256
        else:
            from _sha256 import sha256  # type: ignore[import-not-found]
    except ImportError:  # an interpreter may be built without
        return None
    return sha256


class Budget:
    """How many bytes may be hashed, and how long that may take.

    Args:
        size: Bytes.
        seconds: From now on.
        may_go_on: Asked besides, such as whether the user has become impatient.

    Attributes:
        size: Bytes.
        spent: Bytes that were hashed.
    """

    def __init__(
        self,
        size: int = BUDGET_BYTES,
        seconds: float = BUDGET_SECONDS,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> None:
        self.size = size
        self.spent = 0
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._may_go_on = may_go_on

    @classmethod
    def of_user(cls, seconds: float = BUDGET_SECONDS, **settings: Any) -> Budget:
        """Return the usual budget, or that of METICULOUS_HASH_BUDGET, which has no time limit."""
        given = os.environ.get(BUDGET_VARIABLE, "").replace("_", "").strip()
        if given.isascii() and given.isdecimal():
            return cls(int(given), float("inf"), **settings)
        return cls(BUDGET_BYTES, seconds, **settings)

    def has_time(self) -> bool:
        """Say whether there is time left."""
        return time.monotonic() < self._deadline and self._may_go_on()

    def refusal(self, size: int) -> str | None:
        """Say why a file of this size is not to be hashed; None where it is."""
        if self.spent + size > self.size:
            return f"the budget of {self.size} bytes for hashing is used up"
        return None if self.has_time() else self.lateness

    @property
    def lateness(self) -> str:
        """What to say of a file for which there was no time."""
        if self._may_go_on():
            return f"the {self._seconds:g} s for hashing are over"
        return "the program was to end at once"


def sum_line(digest: str, name: str) -> bytes:
    """Return the line of a file as `sha256sum` writes it, odd names escaped."""
    data = os.fsencode(name)
    escaped = data.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    mark = b"\\" if escaped != data else b""
    return mark + digest.encode("ascii") + b"  " + escaped + b"\n"


def parse_sums(data: bytes) -> dict[str, str]:
    """Return names and digests of a list of sums; of several for one name the last one."""
    found = {}
    for line in data.split(b"\n"):
        is_escaped = line.startswith(b"\\")
        digest, mark, name = line[is_escaped:].partition(b" ")
        if mark and len(digest) == 64 and name[:1] in (b" ", b"*") and _HEX.issuperset(digest):
            name = _unescaped(name[1:]) if is_escaped else name[1:]
            found[os.fsdecode(name)] = digest.decode("ascii").lower()
    return found


def _unescaped(name: bytes) -> bytes:
    pieces = name.split(b"\\\\")
    plain = [piece.replace(b"\\n", b"\n").replace(b"\\r", b"\r") for piece in pieces]
    return b"\\".join(plain)


def read_sums(directory: str) -> dict[str, str] | None:
    """Return names and digests in the SHA256SUMS of a folder; None when there is none.

    Raises:
        OSError: The file cannot be read.
    """
    try:
        with open(os.path.join(directory, layout.SUMS), "rb") as file:
            return parse_sums(file.read())
    except FileNotFoundError:
        return None


def write_sums(directory: str, names: Iterable[str], known: Mapping[str, str] = {}) -> None:
    """Write the SHA256SUMS of a folder: those of `names` that are there, and what is `known`.

    Raises:
        OSError: A file cannot be read, or the list not be written.
    """
    digests: dict[str, str | None] = {name: _digest_of(directory, name) for name in names}
    write_atomically(os.path.join(directory, layout.SUMS), _lines({**digests, **known}))


def renew_sums(directory: str, names: Iterable[str], known: Mapping[str, str] = {}) -> None:
    """Renew the lines of `names`, and what is `known`, in the SHA256SUMS of a folder, if any.

    Raises:
        OSError: A file cannot be read, or the list not be written.
    """
    path = os.path.join(directory, layout.SUMS)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    with open(descriptor, "rb") as file:
        # Of a line that is being appended, which may be read in part, the rest is read below.
        lines, _, begun = file.read().rpartition(b"\n")
        present = parse_sums(lines)
        digests = {name: _digest_of(directory, name) for name in names}
        write_atomically(path, _lines({**present, **digests, **known}))
        # Whoever appended meanwhile has appended to the file that was just replaced.
        late, end, _ = (begun + file.read()).rpartition(b"\n")
    if late:
        _append(path, late + end)


def append_sums(directory: str, names: Iterable[str]) -> None:
    """Append lines for `names` to the SHA256SUMS of a folder; does nothing when there is none.

    Raises:
        OSError: A file cannot be read, or the list not be written.
    """
    path = os.path.join(directory, layout.SUMS)
    if not os.path.exists(path):
        return
    _append(path, _lines({name: _digest_of(directory, name) for name in names}))
    if _contradicts_itself(path):
        # The line of an earlier attempt; to `sha256sum` it is a file that has changed.
        renew_sums(directory, ())


def _contradicts_itself(path: str) -> bool:
    """Say whether a list has two digests for one name."""
    with open(path, "rb") as file:
        lines = set(file.read().splitlines())
    return len(lines) > len(parse_sums(b"\n".join(lines)))


def _append(path: str, lines: bytes) -> None:
    """Append lines to a list that others may be replacing; they are in it once this returns."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        with open(descriptor, "rb", buffering=0) as file:
            if lines in file.read():
                return
            write_all(descriptor, lines)
        # Read again: in a list that has replaced the one written to they may be missing.


def fits(directory: str, name: str) -> bool:
    """Say whether a file is what the SHA256SUMS of its folder says, if it says anything."""
    try:
        digest = (read_sums(directory) or {}).get(name)
        return digest is not None and digest == sha256_of(os.path.join(directory, name))
    except OSError:
        return False


def sha256_of_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data`, as 64 hexadecimal digits."""
    digest = new_digest(len(data))
    digest.update(data)
    result: str = digest.hexdigest()
    return result


def _digest_of(directory: str, name: str) -> str | None:
    try:
        return sha256_of(os.path.join(directory, name))
    except FileNotFoundError:
        return None


def _lines(digests: Mapping[str, str | None]) -> bytes:
    return b"".join(sum_line(digest, name) for name, digest in digests.items() if digest)
