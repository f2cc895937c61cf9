"""Small programs, each with one deliberate trap that keeps it from being reproduced.

Each says how it is recorded, what then happens, and what a diagnosis has to find.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEAD = "import os, sys\nfrom meticulous import Experiment\nexperiment = Experiment({})\n"
END = "experiment.summary(loss=loss)\n"


def reads(path: str) -> str:
    """Return a program that adds the numbers in a file."""
    return f"{HEAD}loss = sum(map(float, open({path!r})))\n{END}"


UNSEEDED = HEAD + "import random\nloss = random.random()\n" + END
UNSEEDED_GENERATOR = HEAD + "import random\nloss = random.Random().random()\n" + END

# Floats whose sum depends on the order in which a set gives them.
HASH_ORDER = (
    HEAD
    + "values = {str(n) * 3: 10.0 ** (n % 17 - 8) / 3 for n in range(400)}\n"
    + "loss = 0.0\nfor name in set(values):\n    loss += values[name]\n"
    + END
)

ENTROPY = HEAD + "import uuid\nloss = uuid.uuid4().int % 1000003\n" + END

CLOCK = HEAD + "import time\nloss = time.time_ns() % 1000003\n" + END

SUM_IN_PARTS = """\
values = [10.0 ** (n % 17 - 8) / 3 for n in range(1000)]
loss = sum(sum(values[part::parts]) for part in range(parts))
"""
BY_VARIABLE = HEAD + "parts = int(os.environ.get('OMP_NUM_THREADS', '1'))\n" + SUM_IN_PARTS + END
BY_CORES = HEAD + "parts = len(os.sched_getaffinity(0))\n" + SUM_IN_PARTS + END

PACKAGE = HEAD + "import numlib\nloss = float(numlib.VERSION)\n" + END


@dataclass
class Trap:
    """One program, what happens to it, and what is to be found.

    Attributes:
        program: The text of train.py.
        files: What the repository has besides.
        spring: Is given the stage after the recording, and changes something.
        words: More words for the command.
        verdict: That of the reproduction.
        kind: That of the diagnosis.
        causes: Those of the diagnosis.
        says: What the sentence has to say, among other things.
        variables: The environment variables of the recording.
        cores: On how many processors it is recorded; None for all.
        prepare: Is given the stage before the recording.
    """

    program: str
    kind: str
    causes: Sequence[str]
    says: Sequence[str]
    verdict: str = "DIFFERS"
    files: Mapping[str, str] = field(default_factory=dict)
    spring: Callable[[Stage], None] = lambda stage: None
    words: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    cores: int | None = None
    prepare: Callable[[Stage], None] = lambda stage: None


class Stage:
    """Where a trap is set and sprung.

    Args:
        repository: The repository of the program.
        wheels: The package index of the test.
    """

    def __init__(self, repository: Any, wheels: Any) -> None:
        self.repository = repository
        self.wheels = wheels
        self.python = sys.executable

    @property
    def directory(self) -> Path:
        return self.repository.directory

    def path(self, *names: str) -> Path:
        return self.directory.joinpath(*names)

    def record(self, trap: Trap) -> None:
        program = trap.program.replace("HERE", str(self.directory))
        files = {".gitignore": "data/\n__pycache__\n", "train.py": program, **trap.files}
        ignored = {name: text for name, text in files.items() if name.startswith("data/")}
        self.repository.commit({n: text for n, text in files.items() if n not in ignored})
        for name, text in ignored.items():
            self.repository.write(name, text)
        done = self.run("train.py", cores=trap.cores, **trap.variables)
        assert done.returncode == 0, done.stderr

    def run(
        self, *words: str, cores: int | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        confine = None
        if cores is not None:
            chosen = sorted(os.sched_getaffinity(0))[:cores]
            confine = lambda: os.sched_setaffinity(0, chosen)  # noqa: E731
        return subprocess.run(
            [self.python, *words],
            cwd=self.directory,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            preexec_fn=confine,
        )

    def make_environment(self) -> None:
        """Make a virtual environment that has the packages of the tests, and numlib 1.0."""
        place = self.directory.parent / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
        self.python = str(place / "bin" / "python")
        site = self.site_packages
        (site / "tests.pth").write_text(packages_of_the_tests())
        self.install("1.0")
        for version in ("1.0", "2.0"):
            self.wheels.add("numlib", version)
        # What the recorder needs is found in the environment of the tests.
        for name in ("GitPython", "click", "orjson", "pandas", "platformdirs", "psutil", "rich"):
            self.wheels.add_empty(name, packages_of_the_tests())
        self.wheels.add_empty("tabulate")

    @property
    def site_packages(self) -> Path:
        (found,) = Path(self.python).parent.parent.glob("lib/python*/site-packages")
        return found

    def install(self, version: str) -> None:
        """Put a version of numlib into the environment."""
        for old in self.site_packages.glob("numlib-*"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        info = self.site_packages / f"numlib-{version}.dist-info"
        info.mkdir()
        text = f"Metadata-Version: 2.1\nName: numlib\nVersion: {version}\n"
        (info / "METADATA").write_text(text)
        (info / "RECORD").write_text("numlib.py,,\n")
        (self.site_packages / "numlib.py").write_text(f"VERSION = {version!r}\n")
        # Of the same size and second, the compiled one would be taken for that of this.
        for compiled in self.site_packages.glob("__pycache__/numlib.*"):
            compiled.unlink()

    def upgrade(self) -> None:
        """Put numlib 2.0 into the environment, in a record that knows of no other packages."""
        self.install("2.0")
        path = self.path("experiments", "1", "environment.json")
        environment = json.loads(path.read_text())
        kept = [one for one in environment["packages"] if one["name"] == "numlib"]
        environment["packages"] = [*kept, {"name": "meticulous-ml", "version": "1"}]
        path.write_text(json.dumps(environment))


def packages_of_the_tests() -> str:
    import orjson

    return f"{Path(orjson.__file__).parent.parent}\n"


def write(name: str, text: str) -> Callable[[Stage], None]:
    """Return what overwrites a file."""

    def spring(stage: Stage) -> None:
        stage.repository.write(name, text)

    return spring


def commit(name: str, text: str) -> Callable[[Stage], None]:
    """Return what commits another file."""

    def spring(stage: Stage) -> None:
        stage.repository.commit({name: text})

    return spring


def rename(before: str, after: str, text: str) -> Callable[[Stage], None]:
    """Return what gives a file another name and puts another into its place."""

    def spring(stage: Stage) -> None:
        stage.path(before).rename(stage.path(after))
        stage.repository.write(before, text)

    return spring


def lose_wheel(stage: Stage) -> None:
    stage.upgrade()
    (stage.wheels.directory / "numlib-1.0-py3-none-any.whl").unlink()


PRESENT = ("--present",)

TRAPS = {
    "unseeded noise": Trap(UNSEEDED, "noise", ["random numbers"], ["nobody seeded", "random"]),
    "a generator of its own, unseeded": Trap(
        UNSEEDED_GENERATOR, "noise", ["random numbers"], ["train.py:5", "seed_everything"]
    ),
    "bytes from the system": Trap(ENTROPY, "noise", ["random numbers"], ["nobody seeded"]),
    "hash order": Trap(HASH_ORDER, "noise", ["hash order"], ["PYTHONHASHSEED"]),
    "the clock": Trap(CLOCK, "noise", [], ["was not found", "time of day"]),
    "data changed": Trap(
        reads("data/numbers"),
        "not restored",
        ["inputs"],
        ["data/numbers", "sha256", "could not be restored"],
        files={"data/numbers": "1\n2\n"},
        spring=write("data/numbers", "1\n3\n"),
    ),
    "data changed, the old ones renamed": Trap(
        reads("data/numbers"),
        "moved",
        ["inputs"],
        ["summary.loss 3.0 -> 4.0", "data/old"],
        files={"data/numbers": "1\n2\n"},
        spring=rename("data/numbers", "data/old", "1\n3\n"),
    ),
    "committed data changed": Trap(
        reads("numbers"),
        "moved",
        ["inputs"],
        ["summary.loss 3.0 -> 4.0", "numbers changed since"],
        verdict="IDENTICAL",
        files={"numbers": "1\n2\n"},
        spring=commit("numbers", "1\n3\n"),
        words=PRESENT,
    ),
    "package drift": Trap(
        PACKAGE,
        "moved",
        ["packages"],
        ["numlib 1.0 -> 2.0", "summary.loss 1.0 -> 2.0", "--environment recreate"],
        prepare=Stage.make_environment,
        spring=Stage.upgrade,
    ),
    "package that is no longer to be had": Trap(
        PACKAGE,
        "not restored",
        ["packages"],
        ["numlib 1.0 -> 2.0", "could not be restored"],
        prepare=Stage.make_environment,
        spring=lose_wheel,
    ),
    "code change": Trap(
        HEAD + "loss = 1\n" + END,
        "moved",
        ["code"],
        ["The code moves the numbers", "summary.loss 1 -> 2", "train.py"],
        verdict="IDENTICAL",
        spring=commit("train.py", HEAD + "loss = 2\n" + END),
        words=PRESENT,
    ),
    "code changed in vain": Trap(
        HEAD + "loss = 1\n" + END,
        "not moved",
        [],
        ["nothing that could be varied moves them"],
        verdict="IDENTICAL",
        spring=write("train.py", HEAD + "loss = 2 - 1\n" + END),
        words=PRESENT,
    ),
    "code and data, only together": Trap(
        reads("numbers"),
        "together",
        ["code", "inputs"],
        ["all together"],
        verdict="IDENTICAL",
        files={"numbers": "1\n2\n", "more": "0\n"},
        spring=lambda stage: stage.repository.commit(
            {
                "numbers": "3\n0\n",
                "train.py": HEAD + "loss = max(3, *map(float, open('numbers')))\nloss += loss *"
                " (open('numbers').read()[0] == '3')\n" + END,
            }
        ),
        words=PRESENT,
    ),
    "thread count": Trap(
        BY_VARIABLE,
        "moved",
        ["variables"],
        ["OMP_NUM_THREADS 7 -> none"],
        verdict="IDENTICAL",
        variables={"OMP_NUM_THREADS": "7"},
        words=PRESENT,
    ),
    "one variable of several": Trap(
        BY_VARIABLE,
        "moved",
        ["variables"],
        ["(summary.loss", "): OMP_NUM_THREADS 7 -> none. Set"],
        verdict="IDENTICAL",
        variables={
            "OMP_NUM_THREADS": "7",
            **dict.fromkeys(("MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "3"),
        },
        words=PRESENT,
    ),
    "number of processors": Trap(
        BY_CORES,
        "moved",
        ["cores"],
        ["The number of processors moves", "1 of ", "(summary.loss 2148185185."],
        cores=1,
    ),
    "absolute path": Trap(
        reads("HERE/numbers"),
        "moved",
        ["absolute paths"],
        ["summary.loss 3.0 -> 4.0", "numbers, read from", "train.py:4"],
        files={"numbers": "1\n2\n"},
        spring=commit("numbers", "1\n3\n"),
    ),
}
