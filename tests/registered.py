"""A project whose experiments are registered and launched in tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TRAIN = '''\
"""A classifier."""
from typing import Literal

from meticulous import Experiment


class Train(Experiment):
    """Train a classifier."""

    lr: float = 0.1  # @p learning rate
    epochs: int = 2  # @p passes over the data
    optimiser: Literal["sgd", "adam"] = "sgd"  # @p
    model: dict = {"width": 8, "depth": 2}  # @p

    def run(self):
        print("first version", self.lr)
        for epoch in range(self.epochs):
            self.log(step=epoch, loss=self.lr / (epoch + 1))
        self.summary({"loss": self.lr})
        if self.lr > 100:
            raise RuntimeError("diverged")


if __name__ == "__main__":
    Train.main()
'''

NEEDY = """\
from meticulous import Experiment


class Needy(Experiment):
    data: str  # @p
    lr: float = 0.1  # @p

    def run(self):
        pass
"""

SIMULATE = """\
#!/bin/sh
echo "simulating $*"
[ -f "$METICULOUS_ARGS" ] && echo "told by $METICULOUS_ARGS"
"""


def make_project(repository: Any) -> Any:
    """Commit the programs into a repository and return it."""
    repository.write("simulate.sh", SIMULATE).chmod(0o755)
    repository.commit(
        {
            ".gitignore": "__pycache__/\n",
            "train.py": TRAIN,
            "needy.py": NEEDY,
            "defaults.yml": "mesh: 16\nsolver: cg\n",
        }
    )
    return repository


def folder_of(repository: Any, number: int | str = 1) -> Path:
    """Return the folder of an experiment."""
    return Path(repository.directory, "experiments", str(number))


def numbers(repository: Any) -> list[int]:
    """Return the numbers of the folders in the experiments directory."""
    place = Path(repository.directory, "experiments")
    names = [path.name for path in place.iterdir()] if place.is_dir() else []
    return sorted(int(name) for name in names if name.isdecimal())


def read(folder: Path, name: str) -> Any:
    """Return the content of a JSON file."""
    return json.loads((folder / name).read_text())


def status_of(folder: Path) -> str:
    """Return the first word of STATUS."""
    return (folder / "STATUS").read_text().split()[0]
