"""`meticulous list`: words that people write and that could be taken for something else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from written_records import write_record


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    for number in range(1, 7):
        write_record(
            directory,
            str(number),
            minutes=number,
            STATUS="ERROR\n" if number == 3 else "SUCCESS\n",
            args={"lr": 0.1 * (number % 2 + 1), "optimizer": "adam" if number % 2 else "sgd"},
            summary={"loss": number / 2},
            metadata={"tags": ["base"]},
        )
    return directory


def ids(output: str) -> list[str]:
    return [row["id"] for row in json.loads(output)]


class TestGroups:
    def test_sorted_by_a_result_they_are_sorted_by_its_mean(self, command, experiments: Path):
        words = ("list", "--group-by", "lr", "--json", "--columns", "loss")
        for key in ("-loss", "-summary.loss", "-loss.mean"):
            found = json.loads(command(*words, "--sort", key).stdout)
            assert [row["args.lr"] for row in found] == [0.1, 0.2], key
        done = command(*words, "--sort", "loss", "--aggregate", "max")
        assert [row["summary.loss.max"] for row in json.loads(done.stdout)] == [2.5, 3.0]

    def test_a_mistyped_result_is_told_the_result(self, command, experiments: Path):
        done = command("list", "--group-by", "lr", "--sort", "-lsos")
        assert "Did you mean summary.loss?" in done.stderr

    def test_they_come_in_the_order_of_their_keys(self, command, experiments: Path):
        done = command("list", "--group-by", "optimizer,status", "--json")
        found = [(row["args.optimizer"], row["status"]) for row in json.loads(done.stdout)]
        assert found == sorted(found)

    def test_a_column_without_numbers_is_said_to_have_none(self, command, experiments: Path):
        done = command("list", "--group-by", "lr", "--columns", "optimizer")
        assert (done.returncode, done.stdout) == (2, "")
        assert "args.optimizer has no numbers" in done.stderr

    def test_commit_means_the_commit(self, command, experiments: Path):
        done = command("list", "--group-by", "commit", "--json")
        assert "metadata.githead-sha" in json.loads(done.stdout)[0]


class TestSuggestions:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["list", "--status", "failed"], "Did you mean ERROR?"),
            (["list", "--status", "done"], "Did you mean SUCCESS?"),
            (["list", "--filter", "optimizer == adam"], "Text goes in quotes: 'adam'"),
            (["list", "--filter", "status != ERROR"], "Text goes in quotes: 'ERROR'"),
            (["remove", "5"], "Did you mean 'rm'?"),
            (["delete", "5"], "Did you mean 'rm'?"),
            (["ls"], "Did you mean 'list'?"),
            (["columns", "experiments"], "--directory experiments"),
            (["list", "--directory", "experiments", "experiments"], "--directory"),
        ],
        ids=lambda words: " ".join(words) if isinstance(words, list) else "",
    )
    def test_a_mistake_is_told_the_right_word(self, command, experiments, words, said: str):
        done = command(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in " ".join(done.stderr.split())

    def test_status_is_compared_in_any_case(self, command, experiments: Path):
        assert ids(command("list", "--where", "status == error", "--json").stdout) == ["3"]
        assert len(ids(command("list", "--where", "status != 'Error'", "--json").stdout)) == 5


class TestPlaces:
    def test_the_directory_can_be_an_option(self, command, experiments: Path, tmp_path: Path):
        experiments.rename(tmp_path / "mine")
        done = command("list", "--directory", "mine", "--json")
        assert len(ids(done.stdout)) == 6

    def test_git_that_is_missing_is_named(self, command, repository, tmp_path: Path):
        write_record(repository.directory / "experiments", "1")
        empty = tmp_path / "no-programs"
        empty.mkdir()
        done = command("list", "--commit", "v1", cwd=repository.directory, PATH=str(empty))
        assert done.returncode == 2
        assert "git" in done.stderr
        assert "PATH" in done.stderr or "install" in done.stderr.lower()


def test_what_is_left_out_of_the_first_of_the_last_is_told(command, experiments: Path):
    done = command("list", "--head", "2", "--tail", "4")
    assert "The first 2 of the last 4 of 6 experiments in" in done.stderr
    done = command("list", "--head", "3", "--tail", "2")
    assert "The last 2 of 6 experiments in" in done.stderr


def test_missing_keys_of_chosen_columns_are_null(command, experiments: Path):
    write_record(experiments, "9", minutes=20, args={})
    done = command("list", "--columns", "lr,loss", "--json", "--tail", "1")
    assert json.loads(done.stdout) == [{"id": "9", "args.lr": None, "summary.loss": None}]


@pytest.mark.parametrize("moment", ["00:00", "an hour ago", "a week ago", "yesterday 18:00"])
def test_times_can_be_written_as_they_are_said(command, experiments: Path, moment: str):
    assert command("list", "--until", "now", "--since", moment).returncode in (0, 1)


def test_the_columns_fit_into_a_terminal(on_terminal, experiments: Path):
    write_record(experiments, "9", args={"text": "x" * 100, "other": "y" * 90})
    screen = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal("columns", columns=60))
    assert max(map(len, screen.splitlines())) <= 60
    assert "metadata.tags" not in screen
    assert "metadata.description" not in screen
