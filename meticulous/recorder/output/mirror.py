"""Carry what arrives in a run's output file on to where the output went before."""

from __future__ import annotations

import os

from meticulous.folder.writing import file_behind
from meticulous.recorder.output.outlet import Outlet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 1 << 18

_MANY = 1000
"""Writes after which their counts become one again."""

_REMEMBERED = 32
"""Bytes carried last that are looked for again: a file emptied and refilled holds others."""


class Mirror(Outlet):
    """Copies a growing file to a descriptor: a terminal, a pipe, another file.

    The file is the truth and is written first; the mirror only remembers how far it has come.
    It may be called from several threads, one at a time: its user holds a lock.

    A program may close descriptors it knows nothing of (making a daemon begins with that), and
    their numbers may come to mean files of its own. So each is looked at before it is used.

    Args:
        source: Descriptor of the file, readable; what it holds already is not carried.
        target: Descriptor of where the output goes, or None when there is no such place.
    """

    __slots__ = (
        "_carried",
        "_remembered",
        "is_behind",
        "source",
        "source_file",
        "was_truncated",
    )

    def __init__(self, source: int, target: int | None) -> None:
        super().__init__(target)
        self.source = source
        self.source_file = file_behind(source)
        self._remembered = (0, b"")
        self._carried = [os.fstat(source).st_size]
        self.is_behind = False
        """Whether the target had no room at the last try, and was not waited for."""
        self.was_truncated = False
        """Whether somebody emptied the file while it grew (`echo > /dev/stdout` does)."""

    @property
    def position(self) -> int:
        """How far into the file everything has been carried, in bytes.

        Kept as a sum, to which what a write returns is added in one step with the write: a signal's
        handler that raises can come between any two others.
        """
        return sum(self._carried)

    def catch_up(self, may_wait: Callable[[], bool] | None = None) -> int:
        """Carry everything that is new and return how many bytes that was.

        Args:
            may_wait: Asked again and again whether a target without room is waited for; without it
                it is waited for as the program itself would.
        """
        size = self._size()
        if size is None:
            self.was_closed = True
            return 0
        position = self.position
        if size < position or (size > position and not self._follows_on()):
            self.was_truncated = True
            self._carried[:] = [0]
            self._remembered = (0, b"")
        before = position = self.position
        while position < size:
            data = os.pread(self.source, min(_CHUNK, size - position), position)
            if not data or not self.advance(data, may_wait):
                break
            position = self.position
        return position - before

    def advance(self, data: bytes | memoryview, may_wait: Callable[[], bool] | None = None) -> bool:
        """Carry `data`, which is what the file holds next.

        Returns:
            False if the target had no room for all of it, and might not be waited for.
        """
        self.is_behind = True
        goal = self.position + len(data)
        try:
            is_whole = self.pass_on(memoryview(data), self._carried, may_wait)
            if self.target is None or self.failure is not None:
                self._carried.append(max(0, goal - self.position))
                is_whole = True
        finally:
            position = self.position
            # A signal's handler that came in between may have carried more than this.
            if position <= goal:
                done = bytes(data[: len(data) - (goal - position)][-_REMEMBERED:])
                self._remembered = (position, (self._remembered[1] + done)[-_REMEMBERED:])
            if len(self._carried) > _MANY:
                self._carried[:] = [self.position]
        self.is_behind = not is_whole
        return is_whole

    def _size(self) -> int | None:
        """Return how long the file is, or None if the source's descriptor means another one."""
        try:
            found = os.fstat(self.source)
        except OSError as error:
            if error.errno is None:  # raised by a signal's handler of the program
                raise
            return None
        return found.st_size if (found.st_dev, found.st_ino) == self.source_file else None

    def _follows_on(self) -> bool:
        """Say whether the file still holds, where it was, what was carried last."""
        position, remembered = self._remembered
        count = len(remembered)
        return os.pread(self.source, count, position - count) == remembered

    @property
    def has_source(self) -> bool:
        """Whether the source's descriptor still means the run's file."""
        return file_behind(self.source) == self.source_file
