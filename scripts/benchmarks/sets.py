"""What registering a set costs, side by side with the plain making of the same folders."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import places
from benchmarks.bench import Bench
from benchmarks.process import (
    MeasurementError,
    Sample,
    interleave,
)
from benchmarks.table import Row, alone, times

_TARGET = """\
from typing import Literal

from meticulous import Experiment


class Train(Experiment):
    \"\"\"Train a classifier.\"\"\"

    lr: float = 0.1  # @p learning rate
    epochs: int = 10  # @p passes over the data
    optimiser: Literal["sgd", "adam"] = "sgd"  # @p

    def run(self):
        pass
"""


def measure(bench: Bench) -> list[Row]:
    """Carry out the suite.

    Raises:
        MeasurementError: A measured program failed, or did not make what it should.
    """
    files = {"train.py": _TARGET, ".gitignore": "__pycache__/\n"}
    place = places.repository(bench.scratch / "project", files, bench.environment)
    shutil.copy2(places.PROGRAMS / "register.py", bench.scratch)
    bench = replace(bench, directory=place)
    return bench.measured([(f"registering {bench.extent.registered:,} experiments", _registering)])


def _registering(bench: Bench) -> list[Row]:
    """A set, made by us, and its folders and files, copied plainly; timed without imports."""
    count, rounds = bench.extent.registered, max(bench.extent.fewest, bench.extent.reads)
    model = bench.scratch / "model"
    _act(bench, "register", model, 1)()
    samples = interleave(
        {
            "plain": _act(bench, "plain", bench.scratch / "plain", count),
            "registered": _act(bench, "register", bench.scratch / "registered", count),
        },
        rounds,
    )
    took = {name: [sample.seconds for sample in found] for name, found in samples.items()}
    whole = interleave({"command": _command(bench, count)}, max(bench.extent.fewest, rounds // 2))
    return [
        times(
            f"registering {count:,}, over making the same folders and files",
            took["plain"],
            took["registered"],
            3,
        ),
        alone(
            f"  `meticulous register` of {count:,}, the whole command",
            [sample.seconds for sample in whole["command"]],
        ),
    ]


def _act(bench: Bench, way: str, place: Path, count: int) -> Callable[[], Sample]:
    """Return a function that makes a set once in one way, in an experiments directory of its own.

    The directory is removed first, which is not timed.
    """
    answer = bench.scratch / "answer"
    words = (str(bench.scratch / "register.py"), str(answer), way, str(place), str(count))
    program = bench.python_program(*words, str(bench.scratch / "model"))

    def act() -> Sample:
        shutil.rmtree(place, ignore_errors=True)
        sample = program()
        made = sum(1 for folder in place.iterdir() if (folder / "STATUS").exists())
        if made != count:
            raise MeasurementError(f"{way} made {made} experiments in {place}, not {count}")
        return replace(sample, seconds=float(answer.read_text()))

    return act


def _command(bench: Bench, count: int) -> Callable[[], Sample]:
    place = bench.scratch / "command"
    words = ("register", "train.py:Train", f"lr=lin(0.1,1,{count})")
    options = ("--experiments-directory", str(place), "--yes")
    program = bench.python_program("-m", "meticulous", *words, *options)

    def act() -> Sample:
        shutil.rmtree(place, ignore_errors=True)
        return program()

    return act
