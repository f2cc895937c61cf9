"""The files of one run as one process sees them, each noted once in the journal of the run.

A line is written at once, so that it survives whatever happens to the process, and appended whole,
so that a process and its children write to the same journal (see `journal`). There are no locks:
all this runs within an audit hook, in any thread and inside any other call.
"""

from __future__ import annotations

import os
import stat
import sys

from meticulous.folder import layout
from meticulous.folder.hashing import FileChangedError, sha256_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ENCODING, _ENCODING_ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()

LIMIT = 100_000
"""Distinct inputs that a process notes, and as many outputs; of further ones only their number."""

UNLISTED_LIMIT = 1_000_000
"""Further inputs, and outputs, that are counted."""

HASHED_BEFORE_CHANGE = 4 << 20
"""Bytes up to which an input is hashed when the program is about to write over it."""

READ, WRITTEN, UPDATED, MOVED = "r", "w", "u", "m"
HASHED, UNLISTED, UNLISTED_OUTPUT = "h", "l", "k"
DECLARED_INPUT, DECLARED_OUTPUT = "I", "O"
ARGUMENT = "A"
"""What a line of the journal says of a file, by its first letter."""

UNLISTED_LINES = (b"l\n", b"k\n")
"""What the journal says of an input and of an output beyond the limit."""

_OWN_ABOVE = (".numbers", ".gitignore")


