"""Runs that are recorded once, and copied for each test that wants one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from waiting import wait_until

_runs: dict[str, Path] = {}


def copy_of_run(
    program: str, make_repository: Callable[..., Any], tmp_path: Path, tmp_path_factory: Any
) -> Any:
    """Return the repository `project`, in which train.py was run as experiment 1.

    Beside the program it has a data.csv; the environment of the run is recorded.
    """
    if program not in _runs:
        repository = make_repository("recorded", commit=False)
        _record(repository, program)
        _runs[program] = tmp_path_factory.mktemp("recorded") / "project"
        repository.directory.rename(_runs[program])
    shutil.copytree(_runs[program], tmp_path / "project", symlinks=True)
    return make_repository("project", commit=False)


def _record(repository: Any, program: str) -> None:
    files = {".gitignore": "__pycache__\n", "data.csv": "1,2\n", "train.py": program}
    repository.commit(files)
    done = repository.python("train.py", stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: "environment.json" in _sums(repository.directory))


def _sums(place: Path) -> str:
    try:
        return (place / "experiments" / "1" / "SHA256SUMS").read_text()
    except FileNotFoundError:
        return ""
