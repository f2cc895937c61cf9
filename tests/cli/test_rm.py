"""`meticulous rm` and `meticulous restore`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from written_records import write_record


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    for number in range(1, 6):
        write_record(directory, str(number), minutes=number)
    for name in ("007", "a b", "ünï"):
        write_record(directory, name, metadata={"description": f"called {name}"})
    return directory


def listed(command) -> list[str]:
    return [entry["id"] for entry in json.loads(command("list", "--json").stdout)]


def on_terminal(tmp_path: Path, answer: str, *words: str) -> tuple[int, str]:
    """Run the command on a terminal, type an answer, return its exit code and the screen."""
    controller, terminal = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "meticulous", *words],
        cwd=tmp_path,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        os.write(controller, answer.encode())
        screen = b""
        while True:
            try:
                data = os.read(controller, 65536)
            except OSError:
                break
            if not data:
                break
            screen += data
        code = process.wait(timeout=60)
    os.close(controller)
    return code, screen.decode()


def test_what_lies_in_the_trash_is_said_where_it_is_looked_for(command, experiments: Path):
    command("rm", "1", "2", "a b")
    done = command("show", "1")
    assert done.returncode == 2
    assert "There is no experiment '1' in" in done.stderr
    assert "It lies in the trash; `meticulous restore 1` brings it back." in done.stderr
    assert "`meticulous restore 'a b'`" in command("show", "a b").stderr
    assert "They lie in the trash; `meticulous restore 1-2` brings them back." in (
        command("path", "1-2").stderr
    )
    assert "in the trash" not in command("show", "77").stderr
    command("restore", "1")
    assert command("show", "1").returncode == 0


def test_elsewhere_the_way_back_names_the_directory(command, experiments: Path, tmp_path: Path):
    other = write_record(tmp_path / "other", "1").parent
    write_record(other, "2")
    command("rm", "1", "--directory", "other")
    for words in (["1", "--directory", "other"], ["other/1"]):
        said = command("show", *words).stderr
        assert re.search(r"`meticulous restore 1 --directory \S*other`", said)
    assert command("restore", "1", "--directory", str(other)).returncode == 0


def test_a_path_into_a_directory_of_which_all_was_removed_leads_to_the_trash(
    command, experiments: Path, tmp_path: Path
):
    write_record(tmp_path / "other", "1")
    command("rm", "1", "--directory", "other")
    done = command("show", "other/1")
    assert done.returncode == 2
    assert "It lies in the trash; `meticulous restore 1 --directory" in done.stderr


def test_removed_experiments_come_back(command, experiments: Path):
    before = listed(command)
    done = command("rm", "2-4", "a b", "ünï")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Moved 5 experiments to the trash: 2, 3, 4, a b, ünï." in done.stderr
    assert sorted(listed(command)) == ["007", "1", "5"]
    assert command("restore", "2-4", "a b", "ünï").returncode == 0
    assert listed(command) == before


def test_what_was_removed_is_found_no_more(command, experiments: Path):
    command("rm", "007")
    assert command("show", "007").returncode == 2


def test_of_several_nothing_is_removed_if_one_is_not_there(command, experiments: Path):
    done = command("rm", "1", "9")
    assert done.returncode == 2
    assert "There is no experiment '9'" in done.stderr
    assert "1" in listed(command)


def test_one_that_runs_is_not_removed_without_force(repository, command):
    repository.commit(
        {
            "train.py": "from meticulous import Experiment\n"
            "Experiment({'lr': 1})\nprint('running', flush=True)\ninput()\n"
        }
    )
    with subprocess.Popen(
        [sys.executable, "train.py"],
        cwd=repository.directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "running\n"
        write_record(repository.directory / "experiments", "other")
        done = command("rm", "other", "1", cwd=repository.directory)
        assert done.returncode == 2
        assert "Nothing was removed, for these still run: 1." in done.stderr
        assert (repository.directory / "experiments" / "other").is_dir()
        assert command("rm", "1", "--force", cwd=repository.directory).returncode == 0
        process.communicate("\n", timeout=60)
        assert process.returncode == 0
    assert not (repository.directory / "experiments" / "1").exists()
    done = command("run", "--", "true", cwd=repository.directory)
    assert (repository.directory / "experiments" / "2").is_dir()


def test_for_ever_needs_a_yes_where_nobody_can_be_asked(command, experiments: Path):
    done = command("rm", "1", "--forever")
    assert done.returncode == 2
    assert "say --yes" in done.stderr
    assert "1" in listed(command)
    assert command("rm", "1", "--forever", "--yes").returncode == 0
    assert "1" not in listed(command)
    assert command("restore", "1").returncode == 2


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("\n", 1), ("y\n", 0), ("\x04", 130)])
def test_on_a_terminal_a_person_is_asked(tmp_path, experiments: Path, answer: str, code: int):
    found, screen = on_terminal(tmp_path, answer, "rm", "1", "2", "--forever")
    assert found == code, screen
    assert (experiments / "1").exists() is (code != 0)


def test_the_trash_is_listed(command, experiments: Path):
    assert command("restore", "--list").stdout == ""
    command("rm", "a b")
    command("rm", "3")
    rows = command("restore", "--list").stdout.splitlines()
    assert rows[0].split() == ["id", "removed", "status", "description"]
    assert rows[1].startswith("a b  ")
    assert rows[1].endswith("SUCCESS  called a b")
    entries = json.loads(command("restore", "--list", "--json").stdout)
    assert [entry["id"] for entry in entries] == ["a b", "3"]
    assert entries[0]["description"] == "called a b"
    assert Path(entries[0]["directory"]).is_dir()


def test_a_name_that_is_taken_by_now_needs_another(command, experiments: Path):
    command("rm", "a b")
    write_record(experiments, "a b", metadata={"description": "new"})
    done = command("restore", "a b")
    assert done.returncode == 2
    assert "Give it another name with --as" in done.stderr
    assert command("restore", "a b", "--as", "../x").returncode == 2
    done = command("restore", "a b", "--as", "old", "--json")
    assert json.loads(done.stdout) == [{"id": "a b", "directory": str(experiments / "old")}]
    assert {"a b", "old"} <= set(listed(command))


def test_one_new_name_is_for_one_experiment(command, experiments: Path):
    command("rm", "1-2")
    done = command("restore", "1-2", "--as", "x")
    assert done.returncode == 2
    assert "--as names one experiment" in done.stderr


def test_the_trash_can_be_emptied(command, experiments: Path):
    command("rm", "1-2")
    assert command("rm", "--empty-trash").returncode == 2
    done = command("rm", "--empty-trash", "--yes")
    assert (done.returncode, done.stderr) == (0, "Deleted 2 experiments for ever.\n")
    assert json.loads(command("restore", "--list", "--json").stdout) == []
    assert "3" in listed(command)


@pytest.mark.parametrize(
    "words", [("rm",), ("rm", "1", "--empty-trash"), ("restore",), ("restore", "1", "--list")]
)
def test_it_must_be_said_what_is_meant(command, experiments: Path, words):
    done = command(*words)
    assert done.returncode == 2
    assert "Name either" in done.stderr


def test_when_all_are_removed_the_directory_is_still_found(command, experiments: Path):
    command("rm", "1-", "007", "a b", "ünï")
    assert "No experiments in" in command("list").stdout
    assert command("restore", "-1").returncode == 0
    assert listed(command) == ["ünï"]
