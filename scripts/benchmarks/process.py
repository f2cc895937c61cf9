"""Start programs in a clean environment and measure each: time, processor time, peak memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ORPHAN_PATIENCE = 60.0
"""Seconds that processes left behind by a measured program may go on."""

_PR_SET_CHILD_SUBREAPER = 36  # from linux/prctl.h


class MeasurementError(Exception):
    """Something could not be measured; the message says what, and shows the program's words."""


@dataclass(frozen=True)
class Sample:
    """One execution of one program."""

    seconds: float
    """From its start until it, and a reader of its output, ended."""
    processor_seconds: float
    """User and system time of the program and of the children it waited for."""
    background_seconds: float
    """Processor time of what it left running, which is waited for, but not within `seconds`."""


@dataclass(frozen=True)
class Program:
    """A command line, where it is run, and where its output goes."""

    words: Sequence[str]
    directory: Path
    output: Path | None = None
    """A file that its standard output replaces; by default it goes nowhere."""
    piped: bool = False
    """Its standard output goes through a pipe to a `cat` that throws it away."""


def clean_environment(home: Path) -> dict[str, str]:
    """Return the variables of a measured program: a path, an empty home, a name for commits.

    What would make Python slower or faster than people have it (PYTHONUNBUFFERED,
    PYTHONDONTWRITEBYTECODE, an active environment) stays out.
    """
    home.mkdir(parents=True, exist_ok=True)
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    for role in ("AUTHOR", "COMMITTER"):
        variables[f"GIT_{role}_NAME"] = "Benchmark"
        variables[f"GIT_{role}_EMAIL"] = "benchmark@example.org"
    return variables


def adopt_orphans() -> bool:
    """Become the parent of processes whose parents end, so that they can be waited for.

    Returns whether the platform offers it (Linux does).
    """
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def run(program: Program, environment: Mapping[str, str]) -> Sample:
    """Run the program once, then wait for everything that it left behind.

    Raises:
        MeasurementError: It did not exit with 0, or what it left behind does not end.
    """
    with tempfile.TemporaryFile() as errors, _placed(program.directory):
        output = str(program.output) if program.output else os.devnull
        actions: list[tuple[object, ...]] = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, errors.fileno(), 2),
        ]
        reader = None
        if program.piped:
            reading, writing = os.pipe()
            drain = [
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            ]
            reader = os.posix_spawnp("cat", ["cat"], environment, file_actions=drain)
            os.close(reading)
            actions.append((os.POSIX_SPAWN_DUP2, writing, 1))
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            actions.append((os.POSIX_SPAWN_OPEN, 1, output, flags, 0o644))
        words = [os.fspath(word) for word in program.words]
        started = time.perf_counter()
        child = os.posix_spawnp(words[0], words, environment, file_actions=actions)
        if reader is not None:
            os.close(writing)
        _, status, usage = os.wait4(child, 0)
        if reader is not None:
            os.waitpid(reader, 0)
        seconds = time.perf_counter() - started
        background = _wait_for_orphans(words)
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            errors.seek(0)
            said = errors.read().decode(errors="replace")
            raise MeasurementError(f"{' '.join(words)} ended with {code}:\n{said}")
    return Sample(seconds, usage.ru_utime + usage.ru_stime, background)


def interleave(
    actions: Mapping[str, Callable[[], Sample]],
    rounds: int,
) -> dict[str, list[Sample]]:
    """Carry out every action once a round, each round in another order.

    So a machine that grows slower or faster meanwhile does it to all of them alike, and none
    always follows the same other one. A round before the first warms caches and does not count.
    """
    names = list(actions)
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for name in names:
        actions[name]()
    order = random.Random(rounds)
    for _ in range(rounds):
        for name in order.sample(names, len(names)):
            samples[name].append(actions[name]())
    return samples


def peak_memory(program: Program, environment: Mapping[str, str], python: Path) -> int:
    """Return the most memory, in bytes, that the program or a process it waited for ever held.

    A process counts the memory of the one that started it until it becomes itself. Therefore a
    Python with nothing loaded stands in between; this one would be too large.
    """
    launcher = Path(__file__).with_name("programs") / "launch.py"
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "peak"
        words = [str(python), "-I", "-S", str(launcher), str(answer), *program.words]
        run(Program(words, program.directory, program.output, program.piped), environment)
        peak = int(answer.read_text())
    return peak if sys.platform == "darwin" else peak * 1024


def _wait_for_orphans(words: Sequence[str]) -> float:
    """Wait for adopted processes; return their processor time in seconds."""
    spent = 0.0
    deadline = time.monotonic() + ORPHAN_PATIENCE
    while True:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return spent
        if pid:
            spent += usage.ru_utime + usage.ru_stime
        elif time.monotonic() > deadline:
            raise MeasurementError(
                f"{' '.join(words)} left a process that goes on for {ORPHAN_PATIENCE:.0f} s"
            )
        else:
            time.sleep(0.002)


@contextlib.contextmanager
def _placed(directory: Path) -> Iterator[None]:
    """Be in `directory`, since a spawned process starts where its parent is."""
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
