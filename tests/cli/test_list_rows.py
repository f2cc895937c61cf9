"""`meticulous list`: which experiments, how many and in which order."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from written_records import FIRST_START, write_record


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    for number in range(1, 7):
        write_record(
            directory,
            str(number),
            minutes=number,
            args={"lr": number / 10, "optimizer": "adam" if number % 2 else "sgd"},
            summary={"loss": 1 / number} if number != 4 else {},
            metadata={"tags": ["even"] if number % 2 == 0 else []},
            STATUS="SUCCESS\n" if number < 5 else "ERROR\n",
        )
    write_record(directory, "007", minutes=7, args={"lr": 0.1})
    write_record(directory, "a b", minutes=8, args={"lr": "high"}, summary={"loss": "diverged"})
    return directory


@pytest.fixture
def ids(command):
    def listed(*words: str) -> list[str]:
        done = command("list", "--json", *words)
        assert done.stderr == ""
        return [row["id"] for row in json.loads(done.stdout)]

    return listed


def test_filters_and_conditions_narrow_one_after_the_other(ids, experiments: Path):
    assert ids("--filter", "summary.loss <= 0.5 and status == 'SUCCESS'", "--id", "1-9") == [
        "2",
        "3",
    ]
    assert ids("--where", "0.2 <= lr < 0.5", "--where", "optimizer == adam") == ["3"]
    assert ids("--where", "loss == diverged or lr > 0.5") == ["6", "a b"]
    assert ids("--status", "error", "--tag", "even") == ["6"]
    assert ids("--filter", "program == 'train.py'", "--tail", "1") == ["a b"]


def test_ids_are_numbers_names_ranges_and_count_back(ids, experiments: Path):
    assert ids("--id", "2-3,007", "--id", "-1") == ["2", "3", "007", "a b"]


def test_times_bound_the_start(ids, command, experiments: Path):
    later = (FIRST_START + timedelta(minutes=7)).isoformat()
    assert ids("--since", later) == ["007", "a b"]
    assert ids("--until", later, "--since", "2026-11-22T14:09") == ["6", "007"]
    assert ids("--until", f"{FIRST_START:%Y-%m-%d}", "--tail", "1") == ["a b"]
    age = datetime.now() - FIRST_START + timedelta(days=1)
    if age > timedelta(0):
        assert len(ids("--since", f"{age.days + 1}d")) == 8


def test_a_research_is_chosen_by_name(ids, tmp_path: Path):
    write_record(tmp_path / "experiments", "1", metadata={"research": "width"})
    write_record(tmp_path / "experiments", "2")
    assert ids("--research", "width") == ["1"]


def test_sorting_puts_missing_values_last_and_takes_mixed_types(ids, experiments: Path):
    assert ids("--sort", "loss", "--id", "1-9") == ["6", "5", "3", "2", "1", "4"]
    assert ids("--sort", "-loss", "--id", "1-9") == ["1", "2", "3", "5", "6", "4"]
    assert ids("--sort", "-loss")[-2:] == ["4", "007"]
    assert ids("--sort", "optimizer,-lr", "--id", "1-9") == ["5", "3", "1", "6", "4", "2"]
    assert ids("--sort", "id", "--tail", "3") == ["6", "007", "a b"]
    assert ids("--sort", "lr", "--head", "2") == ["1", "007"]


def test_what_is_left_out_is_counted(command, experiments: Path):
    done = command("list", "--status", "success", "--tail", "2")
    assert len(done.stdout.splitlines()) == 3
    assert "The last 2 of 6 experiments chosen from 8 in" in done.stderr
    done = command("list", "--sort", "lr", "--head", "3")
    assert "The first 3 of 8 experiments in" in done.stderr


def test_more_rows_than_usual_are_cut_at_the_end_where_they_are_sorted(command, tmp_path: Path):
    for number in range(1, 23):
        write_record(tmp_path, str(number), minutes=number)
    done = command("list", ".", "--sort", "-start")
    assert done.stdout.splitlines()[1].split()[0] == "22"
    assert "The first 20 of 22 experiments" in done.stderr
    assert len(command("list", ".", "--sort", "-start", "--all").stdout.splitlines()) == 23


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--status", "LOST"], "--status LOST leaves none of 8 experiments"),
        (["--where", "lr > 0.5", "--tag", "nothing"], "--tag nothing leaves none of 8"),
        (
            ["--status", "error", "--filter", "optimizer == 'x'"],
            "--filter optimizer == 'x' leaves none of the 2 that the other conditions leave of 8",
        ),
    ],
)
def test_it_is_said_what_left_nothing_and_the_answer_is_no(
    command, experiments: Path, words: list[str], said: str
):
    done = command("list", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    done = command("list", "--json", *words)
    assert (done.returncode, json.loads(done.stdout)) == (1, [])
    assert said in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--filter", "args.lrr > 1"], "Did you mean args.lr?"),
        (["--filter", "lr >"], "cannot be understood"),
        (["--filter", "lr < 3", "--filter", "optimizer > 3"], "args.optimizer is text"),
        (["--where", "lrr"], "Did you mean args.lr?"),
        (["--where", "1 < 2"], "cannot be understood"),
        (["--status", "errr"], "Did you mean ERROR?"),
        (["--since", "soon"], "is no time"),
        (["--id", "99"], "There is no experiment '99'"),
        (["--tag", ""], "is no tag"),
        (["--commit", "nowhere"], "neither the experiments nor the working directory"),
        (["--sort", "lsos"], "Did you mean summary.loss?"),
        (["--sort", ","], "It is empty. Name one, or several with commas."),
        (["--tail", "0"], "--tail"),
        (["--all", "--tail", "3"], "exclude each other"),
        (["--all", "--head", "3"], "exclude each other"),
        (["--group-by", "lr", "--aggregate", ""], "It is empty. Choose from mean, std,"),
        (["--filter", "lr > 1", "missing"], "does not exist"),
    ],
)
def test_mistakes_are_explained_without_a_list(
    command, experiments: Path, words: list[str], said: str
):
    done = command("list", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_alone_takes_the_same_options(command, experiments: Path):
    done = command(str(experiments), "--where", "lr == 0.3", "--columns", "id")
    assert done.stdout.splitlines() == ["id", "3"] or done.stdout.split() == ["id", "3"]


class TestCommits:
    @pytest.fixture
    def history(self, repository) -> dict[str, str]:
        shas = {"first": repository.head}
        for name in ("second", "third"):
            shas[name] = repository.commit({"train.py": f"# {name}\n"}, name)
        repository.git("tag", "v1", shas["first"])
        snapshot = repository.git("commit-tree", "-p", "HEAD", "-m", "kept", "HEAD^{tree}").strip()
        for number, name in enumerate(shas, 1):
            write_record(
                repository.directory / "experiments",
                str(number),
                minutes=number,
                metadata={"githead-sha": shas[name]},
            )
        write_record(
            repository.directory / "experiments",
            "4",
            minutes=4,
            metadata={"githead-sha": shas["third"], "git-snapshot": snapshot},
        )
        return {**shas, "snapshot": snapshot}

    def listed(self, command, directory: Path, *words: str, cwd: Path | None = None) -> list[str]:
        done = command("list", str(directory), "--json", *words, cwd=cwd or directory)
        assert done.stderr == ""
        return [row["id"] for row in json.loads(done.stdout)]

    def test_any_revision_or_range_is_understood(self, command, repository, history):
        experiments = repository.directory / "experiments"
        for revision, expected in {
            "main": ["3", "4"],
            "HEAD~1": ["2"],
            "v1": ["1"],
            "v1..main": ["2", "3", "4"],
            "HEAD~2..HEAD~1": ["2"],
            "main ^HEAD~1": ["3", "4"],
            history["second"][:8]: ["2"],
            history["snapshot"]: ["4"],
            history["snapshot"][:10].upper(): ["4"],
        }.items():
            assert self.listed(command, experiments, "--commit", revision) == expected, revision

    def test_copied_folders_are_found_by_the_beginning_of_their_sha(
        self, command, repository, history, tmp_path
    ):
        copy = tmp_path / "elsewhere"
        (repository.directory / "experiments").rename(copy)
        sha = history["second"][:7]
        assert self.listed(command, copy, "--commit", sha) == ["2"]
        inside = repository.directory
        assert self.listed(command, copy, "--commit", "v1..main", cwd=inside) == ["2", "3", "4"]

    @pytest.mark.parametrize("revision", ["nowhere", "--all", "main..nowhere", "", "x\ty", "-1"])
    def test_what_git_does_not_know_is_refused(self, command, repository, history, revision):
        done = command(
            "list", f"--commit={revision}", cwd=repository.directory, GIT_TERMINAL_PROMPT="0"
        )
        assert done.returncode == 2, done
        assert "is no commit or range that the repository" in done.stderr
