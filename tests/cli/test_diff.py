from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from waiting import wait_until
from written_records import write_original_record, write_record

TRAIN = """\
import argparse
from meticulous import Experiment
from model import loss
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
Experiment.add_argument_group(parser)
experiment = Experiment.from_parser(parser)
print("training")
experiment.summary({"loss": loss(experiment.args["lr"])})
"""


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    write_record(directory, "1", summary={"loss": 0.5})
    write_record(directory, "2", minutes=1, summary={"loss": 0.25}, args={"lr": 0.4, "epochs": 100})
    write_record(directory, "3", minutes=2, summary={"loss": 0.5})
    return directory


@pytest.fixture(scope="module")
def once(tmp_path_factory) -> Path:
    """Where the repository lies that each test gets a copy of."""
    return tmp_path_factory.mktemp("recorded") / "project"


def described(repository, count: int) -> bool:
    """Say whether the surroundings of all runs are recorded, which is done behind their backs."""
    found = repository.directory.glob("experiments/*/SHA256SUMS")
    return sum("environment.json" in path.read_text() for path in found) == count


@pytest.fixture
def recorded(make_repository, once: Path, tmp_path: Path):
    """A repository with runs of two commits and of a snapshot."""
    if not once.exists():
        record_three_runs(make_repository("recorded")).directory.rename(once)
    shutil.copytree(once, tmp_path / "project")
    return make_repository("project", commit=False)


def record_three_runs(repository):
    repository.commit({".gitignore": "__pycache__\n"})
    repository.commit({"train.py": TRAIN, "model.py": "def loss(x):\n    return x\n", "notes": ""})
    assert repository.python("train.py").returncode == 0
    repository.commit({"model.py": "def loss(x):\n    return 2 * x\n", "notes": "later\n"})
    assert repository.python("train.py").returncode == 0
    repository.write("model.py", "def loss(x):\n    return 3 * x\n")
    done = repository.python("train.py", "--dirty", "snapshot")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: described(repository, 3))
    return repository


def test_what_differs_is_shown_and_makes_the_exit_code_1(command, experiments: Path):
    done = command("diff", "1", "2")
    assert (done.returncode, done.stderr) == (1, "")
    assert "args: 1 of 2 differs\n  lr  0.2 -> 0.4  (+0.2, +100 %)\n" in done.stdout
    assert "  loss  0.5 -> 0.25  (-0.25, -50 %)\n" in done.stdout


def test_two_experiments_with_the_same_outcome_do_not_differ(command, experiments: Path):
    done = command("diff", "1", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Nothing that was recorded differs.\n")
    assert command("diff", "2", "2").returncode == 0


def test_only_the_wanted_sections_are_shown_and_count(command, experiments: Path):
    done = command("diff", "1", "2", "--only", "summary", "--only", "code")
    assert done.returncode == 1
    assert "loss" in done.stdout
    assert "lr" not in done.stdout
    assert command("diff", "1", "2", "--only", "packages").returncode == 0
    done = command("diff", "1", "2", "--only", "colours")
    assert done.returncode == 2
    assert "'packages'" in done.stderr


def test_json_tells_all_of_it(command, experiments: Path):
    done = command("diff", "-2", "-1", "--json")
    assert done.returncode == 1
    shown = json.loads(done.stdout)
    assert (shown["a"]["id"], shown["b"]["id"], shown["differ"]) == ("2", "3", True)
    assert shown["sections"]["summary"]["differences"] == [
        {"name": "loss", "kind": "changed", "a": 0.25, "b": 0.5, "absolute": 0.25, "relative": 1.0}
    ]
    assert shown["sections"]["packages"]["unknown"]


def test_the_order_of_the_words_is_kept(command, experiments: Path):
    shown = json.loads(command("diff", "-1", "1", "--json").stdout)
    assert (shown["a"]["id"], shown["b"]["id"]) == ("3", "1")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["1", "9"], "There is no experiment '9'"),
        (["1", "1-3"], "'1-3' names 3 experiments"),
        (["1"], "Missing argument 'B'"),
        (["1", "2", "--jsn"], "No such option '?--jsn'?.*--json"),
    ],
)
def test_a_mistake_is_one_message(command, experiments: Path, words: list[str], message: str):
    done = command("diff", *words)
    assert done.returncode == 2
    assert re.search(message, done.stderr)
    assert "Traceback" not in done.stderr


def test_a_repository_that_need_not_be_asked_may_be_anything(command, experiments: Path):
    done = command("diff", "1", "2", "--repository", "nowhere")
    assert (done.returncode, done.stderr) == (1, "")


