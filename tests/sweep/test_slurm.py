"""Sets on a real Slurm: jobs that run once, that are cancelled, and whose time is over."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import slurm_cluster
from registered import folder_of, read, status_of
from waiting import wait_until

pytestmark = pytest.mark.skipif(not slurm_cluster.is_installed(), reason="needs Slurm, as root")

TRAIN = """\
import time
from meticulous import Experiment, TimeLimitReached


class Train(Experiment):
    lr: float = 0.1  # @p
    steps: int = 3  # @p
    pause: float = 0.0  # @p

    def run(self):
        self.end_at_safe_points()
        place = self.directory / "checkpoint"
        first = int(place.read_text()) if place.exists() else 0
        # The attempt that goes on need not wait any more.
        pause = 0.0 if first else self.pause
        try:
            for step in range(first, self.steps):
                self.log(step=step, loss=self.lr)
                time.sleep(pause)
        except TimeLimitReached:
            place.write_text(str(step + 1))
            raise
        self.summary({"first": first, "last": step})
"""


@pytest.fixture(scope="module")
def _settings():
    with slurm_cluster.cluster() as settings:
        yield settings


@pytest.fixture
def project(repository, monkeypatch, _settings):
    monkeypatch.setenv("SLURM_CONF", str(_settings))
    repository.commit({".gitignore": "__pycache__/\n", "train.py": TRAIN})
    return repository


def meticulous(project, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "meticulous", *words],
        cwd=project.directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def job_of(folder: Path) -> str:
    launches = (folder / "launches.jsonl").read_text().splitlines()
    return str(json.loads(launches[-1])["job-id"])


def slurm(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def test_each_experiment_of_a_set_becomes_a_job_and_runs_once(project):
    meticulous(project, "register", "train.py", "{lr: 0.1 | 0.2 | 0.3}")
    meticulous(project, "launch", "--with", "sbatch --time 1:00")
    again = meticulous(project, "launch", "--with", "sbatch --time 1:00", code=1)

    folders = [folder_of(project, number) for number in (1, 2, 3)]
    for folder in folders:
        wait_until(lambda folder=folder: status_of(folder) == "SUCCESS")
    assert "handed over" not in again
    assert len({job_of(folder) for folder in folders}) == 3
    for folder in folders:
        assert len(read(folder, "metadata.json")["attempts"]) == 1
        scheduler = read(folder, "environment.json")["scheduler"]
        assert scheduler["name"] == "slurm"
        assert scheduler["variables"]["SLURM_JOB_ID"] == job_of(folder)


def test_a_job_whose_time_is_over_goes_on_where_it_was_as_a_new_attempt(project):
    meticulous(project, "register", "train.py", "{steps: 1000, pause: 0.05}")
    meticulous(project, "launch", "--with", "sbatch --requeue --open-mode=append")
    folder = folder_of(project, 1)
    wait_until((folder / "metrics.jsonl").exists)
    job = job_of(folder)

    slurm("scancel", "--signal=USR1", "--batch", job)
    wait_until(lambda: status_of(folder) == "REQUEUED")
    # Slurm lets a job that comes back wait for two minutes, unless it is told otherwise.
    wait_until(lambda: "PENDING" in slurm("squeue", "--noheader", "--format=%T", "--jobs", job))
    slurm("scontrol", "update", f"JobId={job}", "StartTime=now")
    wait_until(lambda: status_of(folder) == "SUCCESS")

    first, second = read(folder, "metadata.json")["attempts"]
    # Slurm may end the process that asked before it can note the answer.
    assert (first["status"], first["requeue"].get("exit-code", 0)) == ("REQUEUED", 0)
    assert second["status"] == "SUCCESS"
    summary = read(folder, "summary.json")
    assert 0 < summary["first"] <= summary["last"] == 999
    steps = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").open()]
    assert steps == list(range(1000))


def test_a_job_that_is_cancelled_was_killed(project):
    meticulous(project, "register", "train.py", "{steps: 100000, pause: 0.05}")
    meticulous(project, "launch", "--with", "sbatch")
    folder = folder_of(project, 1)
    wait_until((folder / "metrics.jsonl").exists)

    slurm("scancel", job_of(folder))

    wait_until(lambda: status_of(folder) == "KILLED")
    assert "SIGTERM" in (folder / "STATUS").read_text()
