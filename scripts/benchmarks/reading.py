"""What reading many experiments costs, side by side with the least that can be done."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks import places
from benchmarks.bench import Bench
from benchmarks.folders import make_experiments
from benchmarks.process import (
    MeasurementError,
    Program,
    Sample,
    interleave,
    peak_memory,
)
from benchmarks.table import Row, alone, times

_SETTLED = 2.5
"""Seconds after which no cache doubts the times of a file any more."""

_RICH = "from rich.console import Console; from rich.table import Table"

_LOADED = (
    "import sys; from meticulous.cli import main; code = main(['list', sys.argv[1]])\n"
    "sys.exit(code or 'pandas' in sys.modules)"
)


@dataclass(frozen=True)
class Directories:
    """The experiments directories that are read."""

    some: Path
    some_count: int
    many: Path
    many_count: int


def measure(bench: Bench) -> list[Row]:
    """Carry out the suite.

    Raises:
        MeasurementError: A measured program failed, or did not read what it should.
    """
    counts = (bench.extent.experiments, bench.extent.many_experiments)
    bench.say(f"writing {counts[0]:,} and {counts[1]:,} folders")
    directories = Directories(
        make_experiments(bench.scratch / "some", counts[0]),
        counts[0],
        make_experiments(bench.scratch / "many", counts[1], others=False),
        counts[1],
    )
    shutil.copy2(places.PROGRAMS / "read.py", bench.scratch)
    time.sleep(_SETTLED)
    parts = {
        "lists": _lists,
        "first lists": _first_lists,
        "a DataFrame, cold": _cold,
        "a DataFrame, warm": _warm,
        "memory": _memory,
        "what becomes visible": _visible,
    }
    return bench.measured(
        (what, partial(part, folders=directories)) for what, part in parts.items()
    )


def _lists(bench: Bench, folders: Directories) -> list[Row]:
    """The last 20, with what is kept, of some and of many."""
    # In a terminal the table is laid out to fit and coloured.
    shown = replace(bench, environment={**bench.environment, "FORCE_COLOR": "1", "COLUMNS": "160"})
    samples = interleave(
        {
            "nothing": bench.python_program("-c", "pass"),
            "nothing again": bench.python_program("-c", "pass"),
            "rich": bench.python_program("-c", _RICH),
            "some": _list(bench, folders.some),
            "shown": _list(shown, folders.some),
            "many": _list(bench, folders.many),
        },
        bench.extent.starts,
    )
    took = {name: _seconds(of_one) for name, of_one in samples.items()}
    bench.python_program("-c", _LOADED, str(folders.some))()
    nothing, rich = took["nothing"], took["rich"]
    allowed = [5 * one + (two - one) for one, two in zip(nothing, rich, strict=True)]
    some, many = f"{folders.some_count:,}", f"{folders.many_count:,}"
    return [
        times("null check: python -c pass against itself", nothing, took["nothing again"]),
        times(f"list of {some}: over 5 x python -c pass + rich's import", allowed, took["some"], 1),
        times("  the same in a terminal", allowed, took["shown"], 1),
        times("  over python -c pass", nothing, took["some"]),
        times("  the import of rich over python -c pass", nothing, rich),
        times(f"list of {many}: over that of {some}", took["some"], took["many"], 2),
    ]


def _first_lists(bench: Bench, folders: Directories) -> list[Row]:
    """The last 20 with nothing kept: what it costs to find them, and to keep them."""
    homeless = replace(bench, environment={**bench.environment, "XDG_CACHE_HOME": "/dev/null"})
    samples = interleave(
        {
            "kept": _forgetting(bench, _list(bench, folders.some)),
            "not kept": _list(homeless, folders.some),
        },
        bench.extent.reads,
    )
    took = {name: _seconds(of_one) for name, of_one in samples.items()}
    name = f"first list of {folders.some_count:,}: over one that keeps nothing"
    return [times(name, took["not kept"], took["kept"], 1.1)]


def _cold(bench: Bench, folders: Directories) -> list[Row]:
    some = folders.some, folders.some_count
    samples = interleave(
        {
            "plain": _read(bench, "plain", *some),
            "table": _forgetting(bench, _read(bench, "table", *some)),
            "frame": _forgetting(bench, _read(bench, "frame", *some)),
        },
        bench.extent.reads,
    )
    took = {name: _seconds(of_one) for name, of_one in samples.items()}
    return [
        times(
            f"cold {some[1]:,} to a DataFrame, over a plain loop", took["plain"], took["frame"], 2.5
        ),
        times("  to a table without pandas", took["plain"], took["table"]),
    ]


def _warm(bench: Bench, folders: Directories) -> list[Row]:
    many = folders.many, folders.many_count
    rounds = max(bench.extent.fewest, bench.extent.reads // 2)
    cold = interleave(
        {
            "plain": _read(bench, "plain", *many),
            "frame": _forgetting(bench, _read(bench, "frame", *many)),
        },
        rounds,
    )
    warm = interleave(
        {
            "stat": _read(bench, "stat", *many),
            "table": _read(bench, "table", *many),
            "frame": _read(bench, "frame", *many),
        },
        rounds,
    )
    took = {name: _seconds(of_one) for name, of_one in warm.items()}
    frame = _seconds(cold["frame"])
    return [
        times(
            f"cold {many[1]:,} to a DataFrame, over a plain loop", _seconds(cold["plain"]), frame
        ),
        times(f"warm {many[1]:,} to a DataFrame, over cold", frame, took["frame"], 0.1),
        times("  to a table without pandas", frame, took["table"]),
        times("  the floor: stat of the same files by one processor", frame, took["stat"]),
        alone("  itself", took["frame"]),
    ]


def _memory(bench: Bench, folders: Directories) -> list[Row]:
    """The largest resident size, over that of an interpreter that has imported the same."""
    answer = str(bench.scratch / "answer")
    empty = bench.scratch / "empty"
    make_experiments(empty, 1)

    def peak(*words: str) -> float:
        program = Program((str(bench.python), *words), bench.scratch)
        count = bench.extent.memories
        peaks = [peak_memory(program, bench.environment, bench.python) for _ in range(count)]
        return statistics.median(peaks) / 1e6

    def compared(name: str, *words: str) -> Row:
        without, with_ = peak(*words, str(empty)), peak(*words, str(folders.many))
        return Row(name, f"{without:.1f} MB", f"{with_:.1f} MB", with_ - without, "MB")

    count = f"{folders.many_count:,}"
    return [
        compared(f"peak memory: list of {count} over that of 1", "-m", "meticulous", "list"),
        compared(f"peak memory: warm {count} to a DataFrame", "read.py", answer, "frame"),
    ]


def _visible(bench: Bench, folders: Directories) -> list[Row]:
    """See that what finishes, and what is changed by hand, is there at the next call."""
    newest = folders.some / str(folders.some_count)
    (newest / "STATUS").write_text("KILLED\n")
    (newest / "args.json").write_text('{"changed-by-hand": 1}\n')
    words = [str(bench.python), "-m", "meticulous", "list", str(folders.some)]
    shown = subprocess.run(words, env=bench.environment, capture_output=True, text=True).stdout
    if "KILLED" not in shown or "changed-by-hand" not in shown:
        raise MeasurementError(f"{newest} was changed, and the list does not show it")
    return []


def _list(bench: Bench, directory: Path) -> Callable[[], Sample]:
    return bench.python_program("-m", "meticulous", "list", str(directory))


def _forgetting(bench: Bench, action: Callable[[], Sample]) -> Callable[[], Sample]:
    """Return the action with nothing kept from before."""

    def act() -> Sample:
        shutil.rmtree(Path(bench.environment["HOME"]) / ".cache", ignore_errors=True)
        return action()

    return act


def _read(bench: Bench, way: str, directory: Path, count: int) -> Callable[[], Sample]:
    """Return a function that reads a directory once in one way, timed without its imports."""
    answer = bench.scratch / "answer"
    program = bench.python_program("read.py", str(answer), way, str(directory))

    def act() -> Sample:
        sample = program()
        rows, seconds = answer.read_text().split()
        if int(rows) != count:
            raise MeasurementError(f"{way} found {rows} experiments in {directory}, not {count}")
        return replace(sample, seconds=float(seconds))

    return act


def _seconds(samples: list[Sample]) -> list[float]:
    return [sample.seconds for sample in samples]
