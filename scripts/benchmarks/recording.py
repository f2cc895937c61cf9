"""What recording a run costs, side by side with the same run unrecorded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from benchmarks import places
from benchmarks.bench import Bench
from benchmarks.process import (
    MeasurementError,
    Program,
    Sample,
    interleave,
    peak_memory,
)
from benchmarks.table import Row, added, added_at_best, alone, times

_GIT_QUESTIONS = (
    "git status --porcelain=v2 --branch --untracked-files=no >/dev/null && git log -1 >/dev/null"
)


_BYTES_FOR_A_LINE = 300
"""Bytes of a C program's flood for each line of a Python program's."""


def measure(bench: Bench) -> list[Row]:
    """Carry out the suite.

    Raises:
        MeasurementError: A measured program failed, or did not record what it should.
    """
    place = bench.scratch / "small"
    small = places.repository(place, {"README": "a project\n"}, bench.environment)
    bench = replace(bench, directory=small)
    extent = bench.extent
    return bench.measured(
        (
            ("starts and ends", _starts),
            (f"starts and ends among {extent.files:,} tracked files", _starts_among_many_files),
            ("the import", _import),
            ("log()", _log),
            (f"{extent.lines:,} printed lines", _floods),
            ("memory", _memory),
            ("meticulous run", _any_program),
        )
    )


def _starts(bench: Bench) -> list[Row]:
    """Start and end of a script: bare, recorded, bare again, and git's part of it."""
    samples = interleave(
        {
            "bare": bench.python_program("bare.py"),
            "recorded": bench.python_program("recorded.py"),
            "bare again": bench.python_program("bare.py"),
            "git": bench.program("sh", "-c", _GIT_QUESTIONS),
        },
        bench.extent.starts,
    )
    _check_records(bench.directory, bench.extent.starts + 1)
    bare, recorded = _seconds(samples["bare"]), _seconds(samples["recorded"])
    processor = [[sample.processor_seconds for sample in samples[n]] for n in ("bare", "recorded")]
    background = [sample.background_seconds for sample in samples["recorded"]]
    return [
        times("null check: bare against bare", bare, _seconds(samples["bare again"])),
        added("start + end of a script", bare, recorded, 60),
        added_at_best("  at best", bare, recorded),
        times("  as a ratio", bare, recorded),
        added("  its processor time", *processor),
        alone("  processor time afterwards, in background", background),
        alone("  the git questions alone, by a shell", _seconds(samples["git"])),
    ]


