#!/usr/bin/env python3
"""Measure what this package costs: `benchmark.py recording`, `reading`, `provenance`, `sets`.

Every figure compares two things in one run, in turns, so that it means the same on a fast machine
and on a slow one. The exit code is 0 when everything could be measured, whatever the figures are.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from benchmarks import comparisons
from benchmarks.bench import FULL, QUICK, REHEARSAL, set_up
from benchmarks.places import NotAvailableError
from benchmarks.process import MeasurementError
from benchmarks.table import Row, markdown

SUITES = {
    "provenance": "what it costs to know the files of a run, and their digests",
    "reading": "what listing and reading many experiments costs",
    "recording": "what recording a run costs",
    "sets": "what registering a set costs",
}
"""Each is a module of `benchmarks` with a function `measure(bench)`."""


def main() -> int:
    """Measure one suite and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    described = "; ".join(f"{name}: {what}" for name, what in SUITES.items())
    parser.add_argument("suite", choices=SUITES, help=described)
    extents = parser.add_mutually_exclusive_group()
    extents.add_argument("--quick", action="store_true", help="few rounds; the figures are rough")
    extents.add_argument(
        "--rehearse",
        action="store_true",
        help="measure each thing once, and little of it, to see that it works",
    )
    parser.add_argument(
        "--comparisons",
        action="store_true",
        help="measure other recorders too, each in an environment made under .benchmark",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there too")
    parser.add_argument(
        "--python",
        metavar="PATH",
        type=Path,
        help="an interpreter that has this package; by default one is made under .benchmark",
    )
    parser.add_argument(
        "--original",
        metavar="REQUIREMENT",
        default="meticulous-ml<0.1",
        help="what pip installs as the original meticulous-ml (default: %(default)s)",
    )
    given = parser.parse_args()
    if given.comparisons and given.suite != "recording":
        parser.error("--comparisons goes with the suite recording")
    python = Path(os.path.abspath(given.python)) if given.python else None
    suite = importlib.import_module(f"benchmarks.{given.suite}")
    started = time.monotonic()

    def say(what: str) -> None:
        print(f"[{time.monotonic() - started:5.0f} s] {what}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="meticulous-benchmark.") as scratch:
        try:
            extent = REHEARSAL if given.rehearse else QUICK if given.quick else FULL
            bench = set_up(python, Path(scratch).resolve(), say, extent)
            rows = suite.measure(bench)
            if given.comparisons:
                rows += comparisons.measure(bench, given.original)
        except (MeasurementError, NotAvailableError) as error:
            print(f"Could not measure: {error}", file=sys.stderr)
            return 1
        _report(rows, given)
        say("removing what was written")
    return 0


def _report(rows: Sequence[Row], given: argparse.Namespace) -> None:
    """Print the table, and write it where that was asked for."""
    facts = _machine()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    print()
    print(markdown(rows), flush=True)
    if given.json:
        content = {"suite": given.suite, "quick": given.quick, "machine": facts}
        content["rows"] = [row.as_json() for row in rows]
        given.json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _machine() -> dict[str, object]:
    """Return what a reader has to know to judge the figures."""
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False)
    return {
        "Python": platform.python_version(),
        "git": git.stdout.strip().removeprefix("git version "),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


if __name__ == "__main__":
    sys.exit(main())
