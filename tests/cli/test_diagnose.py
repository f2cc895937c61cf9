"""`meticulous reproduce --diagnose` as a person meets it; for traps see tests/reproduce/traps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from recorded_runs import change, copy_of_run, folder, read, worktrees
from waiting import wait_until

HEAD = "import os, signal, time\nfrom meticulous import Experiment\nexperiment = Experiment({})\n"
STEADY = HEAD + "experiment.summary(loss=1)\n"
NOISY = HEAD + "import random\nexperiment.summary(loss=random.random())\n"

# Every run but the first waits where its diagnosis can be interrupted.
WAITING = (
    NOISY + "open('MARK', 'a').write('x')\nif os.path.getsize('MARK') > 2:\n    signal.pause()\n"
)


@pytest.fixture
def project(make_repository, tmp_path, tmp_path_factory):
    """A function that gives a repository in which a program was run as experiment 1."""

    def make(program: str):
        return copy_of_run(program, make_repository, tmp_path, tmp_path_factory)

    return make


def verdict_of(repository):
    return read(repository, 2, "reproduction.json")


def test_the_cause_comes_first_and_then_what_was_tried(command, project):
    repository = project(NOISY)
    done = command("reproduce", "1", "--diagnose", cwd=repository.directory)
    assert done.returncode == 1
    verdict, diagnosis, tried = (
        done.stdout.index(text)
        for text in ("DIFFERS", "diagnosis\n", "what was tried in 4 runs beside")
    )
    assert verdict < diagnosis < tried
    assert "  Random numbers that nobody seeded: two runs of the recorded state" in done.stdout
    assert "another value gives other results" in done.stdout
    assert "diagnosis: 1 to" in done.stderr
    assert "each as long as the recorded one" in done.stderr
    words = ["sha256sum", "-c", "SHA256SUMS"]
    done = subprocess.run(words, cwd=folder(repository, 2), capture_output=True)
    assert done.returncode == 0, done.stdout.decode()


def test_where_it_agrees_there_is_nothing_to_diagnose_and_nothing_is_run(command, project):
    repository = project(STEADY)
    done = command("reproduce", "1", "--diagnose", cwd=repository.directory)
    assert done.returncode == 0
    assert "It agrees, so there is nothing to diagnose.\n" in done.stdout
    assert verdict_of(repository)["diagnosis"]["runs"] == 0
    repository.write("train.py", STEADY.replace("loss=1", "loss=2"))
    done = command("reproduce", "1", "--diagnose", cwd=repository.directory)
    assert "Your working tree is not the recorded code (train.py)" in done.stdout
    assert "--diagnose --present" in done.stdout


def test_the_present_state_is_only_part_of_a_diagnosis(command, project):
    done = command("reproduce", "1", "--present", cwd=project(STEADY).directory)
    assert done.returncode == 2
    assert "--diagnose" in done.stderr


def test_what_cannot_be_run_cannot_be_varied(command, project):
    repository = project(STEADY)
    change(repository, 1, "metadata.json", githead_sha="0" * 40)
    done = command("reproduce", "1", "--diagnose", cwd=repository.directory)
    assert done.returncode == 1
    assert "It could not be run, so nothing can be varied." in done.stdout


def test_a_program_that_fails_each_time_is_named(command, project, tmp_path):
    needed = tmp_path / "needed"
    needed.write_text("1\n")
    repository = project(HEAD + f"experiment.summary(loss=float(open({str(needed)!r}).read()))\n")
    needed.unlink()
    done = command("reproduce", "1", "--diagnose", cwd=repository.directory)
    assert done.returncode == 1
    diagnosis = verdict_of(repository)["diagnosis"]
    assert diagnosis["causes"][0] == "inputs"
    assert str(needed) in diagnosis["sentence"]


def test_each_run_has_the_given_time(command, project, tmp_path):
    mark = tmp_path / "mark"
    repository = project(WAITING.replace("MARK", str(mark)))
    done = command("reproduce", "1", "--diagnose", "--timeout", "2", cwd=repository.directory)
    assert done.returncode == 1
    diagnosis = verdict_of(repository)["diagnosis"]
    assert diagnosis["kind"] == "not run"
    assert "timed out" in diagnosis["sentence"]
    assert worktrees() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_diagnosis_leaves_the_verdict_and_what_it_saw(number, project, tmp_path):
    mark = tmp_path / "mark"
    repository = project(WAITING.replace("MARK", str(mark)))
    process = subprocess.Popen(
        [sys.executable, "-m", "meticulous", "reproduce", "1", "--diagnose"],
        cwd=repository.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: mark.exists() and len(mark.read_text()) > 2)
    process.send_signal(number)
    shown, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert "Traceback" not in said
    assert "It was stopped before the cause was found." in shown
    found = verdict_of(repository)
    assert (found["verdict"], found["diagnosis"]["kind"]) == ("DIFFERS", "stopped")
    assert worktrees() == []
    assert sorted(os.listdir(repository.directory / "experiments"))[2:] == ["1", "2"]
