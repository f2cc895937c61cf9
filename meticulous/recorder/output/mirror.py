"""Carry what arrives in a run's output file on to where the output went before."""

from __future__ import annotations

import os

from meticulous.folder.writing import file_behind, write_available

_CHUNK = 1 << 18

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
        "_last_bytes",
        "failure",
        "position",
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
        self._last_bytes = b""
        self.position = os.fstat(source).st_size
        self.failure: OSError | None = None
        """Why the target can take no more, such as a closed pipe; then nothing is carried.

        It has no `errno` if the program itself closed the target's descriptor.
        """
        self.was_closed = False
        """Whether the program closed a descriptor of ours; nothing is carried then."""
        self.was_truncated = False
        """Whether somebody emptied the file while it grew (`echo > /dev/stdout` does)."""

    def catch_up(self) -> int:
        """Carry everything that is new and return how many bytes that was."""
        if not self.has_source:
            self.was_closed = True
            return 0
        size = os.fstat(self.source).st_size
        if size < self.position or (size > self.position and not self._follows_on()):
            self.was_truncated = True
            self.position = 0
        before = self.position
        while self.position < size:
            data = os.pread(self.source, min(_CHUNK, size - self.position), self.position)
            if not data:
                break
            self.advance(data)
        return self.position - before

    def advance(self, data: bytes | memoryview) -> None:
        """Carry `data`, which is what the file holds next."""
        self.position += len(data)
        self._last_bytes = bytes(data[-_REMEMBERED:])
        self.send(data)

    def _follows_on(self) -> bool:
        """Say whether the file still holds, before our position, what was carried last."""
        count = len(self._last_bytes)
        return os.pread(self.source, count, self.position - count) == self._last_bytes

    def send(self, data: bytes | memoryview) -> None:
        """Write to the target at once; a failure is kept in `failure`, not raised."""
        if self.target is None or self.failure is not None:
            return
        if not self.has_target:
            self.was_closed = True
            self.failure = OSError("the program has closed it")
            return
        rest = memoryview(data)
        while rest:
            written, error = write_available(self.target, rest)
            rest = rest[written:]
            if isinstance(error, BlockingIOError):
                self._wait_for_room(self.target)
            elif error is not None:
                self.failure = error
                return

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

    @staticmethod
    def _wait_for_room(target: int) -> None:
        import select

        room = select.poll()  # unlike select.select it takes descriptors from 1024 up
        room.register(target, select.POLLOUT)
        room.poll(1000)
