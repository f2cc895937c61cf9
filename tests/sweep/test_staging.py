"""Folders that appear together or not at all, whatever happens to the process that makes them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from meticulous.errors import ExperimentsDirectoryError
from meticulous.folder import layout, liveness
from meticulous.folder.allocation import claim_number
from meticulous.folder.writing import exclusively
from meticulous.sweep.staging import Staging, leftovers, recover

KILLED = """\
import os, signal, sys
from meticulous.sweep.staging import Staging
place, kind = sys.argv[1:]
staging = Staging(place).__enter__()
for number, folder in staging.folders(3):
    open(os.path.join(folder, "STATUS"), "w").write("REGISTERED\\n")
if kind == "complete":
    open(os.path.join(staging.directory, "complete"), "w").close()
    os.rename(os.path.join(staging.directory, "1"), os.path.join(place, "1"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(place: Path, kind: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(place), kind], check=False)
    assert done.returncode == -signal.SIGKILL


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir() if path.name != ".numbers")


def write(staging: Staging, count: int) -> None:
    for _, folder in staging.folders(count):
        Path(folder, "STATUS").write_text("REGISTERED\n")


def test_nothing_is_seen_before_all_is_written(tmp_path):
    with Staging(str(tmp_path)) as staging:
        write(staging, 2)
        assert not list(tmp_path.glob("[0-9]*/*"))
        staging.publish()
    assert names(tmp_path) == ["1", "2"]
    assert (tmp_path / "2" / "STATUS").exists()


def test_a_failure_leaves_nothing_behind(tmp_path):
    def fail() -> None:
        with Staging(str(tmp_path)) as staging:
            write(staging, 5)
            raise KeyError("x")

    with pytest.raises(KeyError):
        fail()
    assert names(tmp_path) == []


def test_a_full_disk_is_said_in_words(tmp_path):
    def fail() -> None:
        with Staging(str(tmp_path)) as staging:
            write(staging, 5)
            raise OSError(28, "No space left on device")

    with pytest.raises(ExperimentsDirectoryError, match="The disk is full"):
        fail()
    assert names(tmp_path) == []


def test_numbers_that_others_take_meanwhile_are_passed_over(tmp_path):
    (tmp_path / "2").mkdir()
    with Staging(str(tmp_path)) as staging:
        (tmp_path / "1").mkdir()
        write(staging, 3)
        staging.publish()
    assert [name for name in names(tmp_path) if (tmp_path / name / "STATUS").exists()] == [
        *("3", "4", "5"),
    ]
    assert claim_number(str(tmp_path)) == "6"


def test_what_was_complete_when_its_process_was_killed_is_finished(tmp_path):
    killed(tmp_path, "complete")
    assert len(leftovers(str(tmp_path))) == 1
    assert recover(str(tmp_path)) == 1
    assert names(tmp_path) == ["1", "2", "3"]
    assert all((tmp_path / name / "STATUS").exists() for name in names(tmp_path))


def test_what_was_incomplete_is_removed_by_the_next(tmp_path):
    killed(tmp_path, "incomplete")
    with Staging(str(tmp_path)) as staging:
        write(staging, 1)
        staging.publish()
    # A number is never given twice.
    assert names(tmp_path) == ["4"]


def test_one_that_is_at_work_is_left_alone(tmp_path):
    with Staging(str(tmp_path)) as staging:
        write(staging, 2)
        assert leftovers(str(tmp_path)) == []
        assert recover(str(tmp_path)) == 0
        staging.publish()
    assert names(tmp_path) == ["1", "2"]


def test_one_that_is_just_beginning_is_left_alone(tmp_path):
    hidden = tmp_path / layout.REGISTERING / "beginning"
    with ThreadPoolExecutor(1) as pool:
        with exclusively(str(tmp_path), 10):
            hidden.mkdir(parents=True)
            other = pool.submit(recover, str(tmp_path))
            with contextlib.suppress(TimeoutError):
                other.result(0.2)  # it has to wait: whose the place is, is not yet said
            (hidden / "owner.json").write_text(json.dumps(liveness.identify(os.getpid())))
        assert other.result(60) == 0
    assert hidden.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_on_a_disk_that_is_full_no_experiment_appears(tmp_path, repository, monkeypatch):
    from registered import make_project

    from meticulous.sweep.registering import Set
    from meticulous.sweep.subjects import python_subject

    project = make_project(repository)
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        monkeypatch.chdir(project.directory)
        experiments = Set(python_subject("train.py"), ["epochs=range(200)"])
        with pytest.raises(ExperimentsDirectoryError, match="full"):
            experiments.register(experiments_directory=str(disk / "experiments"))
        assert not list(disk.glob("experiments/[0-9]*"))
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
