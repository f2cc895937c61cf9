"""Runs a program in a session of its own, to its end, to a limit, or until it is stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from meticulous.errors import CannotReproduceError
from meticulous.folder import layout
from meticulous.reproduce.descendants import Descendants

_LOOK_SECONDS = 0.02
_GRACE_SECONDS = 10.0
"""How long a program that was told to end may take, before it is ended."""

_RECORDER = "meticulous.recorder."
"""In the command lines of our own processes, which describe the surroundings after the end."""

_RECORDER_SECONDS = 20.0
"""How long these may take."""

_LONGEST_NAME = 80

ENDED, TIMED_OUT, STOPPED = "ended", "timed out", "stopped"


@dataclass(frozen=True, slots=True)
class Launch:
    """What is to be started.

    Attributes:
        words: The command line; the first word is a path or is looked up on PATH.
        directory: The working directory.
        environment: All environment variables.
        stdout: The file for what it writes on standard output.
        stderr: The same for standard error.
        place: The private folder it runs in: whoever works there at its end was started by it.
    """

    words: Sequence[str]
    directory: str
    environment: Mapping[str, str]
    stdout: str
    stderr: str
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went.

    Attributes:
        how: `ENDED` by itself, `TIMED_OUT`, or `STOPPED` since the user wanted no more.
        code: The exit code; negative for a signal.
        seconds: How long it took.
        left_behind: Processes that it had left running, and that were ended, as text.
    """

    how: str
    code: int
    seconds: float
    left_behind: tuple[str, ...] = ()


def run(
    launch: Launch,
    *,
    timeout: float | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
    show: Callable[[bytes], None] | None = None,
) -> Outcome:
    """Run a program to its end; nothing that it started outlives it.

    Args:
        launch: What to start.
        timeout: Seconds after which it is told to end (SIGTERM), and then ended.
        is_stopped: Asked again and again; True sends it an interrupt, as Ctrl-C does.
        show: Is given what it writes, piece by piece.

    Raises:
        CannotReproduceError: It cannot be started.
    """
    started = time.monotonic()
    with open(launch.stdout, "wb") as stdout, open(launch.stderr, "wb") as stderr:
        process = _start(launch, stdout.fileno(), stderr.fileno())
    mark = launch.environment.get(layout.REPRODUCTION_VARIABLE)
    descendants = Descendants(process.pid, mark, launch.place)
    how = ENDED
    follower = _Follower((launch.stdout, launch.stderr), show)
    try:
        while _wait(process, _LOOK_SECONDS) is None:
            follower.look()
            if is_stopped():
                how = STOPPED
                _end(process, signal.SIGINT)
            elif timeout is not None and time.monotonic() - started > timeout:
                how = TIMED_OUT
                _end(process, signal.SIGTERM)
    finally:
        if process.poll() is None:
            _end(process, signal.SIGTERM)
        left_behind = _end_descendants(process.pid, descendants)
        follower.look()
    return Outcome(how, process.returncode, time.monotonic() - started, tuple(left_behind))


def _start(launch: Launch, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(launch.words),
            cwd=launch.directory,
            env=dict(launch.environment),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            # Its own session: what it starts can be found again, and nothing asks on our terminal.
            start_new_session=True,
        )
    except OSError as error:
        raise CannotReproduceError(
            f"{launch.words[0]} cannot be started in {launch.directory}: {error.strerror or error}."
        ) from error


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    """Tell the program, and all in its group, to end; give it time to write its record."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
    if _wait(process, _GRACE_SECONDS) is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _end_descendants(session: int, descendants: Descendants) -> list[str]:
    """End what the program has left running: in its session, with its environment, or its folder.

    Args:
        session: The session of the program.
        descendants: What knows them.
    """
    ended: list[str] = []
    deadline = time.monotonic() + _RECORDER_SECONDS
    # What is being started meanwhile is found the next time.
    while found := descendants.running():
        # The description of the surroundings asks other programs, in a session of its own.
        own = {_session(pid) for pid, name in found if _RECORDER in name} - {session}
        others = [
            (pid, name) for pid, name in found if _RECORDER not in name and _session(pid) not in own
        ]
        for pid, name in others:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                ended.append(_short(name))
        if not others and time.monotonic() > deadline:
            break
        time.sleep(_LOOK_SECONDS)
    return ended


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


class _Follower:
    """Shows what is written into files while it is written."""

    def __init__(self, paths: Sequence[str], show: Callable[[bytes], None] | None) -> None:
        self._show = show
        self._places = dict.fromkeys(paths, 0) if show is not None else {}

    def look(self) -> None:
        """Show what is new."""
        if self._show is None:
            return
        for path, position in self._places.items():
            with contextlib.suppress(OSError), open(path, "rb") as file:
                file.seek(position)
                data = file.read()
                if data:
                    self._places[path] = position + len(data)
                    self._show(data)