class Tracker:
    """Notes the files of one run in the journal of its folder.

    Args:
        directory: The experiment's folder, which holds the journal.
        repository: The root of the working tree of the program's code; None when unknown.

    Attributes:
        failure: Why something could not be noted; empty while nothing went wrong.
    """

    __slots__ = (
        *("directory", "failure", "_descriptor", "_file", "_is_torn", "_known", "_unlisted"),
        *("folders", "_lines", "_places"),
    )

    def __init__(self, directory: str, repository: str | None) -> None:
        self.directory = directory
        self.failure = ""
        folders = [directory, os.path.realpath(directory), *([repository] if repository else [])]
        self.folders = tuple(folder.rstrip("/") + "/" for folder in folders)
        self._places = [(folder, f"{os.path.dirname(folder[:-1])}/") for folder in self.folders[:2]]
        self._known: set[str] = set()
        self._unlisted: tuple[set[int], set[int]] = set(), set()
        self._lines = [0, 0]
        self._descriptor = -1
        self._file: tuple[int, int] | None = None
        self._is_torn = False

    def __repr__(self) -> str:
        return f"<Tracker {self.directory} {len(self._known)} files>"

    def open(self, create: bool = True) -> bool:
        """Open the journal; say whether that was possible.

        Args:
            create: Make it; else it must be there, which says that somebody records.
        """
        return self._open(os.O_CREAT if create else 0)

    def close(self) -> None:
        """Close the journal; may be called twice."""
        if self._is_sound():
            os.close(self._descriptor)
        self._descriptor, self._file = -1, None

    def see(self, role: str, path: str) -> bool:
        """Note that a file is opened; say whether the same call need not be looked at again."""
        known = self._known
        if f"{role}{path}" in known:
            return True
        if self._is_own(path, role):
            return False
        if role == WRITTEN:
            self._see_written(path)
            return True
        # What the program has made itself is no input when it reads it afterwards.
        if role == READ and f"{WRITTEN}{path}" in known:
            return True
        try:
            found = os.stat(path)
        except OSError:
            if role == UPDATED:
                self._see_written(path)
            return False
        if not stat.S_ISREG(found.st_mode):
            return stat.S_ISDIR(found.st_mode)
        if role == UPDATED:
            self._hash_before_change(path)
        self.note(role, path, found)
        return True

    def see_read_and_written(self, path: str) -> bool:
        """Note a file that is opened for both, and not emptied."""
        if os.path.exists(path):
            self.see(READ, path)
        return self.see(UPDATED, path)

    def see_moved(self, source: str, target: str) -> None:
        """Note that a file or folder is about to get another name."""
        if self._is_own(target, WRITTEN) or self._is_own(source, WRITTEN):
            return
        self._hash_before_change(target)
        known = self._known
        is_news = f"{WRITTEN}{target}" not in known or f"{READ}{source}" in known
        if is_news or os.path.isdir(source):
            try:
                found = os.stat(target)
            except OSError:
                found = None
            self.note(MOVED, f"{source}\0{target}", found)
            known.add(f"{WRITTEN}{target}")

    def note(self, role: str, path: str, found: os.stat_result | None = None) -> None:
        """Append a line to the journal, unless there are too many."""
        key = f"{role}{path}"
        # However much is read: what is written is a result.
        kind = int(role != READ)
        if self._lines[kind] >= 2 * LIMIT:
            mark = hash(path)
            unlisted = self._unlisted[kind]
            if mark not in unlisted and len(unlisted) < UNLISTED_LIMIT:
                unlisted.add(mark)
                self._append(UNLISTED_LINES[kind])
            return
        self._append(line(role, path, found))
        self._lines[kind] += 1
        # Only now: a handler of a signal may have raised before.
        self._known.add(key)

    def _see_written(self, path: str) -> None:
        self._hash_before_change(path)
        try:
            found = os.stat(path)
        except OSError:
            found = None
        self.note(WRITTEN, path, found)

    def _hash_before_change(self, path: str) -> None:
        """Keep the digest of an input of moderate size that is about to be changed."""
        if f"{READ}{path}" not in self._known or f"{HASHED}{path}" in self._known:
            return
        self._known.add(f"{HASHED}{path}")
        try:
            found = os.stat(path)
            if found.st_size <= HASHED_BEFORE_CHANGE and stat.S_ISREG(found.st_mode):
                digest = sha256_of(path, expected_size=found.st_size)
                self._append(line(HASHED, f"{digest}\0{path}", found))
        except OSError as error:
            if error.errno is None and not isinstance(error, FileChangedError):
                raise  # by a handler of the program

    def _is_own(self, path: str, role: str) -> bool:
        """Say whether this is a file of the recorder, in this folder or, written, in another."""
        for folder, above in self._places:
            if path.startswith(above):
                name, _, rest = path[len(above) :].partition("/")
                if not rest:
                    return name in _OWN_ABOVE
                # What another experiment has recorded may be read like any other data.
                if "/" in rest or (role == READ and not path.startswith(folder)):
                    return False
                return layout.is_own(rest)
        return False

    def _append(self, data: bytes) -> None:
        if not self._is_sound() and not self._open(0):
            # The run is over, and this is a child that goes on.
            return
        if self._is_torn:
            data = b"\n" + data
        try:
            self._is_torn = os.write(self._descriptor, data) != len(data)
        except OSError as error:
            if error.errno is None:
                raise
            self.failure = f"the files could not be noted: {error}"

    def _is_sound(self) -> bool:
        # A program may close descriptors it knows nothing of, and get their numbers anew.
        if self._descriptor < 0:
            return False
        try:
            found = os.fstat(self._descriptor)
        except OSError as error:
            if error.errno is None:
                raise
            return False
        return (found.st_dev, found.st_ino) == self._file

    def _open(self, flags: int) -> bool:
        path = f"{self.directory}/{layout.OPENED}"
        flags |= os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, 0o666)
            if descriptor <= 2:
                import fcntl

                low, descriptor = descriptor, fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
                os.close(low)
            found = os.fstat(descriptor)
        except OSError as error:
            if error.errno is None:
                raise
            self.failure = f"the files cannot be noted: {error}"
            return False
        self._descriptor, self._file = descriptor, (found.st_dev, found.st_ino)
        return True


def line(role: str, path: str, found: os.stat_result | None = None) -> bytes:
    """Return the line of the journal that says this of a file."""
    if "\\" in path or "\n" in path:
        path = path.replace("\\", "\\\\").replace("\n", "\\n")
    facts = "- - -" if found is None else f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"
    return f"{role} {facts} {path}\n".encode(_ENCODING, _ENCODING_ERRORS)


def append(directory: str, lines: Sequence[bytes]) -> None:
    """Append to the journal; without one the run is over, and there is nobody to tell.

    Raises:
        OSError: The journal cannot be written.
    """
    data = b"".join(lines)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
    try:
        descriptor = os.open(os.path.join(directory, layout.OPENED), flags)
    except FileNotFoundError:
        return
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    finally:
        os.close(descriptor)


def create(directory: str) -> None:
    """Make the journal of a run that another process carries out.

    Raises:
        OSError: It cannot be made.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    os.close(os.open(f"{directory}/{layout.OPENED}", flags, 0o666))
