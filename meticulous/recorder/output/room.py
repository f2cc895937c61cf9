"""See in time that a disk is about to be full, and hold room for output until then.

Whoever writes to the run's file directly (a child of a script that records itself, C code) meets a
full disk itself, and may end of it. So blocks are reserved ahead of the file's end: writes go on
for a while after another process has filled the disk. When there is no more to reserve, the reserve
is used again: what has been carried on to where the output goes lies beyond a mark, gives its
blocks back, and they are reserved ahead once more. At the end the file is cut off at the mark.

Reserving does not change the length of the file. It is asked for with two `ioctl` requests that
Linux has for files of all kinds; where one is not known, or the file system cannot do it, nothing
is reserved.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_SECONDS = 0.25
"""Time between two looks at a disk that has plenty of room; shorter runs are spared the cost."""

_LEAST_BYTES = 16 << 20
"""Bytes free, or a twentieth of a small disk, below which no output is kept any more."""

_SCARCE_BYTES = 4 << 30
"""Bytes free below which another process could fill the disk between two looks."""

_RESERVED = 1 << 20
"""Bytes held ahead where room is scarce; a quick program writes them in some 50 ms."""

_RESERVED_AT_EASE = 1 << 17
"""Bytes held ahead otherwise, for a quota that is used up; a killed run leaves them behind."""

_LEAST_RESERVED = 1 << 18
"""Bytes of held and free room, or a twentieth of a small disk, with less of which it is full."""

_MOST_RESERVED = 1 << 22
"""Bytes held ahead at most, however fast the file grows."""

_LOOKS_AHEAD = 4
"""How many times the growth since the last look is held."""

_LOOKS_IN_HASTE = 100
"""Looks at a file that does not grow after which there is no haste any more."""

_BLOCK = 4096
"""Bytes that are given back and reserved at once, a multiple of the block of most file systems."""

_LOOKED_AT_AGAIN = 1024
"""Bytes carried last that stay: by them it is seen that the file has not been emptied."""

_LEAST_PIECE = 1 << 14
"""Bytes that are worth a try when more cannot be had."""

LOST = (errno.EROFS, errno.EIO, errno.ESTALE, errno.ENODEV)
"""What a file system answers that has become read-only, or has failed."""

_RESERVE, _GIVE_BACK = 0x4030582A, 0x4030582B
"""FS_IOC_RESVSP64 and FS_IOC_UNRESVSP64 of Linux on machines of 64 bits."""


class Reserve:
    """Room on the disk that is held ahead of the end of one growing file.

    Args:
        file: Descriptor of the file, open for writing.
    """

    __slots__ = (
        "_file",
        "_freed",
        "_is_off",
        "_least",
        "_looks_at_rest",
        "_size",
        "_until",
        "is_lost",
        "is_nearly_full",
        "is_scarce",
        "mark",
    )

    def __init__(self, file: int) -> None:
        self._file = file
        self._size = os.fstat(file).st_size
        self._until = self._size
        self._freed = 0
        self._looks_at_rest = 0
        self._least = 0
        self._is_off = not sys.platform.startswith("linux") or sys.maxsize < 1 << 32
        self.mark: int | None = None
        """Up to where the file is kept; None while all of it is."""
        self.is_nearly_full = False
        """Whether the disk had hardly any room left at the last look."""
        self.is_lost = False
        """Whether the file system takes nothing any more: it is read-only, or has failed."""
        self.is_scarce = False
        """Whether another process could fill the disk before the next look."""

    def begin(self) -> None:
        """Hold room at once if that cannot wait for the first look."""
        self._look_at_disk()
        if self.is_scarce and not self.is_nearly_full:
            self.top_up()

    def top_up(self) -> bool:
        """Look at the disk, and hold room ahead of the file's end, as much as there should be.

        Returns:
            False when the disk, or a quota, has no more, or takes nothing at all.
        """
        try:
            free = self._look_at_disk()
            grown = self._look_at_size()
        except OSError as error:
            if error.errno not in LOST:
                raise
            self.is_lost = True
        if self.is_lost:
            return False
        if self._is_off:
            return True
        if grown < 0:  # emptied; what was held has gone with it
            self._until = self._size
        usual = _RESERVED if self.is_scarce else _RESERVED_AT_EASE
        wanted = max(usual, min(_LOOKS_AHEAD * grown, _MOST_RESERVED))
        held = max(self._until - self._size, 0)
        if held >= wanted - wanted // 4:
            return True
        # A program that fills the disk itself uses up what is held too: recycling needs some of it.
        if free < 2 * _BLOCK or held + free < self._least:
            return False
        return self._hold(self._size, min(wanted, free // 2))

    def keep(self, mark: int) -> None:
        """Keep what the file holds up to `mark`, and nothing else in the end."""
        if self.mark is None and not self._is_off:
            self.mark = mark
            self._freed = -(-mark // _BLOCK) * _BLOCK

    def recycle(self, carried: int) -> None:
        """Use the room of what has been carried on, and is not kept, for what comes next.

        Args:
            carried: How far into the file everything has been carried on.
        """
        self._look_at_size()
        wanted = _RESERVED
        end = max(carried - _LOOKED_AT_AGAIN, 0) // _BLOCK * _BLOCK
        if self.mark is None or end <= self._freed:
            return
        if self._until - self._size < wanted - wanted // 4:
            given = end - self._freed
            start = max(self._until, self._size)
            if self._give_back_until(end):
                any(self._hold(start, count) for count in _halves(min(given, wanted)))

    @property
    def is_in_haste(self) -> bool:
        """Whether the next look should come very soon: the file grows, and room may not last."""
        is_short = self.is_nearly_full or self.mark is not None
        return is_short and self._looks_at_rest < _LOOKS_IN_HASTE

    def _look_at_disk(self) -> int:
        """Return how many bytes are free."""
        disk = os.fstatvfs(self._file)
        # A file system that has failed says so to whoever writes, and be it nothing.
        os.write(self._file, b"")
        free = (disk.f_bfree if os.geteuid() == 0 else disk.f_bavail) * disk.f_frsize
        self.is_scarce = free < _SCARCE_BYTES
        twentieth = disk.f_blocks * disk.f_frsize // 20
        self.is_nearly_full = free < min(_LEAST_BYTES, twentieth)
        self._least = min(_LEAST_RESERVED, twentieth)
        return free

    def _look_at_size(self) -> int:
        size = os.fstat(self._file).st_size
        grown, self._size = size - self._size, size
        self._looks_at_rest = self._looks_at_rest + 1 if grown == 0 else 0
        return grown

    def close(self) -> None:
        """Give back what is held, cut off what is not kept, and close the file.

        While others have the file open, its room stays held: it cannot be told from what they write
        at this moment.
        """
        with contextlib.suppress(OSError):
            size = os.fstat(self._file).st_size
            if self.mark is not None and size > self.mark:
                os.ftruncate(self._file, self.mark)
                self._until = 0
            if self._until > size:
                self._close_alone()
        if self._file >= 0:
            os.close(self._file)

    def _close_alone(self) -> None:
        import fcntl

        # A lock belongs to all descriptors that were copied from one. Ours gone, it is there only
        # as long as another process has such a copy.
        fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        anew = os.open(f"/proc/self/fd/{self._file}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            file, self._file = self._file, -1
            os.close(file)
            fcntl.flock(anew, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(anew, os.fstat(anew).st_size)
        finally:
            os.close(anew)

    def _hold(self, start: int, count: int) -> bool:
        """Reserve; return False when there is no room for it."""
        try:
            _request(self._file, _RESERVE, start, min(count, _room_below_limit(start)))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return False
            self.is_lost = error.errno in LOST
            self._is_off = error.errno != errno.EINTR
            return not self.is_lost
        self._until = start + count
        return True

    def _give_back_until(self, end: int) -> bool:
        try:
            _request(self._file, _GIVE_BACK, self._freed, end - self._freed)
        except OSError as error:
            if error.errno != errno.EINTR:
                # Then all that still fits is kept.
                self.mark = None
            return False
        self._freed = end
        return True


def _halves(count: int) -> Iterator[int]:
    while count >= _LEAST_PIECE:
        yield count
        count //= 2


def _room_below_limit(start: int) -> int:
    """Return how far a file may grow from `start`; to ask for more would send us a signal."""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return sys.maxsize if limit == resource.RLIM_INFINITY else max(limit - start, 0)


def _request(file: int, request: int, start: int, count: int) -> None:
    import fcntl
    import struct

    fcntl.ioctl(file, request, struct.pack("hh4xqq24x", 0, os.SEEK_SET, start, count))
