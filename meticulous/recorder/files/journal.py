r"""Reads the journal of a run's files, which is there while it goes on and after a crash.

A line is `ROLE SIZE MTIME INODE PATH`: a letter of `tracker`, what the file was when it was first
seen (a time in nanoseconds), and where. Numbers that are not known are `-`. In the path `\n` and
`\\` stand for a line feed and a backslash; where there is something else to say, it stands before
or after a NUL.
"""

from __future__ import annotations

import os

from meticulous.folder import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Identity = tuple[int, int, int]

_UNKNOWN = (b"-", b"-", b"-")


class Sighting:
    """A line of the journal.

    Attributes:
        role: Its letter.
        path: Where the file was.
        identity: What the file was, see `identity_of`; None where it was not there.
        further: The digest of a file that was hashed, or the new path of one that was moved.
    """

    __slots__ = ("further", "identity", "path", "role")

    def __init__(
        self, role: str, path: str, identity: Identity | None = None, further: str = ""
    ) -> None:
        self.role = role
        self.path = path
        self.identity = identity
        self.further = further

    def __repr__(self) -> str:
        return f"Sighting({self.role!r}, {self.path!r}, {self.identity}, {self.further!r})"


def identity_of(found: os.stat_result) -> Identity:
    """Return size, time in nanoseconds and inode: what tells whether a file is still the same."""
    return found.st_size, found.st_mtime_ns, found.st_ino


def read_journal(directory: str) -> Iterator[Sighting]:
    """Yield what the journal in an experiment folder says, in its order.

    Lines that cannot be understood, such as a torn last one, are passed over. Of files that were
    not listed, there is one sighting each, with the role UNLISTED or UNLISTED_OUTPUT and no path.

    Raises:
        OSError: The journal cannot be read; none at all is an empty one.
    """
    try:
        file = open(os.path.join(directory, layout.OPENED), "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        return
    with file:
        for line in file:
            if line in (b"l\n", b"k\n"):
                yield Sighting(chr(line[0]), "")
                continue
            try:
                sighting = _sighting(line)
            except ValueError:
                continue
            if sighting is not None:
                yield sighting


def _sighting(line: bytes) -> Sighting | None:
    role, *facts, name = line.split(b" ", 4)
    if len(role) != 1 or len(facts) != 3 or not name.endswith(b"\n"):
        return None
    identity = None
    if tuple(facts) != _UNKNOWN:
        identity = int(facts[0]), int(facts[1]), int(facts[2])
    name = name[:-1]
    if b"\\" in name:
        pieces = [piece.replace(b"\\n", b"\n") for piece in name.split(b"\\\\")]
        name = b"\\".join(pieces)
    path, _, further = os.fsdecode(name).partition("\0")
    if role == b"h":
        path, further = further, path
    if not path.startswith("/"):
        return None
    return Sighting(role.decode("ascii"), path, identity, further)
