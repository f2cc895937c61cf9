"""One standard stream captured at its descriptor, so that nothing can pass beside it.

The descriptors 1 and 2 are pointed at the run's own files. Output of C code, of subprocesses and
of children that outlive the run is captured; the order within a stream is exact; nothing is lost
when the process is killed, because the file is written first; and no pipe can fill up and block a
program that holds the interpreter lock.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading

from meticulous.folder.writing import file_behind, open_to_append, write_all, write_available
from meticulous.recorder.output.forks import active, flush, structure, watch_forks
from meticulous.recorder.output.mirror import Mirror
from meticulous.recorder.output.watch import THREAD_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from _typeshed import ReadableBuffer

_FAST_LINES_PER_SECOND = 3000
"""Above this, lines are gathered between two ticks instead of being written one by one."""

_FAST_BYTES_PER_TICK = 4096
"""Below this many bytes between two ticks, lines are written one by one again."""

_GATHERED_BYTES = 1 << 16
"""What is gathered at most, where the reader of the output is too slow for the ticks."""

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
        self._is_showing = False
        self._trouble = ""
        self._told_closed = False
        self._writes = 0
        self._gathering = False
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
            self._text = _text_like(self._original, _Raw(self))
            self._unbuffered = bool(getattr(self._original, "write_through", False))
            active.append(self)
            self.state = "capturing"
            os.dup2(self._file, self.descriptor, inheritable=True)
            setattr(sys, self.name, self._text)
        # Whoever kept the stream from before writes to the same file, in the same order.
        self._was_line_buffered = bool(getattr(self._original, "line_buffering", True))
        _set_line_buffering(self._original, True)
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
        if self.state != "capturing":
            return False
        flush(self._original)
        busy = self._gathering
        if self._gathering:
            position = self._mirror.position
            flush(self._text)
            few = self._mirror.position - position < _FAST_BYTES_PER_TICK and self._writes <= 1
            if few or not self._may_gather or self._mirror.failure is not None:
                self._gather(False)
        elif self._may_gather and self._writes > _FAST_LINES_PER_SECOND * elapsed:
            self._gather(True)
        self._writes = 0
        return self._catch_up() > 0 or busy

    @property
    def _may_gather(self) -> bool:
        # Where Python itself would write each line, or each word, their order is kept exactly. And
        # CPython before 3.13 loses text that two threads print while much is gathered.
        if self.shows_terminal or self._unbuffered:
            return False
        return sum(thread.name != THREAD_NAME for thread in threading.enumerate()) == 1

    def _lock_while(self, may_wait: Callable[[], bool]) -> bool:
        """Take the lock, however long somebody is held up by a slow reader, while `may_wait`."""
        taken = self._lock.acquire(timeout=1.0)
        while not taken and may_wait():
            taken = self._lock.acquire(timeout=0.2)
        return taken

    def _catch_up(self, may_wait: Callable[[], bool] = lambda: False) -> int:
        if not self._lock_while(may_wait):
            return 0
        try:
            if self.state != "capturing" or self._is_showing:
                return 0
            self._is_showing = True
            try:
                count = self._mirror.catch_up()
            finally:
                self._is_showing = False
        finally:
            self._lock.release()
        if self._mirror.was_closed and not self._told_closed:
            self._told_closed = True
            self._trouble = (
                f"the program closed the descriptor behind its own {self.name}; from there on it "
                f"is recorded, but no longer shown ({self.path})"
            )
        return count

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
        # The program may have put a stream of its own over ours, with a buffer of its own.
        for stream in (self._original, self._text, getattr(sys, self.name)):
            flush(stream)
        with structure:
            # What the streams above have not carried on yet is to pass through ours.
            for stream in reversed(active):
                if stream.name == self.name:
                    stream._catch_up(may_wait)
                if stream is self:
                    break
            has_lock = self._lock_while(may_wait)
            self.state = "stopped"
            self._release_descriptor()
            if has_lock:
                self._lock.release()
            if at_exit and self.last_flush_fails:
                self._gather(True)
                self._text.write("\n")
            else:
                self._release_text()
        self._tell_trouble()
        if self._mirror.was_truncated:
            self._failed(
                f"{self.name} was emptied while the program ran, as `> /dev/{self.name}`"
                " does; what it held before is lost"
            )

    @property
    def last_flush_fails(self) -> bool:
        """Whether the interpreter would end in vain to flush this stream, without us.

        So it is when the reader has gone (as in `program | head`) and the rest of the output is
        too short to have left Python's buffer: the process then exits with 120.
        """
        failure = self._mirror.failure
        return failure is not None and failure.errno is not None and not self._has_told

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
        """Write what Python wrote to the file, and show it at once."""
        view = memoryview(data).cast("B")
        if os.getpid() != self._owner:
            return os.write(self.descriptor, view)
        self._let_others_show()
        with self._lock:
            if self.state != "capturing" or not self._is_ours:
                return os.write(self.descriptor, view)
            self._writes += 1
            if self._writes == 150 and not self._gathering:
                self._wake()
            if self._is_showing:
                # A signal's handler prints in the middle of a write of this thread: what it adds to
                # the file is shown with what comes next.
                write_all(self._file, view)
                return len(view)
            self._is_showing = True
            try:
                self._write_and_show(view)
            finally:
                self._is_showing = False
        failure = self._mirror.failure
        if failure is not None and failure.errno is not None:
            self._tell_program(view, failure)
        return len(view)

    @property
    def _is_ours(self) -> bool:
        """Whether the descriptor still means the run's file; a program may point it elsewhere."""
        return file_behind(self.descriptor) == self._mirror.source_file

    def _let_others_show(self) -> None:
        """Where both streams go to one place, show first what the other one has been written."""
        for stream in active:
            if stream.name != self.name and stream.shows_where(self):
                stream._catch_up()

    def shows_where(self, other: DescriptorStream) -> bool:
        """Say whether the output goes to the same place as that of another stream."""
        return self._mirror.target_file == other._mirror.target_file

    def _tell_program(self, view: memoryview, failure: OSError) -> None:
        """Raise what the program would have met without us, when it would have met it."""
        self._shown_in_vain += len(view)
        enough = self._unbuffered or self._shown_in_vain > io.DEFAULT_BUFFER_SIZE
        # In our own thread nobody would hear it; the program is told with its next line.
        if enough and threading.current_thread().name != THREAD_NAME:
            self._has_told = True
            raise failure

    def _write_and_show(self, view: memoryview) -> None:
        # Our own descriptor: a run that another thread begins at this moment takes the other one.
        file = self._file if self._mirror.has_source else self.descriptor
        recorded, error = write_available(file, view)
        # The file's offset is shared with the children, so it tells whether they wrote too.
        end = os.lseek(file, 0, os.SEEK_CUR)
        if end - recorded == self._mirror.position:
            self._mirror.advance(view[:recorded])
        else:
            self._mirror.catch_up()
        if recorded < len(view):
            self._mirror.send(view[recorded:])
        if error is not None:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        # The text stream stays in place: it still holds what comes after these bytes.
        self.state = "failed"
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

    def _gather(self, on: bool) -> None:
        self._gathering = on
        _set_line_buffering(self._text, not on)

    def _release_text(self) -> None:
        # It may have been kept by somebody, and is used from now on without us.
        self._gather(False)
        _set_line_buffering(self._original, self._was_line_buffered)
        if getattr(sys, self.name) is self._text:
            setattr(sys, self.name, self._original)

    def _release_descriptor(self) -> None:
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
            self._mirror.catch_up()
            os.close(self._saved)
        if self._mirror.has_source:
            os.close(self._file)

    def after_fork_in_child(self) -> None:
        """Become usable in a forked child, which writes each line at once and mirrors nothing."""
        self._lock = threading.RLock()
        if self._gathering:
            self._gather(False)


class _Raw(io.RawIOBase):
    """The lowest layer of the text stream a program prints to while it is captured."""

    def __init__(self, stream: DescriptorStream) -> None:
        self._stream = stream
        self.name = f"<{stream.name}>"
        self.mode = "wb"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.descriptor

    def isatty(self) -> bool:
        return self._stream.shows_terminal

    def write(self, data: ReadableBuffer, /) -> int:
        return self._stream.write(data)


def _text_like(original: TextIO, raw: _Raw) -> io.TextIOWrapper:
    unbuffered = bool(getattr(original, "write_through", False))
    text = io.TextIOWrapper(
        # As Python itself does under -u, without a BufferedWriter in between: its lock would stop
        # a signal's handler that prints, and stay locked in a child forked by another thread. The
        # text layer gathers enough.
        raw,
        encoding=original.encoding,
        errors=original.errors,
        line_buffering=True,
        write_through=unbuffered,
    )
    text._CHUNK_SIZE = _GATHERED_BYTES  # type: ignore[attr-defined]
    text.mode = "w"  # type: ignore[misc]
    return text


def _set_line_buffering(stream: object, on: bool) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        # RuntimeError: another thread is in the middle of a write; the next tick tries again.
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            reconfigure(line_buffering=on)
