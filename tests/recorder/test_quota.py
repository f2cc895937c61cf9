"""A quota that is used up during the run does not end a program, though the disk has room."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = "/dev/shm"  # quick, also while the disk is busy
COUNT = 100_000

PRINT = f"for number in range({COUNT}):\n    print(number, 'x' * 90)\n"

RECORDED = f"""\
import sys
from meticulous import Experiment

experiment = Experiment({{}}, experiments_directory=sys.argv[1])
{PRINT}
experiment.summary(done=True)
sys.exit(3)
"""

SHOWN = "".join(f"{number} {'x' * 90}\n" for number in range(COUNT))


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Path]:
    """Return a directory for which a real quota of 6 MiB holds, on a disk of 600 MiB."""
    if os.getuid() or shutil.which("mkfs.btrfs") is None:
        pytest.skip("there is no way to a quota here")
    disk = tmp_path / "disk"
    disk.mkdir()
    with tempfile.NamedTemporaryFile(dir=MEMORY if os.path.isdir(MEMORY) else tmp_path) as image:
        os.truncate(image.name, 600 << 20)
        yield from limited(image.name, disk)


def limited(image: str, disk: Path) -> Iterator[Path]:
    subprocess.run(["mkfs.btrfs", "-q", image], check=True, capture_output=True)
    if subprocess.run(["mount", "-o", "loop", image, disk], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        for words in (
            ["subvolume", "create", disk / "home"],
            ["quota", "enable", disk],
            ["qgroup", "limit", "6M", disk / "home"],
        ):
            subprocess.run(["btrfs", *words], check=True, capture_output=True)
        yield disk / "home"
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def check(done: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert done.returncode == 3
    assert done.stdout == SHOWN
    assert done.stderr.count("meticulous: warning:") == 1
    assert done.stderr.count("\n") == 1
    kept = (folder / "stdout").read_text()
    assert len(kept) > 1 << 20
    assert SHOWN.startswith(kept)
    assert (folder / "STATUS").read_text() == "ERROR\nexit code 3\n"


def test_a_script_that_records_itself_goes_on_to_its_end(repository, runs):
    repository.commit({"main.py": RECORDED})
    check(repository.python("main.py", str(runs)), runs / "1")


def test_a_python_program_under_run_goes_on_to_its_end(repository, runs):
    repository.commit({"main.py": f"import sys\n{PRINT}sys.exit(3)\n"})
    words = ["run", "--experiments-directory", str(runs), "--", sys.executable, "main.py"]
    check(repository.python("-m", "meticulous", *words), runs / "1")
