"""Make a set of experiments in one way: `register.py ANSWER register|plain PLACE COUNT MODEL`.

The seconds it took, without imports, are written into the file ANSWER. What is made plainly are the
files of the one experiment in the experiments directory MODEL, as often as is wanted.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def register(place: str, count: int) -> float:
    """Register a set."""
    from meticulous.sweep.registering import Set
    from meticulous.sweep.subjects import python_subject

    subject = python_subject("train.py:Train")
    started = time.perf_counter()
    Set(subject, [f"lr=lin(0.1,1,{count})"]).register(experiments_directory=place)
    return time.perf_counter() - started


def plain(place: str, count: int, model: str) -> float:
    """Make folders and write files, and nothing else."""
    source = os.path.join(model, "1")
    files = {name: Path(source, name).read_bytes() for name in os.listdir(source)}
    started = time.perf_counter()
    os.makedirs(place)
    for number in range(1, count + 1):
        folder = os.path.join(place, str(number))
        os.mkdir(folder)
        for name, content in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        os.chmod(os.path.join(folder, "run.sh"), 0o777)
    return time.perf_counter() - started


def main() -> None:
    """Do what the command line asks for."""
    answer, way, place, count, model = sys.argv[1:]
    took = register(place, int(count)) if way == "register" else plain(place, int(count), model)
    Path(answer).write_text(repr(took))


if __name__ == "__main__":
    main()
