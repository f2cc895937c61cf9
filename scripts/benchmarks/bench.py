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
    log_rounds: int


FULL = Extent(starts=41, floods=9, lines=300_000, files=20_000, log_calls=100_000, log_rounds=9)
QUICK = Extent(starts=5, floods=3, lines=30_000, files=1_000, log_calls=5_000, log_rounds=3)


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
