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
import io
import os
import stat
import sys
import time
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_PATIENCE_SECONDS = 0.05
"""How long a line waits for the other stream: who carries the output may be held up himself."""


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
    needs_writer = not is_raw and (is_joined or not stream.line_buffering)
    if not is_terminal and not needs_writer:
        return stream
    kind: type[io.TextIOWrapper] = _TerminalText if is_terminal else io.TextIOWrapper
    encoding, errors = stream.encoding, stream.errors
    was_gathered = not is_terminal and not stream.line_buffering
    buffer = stream.detach()
    writer = None
    if needs_writer and isinstance(buffer, io.BufferedWriter):
        buffer = writer = _LineWriter(buffer.detach(), is_joined, was_gathered)
    replacement = kind(
        buffer, encoding=encoding, errors=errors, line_buffering=True, write_through=is_raw
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
        is_joined: Whether the other stream is shown in the same place.
        was_gathered: Whether Python itself would gather lines.
    """

    text: weakref.ref[io.TextIOWrapper]
    """The text stream above."""
    _latest: weakref.ref[_LineWriter] | None = None
    """Which of those that are shown in one place has written last."""

    def __init__(self, raw: io.RawIOBase, is_joined: bool, was_gathered: bool) -> None:
        super().__init__(raw)
        self._is_joined = is_joined
        self._was_gathered = was_gathered
        self._myself = weakref.ref(self)

    def flush(self) -> None:
        if self._is_joined and _LineWriter._latest is not self._myself:
            self._let_other_go_first()
        try:
            super().flush()
        except BlockingIOError:
            raise
        except BrokenPipeError:
            if not self._was_gathered:
                raise
            unused = io.BufferedWriter(self.raw, os.fstat(self.fileno()).st_blksize)
            self.write = unused.write  # type: ignore[method-assign]
            self._leave_to(unused.flush)
        except OSError:
            if not self._was_gathered:
                raise
            # The descriptor may come to mean another file, which gets all that is gathered.
            self._leave_to(super().flush)

    def _let_other_go_first(self) -> None:
        latest, _LineWriter._latest = _LineWriter._latest, self._myself
        other = None if latest is None else latest()
        if other is not None:
            # ValueError: the program has closed it.
            with contextlib.suppress(OSError, ValueError):
                _wait_until_taken(other.fileno())

    def _leave_to(self, flush: Callable[[], None]) -> None:
        text = self.text()
        if text is not None:
            # It flushes, which would meet the error before its time.
            self.flush = _do_nothing  # type: ignore[method-assign]
            text.reconfigure(line_buffering=False)
        self.flush = flush  # type: ignore[method-assign]


def _wait_until_taken(pipe: int) -> None:
    import fcntl
    import termios

    if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
        return  # the program has pointed it elsewhere
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while any(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))) and time.monotonic() < deadline:
        time.sleep(0)


def _do_nothing() -> None:
    pass
