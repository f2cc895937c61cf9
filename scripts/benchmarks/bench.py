"""The bench of one session: how much is measured, with which Python, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import places
from benchmarks.process import Program, Sample, adopt_orphans, clean_environment, run
from benchmarks.table import Row


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    starts: int
    """Rounds of short programs."""
    fewest: int
    """Rounds of programs that are dearer, at least."""
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
    fewest=3,
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
    fewest=3,
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
REHEARSAL = Extent(
    starts=1,
    fewest=1,
    floods=1,
    lines=1_000,
    files=20,
    log_calls=100,
    logs=1,
    memories=1,
    experiments=30,
    many_experiments=60,
    reads=1,
    opens=100,
    opened_files=20,
    open_rounds=1,
    hashed_megabytes=1,
    registered=10,
)
"""Each measurement once, to see that all of them can be made; the figures mean nothing."""


@dataclass(frozen=True)
class Bench:
    """An interpreter, the variables of its programs, and the folder they run in."""

    extent: Extent
    python: Path
    environment: dict[str, str]
    scratch: Path
    """A folder for whatever a measurement needs."""
    directory: Path
    """Where the programs run, mostly a small repository; `scratch` until a suite makes one."""
    say: Callable[[str], None]
    """Tells the person who waits what is going on."""

    def measured(self, parts: Iterable[tuple[str, Callable[[Bench], list[Row]]]]) -> list[Row]:
        """Carry out the named parts of a suite and return the rows of all."""
        rows = []
        for what, part in parts:
            self.say(f"measuring {what}")
            rows += part(self)
        return rows

    def python_program(
        self,
        *words: str,
        directory: Path | None = None,
        output: Path | None = None,
        piped: bool = False,
    ) -> Callable[[], Sample]:
        """Return a function that runs this bench's Python with `words` once."""
        command = (str(self.python), *words)
        program = Program(command, directory or self.directory, output, piped)
        return partial(run, program, self.environment)

    def program(
        self, *words: str, directory: Path | None = None, output: Path | None = None
    ) -> Callable[[], Sample]:
        """Return a function that runs a command once."""
        return partial(run, Program(words, directory or self.directory, output), self.environment)


def set_up(python: Path | None, scratch: Path, say: Callable[[str], None], extent: Extent) -> Bench:
    """Return the bench of a suite.

    Args:
        python: An interpreter that has this package; without one an environment is made for it.
        scratch: An empty folder.
        say: Tells the person who waits what is going on.
        extent: How much is measured.

    Raises:
        NotAvailableError: The package cannot be installed into an environment of its own.
    """
    adopt_orphans()
    if python is None:
        say("installing this checkout into an environment of its own")
        python = places.environment_with_this_package(scratch)
    environment = clean_environment(scratch / "home")
    return Bench(extent, python, environment, scratch, scratch, say)
