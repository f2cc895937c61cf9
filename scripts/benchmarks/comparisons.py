"""What other recorders cost on the same script, each in its own environment."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, replace

from benchmarks import places
from benchmarks.bench import Bench
from benchmarks.process import MeasurementError, interleave
from benchmarks.table import Row, added, times


@dataclass(frozen=True)
class Tool:
    """Another recorder, and the script that uses it as its own documentation shows."""

    name: str
    folder: str
    requirements: tuple[str, ...]
    distribution: str
    """Whose version is reported."""
    script: str
    keeps_output: bool


def measure(bench: Bench, original: str) -> list[Row]:
    """Measure start and end, and printed lines, of every tool that can be had here.

    Args:
        bench: The bench of the suite; each tool gets its like with its own Python.
        original: What pip is told to install as the original meticulous-ml.
    """
    rows = []
    for tool in (
        Tool("original", "original", (original,), "meticulous", "original.py", True),
        Tool("Sacred", "sacred", ("sacred", "setuptools<81"), "sacred", "with_sacred.py", True),
        Tool("MLflow", "mlflow", ("mlflow",), "mlflow", "with_mlflow.py", False),
    ):
        bench.say(f"installing and measuring {tool.name}")
        try:
            rows += _measure(bench, tool)
        except places.NotAvailableError as reason:
            rows.append(Row(tool.name, note=f"not available here: {reason}"))
        except MeasurementError as reason:
            said = str(reason).splitlines()
            rows.append(Row(tool.name, note=f"does not run here: {said[0]} {said[-1]}"))
    return rows


def _measure(bench: Bench, tool: Tool) -> list[Row]:
    python = places.environment_with(tool.folder, tool.requirements)
    files = {".gitignore": "experiments\n*-runs\n"}
    directory = bench.scratch / tool.folder
    own = replace(
        bench,
        python=python,
        directory=places.repository(directory, files, bench.environment),
    )
    name = f"{tool.name} {_version(tool, python)}".strip()
    starts = interleave(
        {"bare": own.python_program("bare.py"), "with": own.python_program(tool.script)},
        max(bench.extent.fewest, bench.extent.starts // 2),
    )
    took = {key: [sample.seconds for sample in of_one] for key, of_one in starts.items()}
    rows = [added(f"{name}: start + end of a script", took["bare"], took["with"])]
    if not tool.keeps_output:
        return rows
    mirror = bench.scratch / "mirror"
    many = ("--lines", str(bench.extent.lines))
    floods = interleave(
        {
            "plain": own.python_program("bare.py", *many, output=mirror),
            "unbuffered": own.python_program("-u", "bare.py", *many, output=mirror),
            "with": own.python_program(tool.script, *many, output=mirror),
        },
        bench.extent.floods,
    )
    took = {key: [sample.seconds for sample in of_one] for key, of_one in floods.items()}
    lines = f"{bench.extent.lines:,} lines"
    return [
        *rows,
        times(f"  {lines} over python -u", took["unbuffered"], took["with"]),
        times(f"  {lines} over plain buffered Python", took["plain"], took["with"]),
    ]


def _version(tool: Tool, python: object) -> str:
    """Return the installed version, or nothing where the distribution has another name."""
    listing = subprocess.run(
        [str(python), "-I", "-m", "pip", "list", "--format=json"],
        capture_output=True,
        text=True,
        check=False,
    )
    packages = json.loads(listing.stdout or "[]")
    return next((p["version"] for p in packages if p["name"].startswith(tool.distribution)), "")
