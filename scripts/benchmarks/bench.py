"""The bench of one session: how much is measured, with which Python, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.process import Program, Sample, run


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    quick: bool
    comparisons: bool
    python: Path | None
    """An interpreter that has this package; by default an environment is made for it."""
    original: str
    """What pip is told to install as the original meticulous-ml."""


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    starts: int
    """Rounds of short programs."""
    floods: int
    """Rounds of programs that print much."""
    lines: int
    files: int
    """Tracked files of the large repository."""
    log_calls: int
    """Calls of `log()` in a round."""
    logs: int
    """Rounds of them."""
    memories: int
    """Readings of each peak of memory."""
    experiments: int
    """Experiments that are listed and read."""
    many_experiments: int
    """The same where it shall show that time does not grow with them."""
    reads: int
    """Rounds of reading the former; of the latter half as many."""
    opens: int
    """Opens of one file."""
    opened_files: int
    """Distinct files that are opened."""
    open_rounds: int
    """Rounds of both."""
    hashed_megabytes: int
    registered: int
    """Experiments of a set."""


FULL = Extent(
    starts=41,
    floods=9,
    lines=300_000,
    files=20_000,
    log_calls=10_000,
    logs=61,
    memories=5,
    experiments=10_000,
    many_experiments=100_000,
    reads=7,
    opens=1_000_000,
    opened_files=10_000,
    open_rounds=5,
    hashed_megabytes=512,
    registered=1000,
)
QUICK = Extent(
    starts=3,
    floods=2,
    lines=20_000,
    files=500,
    log_calls=1_000,
    logs=5,
    memories=1,
    experiments=200,
    many_experiments=600,
    reads=2,
    opens=2_000,
    opened_files=200,
    open_rounds=2,
    hashed_megabytes=20,
    registered=50,
)


@dataclass(frozen=True)
class Bench:
    """An interpreter, the variables of its programs, and a small repository they run in."""

    extent: Extent
    python: Path
    environment: dict[str, str]
    scratch: Path
    """A folder for whatever a measurement needs."""
    repository: Path

    def python_program(
        self,
        *words: str,
        directory: Path | None = None,
        output: Path | None = None,
        piped: bool = False,
    ) -> Callable[[], Sample]:
        """Return a function that runs this bench's Python with `words` once."""
        command = (str(self.python), *words)
        program = Program(command, directory or self.repository, output, piped)
        return partial(run, program, self.environment)

    def program(self, *words: str, directory: Path | None = None) -> Callable[[], Sample]:
        """Return a function that runs a command once."""
        return partial(run, Program(words, directory or self.repository), self.environment)
