from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from written_records import write_record


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    write_record(directory, "1", metadata={"tags": ["baseline"]})
    for number in (2, 3):
        write_record(directory, str(number), minutes=number)
    return directory


def tags(experiments: Path, name: str) -> list[str]:
    return json.loads((experiments / name / "metadata.json").read_bytes())["tags"]


def test_each_word_after_the_first_is_a_tag(command, experiments: Path):
    done = command("tag", "1", "best", "wide net")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Tagged 1: best, wide net.\n")
    assert tags(experiments, "1") == ["baseline", "best", "wide net"]


def test_what_was_done_is_said(command, experiments: Path):
    done = command("tag", "1,3", "good", "--remove", "baseline")
    assert done.stderr == "Tagged 1, 3: good.\nRemoved from 1: baseline.\n"
    done = command("tag", "1", "better", "--json")
    assert (json.loads(done.stdout), done.stderr) == ([{"id": "1", "tags": ["good", "better"]}], "")


@pytest.mark.parametrize("word", ["--remov", "--remov=best", "-x", "--anything-else"])
def test_a_mistyped_option_is_no_tag(command, experiments: Path, word: str):
    done = command("tag", "1", word, "best")
    assert done.returncode == 2
    assert f"No such option '{word.partition('=')[0]}'" in done.stderr
    assert ("Did you mean '--remove'?" in done.stderr) is word.startswith("--remov")
    assert "behind --" in done.stderr
    assert tags(experiments, "1") == ["baseline"]


@pytest.mark.parametrize("word", ["2", "2-3", "3,2", "-1", "7-", "2-"])
def test_a_number_of_an_experiment_is_no_tag_by_mistake(command, experiments: Path, word: str):
    done = command("tag", "1", word, "best")
    if word == "7-":  # there are none, so it cannot be meant
        assert done.returncode == 0
        return
    assert (done.returncode, tags(experiments, "1")) == (2, ["baseline"])
    assert f"meticulous tag 1,{word} best" in done.stderr
    assert f"meticulous tag 1 -- {word} best" in done.stderr
    assert command("tag", "1", "--", word, "best").returncode == 0
    assert tags(experiments, "1") == ["baseline", word, "best"]
    assert tags(experiments, "2") == []


def test_a_number_that_is_no_experiment_is_a_tag(command, experiments: Path):
    assert command("tag", "1", "2026").returncode == 0
    assert tags(experiments, "1") == ["baseline", "2026"]


def test_several_experiments_are_tagged_at_once(command, experiments: Path):
    command("tag", "1,3", "a")
    command("tag", "2-3", "b")
    command("tag", "-1", "c")
    assert [tags(experiments, name) for name in "123"] == [
        ["baseline", "a"],
        ["b"],
        ["a", "b", "c"],
    ]


def test_tags_are_removed_and_added_at_once(command, experiments: Path):
    assert command("tag", "1", "good", "--remove", "baseline").returncode == 0
    assert tags(experiments, "1") == ["good"]


def test_removing_what_nobody_has_is_a_mistake_and_changes_nothing(command, experiments: Path):
    done = command("tag", "1,2", "new", "--remove", "basline")
    assert done.returncode == 2
    assert "no tag 'basline' to remove; the tags are: baseline" in done.stderr
    assert (tags(experiments, "1"), tags(experiments, "2")) == (["baseline"], [])


def test_without_a_tag_those_of_the_experiments_are_listed(command, experiments: Path):
    assert command("tag", "1-2").stdout == "1  baseline\n2  -\n"
    assert json.loads(command("tag", "1-2", "--json").stdout) == [
        {"id": "1", "tags": ["baseline"]},
        {"id": "2", "tags": []},
    ]


def test_alone_it_lists_all_tags(command, experiments: Path):
    command("tag", "1-3", "all")
    assert command("tag").stdout == "all       3 experiments\nbaseline   1 experiment\n"
    assert json.loads(command("tag", "--json").stdout) == [
        {"tag": "all", "experiments": 3},
        {"tag": "baseline", "experiments": 1},
    ]


def test_where_there_are_none_it_says_so(command, tmp_path: Path):
    write_record(tmp_path / "experiments", "1")
    done = command("tag")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no tags yet" in done.stderr


@pytest.mark.parametrize("name", ["", " a", "a\nb", "\x1b[31m"])
def test_what_cannot_be_a_tag_is_refused(command, experiments: Path, name: str):
    done = command("tag", "1", name)
    assert done.returncode == 2
    assert "cannot be a tag" in done.stderr
    assert tags(experiments, "1") == ["baseline"]


def test_remove_needs_experiments(command, experiments: Path):
    done = command("tag", "--remove", "a")
    assert done.returncode == 2
    assert "--remove needs IDS" in done.stderr


def test_a_broken_record_is_named_and_left_as_it_is(command, experiments: Path):
    (experiments / "2" / "metadata.json").write_text("{")
    done = command("tag", "2", "a")
    assert done.returncode == 2
    assert "Mend the file" in done.stderr
    assert (experiments / "2" / "metadata.json").read_text() == "{"


def test_a_tag_given_while_it_runs_stays(repository, command):
    repository.commit(
        {
            "train.py": "from meticulous import Experiment\n"
            "experiment = Experiment({'lr': 1}, tags=['first'])\n"
            "print('running', flush=True)\n"
            "input()\n"
        }
    )
    with subprocess.Popen(
        [sys.executable, "train.py"],
        cwd=repository.directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ},
    ) as process:
        assert process.stdout.readline() == "running\n"
        done = command("tag", "1", "later", "--remove", "first", cwd=repository.directory)
        assert done.returncode == 0
        process.communicate("\n", timeout=60)
    experiments = repository.directory / "experiments"
    metadata = json.loads((experiments / "1" / "metadata.json").read_bytes())
    assert metadata["tags"] == ["later"]
    assert metadata["exit-code"] == 0
    assert metadata["end-time"]
