"""The output of a recorded program: its files, carried on to where it is shown, kept while it fits.

The descriptors 1 and 2 of the program are the files of the record, so it writes there whether we
look or not, and a full disk is its own trouble. A Python program is asked in time to take its
output back; for all others, room is held ahead and used again (see `output.room`).
"""

from __future__ import annotations

import os
import signal

from meticulous.folder import layout
from meticulous.folder.writing import open_to_append
from meticulous.recorder.output.mirror import Mirror
from meticulous.recorder.output.room import LOOK_SECONDS, Reserve
from meticulous.recorder.program import release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.recorder.writer import RecordWriter

_DESCRIPTORS = (1, 2)

_HASTY_TICKS = 250
"""How many ticks an answer of the program is awaited with haste; it may be busy in C code."""


class ProgramStreams:
    """The two output files of a program, and our own output that they are carried on to.

    Args:
        writer: Writes the record that the files belong to.

    Raises:
        OSError: A file cannot be opened.
    """

    def __init__(self, writer: RecordWriter) -> None:
        self._writer = writer
        self._pid: int | None = None
        self.files: list[int] = []
        """Descriptors of the files, to become 1 and 2 of the program."""
        self._mirrors: list[Mirror] = []
        self._reserves: list[Reserve] = []
        self._asked: set[int] = set()
        self._hasty_ticks = 0
        self._is_full = False
        self._since_look = 0.0
        targets = [descriptor if _is_open(descriptor) else None for descriptor in _DESCRIPTORS]
        for target, name in zip(targets, (layout.STDOUT, layout.STDERR), strict=True):
            file = open_to_append(writer.paths.path(name))
            self.files.append(file)
            self._mirrors.append(Mirror(file, target))
            self._reserves.append(Reserve(file))

    def begin(self, pid: int) -> None:
        """Know the program, which has been started with the files."""
        self._pid = pid
        for reserve in self._reserves:
            reserve.begin()

    def tick(self, elapsed: float) -> bool:
        """Carry on what is new, and look at the room.

        Args:
            elapsed: Seconds since the last tick.

        Returns:
            Whether there was anything new.
        """
        self._hasty_ticks = max(self._hasty_ticks - 1, 0)
        is_any = self._catch_up()
        for mirror in self._mirrors:
            self._report(mirror)
        self._since_look += elapsed
        if self._is_full:
            self._recycle()
        elif self.is_room_scarce or self._since_look >= LOOK_SECONDS:
            self._since_look = 0.0
            self._look_at_room()
        return is_any

    @property
    def is_in_haste(self) -> bool:
        """Whether the next tick should come very soon, for the program lives on what is left."""
        return self._hasty_ticks > 0 or any(reserve.is_in_haste for reserve in self._reserves)

    @property
    def is_room_scarce(self) -> bool:
        """Whether another process could fill the disk before the next tick."""
        return any(reserve.is_scarce for reserve in self._reserves)

    def close(self) -> None:
        """Carry on the rest when the program has ended, and close the files."""
        self._pid = None
        self._catch_up()
        for mirror in self._mirrors:
            self._report(mirror)
        # A quick program may have met a full disk between two looks, and nobody has noticed.
        has_room = [reserve.top_up() for reserve in self._reserves]
        if not self._is_full and not all(has_room):
            self._tell_of_end()
        for reserve in self._reserves:
            reserve.close()

    def _catch_up(self) -> bool:
        is_any = False
        for descriptor, file, mirror in zip(_DESCRIPTORS, self.files, self._mirrors, strict=True):
            is_waited_for = descriptor in self._asked and release.waits(file)
            is_any |= mirror.catch_up() > 0
            if is_waited_for:
                release.answer(file)
        return is_any

    def _look_at_room(self) -> None:
        has_room = [reserve.top_up() for reserve in self._reserves]
        if self._is_lost:
            self._ask_for_all()
            self._tell("the file system takes nothing any more")
            return
        if any(reserve.is_nearly_full for reserve in self._reserves) and self._ask_for_all():
            self._tell("the disk is nearly full")
        # Children of a program that listens, and programs that do not, still write to the files.
        if all(has_room):
            return
        self._is_full = True
        self._ask_for_all()
        self._catch_up()
        for mirror, reserve in zip(self._mirrors, self._reserves, strict=True):
            reserve.keep(mirror.position)
        self._recycle()
        if any(reserve.mark is not None for reserve in self._reserves):
            self._tell("the disk is full")

    def _recycle(self) -> None:
        for mirror, reserve in zip(self._mirrors, self._reserves, strict=True):
            reserve.recycle(mirror.position)

    def _ask_for_all(self) -> bool:
        """Ask for all output to be taken back; say whether the program listens."""
        for descriptor in _DESCRIPTORS:
            self._ask(descriptor)
        return len(self._asked) == len(_DESCRIPTORS)

    def _ask(self, descriptor: int) -> bool:
        if descriptor in self._asked or self._pid is None:
            return descriptor in self._asked
        if release.ask(self._pid, descriptor):
            self._asked.add(descriptor)
            self._hasty_ticks = _HASTY_TICKS
        return descriptor in self._asked

    @property
    def _is_lost(self) -> bool:
        return any(reserve.is_lost for reserve in self._reserves)

    def _tell(self, reason: str) -> None:
        message = f"the output is recorded no further, for {reason}"
        self._writer.warn("the output", f"{message} ({self._writer.paths.directory})", True)

    def _tell_of_end(self) -> None:
        reason = "the file system takes nothing any more" if self._is_lost else "the disk is full"
        message = f"{reason}: the end of the output may be missing, here and in the record"
        self._writer.warn("the output", f"{message} ({self._writer.paths.directory})", True)

    def _report(self, mirror: Mirror) -> None:
        if mirror.was_truncated:
            self._writer.warn(
                "a truncated stream",
                "the program emptied its own output file, as `> /dev/stdout` does; "
                "what the file held before is lost",
            )
        if isinstance(mirror.failure, BrokenPipeError) and mirror.target is not None:
            # Who wrote to the closed pipe would have got this signal.
            mirror.target = None
            if self._pid is not None and not self._ask(self._mirrors.index(mirror) + 1):
                os.kill(self._pid, signal.SIGPIPE)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
