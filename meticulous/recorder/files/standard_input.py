"""What the program reads where it reads from standard input."""

from __future__ import annotations

import os
import stat

from meticulous.recorder.files import tracker


def note_standard_input(directory: str) -> None:
    """Note the file that a shell has opened for the program to read, as in `program < data.csv`."""
    try:
        found = os.fstat(0)
        if not stat.S_ISREG(found.st_mode):
            return
        path = os.readlink("/proc/self/fd/0")
        if path.startswith("/") and os.path.samestat(os.stat(path), found):
            tracker.append(directory, [tracker.line(tracker.READ, path, found)])
    except OSError:
        return


def standard_input() -> str:
    """Say what standard input is: "terminal", "pipe", "file", "null" or "closed"."""
    try:
        mode = os.fstat(0).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            return "pipe"
        if stat.S_ISCHR(mode):
            if os.isatty(0):
                return "terminal"
            return "null" if os.path.samestat(os.fstat(0), os.stat(os.devnull)) else "file"
    except OSError:
        return "closed"
    return "file"
