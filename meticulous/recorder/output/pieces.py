"""Bytes on their way into a file, none of which is lost or doubled by an interruption."""

from __future__ import annotations

from collections import deque
from itertools import islice, repeat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


_MUCH = 1 << 20
"""Bytes that wait at most where `take` is given them."""

_AT_ONCE = 64
"""Large pieces that are written at once, for which as much memory is needed again."""


class Pieces:
    """Pieces of output that were handed over and wait to be written.

    A signal's handler of the program may print, or raise, between any two steps in Python. So what
    must not be torn apart is done in one call of C code, and how much of the pieces in flight has
    been written is kept with them.

    Args:
        relieve: Called by `take` when much waits; it calls `write`.
    """

    def __init__(self, relieve: Callable[[], None]) -> None:
        self._relieve = relieve
        self._taken = 0
        self._waiting: deque[bytes] = deque()
        self._in_flight: tuple[list[bytes], list[int]] = ([], [])
        self.hand_over = self._waiting.append
        """Takes bytes to be written with the next call of `write`.

        It is not written in Python: while the text layer hands over what it has gathered, nothing
        may print, neither a signal's handler nor another thread. CPython before 3.13 loses text
        and makes some up if anything does (gh-119506).
        """

    def take(self, piece: bytes) -> None:
        """Take bytes to be written with the next call of `write`, or now if much waits.

        A text layer that gathers lines must not be given this, which is written in Python.
        """
        self.hand_over(piece)
        self._taken += len(piece)
        if self._taken >= _MUCH:
            self._taken = 0
            self._relieve()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def size_of_last(self) -> int:
        """How many bytes were handed over last, 0 when they have been written."""
        try:
            return len(self._waiting[-1])
        except IndexError:
            return 0

    def clear(self) -> None:
        """Forget everything, also what somebody in the middle of `write` has still to write."""
        self._waiting.clear()
        pieces, written = self._in_flight
        written.append(sum(map(len, pieces)) - sum(written))
        self._in_flight = ([], [])

    def write(self, write: Callable[[memoryview, list[int]], None]) -> bool:
        """Write everything that waits.

        Args:
            write: Writes bytes, and appends to the list how many it has written; it finds there
                what was written of them before an interruption.

        Returns:
            Whether there was anything.

        Raises:
            OSError: From `write`; the bytes in flight are given up.
        """
        is_any = False
        self._taken = 0
        # Again for what a signal's handler added meanwhile; other threads may add without end.
        for _ in range(2 + len(self._waiting) // _AT_ONCE):
            pieces, written = self._in_flight
            if not pieces:
                if not self._waiting:
                    break
                pieces.extend(map(deque.popleft, repeat(self._waiting, self._count_next())))
            is_any = True
            try:
                write(memoryview(b"".join(pieces)), written)
            except OSError:
                self._in_flight = ([], [])
                raise
            self._in_flight = ([], [])
        return is_any

    def _count_next(self) -> int:
        """Return how many pieces are to be written at once."""
        is_much = sum(map(len, islice(self._waiting, _AT_ONCE))) >= _MUCH
        return min(len(self._waiting), _AT_ONCE) if is_much else len(self._waiting)
