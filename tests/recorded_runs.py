"""Runs that are recorded: anew, or once to be copied for each test that wants one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from waiting import wait_until

BEGIN = """\
import os, signal, sys, time
from meticulous import Experiment
experiment = Experiment({})
"""

TRAIN = """\
import argparse, json, os, sys
from meticulous import Experiment
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--data")
parser.add_argument("--out")
Experiment.add_argument_group(parser)
experiment = Experiment.from_parser(parser)
args = experiment.args
print("training in", os.getcwd())
loss = args["lr"] * 2
if args["data"]:
    loss += sum(json.load(open(args["data"])))
for step in range(3):
    experiment.log(loss=loss / (step + 1), step=step)
if args["out"]:
    with open(args["out"], "w") as file:
        file.write(str(loss))
experiment.summary(loss=loss)
"""

_runs: dict[tuple[object, ...], Path] = {}


def folder(repository: Any, number: int | str) -> Path:
    """Return the folder of an experiment."""
    return repository.directory / "experiments" / str(number)


def read(repository: Any, number: int | str, name: str) -> Any:
    """Return what a JSON file in the folder of an experiment says."""
    return json.loads((folder(repository, number) / name).read_text())


def change(repository: Any, number: int | str, name: str, **values: Any) -> None:
    """Write other values into a JSON file in the folder of an experiment (`_` stands for `-`)."""
    content = read(repository, number, name)
    content.update({key.replace("_", "-"): value for key, value in values.items()})
    (folder(repository, number) / name).write_text(json.dumps(content))


def record(repository: Any, *words: str, code: int = 0, **options: Any) -> None:
    """Run a program in a repository; return when its experiments are recorded to the last file.

    Args:
        repository: The repository.
        *words: What follows `python`.
        code: The exit code that is expected.
        **options: As for `Repository.python`.
    """
    options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
    done = repository.python(*words, **options)
    assert done.returncode == code, done.stderr
    await_descriptions(repository.directory / "experiments")


def await_descriptions(experiments: Path) -> None:
    """Return when the surroundings of all experiments are described.

    The process that does it outlives the program.
    """
    folders = [path.parent for path in experiments.glob("*/metadata.json")]
    wait_until(lambda: all("environment.json" in _sums(directory) for directory in folders))


def copy_of_run(
    program: str,
    make_repository: Callable[..., Any],
    tmp_path: Path,
    tmp_path_factory: Any,
    words: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> Any:
    """Return the repository `project`, in which train.py was run as experiment 1.

    Beside the program it has a data.csv; the environment of the run is recorded.

    Args:
        program: The text of train.py.
        make_repository: The fixture.
        tmp_path: The fixture.
        tmp_path_factory: The fixture.
        words: The arguments of the program.
        files: Files that are not committed, in the folder data.
    """
    key = (program, *words, *(files or {}).items())
    if key not in _runs:
        repository = make_repository("recorded", commit=False)
        committed = {".gitignore": "__pycache__/\ndata/\n", "data.csv": "1,2\n"}
        repository.commit({**committed, "train.py": program})
        for name, text in (files or {}).items():
            repository.write(f"data/{name}", text)
        record(repository, "train.py", *words)
        _runs[key] = tmp_path_factory.mktemp("recorded") / "project"
        repository.directory.rename(_runs[key])
    shutil.copytree(_runs[key], tmp_path / "project", symlinks=True)
    return make_repository("project", commit=False)


def worktrees() -> list[str]:
    """Return what reproductions have left in the cache."""
    place = Path(os.environ["XDG_CACHE_HOME"], "meticulous", "worktrees")
    return os.listdir(place) if place.exists() else []


def _sums(directory: Path) -> str:
    try:
        return (directory / "SHA256SUMS").read_text()
    except FileNotFoundError:
        return ""
