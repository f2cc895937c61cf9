"""`meticulous reproduce --diagnose` as a person meets it; for traps see tests/reproduce/traps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import wait_until

HEAD = "import os, signal, time\nfrom meticulous import Experiment\nexperiment = Experiment({})\n"
STEADY = HEAD + "experiment.summary(loss=1)\n"
NOISY = HEAD + "import random\nexperiment.summary(loss=random.random())\n"

# Every run but the first waits where its diagnosis can be interrupted.
WAITING = (
    NOISY + "open('MARK', 'a').write('x')\nif os.path.getsize('MARK') > 2:\n    signal.pause()\n"
)


@pytest.fixture
def project(repository):
    """A function that records a program as experiment 1."""

    def make(program: str):
        repository.commit({".gitignore": "__pycache__\n", "train.py": program})
        done = repository.python("train.py")
        assert done.returncode == 0, done.stderr
        sums = repository.directory / "experiments" / "1" / "SHA256SUMS"
        wait_until(lambda: sums.exists() and "environment.json" in sums.read_text())
        return repository

    return make


def verdict_of(repository, number: int = 2):
    path = repository.directory / "experiments" / str(number) / "reproduction.json"
    return json.loads(path.read_text())


def left_in_the_cache() -> list[str]:
    place = Path(os.environ["XDG_CACHE_HOME"], "meticulous", "worktrees")
    return os.listdir(place) if place.exists() else []


def test_the_cause_comes_first_and_then_what_was_tried(command, project):
    done = command("reproduce", "1", "--diagnose", cwd=project(NOISY).directory)
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
    metadata = repository.directory / "experiments" / "1" / "metadata.json"
    content = json.loads(metadata.read_text())
    content["githead-sha"] = "0" * 40
    metadata.write_text(json.dumps(content))
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
    assert left_in_the_cache() == []


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
    assert left_in_the_cache() == []
    assert sorted(os.listdir(repository.directory / "experiments"))[2:] == ["1", "2"]


def test_the_sums_of_the_folder_hold_the_diagnosis(command, project):
    repository = project(NOISY)
    command("reproduce", "1", "--diagnose", cwd=repository.directory)
    folder = repository.directory / "experiments" / "2"
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True)
    assert done.returncode == 0, done.stdout.decode()
