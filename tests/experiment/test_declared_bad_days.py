"""What declared experiments and their records keep to, whatever happens around them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = """\
import subprocess, sys
from meticulous import Experiment

class Train(Experiment):
    lr: float = 0.1  # @p learning rate
    visited: bool = False  # @p

    def run(self):
        self.note("from within")
        self.message({"loss": 1.0})
        if self.visited:
            for words in (["note", self.metadata["experiment-id"], "from outside"],
                          ["tag", self.metadata["experiment-id"], "seen"]):
                subprocess.run([sys.executable, "-m", "meticulous", *words], check=True)
        self.message({"loss": 0.5, "shape": [1, 2], "nothing": None, "parts": {"a": (1,)}})
        self.note("from within again")

if __name__ == "__main__":
    Train.main()
"""


def read(folder, name):
    return json.loads(Path(folder, name).read_text())


@pytest.fixture
def project(repository):
    repository.commit({"train.py": TRAIN, "deep/down/.keep": ""})
    return repository


def folder(project, number=1) -> Path:
    return project.directory / "experiments" / str(number)


def test_what_others_add_to_a_run_stays_and_messages_are_data(project):
    project.python("train.py", "--visited", check=True)
    lines = (folder(project) / "notes.jsonl").read_text().splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    assert texts == ["from within", "from outside", "from within again"]
    assert read(folder(project), "metadata.json")["tags"] == ["seen"]
    expected = {"loss": 0.5, "shape": [1, 2], "nothing": None, "parts": {"a": [1]}}
    assert read(folder(project), "summary.json") == expected


def test_without_a_remote_and_on_no_branch_it_is_registered_and_runs(project):
    project.git("checkout", "--quiet", "--detach")
    project.python("train.py", "--register", check=True)
    done = project.python("-m", "meticulous", "execute", "experiments/1")
    assert done.returncode == 0, done.stderr
    metadata = read(folder(project), "metadata.json")
    assert (metadata["git-branch"], metadata["git-remote"]) == (None, None)
    assert metadata["target"] == {
        "kind": "python",
        "file": "train.py",
        "name": "Train",
        "import-path": ".",
    }


def test_looking_and_making_write_nothing(project, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    before = sorted(project.directory.rglob("*"))
    project.python("-c", "from train import Train; print(Train(lr=1), Train.__doc__)", check=True)
    project.python("train.py", "--help", check=True)
    refused = [
        project.python("-m", "meticulous", *words).returncode
        for words in (
            ["list", "--directory", "nowhere"],
            ["rm", "nowhere"],
            ["execute", "experiments/1"],
            ["execute", "a place/that is not there"],
            ["reset", "1"],
        )
    ]
    assert refused == [2] * 5
    assert sorted(project.directory.rglob("*")) == before
    assert list(home.rglob("*")) == []


def test_from_below_the_project_the_same_experiments_are_meant(project):
    project.python("train.py", "--register", check=True)
    below = project.directory / "deep" / "down"
    words: list[list[str]] = [
        ["note", "1", "seen from below"],
        ["launch"],
        ["reset", "1"],
        ["launch", "1"],
    ]
    for each in words:
        command = [sys.executable, "-m", "meticulous", *each]
        done = subprocess.run(command, cwd=below, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    attempts = read(folder(project), "metadata.json")["attempts"]
    assert [attempt["status"] for attempt in attempts] == ["SUCCESS", "SUCCESS"]
    assert os.listdir(below) == [".keep"]


def test_the_words_of_the_command_line_all_count(project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    words = [
        *("--purpose", "why", "--tag", "x", "--capture", "none", "--debug"),
        *("--experiments-directory", str(elsewhere), "--experiment-id", "named"),
    ]
    project.python("train.py", *words, check=True)
    metadata = read(elsewhere / "named", "metadata.json")
    assert (metadata["description"], metadata["tags"]) == ("why", ["x", "debug"])
    assert not (elsewhere / "named" / "stdout").exists()
    done = project.python(
        "-m", "meticulous", "list", "--directory", str(elsewhere), "--status", "BOGUS"
    )
    assert (done.returncode, "BOGUS" in done.stderr) == (2, True)