def _starts_among_many_files(bench: Bench) -> list[Row]:
    """The same in a large repository, where git's answers take their time."""
    files = bench.extent.files
    large = places.repository(bench.scratch / "large", places.many_files(files), bench.environment)
    rounds = max(bench.extent.fewest, bench.extent.starts // 2)
    asking = f'"$0" bare.py && {_GIT_QUESTIONS}'
    samples = interleave(
        {
            "bare": bench.python_program("bare.py", directory=large),
            "asked": bench.program("sh", "-c", asking, str(bench.python), directory=large),
            "recorded": bench.python_program("recorded.py", directory=large),
        },
        rounds,
    )
    _check_records(large, rounds + 1)
    recorded = _seconds(samples["recorded"])
    return [
        times(
            f"{files:,} files: over bare + git questions", _seconds(samples["asked"]), recorded, 2
        ),
        added("  over bare alone", _seconds(samples["bare"]), recorded),
    ]


def _import(bench: Bench) -> list[Row]:
    samples = interleave(
        {
            "nothing": bench.python_program("-c", "pass"),
            "import": bench.python_program("-c", "from meticulous import Experiment"),
        },
        bench.extent.starts,
    )
    nothing, imported = _seconds(samples["nothing"]), _seconds(samples["import"])
    return [
        added("from meticulous import Experiment", nothing, imported, 25),
        added_at_best("  at best", nothing, imported),
    ]


def _log(bench: Bench) -> list[Row]:
    extent = bench.extent
    answer = bench.scratch / "log.json"
    bench.python_program("log.py", str(answer), str(extent.log_calls), str(extent.logs))()
    found = json.loads(answer.read_text())
    wanted = extent.log_calls * extent.logs + 1
    if found["kept"] != wanted:
        raise MeasurementError(f"log() was called {wanted} times and kept {found['kept']} lines")
    plain = [seconds / extent.log_calls for seconds in found["plain"]]
    logged = [seconds / extent.log_calls for seconds in found["logged"]]
    return [times("log() over json.dumps + buffered write", plain, logged, 1.5)]


def _floods(bench: Bench) -> list[Row]:
    """Print many lines to a file and into a pipe, and see that each of them arrived twice."""
    mirror = bench.scratch / "mirror"
    many = ("--lines", str(bench.extent.lines))
    samples = interleave(
        {
            "bare": bench.python_program("bare.py", output=mirror),
            "recorded bare": bench.python_program("recorded.py", output=mirror),
            "plain": bench.python_program("bare.py", *many, output=mirror),
            "unbuffered": bench.python_program("-u", "bare.py", *many, output=mirror),
            "recorded": bench.python_program("recorded.py", *many, output=mirror),
            "plain piped": bench.python_program("bare.py", *many, piped=True),
            "unbuffered piped": bench.python_program("-u", "bare.py", *many, piped=True),
            "recorded piped": bench.python_program("recorded.py", *many, piped=True),
        },
        bench.extent.floods,
    )
    bench.python_program("recorded.py", *many, output=mirror)()
    _check_flood(bench, mirror)
    took = {name: _seconds(of_one) for name, of_one in samples.items()}
    lines = f"{bench.extent.lines:,} lines"
    return [
        times(f"{lines} over python -u", took["unbuffered"], took["recorded"], 1.5),
        times(f"{lines} over plain buffered Python", took["plain"], took["recorded"], 2.5),
        times(
            "  less start and end of either",
            _minus(took["plain"], took["bare"]),
            _minus(took["recorded"], took["recorded bare"]),
        ),
        times(f"{lines} piped, over python -u", took["unbuffered piped"], took["recorded piped"]),
        times(f"{lines} piped, over plain Python", took["plain piped"], took["recorded piped"]),
    ]


def _memory(bench: Bench) -> list[Row]:
    """The largest resident size of the program and the children it waited for."""
    many = ("--lines", str(bench.extent.lines))
    megabyte, repeats = 1e6, bench.extent.memories

    def peak(*words: str) -> float:
        program = Program((str(bench.python), *words), bench.directory)
        peaks = [peak_memory(program, bench.environment, bench.python) for _ in range(repeats)]
        return sorted(peaks)[repeats // 2] / megabyte

    def compared(name: str, *words: str) -> Row:
        without, with_ = peak("bare.py", *words), peak("recorded.py", *words)
        return Row(name, f"{without:.1f} MB", f"{with_:.1f} MB", with_ - without, "MB", 10)

    return [
        compared("peak memory"),
        compared(f"peak memory, {bench.extent.lines:,} lines", *many),
    ]


def _any_program(bench: Bench) -> list[Row]:
    recorder = ("-m", "meticulous", "run", "--")
    samples = interleave(
        {
            "true": bench.program("true"),
            "recorded true": bench.python_program(*recorder, "true"),
            "bare": bench.python_program("bare.py"),
            "recorded": bench.python_program(*recorder, str(bench.python), "bare.py"),
        },
        max(bench.extent.fewest, bench.extent.starts // 2),
    )
    took = {name: _seconds(of_one) for name, of_one in samples.items()}
    return [
        added("meticulous run -- true", took["true"], took["recorded true"]),
        added("meticulous run -- python SCRIPT", took["bare"], took["recorded"]),
        *_floods_of_any_program(bench, recorder),
    ]


def _floods_of_any_program(bench: Bench, recorder: tuple[str, ...]) -> list[Row]:
    """Much output under `meticulous run`, which passes through another process."""
    mirror = bench.scratch / "mirror"
    lines = ("bare.py", "--lines", str(bench.extent.lines))
    size = bench.extent.lines * _BYTES_FOR_A_LINE
    bulk = ("head", "-c", str(size), "/dev/zero")
    samples = interleave(
        {
            "lines": bench.python_program("-u", *lines, output=mirror),
            "recorded lines": bench.python_program(
                *recorder, str(bench.python), *lines, output=mirror
            ),
            "bulk": bench.program(*bulk, output=mirror),
            "recorded bulk": bench.python_program(*recorder, *bulk, output=mirror),
        },
        bench.extent.floods,
    )
    if mirror.stat().st_size != size:
        raise MeasurementError(f"{mirror} does not hold the {size} bytes that were written")
    took = {name: _seconds(of_one) for name, of_one in samples.items()}
    return [
        times(
            f"  {bench.extent.lines:,} lines, over python -u", took["lines"], took["recorded lines"]
        ),
        added(f"  {size / 1e6:,.0f} MB of a C program", took["bulk"], took["recorded bulk"]),
    ]


def _check_records(repository: Path, count: int) -> None:
    """See that `count` runs were really recorded, and as successes."""
    statuses = [path.read_text() for path in (repository / "experiments").glob("*/STATUS")]
    good = sum(text.startswith("SUCCESS") for text in statuses)
    if not len(statuses) == good == count:
        raise MeasurementError(
            f"{count} runs in {repository} left {len(statuses)} records, {good} of them a SUCCESS"
        )


def _check_flood(bench: Bench, mirror: Path) -> None:
    """See that the last flood reached both the record and the place it went to before."""
    wanted = "".join(f"line {number}\n" for number in range(bench.extent.lines))
    records = (bench.directory / "experiments").glob("[0-9]*")
    newest = max(records, key=lambda path: int(path.name))
    for path in (mirror, newest / "stdout"):
        if path.read_text() != wanted:
            raise MeasurementError(f"{path} does not hold the {bench.extent.lines} lines printed")


def _seconds(samples: list[Sample]) -> list[float]:
    return [sample.seconds for sample in samples]


def _minus(longer: list[float], shorter: list[float]) -> list[float]:
    """Take from each duration the one of the same round that it contains."""
    return [max(a - b, 1e-9) for a, b in zip(longer, shorter, strict=True)]
