"""Carry what arrives in a run's output file on to where the output went before."""

from __future__ import annotations

import os
import stat

from meticulous.folder.writing import file_behind, write_counting

TYPE_CHECKING = False
if TYPE_CHECKING:
    import select
    from collections.abc import Callable

_CHUNK = 1 << 18

_PIPE_BUF = 4096
"""Bytes that a pipe which says it has room takes without waiting, on Linux."""

_PATIENCE_MILLISECONDS = 100
"""How long a target without room is waited for before it is asked whether to go on waiting."""

_MANY = 1000
"""Writes after which their counts become one again."""

_REMEMBERED = 32
"""Bytes carried last that are looked for again: a file emptied and refilled holds others."""


class Mirror:
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
        "_pipe_size",
        "_remembered",
        "failure",
        "is_behind",
        "is_file",
        "source",
        "source_file",
        "target",
        "target_file",
        "was_closed",
        "was_truncated",
    )

    def __init__(self, source: int, target: int | None) -> None:
        self.source = source
        self.target = target
        self.source_file = file_behind(source)
        self.target_file = None if target is None else file_behind(target)
        mode = 0 if target is None else os.fstat(target).st_mode
        self.is_file = stat.S_ISREG(mode)
        """Whether the target is a file on a disk, which takes everything without waiting."""
        self._pipe_size = _pipe_size(target) if target is not None and stat.S_ISFIFO(mode) else 0
        self._remembered = (0, b"")
        self._carried = [os.fstat(source).st_size]
        self.failure: OSError | None = None
        """Why the target can take no more, such as a closed pipe; then nothing is carried.

        It has no `errno` if the program itself closed the target's descriptor.
        """
        self.is_behind = False
        """Whether the target had no room at the last try, and was not waited for."""
        self.was_closed = False
        """Whether the program closed a descriptor of ours; nothing is carried then."""
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
            is_whole = self._send(memoryview(data), self._carried, may_wait)
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

    def send(self, data: bytes | memoryview) -> None:
        """Write to the target what is not in the file; a failure is kept in `failure`."""
        self._send(memoryview(data), [], None)

    def _send(
        self, data: memoryview, written: list[int], may_wait: Callable[[], bool] | None
    ) -> bool:
        """Write to the target, add to `written` what it took, say whether that was everything."""
        if self.target is None or self.failure is not None:
            return False
        if not self.has_target:
            self.was_closed = True
            self.failure = OSError("the program has closed it")
            return False
        room = None
        start = sum(written)
        while (done := sum(written) - start) < len(data):
            rest = data[done:]
            if may_wait is not None and not self.is_file:
                room = room or _room(self.target)
                if not room.poll(_PATIENCE_MILLISECONDS):
                    if may_wait():
                        continue
                    return False
                rest = rest[: self._room_at_least()]
            try:
                write_counting(self.target, rest, written)
            except BlockingIOError:
                _room(self.target).poll(_PATIENCE_MILLISECONDS)
            except OSError as error:
                if error.errno is None:  # raised by a signal's handler, not by the target
                    raise
                self.failure = error
                return False
        return True

    def _room_at_least(self) -> int:
        """Return how many bytes the target, which has room, takes for sure without waiting."""
        if self._pipe_size:
            import fcntl
            import termios

            waiting = bytearray(4)
            try:
                fcntl.ioctl(self.target or 0, termios.FIONREAD, waiting)
            except OSError:
                return _PIPE_BUF
            if not any(waiting):
                return self._pipe_size
        return _PIPE_BUF

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

    def redirect(self, descriptor: int) -> None:
        """Have the target's descriptor mean the file that `descriptor` means."""
        if self.target is not None:
            os.dup2(descriptor, self.target, inheritable=False)
            self.target_file = file_behind(self.target)

    @property
    def has_target(self) -> bool:
        """Whether the target's descriptor still means what it meant at the start."""
        return self.target is not None and file_behind(self.target) == self.target_file

    @property
    def has_source(self) -> bool:
        """Whether the source's descriptor still means the run's file."""
        return file_behind(self.source) == self.source_file


def _pipe_size(pipe: int) -> int:
    """Return how much a pipe holds, or 0 where that cannot be had."""
    import fcntl

    try:
        return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
    except (OSError, AttributeError):
        return 0


def _room(target: int) -> select.poll:
    import select

    # Unlike select.select it takes descriptors from 1024 up.
    room = select.poll()
    room.register(target, select.POLLOUT)
    return room
