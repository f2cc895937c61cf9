from __future__ import annotations

import json
from pathlib import Path

import pytest
from written_records import write_original_record, write_record


@pytest.fixture
def project(repository):
    """A repository with two experiments written by hand, of which the second lost its commit."""
    experiments = repository.directory / "experiments"
    write_record(experiments, "1", metadata={"githead-sha": repository.head})
    write_record(experiments, "2", minutes=1, metadata={"githead-sha": "9" * 40, "tags": ["x"]})
    return repository


def test_every_check_is_told_with_its_evidence_and_remedy(command, project):
    done = command("verify", "1", cwd=project.directory)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "experiment 1  SUCCESS"
    assert lines[1].split()[:2] == ["yes", "commit"]
    assert "  no       remote    the repository has no remote" in lines
    assert "-> git remote add origin URL, then git push origin main" in done.stdout
    assert lines[-1] == "3 yes, 1 no, 5 unknown"


def test_what_is_unknown_is_told_and_no_failure(command, tmp_path: Path):
    write_original_record(tmp_path / "experiments", "1")
    done = command("verify", "1")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "9 unknown")


def test_json_is_one_object_for_one_and_a_list_for_several(command, project):
    one = json.loads(command("verify", "2", "--json", cwd=project.directory).stdout)
    assert (one["id"], one["holds"]) == ("2", False)
    commit = one["checks"][0]
    assert (commit["check"], commit["outcome"]) == ("commit", "no")
    assert commit["remedy"].endswith("--repository DIR")
    both = json.loads(command("verify", "--all", "--json", cwd=project.directory).stdout)
    assert [each["id"] for each in both] == ["1", "2"]


def test_experiments_are_chosen_by_conditions_as_in_a_list(command, project):
    done = command("verify", "--tag", "x", "--json", cwd=project.directory)
    assert [each["id"] for each in json.loads(done.stdout)] == ["2"]
    nothing = command("verify", "--status", "ERROR", cwd=project.directory)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert nothing.stderr == "There is no experiment to verify.\n"


def test_many_experiments_take_a_line_each(command, project):
    for number in range(3, 9):
        write_record(project.directory / "experiments", str(number), minutes=number)
    done = command("verify", "--all", cwd=project.directory)
    assert done.stdout.splitlines()[0].split() == ["id", "status", "no", "unknown"]
    assert done.stdout.splitlines()[1].split()[:3] == ["1", "SUCCESS", "remote"]
    assert "0 of 8 experiments hold" in done.stderr


def test_a_clone_may_be_named(command, project, tmp_path: Path):
    clone = tmp_path / "clone"
    project.git("clone", "-q", ".", str(clone))
    done = command("verify", "1", "--repository", str(clone), cwd=project.directory)
    assert (done.returncode, "a branch of a remote" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("7",),
        ("1", "--tag", "x"),
        ("--onlin",),
        ("1", "--repository", "/"),
        ("--all", "--directory", "nowhere"),
    ],
)
def test_mistakes_are_one_message(command, project, words):
    done = command("verify", *words, cwd=project.directory)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("meticulous: error: ")
    assert "Traceback" not in done.stderr


def test_a_terminal_shows_colours_and_nothing_that_steers_it(on_terminal, tmp_path: Path):
    metadata = {"git-untracked-sources": [], "warnings": ["\x1b[2J"]}
    write_original_record(tmp_path / "experiments", "1", STATUS="SUCCESS")
    write_record(tmp_path / "experiments", "ü\x1b[2J", metadata=metadata)
    screen = on_terminal("verify", "--all")
    assert "\x1b[2J" not in screen
    assert "\x1b[" in screen
