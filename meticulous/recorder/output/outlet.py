"""Where output goes after it has been kept: a terminal, a pipe, a file, or nowhere."""

from __future__ import annotations

import os
import stat

from meticulous.folder.writing import file_behind, write_counting

TYPE_CHECKING = False
if TYPE_CHECKING:
    import select
    from collections.abc import Callable

_PIPE_BUF = 4096
"""Bytes that a pipe which says it has room takes without waiting, on Linux."""

_TTYAUX_MAJOR = 5
"""Of /dev/tty, /dev/console and /dev/ptmx, on Linux."""

_PATIENCE_MILLISECONDS = 100
"""How long a target without room is waited for before it is asked whether to go on waiting."""


class Outlet:
    """A descriptor that output is shown at.

    A program may close descriptors it knows nothing of (making a daemon begins with that), and
    their numbers may come to mean files of its own. So it is looked at before it is used.

    Args:
        target: Descriptor of where the output goes, or None when there is no such place.
    """

    __slots__ = ("_pipe_size", "failure", "is_file", "target", "target_file", "was_closed")

    def __init__(self, target: int | None) -> None:
        self.target = target
        self.target_file = None if target is None else file_behind(target)
        mode = 0 if target is None else os.fstat(target).st_mode
        self.is_file = stat.S_ISREG(mode)
        """Whether the target is a file on a disk, which takes everything without waiting."""
        self._pipe_size = _pipe_size(target) if target is not None and stat.S_ISFIFO(mode) else 0
        self.failure: OSError | None = None
        """Why the target can take no more, such as a closed pipe; then nothing is written.

        It has no `errno` if the program itself closed the target's descriptor.
        """
        self.was_closed = False
        """Whether the program closed a descriptor of ours; nothing is written then."""

    def send(self, data: bytes | memoryview) -> None:
        """Write to the target what is not in the file; a failure is kept in `failure`."""
        self.pass_on(memoryview(data), [], None)

    def pass_on(
        self,
        data: memoryview,
        written: list[int],
        may_wait: Callable[[], bool] | None,
        patience: int = _PATIENCE_MILLISECONDS,
    ) -> bool:
        """Write to the target, and say whether it took everything.

        Args:
            data: What is to be written.
            written: Gets, appended, how many bytes each write took.
            may_wait: Asked again and again whether a target without room is waited for; without it
                it is waited for as the program itself would.
            patience: Milliseconds to wait before each of these questions.
        """
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
                if not room.poll(patience):
                    if may_wait():
                        continue
                    return False
                rest = rest[: self._room_at_least()]
            try:
                write_counting(self.target, rest, written)
            except BlockingIOError:
                if may_wait is not None and not may_wait():
                    return False
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

    def stop_waiting(self) -> None:
        """Have a write to a terminal or a pipe take what there is room for, and never wait.

        The descriptor gets an opened file of its own, for those who share the old one may rely on
        writes that wait. Where that cannot be had, everything stays as it was.
        """
        if self.target is None or not _is_one_that_waits(self.target):
            return
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            own = os.open(f"/proc/self/fd/{self.target}", flags)
        except OSError:
            return
        if file_behind(own) == self.target_file:
            os.dup2(own, self.target, inheritable=False)
        os.close(own)

    def redirect(self, descriptor: int) -> None:
        """Have the target's descriptor mean the file that `descriptor` means."""
        if self.target is not None:
            os.dup2(descriptor, self.target, inheritable=False)
            self.target_file = file_behind(self.target)

    @property
    def has_target(self) -> bool:
        """Whether the target's descriptor still means what it meant at the start."""
        return self.target is not None and file_behind(self.target) == self.target_file


def _is_one_that_waits(target: int) -> bool:
    found = os.fstat(target)
    if stat.S_ISFIFO(found.st_mode):
        return True
    # Devices of this number, such as /dev/ptmx, may mean another terminal each time.
    return os.isatty(target) and os.major(found.st_rdev) != _TTYAUX_MAJOR


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