def test_experiments_of_several_directories_are_compared(
    command, experiments: Path, tmp_path: Path
):
    write_original_record(tmp_path / "old", "7")
    done = command("diff", "1", "old/7")
    assert done.returncode == 1
    assert "experiment 7 has no environment.json" not in done.stderr
    assert "commit  1f2e3d4c5b -> 0a1b2c3d4e" in done.stdout
    assert "which files differ is not known: There is no git repository" in done.stdout


def test_the_code_of_two_commits_is_compared_in_the_repository(command, recorded):
    done = command("diff", "1", "2", cwd=recorded.directory)
    assert done.returncode == 1
    assert re.search(r"\n  model.py +\+1 -1\n  notes +\+1 -0\n", done.stdout)
    assert "\n-    return x\n+    return 2 * x\n" in done.stdout
    assert "loss  0.1 -> 0.2  (+0.1, +100 %)" in done.stdout


def test_a_snapshot_is_compared_like_a_commit(command, recorded):
    done = command("diff", "2", "3", "--only", "code", cwd=recorded.directory)
    assert done.returncode == 1
    assert re.search(r"snapshot +- -> [0-9a-f]{10}\n", done.stdout)
    assert "\n+    return 3 * x\n" in done.stdout
    assert "notes" not in done.stdout


def test_experiments_elsewhere_find_their_code_where_it_is_named(command, recorded, tmp_path: Path):
    moved = tmp_path / "moved"
    (recorded.directory / "experiments").rename(moved)
    words = ["diff", "1", "2", "--directory", str(moved), "--only", "code"]
    assert "There is no git repository" in command(*words).stdout
    assert "model.py" in command(*words, "--repository", str(recorded.directory)).stdout
    done = command(*words, "--repository", str(moved))
    assert done.returncode == 2
    assert "--repository" in done.stderr


def test_a_commit_that_is_gone_is_remarked(command, recorded):
    path = recorded.directory / "experiments" / "2" / "metadata.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "githead-sha": "0123456789" * 4}))
    done = command("diff", "1", "2", cwd=recorded.directory)
    assert done.returncode == 1
    assert "The commit 0123456789 is not in the repository" in done.stdout
    assert "lr" not in done.stdout


def test_a_commit_with_another_message_is_no_difference(command, recorded):
    recorded.git("checkout", "-q", "model.py")
    # Changed and changed back within a second, in the same length: Python would not see it.
    shutil.rmtree(recorded.directory / "__pycache__", ignore_errors=True)
    recorded.git("commit", "-q", "--amend", "-m", "other words")
    assert recorded.python("train.py").returncode == 0
    done = command("diff", "2", "4", "--only", "code", cwd=recorded.directory)
    assert done.returncode == 0
    assert "the commits are not the same, but hold the same files" in done.stdout


def test_a_long_patch_is_shown_when_it_is_wanted(command, recorded):
    recorded.commit({"big.txt": "".join(f"line {number}\n" for number in range(200))})
    assert recorded.python("train.py").returncode == 0
    where = {"cwd": recorded.directory}
    assert "+line 7\n" not in command("diff", "1", "4", **where).stdout
    assert "big.txt" in command("diff", "1", "4", **where).stdout
    assert "+line 7\n" in command("diff", "1", "4", "--only", "code", **where).stdout
    assert "+line 7\n" in command("diff", "1", "4", "--all", **where).stdout
    shown = json.loads(command("diff", "1", "4", "--only", "code", "--json", **where).stdout)
    assert "+line 7\n" in shown["patch"]


def test_a_machine_without_git_still_compares(command, recorded, tmp_path: Path):
    done = command("diff", "1", "2", cwd=recorded.directory, PATH=str(tmp_path))
    assert done.returncode == 1
    assert "no git program can be started" in done.stdout


def test_broken_folders_are_compared_as_far_as_they_can_be_read(command, experiments: Path):
    write_record(experiments, "4", args="{", summary=b"\xff", metadata={"format": 99})
    write_record(experiments, "5", STATUS="", args="[]", environment="nothing")
    for words in (["1", "4"], ["1", "5"], ["4", "5"]):
        done = command("diff", *words)
        assert done.returncode == 1
        assert "could not be read" in done.stdout
        assert done.stderr == ""


def test_on_a_terminal_it_fits_and_is_cut(command, experiments: Path, tmp_path: Path):
    import subprocess
    import sys

    packages = [{"name": f"p{number}", "version": "1"} for number in range(50)]
    write_record(experiments, "6", environment={"packages": packages})
    write_record(experiments, "7", environment={"packages": []})
    words = "[sys.executable, '-m', 'meticulous', *sys.argv[1:]]"
    script = f"import pty, sys; sys.exit(pty.spawn({words}) >> 8)"
    done = subprocess.run(
        [sys.executable, "-c", script, "diff", "6", "7"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "... and 30 more" in done.stdout
    assert "p49" not in done.stdout
