"""One description of the surroundings for several runs: who waits for it, and its delivery."""

from __future__ import annotations

import contextlib
import json
import os
import threading

from meticulous.folder import layout
from meticulous.folder.writing import append_line, write_atomically

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def ask(source: str, directory: str) -> None:
    """Have a folder get the description that is being made for another one.

    Whoever asks looks afterwards whether the description is there by now, and calls `hand_on`:
    then either its maker finds the wish, or who asked the description.

    Args:
        source: The folder that the description is made for.
        directory: The folder that wants it too.

    Raises:
        OSError: The wish cannot be written.
    """
    line = f"{json.dumps(directory)}\n".encode("ascii")
    append_line(os.path.join(source, layout.ENVIRONMENT_WANTED), line)


def write(directory: str, files: Mapping[str, bytes]) -> None:
    """Write a description into the folder of a run, environment.json last.

    Raises:
        OSError: It cannot be written.
    """
    from meticulous.folder.hashing import append_sums

    for name in (layout.REQUIREMENTS, layout.ENVIRONMENT):
        write_atomically(os.path.join(directory, name), files[name])
    # Where the run has ended meanwhile its record is sealed already.
    append_sums(directory, files)


def hand_on(source: str, files: Mapping[str, bytes]) -> None:
    """Write a description into every folder that waits for it, and forget their wishes.

    Maker and askers may do so at once: each wish is met by one of them. A folder that is gone, or
    cannot be written, goes without.

    Raises:
        OSError: The wishes cannot be read.
    """
    wanted = os.path.join(source, layout.ENVIRONMENT_WANTED)
    taken = f"{wanted}.{os.getpid()}.{threading.get_ident()}"
    try:
        # Whoever has it under this name is the only one who reads it.
        os.rename(wanted, taken)
    except FileNotFoundError:
        return
    with open(taken, "rb") as file:
        directories = [json.loads(line) for line in file]
    os.unlink(taken)
    for directory in directories:
        with contextlib.suppress(OSError):
            write(directory, files)
