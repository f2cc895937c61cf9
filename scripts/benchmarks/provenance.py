"""What it costs to know where a result comes from: the files of a run, their digests."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

from benchmarks import places
from benchmarks.bench import Bench
from benchmarks.process import (
    MeasurementError,
    Sample,
    interleave,
)
from benchmarks.table import Row, added, alone, times
from benchmarks.worktrees import worktrees

_EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "iris"


def measure(bench: Bench) -> list[Row]:
    """Carry out the suite.

    Raises:
        MeasurementError: A measured program failed, or did not find what it should.
    """
    # With a cache, a file of more would be hashed in one round only.
    environment = {**bench.environment, "XDG_CACHE_HOME": "/dev/null"}
    small = places.repository(bench.scratch / "small", {"README": "a project\n"}, environment)
    bench = replace(bench, environment=environment, directory=small)
    return bench.measured(
        (
            (f"{bench.extent.opens:,} opens", _opens),
            ("an example that reads its data", _example),
            (f"the digest of {bench.extent.hashed_megabytes} MB", _digests),
            ("private worktrees", worktrees),
        )
    )


def _opens(bench: Bench) -> list[Row]:
    """Loops of opens within one process, bare and recorded in turns."""
    extent = bench.extent
    once, many = extent.opens, extent.opened_files
    took: dict[str, list[dict[str, float]]] = {"bare": [], "recorded": []}
    for number in range(extent.open_rounds):
        # Each goes first as often as the other.
        for kind in sorted(took, reverse=bool(number % 2)):
            answer = bench.scratch / "opens.json"
            words = ("opens.py", str(answer), str(once), str(many), kind)
            bench.python_program(*words)()
            took[kind].append(json.loads(answer.read_text()))
    if any(found["listed"] != many for found in took["recorded"]):
        raise MeasurementError(f"of {many} files that were opened, others were listed")

    def ratio(name: str, what: str, count: int, target: float | None = None) -> Row:
        sides = [[found[what] / count for found in took[kind]] for kind in took]
        return times(name, *sides, target)

    return [
        ratio(f"{once:,} opens of one file, each", "one", once, 1.5),
        ratio(f"opens of {many:,} distinct files, each", "distinct", many, 6),
        ratio("  the same once more", "again", many),
        alone(f"  the end of the run, {many:,} files hashed", [f["end"] for f in took["recorded"]]),
    ]


def _example(bench: Bench) -> list[Row]:
    """The iris example, recorded, with files tracked; and the bare reading of its data."""
    files = {
        path.name: path.read_text() for path in _EXAMPLE.iterdir() if path.suffix in (".py", ".csv")
    }
    place = places.repository(bench.scratch / "iris", files, bench.environment)
    samples = interleave(
        {
            "unrecorded": bench.python_program("train.py", "--norecord", directory=place),
            "recorded": bench.python_program("train.py", directory=place),
        },
        max(bench.extent.fewest, bench.extent.starts // 4),
    )
    _check_inputs(place)
    return [added("the iris example, over --norecord", *map(_seconds, samples.values()))]


def _digests(bench: Bench) -> list[Row]:
    """A large file, hashed by us and by `sha256sum`; both with the start of their program."""
    if shutil.which("sha256sum") is None:
        return [Row("a digest over sha256sum", note="there is no sha256sum here")]
    path = bench.scratch / "large"
    with path.open("wb") as file:
        for _ in range(bench.extent.hashed_megabytes):
            file.write(random.Random(1).randbytes(1_000_000))
    samples = interleave(
        {
            "sha256sum": bench.program("sha256sum", str(path)),
            "ours": bench.python_program("digest.py", str(path)),
        },
        max(bench.extent.fewest, bench.extent.floods // 2),
    )
    name = f"the digest of {bench.extent.hashed_megabytes} MB over sha256sum"
    return [times(name, *map(_seconds, samples.values()), 1.5)]


def _check_inputs(repository: Path) -> None:
    """See that the runs were recorded, and with the data that they read."""
    for folder in (repository / "experiments").glob("[0-9]*"):
        found = json.loads((folder / "files.json").read_text())
        if [entry["path"] for entry in found["inputs"]] != ["iris.csv"]:
            raise MeasurementError(f"{folder} does not know of its input")


def _seconds(samples: list[Sample]) -> list[float]:
    return [sample.seconds for sample in samples]
