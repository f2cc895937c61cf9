"""Give a Python program under `meticulous run` its output back, when it cannot be kept or shown.

The descriptors of the program are files of the record, and nobody but the program can change that.
So the recorder asks it with a signal, and a handler points the descriptor to where the recorder's
own output goes. A write then fails just as it would have without us when nobody reads any more,
and does not fail when only the disk of the record is full.

What the program wrote before has to be shown before, so the handler waits until the recorder has
carried it on. Both have the file open under one offset, which means nothing to a file that is only
appended to: in it they leave each other word.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from meticulous.folder.writing import file_behind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_DESCRIPTORS = {9: 1, 10: 2}
"""Which of the real-time signals, counted from the first, asks for which descriptor."""

_WAITS, _ANSWERED = (1 << 31) - 7, (1 << 31) - 5
"""Offsets that say: the program waits, and: all that it wrote has been carried on."""

_PAUSE_SECONDS = 0.001

_recorder = 0
_files: dict[int, tuple[int, int] | None] = {}


def listen() -> None:
    """Be ready to be asked, in the program; where a signal is in use already, it is left alone."""
    global _recorder
    if not sys.platform.startswith("linux"):
        return
    _recorder = os.getppid()
    for offset, descriptor in _DESCRIPTORS.items():
        _files[descriptor] = file_behind(descriptor)
        number = signal.SIGRTMIN + offset
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _release)


def ask(pid: int, descriptor: int) -> bool:
    """Ask a program to take its output back; False if it does not listen."""
    if not sys.platform.startswith("linux"):
        return False
    offset = next(n for n, meant in _DESCRIPTORS.items() if meant == descriptor)
    number = signal.SIGRTMIN + offset
    if not _catches(pid, number):
        return False
    os.kill(pid, number)
    return True


def waits(file: int) -> bool:
    """Say whether the program waits for its last output in `file` to be carried on."""
    return os.lseek(file, 0, os.SEEK_CUR) == _WAITS


def answer(file: int) -> None:
    """Tell the program that waits that all it wrote to `file` has been carried on."""
    os.lseek(file, _ANSWERED, os.SEEK_SET)


def _catches(pid: int, number: int) -> bool:
    try:
        with open(f"/proc/{pid}/status") as file:
            caught = next(line for line in file if line.startswith("SigCgt:"))
    except (OSError, StopIteration):
        return False
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def _release(number: int, frame: FrameType | None) -> None:
    descriptor = _DESCRIPTORS[number - signal.SIGRTMIN]
    if file_behind(descriptor) != _files[descriptor]:
        return  # the program has pointed it elsewhere
    try:
        _wait_for_answer(descriptor)
    finally:
        # Another handler of the program may raise meanwhile.
        _point_to_output(descriptor)


def _wait_for_answer(descriptor: int) -> None:
    while os.getppid() == _recorder:
        offset = os.lseek(descriptor, 0, os.SEEK_CUR)
        if offset == _ANSWERED:
            return
        # Children and threads that write meanwhile wipe the word out.
        if offset != _WAITS:
            os.lseek(descriptor, _WAITS, os.SEEK_SET)
        time.sleep(_PAUSE_SECONDS)


def _point_to_output(descriptor: int) -> None:
    output = _open_output_of_recorder(descriptor)
    os.dup2(output, descriptor)
    os.close(output)
    stream = sys.stdout if descriptor == 1 else None
    # Without us it would not be line by line; RuntimeError: this came in the middle of a write.
    with contextlib.suppress(AttributeError, OSError, RuntimeError, ValueError):
        if stream is not None and not stream.isatty():
            stream.reconfigure(line_buffering=False)  # type: ignore[union-attr]


def _open_output_of_recorder(descriptor: int) -> int:
    # Not to wait for somebody who reads: there may never be one.
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        output = os.open(f"/proc/{_recorder}/fd/{descriptor}", flags)
    except OSError:
        reading, output = os.pipe()
        os.close(reading)
        return output
    os.set_blocking(output, True)
    return output
