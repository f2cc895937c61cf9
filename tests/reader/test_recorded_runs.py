"""What the recorder really writes, read back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from meticulous.reader import find_record, find_records, read_contents, read_record

TRAIN = """\
import argparse
from meticulous import Experiment
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=2)
Experiment.add_argument_group(parser)
experiment = Experiment.from_parser(parser)
for epoch in range(experiment.args["epochs"]):
    experiment.log(step=epoch, loss=experiment.args["lr"] / (epoch + 1))
experiment.summary({"accuracy": 0.5, "loss": float("nan")})
experiment.note("looks well")
"""

WAIT = """\
from meticulous import Experiment
experiment = Experiment({"k": 1})
print("recording", flush=True)
input()
"""


@pytest.fixture
def experiments(repository) -> Path:
    repository.commit({"train.py": TRAIN, "wait.py": WAIT})
    return repository.directory / "experiments"


def test_a_run_is_read_as_it_was(repository, experiments: Path):
    words = ["--lr", "0.4", "--description", "a larger step", "--tag", "a", "--tag", "b"]
    done = repository.python("train.py", *words)
    assert done.returncode == 0, done.stderr
    record = find_record(experiments, "1")
    assert record.status == "SUCCESS"
    assert record.problems == []
    assert record.args == {"lr": 0.4, "epochs": 2}
    assert record.changed_args == {"lr": 0.4}
    assert record.summary["accuracy"] == 0.5
    assert record.summary["loss"] != record.summary["loss"]
    assert (record.description, record.tags) == ("a larger step", ["a", "b"])
    assert record.start is not None
    assert record.end is not None
    assert record.start < record.end
    assert record.duration is not None
    assert record.metadata["githead-sha"] == repository.head
    contents = read_contents(record.directory)
    assert contents.problems == []
    assert contents.metrics is not None
    assert contents.metrics.lines == 2
    assert contents.metrics.last["loss"] == 0.2
    assert [note["text"] for note in contents.notes] == ["looks well"]


def test_a_failure_is_read_with_its_traceback(repository, experiments: Path):
    repository.commit({"fail.py": "from meticulous import Experiment\nExperiment({})\n1 / 0\n"})
    assert repository.python("fail.py").returncode == 1
    record = find_record(experiments, "-1")
    assert record.status == "ERROR"
    assert record.reason.startswith("Traceback")
    assert record.reason.endswith("ZeroDivisionError: division by zero")


def test_a_run_is_running_until_it_is_killed_and_then_lost(repository, experiments: Path):
    with subprocess.Popen(
        [sys.executable, "wait.py"],
        cwd=repository.directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"recording\n"
        record = find_record(experiments, "1")
        assert (record.status, record.end) == ("RUNNING", None)
        assert record.duration is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
    record = find_record(experiments, "1")
    assert (record.status, record.end) == ("LOST", None)
    assert record.cause is not None
    assert f"process {process.pid}" in record.cause
    assert record.duration is not None
    assert record.problems == []


def test_the_command_line_lists_and_shows_real_runs(repository, experiments: Path):
    for rate in ("0.1", "0.2"):
        assert repository.python("train.py", "--lr", rate).returncode == 0
    (repository.directory / "deep" / "er").mkdir(parents=True)
    below = repository.directory / "deep" / "er"
    words = [sys.executable, "-m", "meticulous", "list", "--json"]
    done = subprocess.run(words, cwd=below, check=True, capture_output=True)
    assert [row["args"]["lr"] for row in json.loads(done.stdout)] == [0.1, 0.2]
    done = repository.python("-m", "meticulous", "show", "-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "  * lr      0.2  [default 0.1]" in done.stdout
    assert "looks well" in done.stdout
    assert [record.status for record in find_records(experiments)] == ["SUCCESS", "SUCCESS"]


def test_a_copied_folder_is_read_anywhere(repository, experiments: Path, tmp_path: Path):
    assert repository.python("train.py").returncode == 0
    copy = tmp_path / "far" / "away"
    copy.parent.mkdir()
    (experiments / "1").rename(copy)
    record = read_record(copy)
    assert (record.id, record.status, record.problems) == ("away", "SUCCESS", [])
