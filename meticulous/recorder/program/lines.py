"""The standard streams of a Python program under `meticulous run`, line by line.

Python itself gathers what does not go to a terminal. But the record is to show each line at once,
and to keep it when the program is killed. Only when the reader has gone away is output gathered
again, so that the program meets that as it would without us.

Where both streams are shown in one place, a line of the one waits until what the program wrote to
the other has been taken from its pipe. The process that carries them takes from one at a time, and
shows what it has taken, so lines are shown in the order in which they were written.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import stat
import sys
import termios
import time
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    from _typeshed import ReadableBuffer

_PATIENCE_SECONDS = 0.5
"""How long a line waits for the other stream: who carries the output may be held up himself."""

_BRIEF_SECONDS = 0.002
"""How long it usually takes at most; for so long the processor is only offered to others."""


def write_line_by_line(terminals: Collection[str], are_joined: bool) -> None:
    """Have the standard streams of this process write each line at once.

    Args:
        terminals: Which of "stdout" and "stderr" go to a terminal in the end.
        are_joined: Whether both are shown in one place.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            replacement = _replace(stream, name in terminals, are_joined)
            setattr(sys, name, replacement)
            setattr(sys, f"__{name}__", replacement)


def _replace(stream: io.TextIOWrapper, is_terminal: bool, is_joined: bool) -> io.TextIOWrapper:
    """Return a stream that takes the place of one that Python has made."""
    is_raw = stream.write_through
    needs_writer = is_joined or not (is_raw or stream.line_buffering)
    if not is_terminal and not needs_writer:
        return stream
    kind: type[io.TextIOWrapper] = _TerminalText if is_terminal else io.TextIOWrapper
    encoding, errors = stream.encoding, stream.errors
    was_gathered = not is_terminal and not stream.line_buffering
    buffer: Any = stream.detach()
    writer = None
    if needs_writer and isinstance(buffer, io.BufferedWriter):
        writer_kind = _JoinedLineWriter if is_joined else _LineWriter
        buffer = writer = writer_kind(buffer.detach(), was_gathered)
    elif needs_writer and isinstance(buffer, io.FileIO):
        name, buffer = buffer.name, _JoinedFile(buffer.fileno(), "wb", closefd=False)
        buffer.name = name
    replacement = kind(
        buffer, encoding=encoding, errors=errors, line_buffering=not is_raw, write_through=is_raw
    )
    replacement.mode = "w"  # type: ignore[misc]
    if writer is not None:
        writer.text = weakref.ref(replacement)
    return replacement


class _TerminalText(io.TextIOWrapper):
    """A stream that goes to a terminal in the end, though its descriptor is a pipe."""

    def isatty(self) -> bool:
        return True


class _LineWriter(io.BufferedWriter):
    """Writes each line at once until nobody reads any more, or the program has closed the output.

    From then on it is as if it were not there: its methods are Python's own, so that not even a
    traceback tells of us.

    Args:
        raw: Writes to the descriptor.
        was_gathered: Whether Python itself would gather lines.
    """

    text: weakref.ref[io.TextIOWrapper]
    """The text stream above."""

    def __init__(self, raw: io.RawIOBase, was_gathered: bool) -> None:
        super().__init__(raw)
        self._was_gathered = was_gathered

    def flush(self) -> None:
        try:
            super().flush()
        except BlockingIOError:
            raise
        except BrokenPipeError:
            if not self._is_flushed_by_us():
                self.flush = super().flush  # type: ignore[method-assign]
                raise
            unused = io.BufferedWriter(self.raw, os.fstat(self.fileno()).st_blksize)
            self.write = unused.write  # type: ignore[method-assign]
            self._leave_to(unused.flush)
        except OSError:
            if not self._is_flushed_by_us():
                raise
            # The descriptor may come to mean another file, which gets all that is gathered.
            self._leave_to(super().flush)

    def _is_flushed_by_us(self) -> bool:
        """Say whether Python would gather lines, and the program has put no other stream above."""
        return self._was_gathered and getattr(self.text(), "buffer", None) is self

    def _leave_to(self, flush: Callable[[], None]) -> None:
        text = self.text()
        if text is not None:
            # It flushes, which would meet the error before its time.
            self.flush = _do_nothing  # type: ignore[method-assign]
            text.reconfigure(line_buffering=False)
        self.flush = flush  # type: ignore[method-assign]


class _Turns:
    """Which of the streams that are shown in one place has written last."""

    latest: weakref.ref[_JoinedLineWriter | _JoinedFile] | None = None

    def __init__(self, stream: _JoinedLineWriter | _JoinedFile) -> None:
        self._stream = weakref.ref(stream)
        self._pipe = _pipe_behind(stream.fileno())

    def take(self) -> None:
        """Wait until what another stream has written has been taken."""
        latest, _Turns.latest = _Turns.latest, self._stream
        other = None if latest is None or latest is self._stream else latest()
        if other is not None:
            # ValueError: the program has closed it.
            with contextlib.suppress(OSError, ValueError):
                other.turns.wait_until_taken(other.fileno())

    def wait_until_taken(self, descriptor: int) -> None:
        if self._pipe is None or _pipe_behind(descriptor) != self._pipe:
            return  # the program has pointed it elsewhere
        start = time.monotonic()
        while any(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4))):
            waited = time.monotonic() - start
            if waited > _PATIENCE_SECONDS:
                return
            time.sleep(0 if waited < _BRIEF_SECONDS else 0.001)


class _JoinedLineWriter(_LineWriter):
    """Writes each line at once, when what the other stream has written has been taken."""

    def __init__(self, raw: io.RawIOBase, was_gathered: bool) -> None:
        super().__init__(raw, was_gathered)
        self.turns = _Turns(self)

    def write(self, data: ReadableBuffer) -> int:
        # What it has no room for goes out before anybody flushes.
        self.turns.take()
        return super().write(data)

    def flush(self) -> None:
        self.turns.take()
        super().flush()


class _JoinedFile(io.FileIO):
    """Writes what Python does not gather, when what the other stream has written has been taken."""

    def __init__(self, descriptor: int, mode: str, closefd: bool) -> None:
        super().__init__(descriptor, mode, closefd)
        self.turns = _Turns(self)

    def write(self, data: ReadableBuffer) -> int | None:  # type: ignore[override]
        self.turns.take()
        return super().write(data)


def _pipe_behind(descriptor: int) -> tuple[int, int] | None:
    status = os.fstat(descriptor)
    return (status.st_dev, status.st_ino) if stat.S_ISFIFO(status.st_mode) else None


def _do_nothing() -> None:
    pass
