"""Carries what one stream is given into the run's file, and on to where the output went before."""

from __future__ import annotations

import errno
import io
import os
import threading

from meticulous.folder.writing import file_behind, open_to_append, write_counting
from meticulous.recorder.output.farewell import Farewell
from meticulous.recorder.output.forks import active, flush
from meticulous.recorder.output.mirror import Mirror
from meticulous.recorder.output.pace import Pace
from meticulous.recorder.output.pieces import Pieces
from meticulous.recorder.output.room import Reserve
from meticulous.recorder.output.text import make_text
from meticulous.recorder.output.watch import THREAD_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from _typeshed import ReadableBuffer

_UNSHOWN_BYTES = 1 << 20
"""What is written at most before it is shown, so that a slow reader holds the program up."""

DESCRIPTORS = {"stdout": 1, "stderr": 2}


class Carrier:
    """What stands below the text stream that a program prints to (see `output.text`).

    The file is written first, and then shown. Both happen in the thread that prints or in that of
    `tick`, one at a time.

    Args:
        name: "stdout" or "stderr".
        path: The file that takes the output; it is appended to.
        failed: Called once, with a sentence, when the file can take no more.

    Attributes:
        state: "new", "capturing", "failed" when the file takes no more, "inherited" by a forked
            child, whose parent shows everything, or "stopped".
        pace: Whether lines are written one by one, shown late, or gathered.
        text: The text stream above.
        mirror: Shows what the file holds.
        reserve: Room on the disk that is held ahead.
        saved: Descriptor of where the output went before.
        shows_terminal: Whether the output goes to a terminal in the end.
        has_told: Whether the program has met that nobody reads its output.
    """

    def __init__(self, name: str, path: str, failed: Callable[[str], None]) -> None:
        self.name = name
        self.path = path
        self.descriptor = DESCRIPTORS[name]
        self.state = "new"
        self.pace = Pace()
        self.saved = -1
        self.shows_terminal = False
        self.has_told = False
        self._failed = failed
        self._lock = threading.RLock()
        self._file = -1
        self._shown_in_vain = 0
        self._closed: OSError | None = None
        self._is_showing = False
        self._trouble = ""
        self._told_closed = False
        self._farewell = Farewell()
        self._pieces = Pieces(self._relieve)
        self.hand_over, self.take = self._pieces.hand_over, self._pieces.take
        self._written = 0
        self._unshown = 0
        self._beside: list[Carrier] = []

    def open(self, original: TextIO, wake: Callable[[], None]) -> None:
        """Open the file and see where the output goes; the descriptor means that as before.

        Args:
            original: The stream that the program has printed to so far.
            wake: Called when so many lines come that the next tick should come soon.

        Raises:
            OSError: The file cannot be opened; nothing has changed then.
        """
        import fcntl

        self._wake = wake
        self._file = open_to_append(self.path)
        flush(original)
        self.shows_terminal = original.isatty()
        # Numbers from 10 up stay clear of the small ones that shell scripts use by hand.
        self.saved = fcntl.fcntl(self.descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
        self.mirror = Mirror(self._file, self.saved)
        self.reserve = Reserve(self._file)
        self.reserve.begin()
        self.text = make_text(original, self)
        self.was_line_buffered = bool(getattr(original, "line_buffering", True))
        self.is_unbuffered = bool(getattr(original, "write_through", False))

    def begin(self) -> None:
        """Have the descriptor mean the file from now on."""
        self.state = "capturing"
        os.dup2(self._file, self.descriptor, inheritable=True)

    def lock_while(self, may_wait: Callable[[], bool]) -> bool:
        """Take the lock, however long somebody is held up by a slow reader, while `may_wait`."""
        taken = self._lock.acquire(timeout=1.0)
        while not taken and may_wait():
            taken = self._lock.acquire(timeout=0.2)
        return taken

    def unlock(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def be_alone(self) -> None:
        """Go on as the only thread that is left, whatever the others were about."""
        self._lock = threading.RLock()
        self._is_showing = False

    def catch_up(self, may_wait: Callable[[], bool] | None = None) -> int:
        """Write and show everything that is new, and return how many bytes were shown.

        Args:
            may_wait: Asked again and again whether a slow reader is waited for; None to wait as
                the program itself would.
        """
        if not self.lock_while(may_wait or (lambda: False)):
            return 0
        try:
            if self.state != "capturing" or self._is_showing:
                return 0
            self._is_showing = True
            self._unshown = 0
            before = self.mirror.position
            try:
                if self.pace.gathering:
                    # Who prints waits for our lock meanwhile: what is gathered stays small, and we
                    # need not wait for the interpreter's after each system call.
                    self.text.pass_on_lines(True)
                if not self.write_pieces(may_wait):
                    self.mirror.catch_up(may_wait)
            finally:
                self._is_showing = False
                if self.pace.gathering and not self.pace.in_bulk:
                    self.text.pass_on_lines(False)
        finally:
            self._lock.release()
        if self.mirror.was_closed and not self._told_closed:
            self._told_closed = True
            self._trouble = (
                f"the program closed the descriptor behind its own {self.name}; from there on it "
                f"is recorded, but no longer shown ({self.path})"
            )
        return max(self.mirror.position - before, 0)

    def show(self, text: str) -> bool:
        """Show a message of ours where the output goes, without keeping it; False if we cannot."""
        if self.state != "capturing" or not self._lock.acquire(timeout=1.0):
            return False
        try:
            self.mirror.catch_up()
            self.mirror.send(text.encode("utf-8", "backslashreplace"))
        finally:
            self._lock.release()
        return True

    def redirect(self, descriptor: int) -> None:
        """Show from now on where `descriptor` leads."""
        with self._lock:
            self.mirror.redirect(descriptor)

    def write(self, data: ReadableBuffer) -> int:
        """Write bytes to the file, and show them at once or, in a flood, soon."""
        if self.pace.lagging and self._unshown < _UNSHOWN_BYTES and not self._pieces:
            return self._write_unshown(data)
        piece = bytes(data)
        self.hand_over(piece)
        self._unshown += len(piece)
        if not self.pace.gathering or self._unshown >= _UNSHOWN_BYTES:
            self.drain()
        return len(piece)

    def _write_unshown(self, data: ReadableBuffer) -> int:
        for other in self._beside:
            other.catch_up()
        self.pace.note_line()
        try:
            count = os.write(self.descriptor, data)
        except OSError as error:
            if error.errno is None:  # raised by a signal's handler, after the write
                raise
            count = 0  # met again, and looked into, when we do not lag
        self._unshown += count
        size = memoryview(data).nbytes
        if count < size:
            self.pace.lagging = False
            self.write(memoryview(data).cast("B")[count:])
        return size

    def end_line(self) -> None:
        """Drain, except in a flood of long lines: that is done when there is much.

        It is asked for with nothing left in the text layer, so anything may be done here.
        """
        if self.pace.in_bulk:
            self.pace.note_line_in_bulk(self._pieces.size_of_last)
        else:
            self.drain()

    def _relieve(self) -> None:
        self._write_and_show()
        self.text.hand_over_rest()

    def drain(self) -> None:
        """Write what was handed over to the file and show it.

        Raises:
            OSError: What the program would meet without us: nobody reads the output any more, or
                the program's own file in the place of ours takes no more.
        """
        if self.pace.note_line():
            self._wake()
        self._write_and_show()

    def _write_and_show(self) -> None:
        for other in self._find_beside():
            other.catch_up()
        if self.descriptor == 2:
            self._farewell.look_who_writes(self.mirror)
        with self._lock:
            if self._is_showing:
                return  # within a write of this thread, which goes on with what we have
            self._is_showing = True
            written = self._written
            try:
                self.write_pieces()
            finally:
                self._is_showing = False
        failure = self.failure
        if failure is not None and self.state == "capturing":
            self._tell_program(self._written - written, failure)

    def write_pieces(self, may_wait: Callable[[], bool] | None = None) -> bool:
        """Write to the file and show what was handed over; the lock is held, and we are showing.

        Returns:
            Whether there was anything, and so everything in the file is shown as far as may be.
        """
        return self._pieces.write(lambda view, written: self._write_view(view, written, may_wait))

    def _write_view(
        self, view: memoryview, written: list[int], may_wait: Callable[[], bool] | None
    ) -> None:
        self._written += len(view)
        # Our own descriptor: a run that another thread begins at this moment takes the other one.
        is_ours = self.state == "capturing" and self.is_ours
        file = self._file if is_ours and self.mirror.has_source else self.descriptor
        error = None
        try:
            while (done := sum(written)) < len(view):
                write_counting(file, view[done:], written)
        except OSError as failure:
            is_closed = self.state == "capturing" and failure.errno == errno.EBADF
            if failure.errno is None or not (is_ours or is_closed):
                raise
            error = failure
        if not is_ours or self.state == "inherited":  # as when a signal's handler has forked
            self._closed = error
            return
        # The file's offset is shared with the children, so it tells whether they wrote too.
        end = os.lseek(file, 0, os.SEEK_CUR)
        if end - done == self.mirror.position:
            self.mirror.advance(view[:done], may_wait)
        else:
            self.mirror.catch_up(may_wait)
        if error is not None:
            self.mirror.send(view[done:])
            self._give_up(error)

    @property
    def is_ours(self) -> bool:
        """Whether the descriptor still means the run's file; a program may point it elsewhere."""
        return file_behind(self.descriptor) == self.mirror.source_file

    @property
    def failure(self) -> OSError | None:
        """What the program meets, or would meet without us, when it writes."""
        failure = self.mirror.failure
        return failure if failure is not None and failure.errno is not None else self._closed

    def _tell_program(self, count: int, failure: OSError) -> None:
        """Raise what the program would have met without us, when it would have met it."""
        self._shown_in_vain += count
        at_once = self.is_unbuffered or self.was_line_buffered
        enough = at_once or self._shown_in_vain > io.DEFAULT_BUFFER_SIZE
        # In our own thread nobody would hear it; the program is told with its next line.
        if enough and threading.current_thread().name != THREAD_NAME:
            self.has_told = True
            raise failure

    def _find_beside(self) -> list[Carrier]:
        """Return those that go to one place with this one, and so must show theirs first."""
        others = [stream.carrier for stream in active if stream.name != self.name]
        return [other for other in others if other.mirror.target_file == self.mirror.target_file]

    @property
    def farewell(self) -> str:
        """What the interpreter itself has written, as it does with the text of `sys.exit`."""
        return self._farewell.read(self.mirror)

    def choose_pace(self, elapsed: float) -> None:
        """Decide at a tick between writing each line and gathering."""
        # A program whose reader is slow, or has gone, meets that itself, line by line.
        may_be_late = self.mirror.failure is None and not self.mirror.is_behind
        # Where Python itself would write each line, or each word, all of them are in the file at
        # once, in order with what children write; in a flood they are only shown tick by tick.
        may_gather = may_be_late and not self.shows_terminal and not self.is_unbuffered
        wanted = self.pace.decide(elapsed, self._written, may_gather)
        if wanted is not None:
            self.gather(*wanted)
        self._beside = self._find_beside()
        self.pace.lagging = self.pace.is_flood and may_be_late and not self.pace.gathering

    def gather(self, on: bool, in_bulk: bool = False) -> None:
        """Have the text layer gather lines from now on, or hand each one over."""
        self.pace.gathering = on
        if in_bulk != self.pace.in_bulk:
            self.pace.in_bulk = in_bulk
            self.text.obey_flushes(self.drain if in_bulk else None)
        self.text.pass_on_lines(not on or in_bulk)

    def look_at_room(self) -> None:
        """Give up while there is room: children and C code do not look at what a write returns."""
        if self.state != "capturing" or not self.mirror.has_source:
            return
        if self.reserve.top_up() and not self.reserve.is_nearly_full:
            return
        if self._lock.acquire(timeout=1.0):
            try:
                self.mirror.catch_up()
                lost = OSError(errno.EROFS, "the file system takes nothing any more")
                full = OSError(errno.ENOSPC, "the disk is nearly full")
                self._give_up(lost if self.reserve.is_lost else full)
            finally:
                self._lock.release()

    def _give_up(self, error: OSError) -> None:
        # The text stream stays in place: it still holds what comes after these bytes.
        self.state = "failed"
        self.pace.lagging = False
        self.reserve.keep(self.mirror.position)
        if self.mirror.has_target and self.is_ours:
            os.dup2(self.saved, self.descriptor, inheritable=True)
        # Told at the next tick: here somebody is in the middle of writing.
        self._trouble = (
            f"{self.name} is recorded no further: {error.strerror or error} "
            f"({self.path}); the program goes on"
        )

    def serve_children(self) -> bool:
        """Carry on what children that were started before the disk was full write to the file."""
        if not self.mirror.has_source or not self._lock.acquire(timeout=1.0):
            return False
        try:
            count = self.mirror.catch_up(lambda: False)
            self.reserve.recycle(self.mirror.position)
        finally:
            self._lock.release()
        return count > 0

    def tell_trouble(self) -> None:
        """Tell what has gone wrong since the last call."""
        if self._trouble:
            trouble, self._trouble = self._trouble, ""
            self._failed(trouble)

    def tell_all(self) -> None:
        """Tell what the record has to say of the output as a whole, before its end is written."""
        self.tell_trouble()
        if self.mirror.was_truncated:
            self._failed(
                f"{self.name} was emptied while the program ran, as `> /dev/{self.name}`"
                " does; what it held before is lost"
            )

    def after_fork_in_child(self) -> None:
        """Become usable in a forked child, which writes each line at once and mirrors nothing."""
        self.be_alone()
        self.state = "inherited"
        self.pace.lagging = self.pace.gathering = self.pace.in_bulk = False
        # What other threads print while we fork is in both processes; the parent writes it.
        self._pieces.clear()
        self.text.become_direct(forgetting=True)
        self.text.pass_on_lines(True)
