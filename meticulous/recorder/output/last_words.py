"""Keep what is written after a run has ended with its interpreter.

Our handler of `atexit` writes the end of the record, and is not the last to write: handlers that
were registered before the run began come after it, and objects are deleted after those. So the
descriptors stay pointed at the run's files until the interpreter flushes its standard streams,
which it does when no handler is left and no thread goes on. What comes still later, from Python
code only, is written to both places. The sums of the record are renewed each time.
"""

from __future__ import annotations

import contextlib
import os
import sys

from meticulous.folder import hashing, layout
from meticulous.recorder.output.descriptor import DescriptorStream
from meticulous.recorder.output.forks import active, structure_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_FILES = {"stdout": layout.STDOUT, "stderr": layout.STDERR}

_PIECE = 1 << 20
"""Bytes that are hashed at once."""

_awaited: list[_LastWords] = []


def await_last_words(
    streams: Sequence[Any], directory: str, may_wait: Callable[[], bool] = lambda: True
) -> bool:
    """Carry on all there is, and go on with capturing until the interpreter is about to go.

    Args:
        streams: Those that capture the output of a run.
        directory: The folder of the experiment.
        may_wait: Asked again and again whether a slow reader of the output is waited for.

    Returns:
        False, with nothing done, where the interpreter's last flush is not going to tell us: both
        standard streams have been replaced by the program. Nor is it waited for where another
        thread goes on, which could stop for ever in the middle of whatever we need.
    """
    sound = [s for s in streams if isinstance(s, DescriptorStream) and s.is_sound]
    if not sound or len(sound) < len(streams) or len(sys._current_frames()) > 1:
        return False
    if not any(stream.is_in_place for stream in active):
        return False
    _awaited.append(_LastWords(sound, directory, may_wait))
    return True


class _LastWords:
    """The output of one run between its end and that of the interpreter."""

    def __init__(
        self, streams: list[DescriptorStream], directory: str, may_wait: Callable[[], bool]
    ) -> None:
        self._streams = streams
        self._names = [_FILES[stream.name] for stream in streams]
        self._directory = directory
        self._owner = os.getpid()
        for stream in streams:
            stream.settle(may_wait)
        self._sizes = self._look_at_sizes()
        for stream in active:
            stream.call_at_flush(_interpreter_flushes)

    def end(self) -> OSError | None:
        """Put the descriptors back, and renew the sums of files that have grown.

        Returns:
            What the interpreter would meet without us, if nobody reads its output any more.
        """
        if os.getpid() != self._owner:
            return None
        sizes = self._look_at_sizes()
        looks = zip(self._names, self._sizes, sizes, strict=True)
        changed = [name for name, before, size in looks if size != before]
        kept = [_open_again(self._directory, name) for name in self._names]
        failures = [stream.stop_in_last_flush() for stream in self._streams]
        if changed and max(sizes) <= hashing.BUDGET_BYTES:
            with contextlib.suppress(OSError):
                hashing.renew_sums(self._directory, changed)
        for stream, name, file in zip(self._streams, self._names, kept, strict=True):
            if file >= 0 and stream.state == "stopped":
                _write_to_both(stream, file, _sealer(self._directory, name, file))
        return next(filter(None, failures), None)

    def _look_at_sizes(self) -> list[int]:
        sizes = []
        for name in self._names:
            try:
                sizes.append(os.stat(os.path.join(self._directory, name)).st_size)
            except OSError:
                sizes.append(-1)
        return sizes


def _interpreter_flushes() -> None:
    # A thread that has been stopped while it changed the streams leaves this locked.
    structure = structure_lock()
    if not _awaited or not sys.is_finalizing() or not structure.acquire(timeout=1.0):
        return
    failures = []
    try:
        while _awaited:
            failures.append(_awaited.pop().end())
    finally:
        structure.release()
    for failure in filter(None, failures):
        raise failure


def _open_again(directory: str, name: str) -> int:
    try:
        path = os.path.join(directory, name)
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except OSError:
        return -1


def _write_to_both(stream: DescriptorStream, file: int, seal: Callable[[], None]) -> None:
    """Have the stream write to where it goes and to `file`, in Python's place until the end."""
    # By then modules are being emptied: all that is needed is taken along.
    write_bytes, descriptor = os.write, stream.descriptor

    def write(data: bytes) -> int:
        try:
            write_bytes(file, data)
            seal()
        except OSError:
            pass
        return write_bytes(descriptor, data)

    stream.write_with(write)


def _sealer(directory: str, name: str, file: int) -> Callable[[], None]:
    """Return a function that renews the sum of a file which has grown; it needs no module."""
    path = os.path.join(directory, layout.SUMS)
    end_of_line = f"  {name}\n".encode()
    flags = os.O_RDWR | os.O_CLOEXEC
    open_file, close, pread, pwrite = os.open, os.close, os.pread, os.pwrite
    digest, hashed, piece = hashing.new_digest(0), 0, _PIECE

    def seal() -> None:
        nonlocal hashed
        sums = open_file(path, flags)
        try:
            start = pread(sums, piece, 0).rfind(end_of_line) - 64
            if start < 0:
                return
            while data := pread(file, piece, hashed):
                digest.update(data)
                hashed += len(data)
            pwrite(sums, digest.hexdigest().encode(), start)
        finally:
            close(sums)

    return seal
