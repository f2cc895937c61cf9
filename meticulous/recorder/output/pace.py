"""Decides what becomes of printed lines: written one by one, shown late, or gathered."""

from __future__ import annotations

_FAST_LINES_PER_SECOND = 3000
"""Above this, lines are gathered, or at least shown, tick by tick instead of one by one."""

_FAST_BYTES_PER_TICK = 4096
"""Below this many bytes between two ticks, lines are written one by one again."""

_BULK_BYTES_PER_SECOND = 32 << 20
"""Above this, what is gathered is counted at the end of each line, and written by who prints."""

_LONG_LINE = 64
"""Bytes of an average line above which that goes on, however slowly they come."""

_LINES_UNTIL_TICK = 150
"""After this many lines between two ticks the next one is asked for."""


class Pace:
    """What becomes of the lines of one stream until the next tick.

    Attributes:
        gathering: Whether lines are gathered, and written at the next tick.
        in_bulk: Whether so much is gathered that who prints counts it, and writes it when there is
            much.
        lagging: Whether lines are written at once and shown at the next tick.
        is_flood: Whether very many lines came before the last tick.
    """

    __slots__ = (
        "_bytes_of_lines",
        "_lines_in_bulk",
        "_lines_since_tick",
        "_written_before",
        "gathering",
        "in_bulk",
        "is_flood",
        "lagging",
    )

    def __init__(self) -> None:
        self.gathering = False
        self.in_bulk = False
        self.lagging = False
        self.is_flood = False
        self._lines_since_tick = 0
        self._written_before = 0
        self._lines_in_bulk = 0
        self._bytes_of_lines = 0

    def note_line(self) -> bool:
        """Note that a line is about to be written; say whether the next tick should come soon."""
        self._lines_since_tick += 1
        return self._lines_since_tick == _LINES_UNTIL_TICK and not self.gathering

    def note_line_in_bulk(self, size: int) -> None:
        """Note that a line of `size` bytes was gathered; 0 where the program only flushed."""
        self._lines_in_bulk += size > 0
        self._bytes_of_lines += size

    def decide(self, elapsed: float, written: int, may_gather: bool) -> tuple[bool, bool] | None:
        """Decide at a tick whether lines should be gathered.

        Args:
            elapsed: Seconds since the last tick.
            written: How many bytes the program has written through Python so far.
            may_gather: Whether lines may be gathered.

        Returns:
            What `gathering` and `in_bulk` should be; None where they should stay as they are.
        """
        since, self._written_before = written - self._written_before, written
        self.is_flood = self._lines_since_tick > _FAST_LINES_PER_SECOND * elapsed
        self._lines_since_tick = 0
        if self.gathering and (not may_gather or since < _FAST_BYTES_PER_TICK):
            return False, False
        if self.gathering:
            return True, self._is_bulky(since, elapsed)
        # Nobody knows how long the lines are going to be.
        return (True, True) if self.is_flood and may_gather else None

    def _is_bulky(self, written: int, elapsed: float) -> bool:
        """Say whether so much may come before the next tick that who prints has to count it."""
        if self.in_bulk:
            lines, self._lines_in_bulk = self._lines_in_bulk, 0
            size, self._bytes_of_lines = self._bytes_of_lines, 0
            return size >= _LONG_LINE * lines
        return written > _BULK_BYTES_PER_SECOND * elapsed
