"""The standard streams of a Python program under `meticulous run`, line by line.

Python itself gathers what does not go to a terminal. But the record is to show each line at once,
and to keep it when the program is killed. Only when the reader has gone away is output gathered
again, so that the program meets that as it would without us.
"""

from __future__ import annotations

import io
import os
import sys
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def write_line_by_line(name: str, is_terminal: bool) -> None:
    """Have a standard stream of this process write each line at once.

    Args:
        name: "stdout" or "stderr".
        is_terminal: Whether the output goes to a terminal in the end.
    """
    stream = getattr(sys, name)
    if not isinstance(stream, io.TextIOWrapper):
        return
    if not is_terminal and (stream.line_buffering or stream.write_through):
        return
    kind: type[io.TextIOWrapper] = _TerminalText if is_terminal else io.TextIOWrapper
    encoding, errors, write_through = stream.encoding, stream.errors, stream.write_through
    buffer = stream.detach()
    writer = None if is_terminal else _LineWriter(buffer.detach())
    replacement = kind(
        writer or buffer,
        encoding=encoding,
        errors=errors,
        line_buffering=True,
        write_through=write_through,
    )
    if writer is not None:
        writer.text = weakref.ref(replacement)
    replacement.mode = "w"  # type: ignore[misc]
    setattr(sys, name, replacement)
    setattr(sys, f"__{name}__", replacement)


class _TerminalText(io.TextIOWrapper):
    """A stream that goes to a terminal in the end, though its descriptor is a pipe."""

    def isatty(self) -> bool:
        return True


class _LineWriter(io.BufferedWriter):
    """Writes each line at once until nobody reads any more, or the program has closed the output.

    From then on it is as if it were not there: its methods are Python's own, so that not even a
    traceback tells of us.
    """

    text: weakref.ref[io.TextIOWrapper]
    """The text stream above."""

    def flush(self) -> None:
        try:
            super().flush()
        except BlockingIOError:
            raise
        except BrokenPipeError:
            unused = io.BufferedWriter(self.raw, os.fstat(self.fileno()).st_blksize)
            self.write = unused.write  # type: ignore[method-assign]
            self._leave_to(unused.flush)
        except OSError:
            # The descriptor may come to mean another file, which gets all that is gathered.
            self._leave_to(super().flush)

    def _leave_to(self, flush: Callable[[], None]) -> None:
        text = self.text()
        if text is not None:
            # It flushes, which would meet the error before its time.
            self.flush = _do_nothing  # type: ignore[method-assign]
            text.reconfigure(line_buffering=False)
        self.flush = flush  # type: ignore[method-assign]


def _do_nothing() -> None:
    pass
