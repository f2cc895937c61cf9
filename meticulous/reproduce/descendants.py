"""Finds the processes that a reproduced program has started, whatever became of their parents."""

from __future__ import annotations

import os
import sys
import time

from meticulous.folder import layout
from meticulous.reproduce.paths import below

TYPE_CHECKING = False
if TYPE_CHECKING:
    import psutil

_STARTING_SECONDS = 5.0
"""How long a process may take to get the variables of the program that it becomes."""

_CODE_ENDS = 24
"""Place of `endcode` among the words of /proc/PID/stat after the name, see proc(5). Linux sets it
when the variables of a new program are in place; while it copies them, they seem to be none."""


class Descendants:
    """Knows which processes a program has started: by session, environment or working directory.

    Args:
        session: The process number of the program, which leads a session of its own and has not
            been waited for yet.
        mark: What its environment holds as `METICULOUS_REPRODUCTION`, if anything.
        place: A folder that nothing else uses, in which the program works; None without one.
    """

    def __init__(self, session: int, mark: str | None, place: str | None) -> None:
        self._session = session
        self._mark = mark
        self._place = place
        self._began = _beginning_of(session)

    def running(self) -> list[tuple[int, str]]:
        """Return number and command line of each that runs."""
        import psutil

        found = []
        for process in psutil.process_iter():
            try:
                if process.pid == os.getpid() or not self._is_one(process):
                    continue
                if process.status() != psutil.STATUS_ZOMBIE:
                    _await_start(process.pid)
                    found.append((process.pid, " ".join(process.cmdline()) or process.name()))
            except (psutil.Error, OSError):
                continue
        return found

    def _is_one(self, process: psutil.Process) -> bool:
        # What is older has nothing to do with it; this is known of most without reading a file.
        if process.create_time() < self._began:
            return False
        if os.getsid(process.pid) == self._session:
            return True
        if self._mark is not None and self._mark in marks_of(process.pid):
            return True
        # One that a program started with other variables stays where it was started.
        return self._place is not None and below(process.cwd(), self._place) is not None


def _beginning_of(pid: int) -> float:
    """Return when a process was started, by the clock of `create_time`; 0.0 if nobody knows."""
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except (psutil.Error, OSError):
        return 0.0


def marks_of(pid: int) -> list[str]:
    """Return what the environment of a process holds as `METICULOUS_REPRODUCTION`; on Linux only.

    Usually one text or none. Nothing is known of a process of somebody else.
    """
    beginning = os.fsencode(f"{layout.REPRODUCTION_VARIABLE}=")
    try:
        variables = _environment_of(pid).split(b"\0")
    except OSError:
        return []
    return [os.fsdecode(one[len(beginning) :]) for one in variables if one.startswith(beginning)]


def _environment_of(pid: int) -> bytes:
    environment = _read_environment(pid)
    if not environment:
        _await_start(pid)
        environment = _read_environment(pid)
    return environment


def _read_environment(pid: int) -> bytes:
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read()


def _await_start(pid: int) -> None:
    """Wait while a process is between two programs; then it has words and variables again."""
    deadline = time.monotonic() + _STARTING_SECONDS
    while _is_starting(pid) and time.monotonic() < deadline:
        time.sleep(0.001)


def _is_starting(pid: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    with open(f"/proc/{pid}/stat", "rb") as file:
        words = file.read().rpartition(b")")[2].split()
    # Threads of the kernel never have an environment; nor have they a program.
    return words[_CODE_ENDS] == b"0" and bool(os.readlink(f"/proc/{pid}/exe"))
