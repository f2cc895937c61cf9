"""One standard stream captured at its descriptor, so that nothing can pass beside it.

The descriptors 1 and 2 are pointed at the run's own files. Output of C code, of subprocesses and
of children that outlive the run is captured; the order within a stream is exact; nothing is lost
when the process is killed, because the file is written first; and no pipe can fill up and block a
program that holds the interpreter lock.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import threading
import time

from meticulous.folder.writing import (
    file_behind,
    open_to_append,
    write_counting,
)
from meticulous.recorder.output.cstdio import flush_c_library
from meticulous.recorder.output.forks import active, flush, structure, watch_forks
from meticulous.recorder.output.mirror import Mirror
from meticulous.recorder.output.pieces import Pieces
from meticulous.recorder.output.room import LOOK_SECONDS, Reserve
from meticulous.recorder.output.text import make_text, set_line_buffering
from meticulous.recorder.output.watch import THREAD_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import TextIO

    from _typeshed import ReadableBuffer

_FAST_LINES_PER_SECOND = 3000
"""Above this, lines are gathered, or at least shown, tick by tick instead of one by one."""

_FAST_BYTES_PER_TICK = 4096
"""Below this many bytes between two ticks, lines are written one by one again."""

_BULK_BYTES_PER_SECOND = 32 << 20
"""Above this, what is gathered is counted at the end of each line, and written by who prints."""

_LONG_LINE = 64
"""Bytes of an average line above which that goes on, however slowly they come."""

_LONGEST_FAREWELL = 10_000
"""Bytes of what the interpreter itself has written that are worth a place in STATUS."""

_GRACE_SECONDS = 1.0
"""How long the end of a run that may not wait gives to a reader who takes nothing."""

_UNSHOWN_BYTES = 1 << 20
"""What is written at most before it is shown, so that a slow reader holds the program up."""

_OWN_MODULES = (__name__, "meticulous.recorder.output.text")

DESCRIPTORS = {"stdout": 1, "stderr": 2}


class DescriptorStream:
    """One of stdout and stderr, captured at the level of its descriptor.

    States: new, then capturing after `start`, failed when the file takes no more, and stopped after
    `stop` (which may be called again). In a forked child the object only writes to the file:
    mirroring is its parent's task.

    Args:
        name: "stdout" or "stderr".
        path: The file that takes the output; it is appended to.
        failed: Called once, with a sentence, when the file can take no more. The output then goes
            only to where it went before.
    """

    def __init__(self, name: str, path: str, failed: Callable[[str], None]) -> None:
        self.name = name
        self.path = path
        self.descriptor = DESCRIPTORS[name]
        self.state = "new"
        self._failed = failed
        self._owner = os.getpid()
        self._lock = threading.RLock()
        self._file = -1
        self._saved = -1
        self._shown_in_vain = 0
        self._has_told = False
        self._closed: OSError | None = None
        self._is_showing = False
        self._trouble = ""
        self._since_look = 0.0
        self._told_closed = False
        self._is_last_flush = False
        self._farewell_from = -1
        self._pieces = Pieces()
        self.hand_over = self._pieces.hand_over
        self._writes = 0
        self._written = 0
        self._written_before = 0
        self._gathering = False
        self._in_bulk = False
        self._lines = 0
        self._size_of_lines = 0
        self._lagging = False
        self._unshown = 0
        self._beside: list[DescriptorStream] = []
        self._wake: Callable[[], None] = lambda: None
        self.shows_terminal = False
        """Whether the output goes to a terminal in the end."""

    def __repr__(self) -> str:
        return f"<DescriptorStream {self.name} {self.state}>"

    def start(self, wake: Callable[[], None] = lambda: None) -> None:
        """Begin to capture.

        Args:
            wake: Called when so many lines come that the next `tick` should come soon.

        Raises:
            OSError: The file cannot be opened; nothing has changed then.
        """
        import fcntl

        self._wake = wake
        with structure:
            self._original: TextIO = getattr(sys, self.name)
            self._file = open_to_append(self.path)
            flush(self._original)
            self.shows_terminal = self._original.isatty()
            # Numbers from 10 up stay clear of the small ones that shell scripts use by hand.
            self._saved = fcntl.fcntl(self.descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
            self._mirror = Mirror(self._file, self._saved)
            self._reserve = Reserve(self._file)
            self._reserve.begin()
            self._text = make_text(self._original, self)
            self._was_line_buffered = bool(getattr(self._original, "line_buffering", True))
            self._unbuffered = bool(getattr(self._original, "write_through", False))
            active.append(self)
            self.state = "capturing"
            os.dup2(self._file, self.descriptor, inheritable=True)
            setattr(sys, self.name, self._text)
        # Whoever kept the stream from before writes to the same file, in the same order.
        set_line_buffering(self._original, True)
        watch_forks()

    def tick(self, elapsed: float) -> bool:
        """Carry on what others wrote, and decide between writing each line and gathering.

        Args:
            elapsed: Seconds since the last tick.

        Returns:
            Whether there was anything to do.
        """
        if os.getpid() != self._owner:
            return False
        self._tell_trouble()
        if self.state == "failed" and self._gathering:
            self._gather(False)
        if self.state == "failed":
            return self._serve_children()
        if self.state != "capturing":
            return False
        flush(self._original)
        busy = self._gathering or self._lagging
        count = self._catch_up(lambda: False)
        written, self._written_before = self._written - self._written_before, self._written
        many, self._writes = self._writes > _FAST_LINES_PER_SECOND * elapsed, 0
        # A program whose reader is slow, or has gone, meets that itself, line by line.
        may_be_late = self._mirror.failure is None and not self._mirror.is_behind
        # Where Python itself would write each line, or each word, all of them are in the file at
        # once, in order with what children write; in a flood they are only shown tick by tick.
        may_gather = may_be_late and not self.shows_terminal and not self._unbuffered
        if self._gathering and (not may_gather or written < _FAST_BYTES_PER_TICK):
            self._gather(False)
        elif self._gathering:
            self._gather(True, in_bulk=self._is_bulky(written, elapsed))
        elif many and may_gather:
            # Nobody knows how long the lines are going to be.
            self._gather(True, in_bulk=True)
        self._beside = self._find_beside()
        self._lagging = many and may_be_late and not self._gathering
        self._since_look += elapsed
        if self._since_look >= LOOK_SECONDS or (count > 0 and self._reserve.is_scarce):
            self._since_look = 0.0
            self._look_at_room()
        return count > 0 or busy or self._reserve.is_scarce

    def _is_bulky(self, written: int, elapsed: float) -> bool:
        """Say whether so much may come before the next tick that who prints has to count it."""
        if self._in_bulk:
            lines, self._lines = self._lines, 0
            size, self._size_of_lines = self._size_of_lines, 0
            return size >= _LONG_LINE * lines
        return written > _BULK_BYTES_PER_SECOND * elapsed

    def _lock_while(self, may_wait: Callable[[], bool]) -> bool:
        """Take the lock, however long somebody is held up by a slow reader, while `may_wait`."""
        taken = self._lock.acquire(timeout=1.0)
        while not taken and may_wait():
            taken = self._lock.acquire(timeout=0.2)
        return taken

    def _catch_up(self, may_wait: Callable[[], bool] | None = None) -> int:
        """Write and show everything that is new, and return how many bytes were shown."""
        if not self._lock_while(may_wait or (lambda: False)):
            return 0
        try:
            if self.state != "capturing" or self._is_showing:
                return 0
            self._is_showing = True
            self._unshown = 0
            before = self._mirror.position
            try:
                if self._gathering:
                    # Whoever prints waits for our lock meanwhile: what is gathered stays small, and
                    # we need not wait for the interpreter's after each system call.
                    set_line_buffering(self._text, True)
                if not self._write_pieces(may_wait):
                    self._mirror.catch_up(may_wait)
            finally:
                self._is_showing = False
                if self._gathering and not self._in_bulk:
                    set_line_buffering(self._text, False)
        finally:
            self._lock.release()
        if self._mirror.was_closed and not self._told_closed:
            self._told_closed = True
            self._trouble = (
                f"the program closed the descriptor behind its own {self.name}; from there on it "
                f"is recorded, but no longer shown ({self.path})"
            )
        return max(self._mirror.position - before, 0)

    def stop(self, at_exit: bool = False, may_wait: Callable[[], bool] = lambda: True) -> None:
        """Carry on all that is left and put everything back as it was.

        Args:
            may_wait: Asked again and again whether a slow reader of the output is waited for.
            at_exit: The interpreter is about to end. When the reader of the output has gone and
                the program does not know yet, our object stays in place with something to write,
                so that the interpreter's own last flush fails just as it would have without us.
        """
        if self.state not in ("capturing", "failed") or os.getpid() != self._owner:
            return
        end_of_grace = time.monotonic() + _GRACE_SECONDS

        def may_wait_still() -> bool:
            return time.monotonic() < end_of_grace or may_wait()

        flush_c_library()
        # The program may have put a stream of its own over ours, with a buffer of its own.
        for stream in (self._original, self._text, getattr(sys, self.name)):
            flush(stream)
        with structure:
            # What the streams above have not carried on yet is to pass through ours.
            for stream in reversed(active):
                if stream.name == self.name:
                    stream._catch_up(may_wait_still)
                if stream is self:
                    break
            has_lock = self._lock_while(may_wait)
            self._lagging = False
            self._release_descriptor(may_wait_still if has_lock else None)
            self.state = "stopped"
            if has_lock:
                self._lock.release()
            if at_exit and self.last_flush_fails and not self._is_last_flush:
                self._gather(True)
                self._text.become_direct()
                self._text.write("\n")
            else:
                self._release_text(at_exit)
        if not self._is_last_flush:
            self._tell_all()

    def settle(self, may_wait: Callable[[], bool] = lambda: True) -> None:
        """Carry on all there is, and each line at once from now on: nobody calls `tick` any more.

        Args:
            may_wait: Asked again and again whether a slow reader of the output is waited for.
        """
        self._lagging = False
        self._gather(False)
        flush_c_library()
        for stream in (self._original, self._text, getattr(sys, self.name)):
            flush(stream)
        self._catch_up(may_wait)
        self._tell_all()

    def call_at_flush(self, call: Callable[[], None]) -> None:
        """Have `call` called after each flush of our object, also the interpreter's last."""
        self._text.call_at_flush(call)

    def stop_in_last_flush(self) -> OSError | None:
        """Stop within the interpreter's last flush, and return what that flush is to meet."""
        # Whatever thread had our lock has been stopped for ever.
        self._lock = threading.RLock()
        self._is_showing = False
        failure = self._failure if self.last_flush_fails else None
        self._is_last_flush = True
        self.stop(at_exit=True)
        return failure

    def write_with(self, write: Callable[[bytes], int]) -> None:
        """Have our object, which has been stopped, write with `write` and stay to the very end."""
        self._text.write_with(write)
        place = f"__{self.name}__"
        if getattr(sys, place) is self._original:
            # Python's own is flushed when it goes, which is to be no sooner than without us.
            self._original.successor = None
            self._text.predecessor = self._original
            setattr(sys, place, self._text)

    @property
    def farewell(self) -> str:
        """What the interpreter itself has written, as it does with the text of `sys.exit`."""
        if self._farewell_from < 0 or not self._mirror.has_source:
            return ""
        data = os.pread(self._file, _LONGEST_FAREWELL, self._farewell_from)
        return data.decode("utf-8", "replace").rstrip("\n")

    @property
    def is_in_place(self) -> bool:
        """Whether the program has left our object where it was."""
        return getattr(sys, self.name) is self._text

    @property
    def is_sound(self) -> bool:
        """Whether all goes well: the file takes output, and somebody reads what is shown."""
        return self.state == "capturing" and self._failure is None

    @property
    def last_flush_fails(self) -> bool:
        """Whether the interpreter would end in vain to flush this stream, without us.

        So it is when the reader has gone (as in `program | head`) and the rest of the output is
        too short to have left Python's buffer: the process then exits with 120.
        """
        return self._failure is not None and (self._was_line_buffered or not self._has_told)

    @property
    def _failure(self) -> OSError | None:
        """What the program meets, or would meet without us, when it writes."""
        failure = self._mirror.failure
        return failure if failure is not None and failure.errno is not None else self._closed

    def show(self, text: str) -> bool:
        """Show a message of ours where the output goes, without keeping it; False if we cannot."""
        if self.state != "capturing" or not self._lock.acquire(timeout=1.0):
            return False
        try:
            self._mirror.catch_up()
            self._mirror.send(text.encode("utf-8", "backslashreplace"))
        finally:
            self._lock.release()
        return True

    def write(self, data: ReadableBuffer) -> int:
        """Write bytes to the file, and show them at once or, in a flood, soon."""
        if self._lagging and self._unshown < _UNSHOWN_BYTES and not self._pieces:
            return self._write_unshown(data)
        piece = bytes(data)
        self.hand_over(piece)
        self._unshown += len(piece)
        if not self._gathering or self._unshown >= _UNSHOWN_BYTES:
            self.drain()
        return len(piece)

    def _write_unshown(self, data: ReadableBuffer) -> int:
        for stream in self._beside:
            stream._catch_up()
        self._writes += 1
        try:
            count = os.write(self.descriptor, data)
        except OSError as error:
            if error.errno is None:  # raised by a signal's handler, after the write
                raise
            count = 0  # met again, and looked into, when we do not lag
        self._unshown += count
        size = memoryview(data).nbytes
        if count < size:
            self._lagging = False
            self.write(memoryview(data).cast("B")[count:])
        return size

    def end_line(self) -> None:
        """Drain, or, in a flood of long lines, only when there is much.

        It is asked for with nothing left in the text layer, so anything may be done here.
        """
        if self._in_bulk:
            size = self._pieces.size_of_last
            self._lines += size > 0
            self._size_of_lines += size
            self._unshown += size
            if self._unshown < _UNSHOWN_BYTES:
                return
            self._unshown = 0
        self.drain()

    def drain(self) -> None:
        """Write what was handed over to the file and show it.

        Raises:
            OSError: What the program would meet without us: nobody reads the output any more, or
                the program's own file in the place of ours takes no more.
        """
        for stream in self._find_beside():
            stream._catch_up()
        self._writes += 1
        if self.descriptor == 2 and self._farewell_from < 0 and _is_called_by_interpreter():
            self._farewell_from = self._mirror.position
        if self._writes == 150 and not self._gathering:
            self._wake()
        with self._lock:
            if self._is_showing:
                return  # within a write of this thread, which goes on with what we have
            self._is_showing = True
            written = self._written
            try:
                self._write_pieces()
            finally:
                self._is_showing = False
        failure = self._failure
        if failure is not None and self.state == "capturing":
            self._tell_program(self._written - written, failure)

    def _write_pieces(self, may_wait: Callable[[], bool] | None = None) -> bool:
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
        is_ours = self.state == "capturing" and self._is_ours
        file = self._file if is_ours and self._mirror.has_source else self.descriptor
        error = None
        try:
            while (done := sum(written)) < len(view):
                write_counting(file, view[done:], written)
        except OSError as failure:
            is_closed = self.state == "capturing" and failure.errno == errno.EBADF
            if failure.errno is None or not (is_ours or is_closed):
                raise
            error = failure
        if not is_ours:
            self._closed = error
            return
        # The file's offset is shared with the children, so it tells whether they wrote too.
        end = os.lseek(file, 0, os.SEEK_CUR)
        if end - done == self._mirror.position:
            self._mirror.advance(view[:done], may_wait)
        else:
            self._mirror.catch_up(may_wait)
        if error is not None:
            self._mirror.send(view[done:])
            self._give_up(error)

    @property
    def _is_ours(self) -> bool:
        """Whether the descriptor still means the run's file; a program may point it elsewhere."""
        return file_behind(self.descriptor) == self._mirror.source_file

    def _find_beside(self) -> list[DescriptorStream]:
        """Return the streams that go to one place with this one, and so must show theirs first."""
        return [
            stream for stream in active if stream.name != self.name and stream.shows_where(self)
        ]

    def shows_where(self, other: DescriptorStream) -> bool:
        """Say whether the output goes to the same place as that of another stream."""
        return self._mirror.target_file == other._mirror.target_file

    def _tell_program(self, count: int, failure: OSError) -> None:
        """Raise what the program would have met without us, when it would have met it."""
        self._shown_in_vain += count
        at_once = self._unbuffered or self._was_line_buffered
        enough = at_once or self._shown_in_vain > io.DEFAULT_BUFFER_SIZE
        # In our own thread nobody would hear it; the program is told with its next line.
        if enough and threading.current_thread().name != THREAD_NAME:
            self._has_told = True
            raise failure

    def _look_at_room(self) -> None:
        """Give up while there is room: children and C code do not look at what a write returns."""
        if self.state != "capturing" or not self._mirror.has_source:
            return
        if self._reserve.top_up() and not self._reserve.is_nearly_full:
            return
        if self._lock.acquire(timeout=1.0):
            try:
                self._mirror.catch_up()
                lost = OSError(errno.EROFS, "the file system takes nothing any more")
                full = OSError(errno.ENOSPC, "the disk is nearly full")
                self._give_up(lost if self._reserve.is_lost else full)
            finally:
                self._lock.release()

    def _serve_children(self) -> bool:
        """Carry on what children that were started before the disk was full write to the file."""
        if not self._mirror.has_source or not self._lock.acquire(timeout=1.0):
            return False
        try:
            count = self._mirror.catch_up(lambda: False)
            self._reserve.recycle(self._mirror.position)
        finally:
            self._lock.release()
        return count > 0

    @property
    def is_in_haste(self) -> bool:
        """Whether the next tick should come very soon, for children live on what is left."""
        return self.state in ("capturing", "failed") and self._reserve.is_in_haste

    def _give_up(self, error: OSError) -> None:
        # The text stream stays in place: it still holds what comes after these bytes.
        self.state = "failed"
        self._lagging = False
        self._reserve.keep(self._mirror.position)
        if self._mirror.has_target and self._is_ours:
            os.dup2(self._saved, self.descriptor, inheritable=True)
        # Told at the next tick: here somebody is in the middle of writing.
        self._trouble = (
            f"{self.name} is recorded no further: {error.strerror or error} "
            f"({self.path}); the program goes on"
        )

    def _tell_trouble(self) -> None:
        if self._trouble:
            trouble, self._trouble = self._trouble, ""
            self._failed(trouble)

    def _tell_all(self) -> None:
        """Tell what the record has to say of the output as a whole, before its end is written."""
        self._tell_trouble()
        if self._mirror.was_truncated:
            self._failed(
                f"{self.name} was emptied while the program ran, as `> /dev/{self.name}`"
                " does; what it held before is lost"
            )

    def _gather(self, on: bool, in_bulk: bool = False) -> None:
        self._gathering = on
        if in_bulk != self._in_bulk:
            self._in_bulk = in_bulk
            self._text.obey_flushes(self.drain if in_bulk else None)
        set_line_buffering(self._text, not on or in_bulk)

    def _release_text(self, at_exit: bool) -> None:
        # It may have been kept by somebody, and is used from now on without us.
        self._gather(False)
        self._text.become_direct()
        set_line_buffering(self._original, self._was_line_buffered)
        if at_exit:
            # It lives as long as Python's own, whoever writes to it while the interpreter ends. And
            # it stays in place: a daemon thread that is stopped in the middle of a write to
            # Python's own leaves that locked, and the interpreter aborts.
            with contextlib.suppress(AttributeError):
                self._original.successor = self._text  # type: ignore[attr-defined]
        elif getattr(sys, self.name) is self._text:
            setattr(sys, self.name, self._original)

    def _release_descriptor(self, may_wait: Callable[[], bool] | None) -> None:
        self._write_pieces(may_wait)
        index = active.index(self)
        above = [stream for stream in active[index + 1 :] if stream.name == self.name]
        active.remove(self)
        if self._mirror.has_target:
            if above:
                # One that began after us goes on: what it shows must now go where ours went.
                with above[0]._lock:
                    above[0]._mirror.redirect(self._saved)
                    above[0]._original = self._original
            elif self._is_ours:
                os.dup2(self._saved, self.descriptor, inheritable=True)
            # Other threads may have written until this moment.
            if may_wait is not None:
                self._mirror.catch_up(may_wait)
            os.close(self._saved)
        if self._mirror.has_source:
            self._reserve.close()

    def before_fork(self) -> None:
        """Write what is gathered, which parent and child would both write otherwise."""
        self._gather(False)
        flush(self._text)

    def after_fork_in_child(self) -> None:
        """Become usable in a forked child, which writes each line at once and mirrors nothing."""
        self._lock = threading.RLock()
        self._lagging = self._gathering = False
        # The parent writes these.
        self._pieces.clear()
        self._text.become_direct()
        set_line_buffering(self._text, True)


def _is_called_by_interpreter() -> bool:
    """Say whether a stream is written to with no code of the program under way."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in _OWN_MODULES:
        frame = frame.f_back
    return frame is None
