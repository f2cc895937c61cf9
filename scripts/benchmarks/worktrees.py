"""What a private worktree costs, compared with `git worktree add`."""

from __future__ import annotations

import json

from benchmarks import places
from benchmarks.bench import Bench
from benchmarks.table import Row, times


def worktrees(bench: Bench) -> list[Row]:
    """Check out a commit of one file, of many, and of ten times as many, both ways."""
    rounds = max(bench.extent.fewest, bench.extent.starts // 4)
    rows = []
    for count in (1, bench.extent.files // 10, bench.extent.files):
        name = f"tree-of-{count}"
        files = places.many_files(count)
        place = places.repository(bench.scratch / name, files, bench.environment)
        answer = bench.scratch / f"{name}.json"
        bench.python_program("worktree.py", str(place), str(answer), str(rounds))()
        took = json.loads(answer.read_text())
        what = f"a worktree of {count:,} files over git worktree add"
        rows.append(times(what, took["git"], took["ours"], 2.0 if count > 1 else None))
    return rows
