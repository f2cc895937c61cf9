"""The text stream that a program prints to while its output is captured at the descriptor."""

from __future__ import annotations

import contextlib
import io
import os
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, TextIO

    from _typeshed import ReadableBuffer

    class Writer(Protocol):
        """What stands below the text stream."""

        @property
        def name(self) -> str: ...  # noqa: D102

        @property
        def descriptor(self) -> int: ...  # noqa: D102

        @property
        def shows_terminal(self) -> bool: ...  # noqa: D102

        @property
        def hand_over(self) -> Callable[[bytes], object]:
            """Takes bytes to be written at the next `drain`; not written in Python."""

        @property
        def take(self) -> Callable[[bytes], object]:
            """Takes bytes to be written at the next `drain`, or now if there is much."""

        def write(self, data: ReadableBuffer) -> int: ...  # noqa: D102

        def drain(self) -> None: ...  # noqa: D102

        def end_line(self) -> None:
            """Asks for a drain because a line has ended, or because the program flushes."""


_GATHERED_BYTES = 1 << 16
"""What the text layer gathers at most before it hands it over."""


def make_text(original: TextIO, writer: Writer) -> TextIOOverDescriptor:
    """Return a stream that behaves as `original` does, and writes with `writer`.

    A stream that is not unbuffered writes line by line, until `gather` says otherwise.
    """
    unbuffered = bool(getattr(original, "write_through", False))
    given = _Bytes(writer)
    text = TextIOOverDescriptor(
        # There is no BufferedWriter in between: its lock would stop a signal's handler that prints,
        # and stay locked in a child forked by another thread. The text layer gathers enough.
        given if unbuffered else _HandingOver(writer),
        encoding=original.encoding,
        errors=original.errors,
        line_buffering=True,
        write_through=unbuffered,
    )
    text._CHUNK_SIZE = _GATHERED_BYTES  # type: ignore[attr-defined]
    text.mode = "w"  # type: ignore[misc]
    text.given = given
    return text


def set_line_buffering(stream: object, on: bool) -> None:
    """Have a text stream pass on each line at once, or gather."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        # RuntimeError: another thread is in the middle of a write; the next tick tries again.
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            reconfigure(line_buffering=on)


class _Descriptor:
    """Stands for a writer when all that is left of it is its descriptor."""

    def __init__(self, writer: Writer) -> None:
        self.name = writer.name
        self.descriptor = writer.descriptor
        self.shows_terminal = writer.shows_terminal
        self.write = self.hand_over = self.take = partial(os.write, self.descriptor)

    def drain(self) -> None:
        """Do nothing: all has been written."""

    end_line = drain


class _Bytes(io.RawIOBase):
    """The lowest layer: bytes that are written go to the writer at once."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.name = f"<{writer.name}>"
        self.mode = "wb"

    @property
    def raw(self) -> io.RawIOBase:
        """This: there is nothing below, where Python's own stream has another layer."""
        return self

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.writer.descriptor

    def isatty(self) -> bool:
        return self.writer.shows_terminal

    def write(self, data: ReadableBuffer, /) -> int:
        return self.writer.write(data)

    def flush(self) -> None:
        super().flush()
        self.writer.drain()

    def become_direct(self) -> None:
        """Write to the descriptor from now on, without a line of Python, so at any late moment."""
        # Without the writer, which holds this stream: a circle of references would keep both to the
        # end.
        self.writer = _Descriptor(self.writer)
        nothing_to_do = bool
        vars(self).update(write=self.writer.write, flush=nothing_to_do)


class _HandingOver(_Bytes):
    """What a text stream writes into: bytes are kept until it asks for a flush.

    The text stream asks when a line has ended, or, while it gathers, when the program flushes it.
    """

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer)
        self.be_looked_after(True)

    def be_looked_after(self, on: bool) -> None:
        """Have the writer see to it that not much is kept, or leave that to others."""
        vars(self)["write"] = self.writer.take if on else self.writer.hand_over

    def flush(self) -> None:
        super(_Bytes, self).flush()
        self.writer.end_line()


class TextIOOverDescriptor(io.TextIOWrapper):
    """As the stream that Python itself makes, with another object below."""

    predecessor: TextIO | None = None
    """Python's own stream, where that is to live as long as this one."""

    given: _Bytes
    """What the program gets to write bytes into, and may keep, whatever becomes of this stream."""

    @property
    def buffer(self) -> io.RawIOBase:  # type: ignore[override]
        """Where the program may write bytes; these are written at once."""
        below = super().buffer
        return self.given if isinstance(below, _Bytes) else below  # type: ignore[return-value]

    def detach(self) -> io.RawIOBase:  # type: ignore[override]
        """Separate the layer below, and return it."""
        super().detach()
        return self.given

    @property
    def _below(self) -> _Bytes | None:
        """The layer below, None when the program has detached it."""
        with contextlib.suppress(ValueError):
            below = super().buffer
            return below if isinstance(below, _Bytes) else None
        return None

    def obey_flushes(self, drain: Callable[[], None] | None) -> None:
        """Have `drain` called when the program itself flushes; None for no more."""
        if drain is None:
            vars(self).pop("flush", None)
            return
        flush = super().flush

        def flush_and_drain() -> None:
            flush()
            drain()

        # What the text layer asks for at the end of a line goes past this.
        vars(self)["flush"] = flush_and_drain

    def pass_on_lines(self, on: bool) -> None:
        """Pass on each line at once, or gather lines, however many they are."""
        below = self._below
        if isinstance(below, _HandingOver):
            # Not while lines are gathered: the writer does so in Python, within a write.
            below.be_looked_after(on)
        set_line_buffering(self, on)

    def hand_over_rest(self) -> None:
        """Hand over what others have left meanwhile, within a write.

        CPython before 3.12.4 would lose it otherwise (gh-119506).
        """
        super().flush()

    def call_at_flush(self, call: Callable[[], None]) -> None:
        """Have `call` called after each flush, as long as the writer is there."""
        below = self._below
        if below is None:
            return
        flush = below.flush

        def flush_and_call() -> None:
            flush()
            call()

        vars(below)["flush"] = flush_and_call

    def write_with(self, write: Callable[[bytes], int]) -> None:
        """Write with `write` from now on, in place of the writer."""
        for below in filter(None, (self.given, self._below)):
            vars(below).update(write=write, flush=bool)

    def become_direct(self, forgetting: bool = False) -> None:
        """Write past the writer from now on, straight to the descriptor.

        Args:
            forgetting: Somebody else writes what has been gathered.
        """
        self.given.become_direct()
        below = self._below
        if below is None:
            return
        if forgetting:
            takes_all, does_nothing = len, bool
            vars(below).update(write=takes_all, flush=does_nothing)
            with contextlib.suppress(ValueError, OSError):
                super().flush()
        below.become_direct()
