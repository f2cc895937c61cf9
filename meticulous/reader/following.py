"""Read a growing file of an experiment: all of it, its last lines, or on until the run ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

from meticulous.errors import ExperimentFileNotFoundError
from meticulous.folder import layout, status
from meticulous.reader.files import Files
from meticulous.reader.record import Record, read_record

PAUSE = 0.1
"""Seconds between two looks at a file that is followed."""

_STEP = 2**16


def read_output(
    directory: str | os.PathLike[str],
    name: str = layout.STDOUT,
    tail: int | None = None,
    follow: bool = False,
    pause: Callable[[float], object] = time.sleep,
) -> Iterator[bytes]:
    """Yield the bytes of a file as they are.

    Args:
        directory: The folder of the experiment.
        name: The file.
        tail: Begin with the last so many lines; at the beginning by default.
        follow: Go on until the experiment has ended, is LOST or its folder is deleted. The file
            may appear later. One that becomes shorter, or is replaced, is read from its beginning.
        pause: Waits for a number of seconds; may return earlier.

    Raises:
        ExperimentFileNotFoundError: There is no such file, and none will come.
    """
    directory = os.fspath(directory)
    position, identity = 0, None
    while True:
        # In this order: what is written before the end is read after it is seen.
        record = read_record(directory) if follow else None
        files = Files(directory)
        file = files.open(name)
        if file is not None:
            with file:
                facts = os.fstat(file.fileno())
                if identity is None and tail is not None:
                    position = _begin_of_tail(file.fileno(), facts.st_size, tail)
                elif identity != (facts.st_dev, facts.st_ino) or facts.st_size < position:
                    position = 0
                identity = facts.st_dev, facts.st_ino
                file.seek(position)
                while chunk := file.read(_STEP):
                    position += len(chunk)
                    yield chunk
        if record is None or record.status not in status.UNFINISHED:
            break
        pause(PAUSE)
    if identity is None:
        raise ExperimentFileNotFoundError(_nothing(directory, name, files.problems))


def _begin_of_tail(descriptor: int, size: int, lines: int) -> int:
    """Return where the last `lines` lines of a file begin."""
    if lines <= 0:
        return size
    position, wanted = size, lines
    is_end = True
    while position > 0:
        begin = max(0, position - _STEP)
        block = os.pread(descriptor, position - begin, begin)
        if is_end and block.endswith(b"\n"):
            wanted += 1  # the line feed at the end begins no further line
        is_end = False
        count = block.count(b"\n")
        if count >= wanted:
            for _ in range(count - wanted):
                block = block[block.index(b"\n") + 1 :]
            cut = block.index(b"\n") + 1
            return position - len(block) + cut
        wanted -= count
        position = begin
    return 0


def _nothing(directory: str, name: str, problems: list[str]) -> str:
    what = os.path.basename(os.path.abspath(directory))
    if problems:
        return f"The {name} of experiment {what} cannot be shown: {problems[-1]}."
    if not os.path.isdir(directory):
        return f"The folder of experiment {what} was deleted before it had a {name}."
    return (
        f'Experiment {what} has no {name}: its output was not captured (capture="none"), or it '
        f"never began. `meticulous show {what}` says what there is."
    )


def ended_badly(record: Record) -> str | None:
    """Return what a follower should be told of the end of a run; None when it ended by itself."""
    if not os.path.isdir(record.directory):
        return f"The folder of experiment {record.id} has been deleted."
    if record.status == status.LOST:
        return f"Experiment {record.id} is LOST: {record.cause}."
    return None
