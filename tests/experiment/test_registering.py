"""Registering a declared experiment: the folder for a later run, and beginning anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from meticulous import Experiment
from meticulous.errors import (
    DirtyRepoException,
    ExperimentClaimedError,
    FrozenParameterError,
    IllegalMoveError,
    MismatchedArgsException,
    ParameterError,
)
from meticulous.folder import claims


class Train(Experiment):
    """Train a classifier."""

    lr: float = 0.1  # @p
    sizes: tuple[int, ...] = (64, 32)  # @p
    token: str = ""  # @p

    def run(self, fail=False):
        self.summary(lr=self.lr)
        if fail:
            raise RuntimeError("diverged")


def read(folder, name):
    return json.loads(Path(folder, name).read_text())


@pytest.fixture
def options(repository):
    """Settings that record into the repository and leave pytest's streams alone."""
    return {"project_directory": repository.directory, "capture": "none"}


class TestTheFolder:
    """What a later run needs is all there."""

    def test_it_holds_everything_but_a_run(self, repository, options):
        train = Train(lr=0.2, **options)
        directory = train.register(name="first", description="why", tags=["t"])
        assert directory == repository.directory / "experiments" / "1"
        assert (directory / "STATUS").read_text() == "REGISTERED\n"
        assert read(directory, "args.json") == {"lr": 0.2, "sizes": [64, 32], "token": ""}
        assert read(directory, "default_args.json")["lr"] == 0.1
        metadata = read(directory, "metadata.json")
        assert metadata["githead-sha"] == repository.head
        assert (metadata["name"], metadata["description"]) == ("first", "why")
        assert (metadata["tags"], metadata["attempts"]) == (["t"], [])
        assert metadata["target"]["name"] == "Train"
        assert "pid" not in metadata
        assert "start-time" not in metadata
        assert (train.status, train.purpose) == ("REGISTERED", "why")
        assert train.registered.startswith(metadata["registered-time"])
        assert os.access(directory / "run.sh", os.X_OK)

    def test_the_listing_shows_it(self, repository, options):
        Train(lr=0.2, **options).register()
        done = repository.python("-m", "meticulous", "list", "--status", "REGISTERED")
        assert (done.returncode, "REGISTERED" in done.stdout) == (0, True), done.stderr

    def test_parameters_are_frozen(self, options):
        train = Train(**options)
        train.register()
        with pytest.raises(FrozenParameterError):
            train.lr = 3

    def test_it_registers_only_once(self, options):
        train = Train(**options)
        folder = train.register()
        with pytest.raises(IllegalMoveError, match="is REGISTERED and has a folder already"):
            train.register()
        train()
        with pytest.raises(IllegalMoveError, match=r"is SUCCESS and has a folder .* reset\(\)"):
            train.register()
        with pytest.raises(IllegalMoveError):
            Train(**options).detach().register()
        assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == ["1"]

    def test_in_another_directory(self, tmp_path, options):
        directory = Train(**options).register(tmp_path / "elsewhere")
        assert directory == tmp_path / "elsewhere" / "1"

    def test_uncommitted_changes_are_refused_and_nothing_is_left(self, repository, options):
        repository.write("README", "changed")
        with pytest.raises(DirtyRepoException):
            Train(**options).register()
        assert not (repository.directory / "experiments").exists()

    def test_a_secret_cannot_wait_in_a_record(self, repository, options):
        with pytest.raises(ParameterError, match="token"):
            Train(token="ghp_1234567890abcdefghijklmnopqrstuvwxyzAB", **options).register()
        assert list((repository.directory / "experiments").glob("[0-9]*")) == []

    def test_what_is_made_in_a_function_cannot_be_found_again(self, repository, options):
        class Local(Train):
            pass

        with pytest.raises(LookupError, match="within a function"):
            Local(**options).register()
        assert not (repository.directory / "experiments").exists()


class TestTheRun:
    """A registered experiment runs in its folder."""

    def test_it_is_the_first_attempt(self, options):
        train = Train(lr=0.2, **options)
        directory = train.register(name="first")
        train()
        metadata = read(directory, "metadata.json")
        assert (train.status, train.directory) == ("SUCCESS", directory)
        assert len(metadata["attempts"]) == 1
        assert (metadata["name"], metadata["target"]["name"]) == ("first", "Train")
        assert metadata["registered-time"] < metadata["start-time"]
        assert not (directory / ".claimed").exists()

    def test_nobody_else_can_run_it_meanwhile(self, repository, options):
        train = Train(**options)
        directory = train.register()
        with train:
            done = repository.python("-m", "meticulous", "execute", str(directory))
        assert (done.returncode, "is RUNNING" in done.stderr) == (2, True)
        assert len(read(directory, "metadata.json")["attempts"]) == 1

    def test_a_claim_of_another_process_is_respected(self, options):
        train = Train(**options)
        directory = train.register()
        program = (
            "import sys\nfrom meticulous.folder import claims\n"
            f"claims.claim({str(directory)!r})\nprint('claimed', flush=True)\nsys.stdin.read()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "claimed\n"
            with pytest.raises(ExperimentClaimedError, match=str(other.pid)):
                train()
            assert train.status == "REGISTERED"
            other.kill()
        assert claims.claimant(str(directory)) is None
        train()
        assert train.status == "SUCCESS"


class TestResetAndRestart:
    """A new attempt keeps the history."""

    def test_reset_registers_it_again(self, options):
        train = Train(**options)
        with pytest.raises(RuntimeError):
            train(fail=True)
        train.reset()
        metadata = read(train.directory, "metadata.json")
        assert train.status == "REGISTERED"
        assert [attempt["status"] for attempt in metadata["attempts"]] == ["ERROR"]
        assert "pid" not in metadata
        train()
        attempts = read(train.directory, "metadata.json")["attempts"]
        assert [attempt["status"] for attempt in attempts] == ["ERROR", "SUCCESS"]

    def test_what_has_no_folder_cannot_be_reset(self, options):
        with pytest.raises(IllegalMoveError, match="DEFAULT"):
            Train(**options).reset()

    def test_what_runs_cannot_be_reset(self, options):
        with Train(**options) as train, pytest.raises(IllegalMoveError, match="RUNNING"):
            train.reset()

    def test_restart_takes_the_recorded_values(self, options):
        Train(lr=0.7, sizes=(1, 2), **options)()
        again = Train(**options)
        directory = again.register(restart=1)
        assert (again.lr, again.sizes, directory.name) == (0.7, (1, 2), "1")
        again()
        assert len(read(directory, "metadata.json")["attempts"]) == 2

    def test_restart_reports_values_that_differ(self, options):
        Train(lr=0.7, **options)()
        with pytest.raises(MismatchedArgsException, match=r"lr: recorded 0.7, given 0.5"):
            Train(lr=0.5, **options).register(restart=1)

    def test_restart_without_a_record_registers(self, options):
        assert Train(**options).register(restart="fresh").name == "fresh"
