"""The output of a recorded program, as the recorder sees it: pipes that another process drains."""

from __future__ import annotations

import contextlib
import os
import select

from meticulous.folder import layout
from meticulous.folder.writing import open_to_append
from meticulous.recorder.program import drain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from meticulous.recorder.writer import RecordWriter

_FIRST_DESCRIPTOR = 10
"""Numbers below it are those that programs use by hand; the first three become the program's."""

_PATIENCE_MILLISECONDS = 200
"""How long is waited for a slow reader before it is asked whether to go on waiting."""

_PATIENCE_AT_END = 10
"""Times that is waited once more when the recorder itself is told to end."""


class ProgramStreams:
    """The two output pipes of a program, and the process that carries what comes out of them.

    Args:
        writer: Writes the record that the output belongs to.

    Raises:
        OSError: A file cannot be opened, or there can be no more pipes or processes.
    """

    def __init__(self, writer: RecordWriter) -> None:
        self._writer = writer
        self.sinks: list[int] = []
        """Descriptors to become 1 and 2 of the program."""
        self._unread = b""
        self._has_ended = False
        self._answers: set[str] = set()
        channels = []
        for descriptor, name in ((1, layout.STDOUT), (2, layout.STDERR)):
            file = open_to_append(writer.paths.path(name))
            source, sink = _pipe()
            self.sinks.append(sink)
            target = descriptor if _is_open(descriptor) else None
            channels.append(drain.Channel(name, source, file, target))
        control, self._control = _pipe()
        self._report, report = _pipe()
        self._carrier = drain.start(channels, control, report)
        theirs = [n for channel in channels for n in (channel.source, channel.file)]
        for descriptor in (control, report, *theirs):
            os.close(descriptor)

    def begin(self) -> None:
        """Leave the pipes to the program, which has been started with them."""
        for sink in self.sinks:
            os.close(sink)

    def listen(self) -> None:
        """Take in what there is to be told of the output, without waiting."""
        self._read(0)

    def keep(self, may_wait: Callable[[], bool]) -> None:
        """See that all the program has written is kept, when the program has ended.

        Args:
            may_wait: Asked again and again whether a process that does not answer is waited for.
        """
        self._send_end()
        patience = _PATIENCE_AT_END
        while drain.KEPT not in self._answers and not self._has_ended and patience:
            self._read(_PATIENCE_MILLISECONDS)
            patience = _PATIENCE_AT_END if may_wait() else patience - 1
        if drain.KEPT not in self._answers:
            state = "has ended" if self._has_ended else "does not answer"
            message = f"what carries the output {state}: the end of the output may be missing"
            self._writer.warn("the output", f"{message} ({self._writer.paths.directory})", True)

    def show(self, may_wait: Callable[[], bool]) -> None:
        """See that all that is kept has been shown, and close.

        Args:
            may_wait: Asked again and again whether a slow reader of the output is waited for.
        """
        if drain.KEPT in self._answers:
            while not self._answers & {drain.SHOWN, drain.DONE} and not self._has_ended:
                self._read(_PATIENCE_MILLISECONDS)
                if not may_wait():
                    break
        os.close(self._control)
        os.close(self._report)
        if drain.DONE in self._answers or (self._has_ended and drain.SHOWN not in self._answers):
            # Left alone it would stay behind as a zombie wherever nobody takes in orphans.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._carrier, 0)

    def _send_end(self) -> None:
        try:
            os.write(self._control, b"e")
        except OSError:
            self._has_ended = True

    def _read(self, milliseconds: int) -> None:
        """Take in the lines that have come, and remember the answers among them."""
        if self._has_ended or not _is_readable(self._report, milliseconds):
            return
        data = os.read(self._report, 4096)
        self._has_ended = not data
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            kind, is_sentence, sentence = line.decode().partition("\t")
            if is_sentence:
                message = f"{sentence} ({self._writer.paths.directory})"
                self._writer.warn(kind, message, is_about_disk=True)
            else:
                self._answers.add(kind)


def _pipe() -> tuple[int, int]:
    import fcntl

    ends = os.pipe()
    try:
        source, sink = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_DESCRIPTOR) for end in ends)
    finally:
        for end in ends:
            os.close(end)
    return source, sink


def _is_readable(descriptor: int, milliseconds: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(milliseconds))


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
