"""What `meticulous run` refuses before the start, and how it says what to do instead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def run(repository):
    def start(*words: str, cwd: Path = repository.directory):
        command = [sys.executable, "-m", "meticulous", "run", *words]
        return subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
        )

    return start


def numbers(folder: Path) -> list[str]:
    place = folder / "experiments"
    return sorted(name for name in os.listdir(place) if name[0] != ".") if place.exists() else []


class TestDirtyRepository:
    """The ways out are said as they are typed here."""

    def test_the_options_go_before_the_command(self, repository, run):
        repository.commit({"train.py": "print('trained')"})
        repository.write("README", "changed")
        done = run("--", "python", "train.py", "--lr", "3")
        assert done.returncode == 2
        assert "meticulous run --dirty snapshot -- python train.py ...\n" in done.stderr
        assert "meticulous run --norecord -- python train.py ...\n" in done.stderr
        assert "dirty=" not in done.stderr

    def test_the_way_out_works(self, repository, run):
        repository.commit({"train.py": "print('trained')"})
        repository.write("README", "changed")
        done = run("--dirty", "snapshot", "--", sys.executable, "train.py")
        assert done.stdout == "trained\n"


class TestMissingScripts:
    """A script that is not there is refused, and no number is used up."""

    @pytest.mark.parametrize(
        "words",
        [
            [sys.executable, "nope.py"],
            [sys.executable, "-u", "nope.py"],
            ["nice", sys.executable, "nope.py"],
            ["sh", "nope.sh"],
            ["bash", "deep/nope"],
            ["./nope.sh"],
        ],
    )
    def test_it_is_refused(self, repository, run, words):
        done = run("--", *words)
        assert done.returncode == 2
        assert "nope" in done.stderr
        assert "cannot be run" in done.stderr
        assert "no such" in done.stderr
        assert not (repository.directory / "experiments").exists()

    @pytest.mark.parametrize(
        "words",
        [
            ["sh", "-c", "exit 0", "nope.sh"],
            [sys.executable, "-c", "", "nope.py"],
            [sys.executable, "-m", "this", "nope.py"],
            [sys.executable, "."],
            ["env", "-C", "sub", sys.executable, "inner.py"],
            ["env", "--chdir=sub", sys.executable, "inner.py"],
            ["bash", "-o", "errexit", "run.sh"],
        ],
    )
    def test_what_is_no_missing_script_runs(self, repository, run, words):
        repository.commit({"sub/inner.py": "", "__main__.py": "", "run.sh": ""})
        done = run("--", *words)
        assert done.returncode == 0, done.stderr
        assert numbers(repository.directory) == ["1"]

    def test_without_a_record_the_interpreter_answers_itself(self, run):
        done = run("--norecord", "--", sys.executable, "nope.py")
        assert done.returncode == 2
        assert "meticulous" not in done.stderr
        assert "can't open file" in done.stderr


class TestProgramsThatCannotStart:
    """What the system cannot execute is found before a number is given."""

    @pytest.mark.parametrize(
        ("text", "advice"),
        [
            ("import sys\n", "python ./program"),
            ("", "#!"),
            ("#!/no/such/interpreter\n", "/no/such/interpreter"),
            ("#!/bin/sh\r\necho\r\n", "Windows"),
        ],
    )
    def test_it_is_refused_and_uses_up_no_number(self, repository, run, text, advice):
        program = repository.directory / "program"
        program.write_bytes(text.encode())
        program.chmod(0o755)
        repository.commit()
        done = run("--", "./program")
        assert done.returncode == 2
        assert "'./program' cannot be run" in done.stderr
        assert advice in done.stderr
        assert not (repository.directory / "experiments").exists()


class TestMisplacedOptions:
    """Whose option it is depends on the side of the command it stands on."""

    def test_an_option_of_the_program_goes_behind_it(self, run):
        done = run("--lr", "3", "--", "python", "train.py")
        assert done.returncode == 2
        assert "No such option: --lr" in done.stderr
        assert "go behind it: meticulous run -- python train.py --lr 3" in done.stderr
        assert "Did you mean" not in done.stderr

    def test_a_slip_in_one_of_ours_is_still_recognised(self, run):
        done = run("--drity", "snapshot", "--", "python", "train.py")
        assert "Did you mean --dirty?" in done.stderr

    def test_without_the_two_dashes_there_is_no_command_to_show(self, run):
        done = run("--lr=3", "python", "train.py")
        assert done.returncode == 2
        assert "go behind it: meticulous run -- COMMAND --lr=3" in done.stderr


class TestQuotedCommands:
    """A whole command in one word."""

    def test_the_quotes_are_named(self, repository, run):
        done = run("--", "python train.py --lr 0.1")
        assert done.returncode == 2
        assert "without the quotes: meticulous run -- python train.py --lr 0.1\n" in done.stderr
        assert not (repository.directory / "experiments").exists()

    def test_what_only_a_shell_understands_is_given_to_one(self, run):
        done = run("--", "echo a | wc > b")
        assert "meticulous run -- sh -c 'echo a | wc > b'\n" in done.stderr

    def test_a_program_with_a_space_in_its_name_runs(self, repository, run):
        repository.write("my program", "#!/bin/sh\necho fine\n").chmod(0o755)
        repository.commit()
        assert run("--", "./my program").stdout == "fine\n"


class TestSubfolders:
    """Where a run goes is where `meticulous list` looks for it from the same folder."""

    def test_the_experiments_above_are_used_and_named(self, repository, run):
        repository.commit({"sub/a.txt": ""})
        run("--", "true")
        done = run("--", "true", cwd=repository.directory / "sub")
        place = repository.directory / "experiments"
        assert done.stderr == f"meticulous: recording in {place}, found above this folder\n"
        assert numbers(repository.directory) == ["1", "2"]
        assert not (repository.directory / "sub" / "experiments").exists()

    def test_from_inside_the_experiments_directory_too(self, repository, run):
        run("--", "true")
        for folder in ("experiments", "experiments/1"):
            done = run("--", "true", cwd=repository.directory / folder)
            assert "meticulous: recording in" in done.stderr
        assert numbers(repository.directory) == ["1", "2", "3"]

    def test_in_the_usual_place_nothing_is_said(self, run):
        run("--", "true")
        assert run("--", "true").stderr == ""

    def test_without_experiments_above_the_folder_gets_its_own(self, repository, run):
        repository.commit({"sub/a.txt": "", "experiments/config.yaml": "mine"})
        done = run("--", "true", cwd=repository.directory / "sub")
        assert done.stderr == ""
        assert numbers(repository.directory / "sub") == ["1"]

    def test_the_nearest_is_used(self, repository, run):
        repository.commit({"a/b/c.txt": ""})
        run("--", "true")
        run("--experiments-directory", "experiments", "--", "true", cwd=repository.directory / "a")
        run("--", "true", cwd=repository.directory / "a" / "b")
        assert numbers(repository.directory / "a") == ["1", "2"]

    def test_a_repository_of_its_own_has_its_own(self, make_repository, repository, run):
        run("--", "true")
        inner = make_repository("project/experiments/1/clone")
        run("--", "true", cwd=inner.directory)
        assert numbers(inner.directory) == ["1"]


class TestExperimentInside:
    """What an experiment asks for that `meticulous run` has decided already."""

    @pytest.mark.parametrize(
        ("option", "value"), [("--experiment-id", "mine"), ("--experiments-directory", "elsewhere")]
    )
    def test_its_place_and_id_are_ignored_with_a_warning(self, repository, run, option, value):
        text = (
            "import argparse\nfrom meticulous import Experiment\n"
            "parser = argparse.ArgumentParser()\nExperiment.add_argument_group(parser)\n"
            "Experiment.from_parser(parser)\n"
        )
        repository.commit({"train.py": text})
        done = run("--", sys.executable, "train.py", option, value)
        assert done.returncode == 0
        assert done.stderr.count("meticulous: warning") == 1
        assert f"meticulous run {option} {value} --" in done.stderr
        assert numbers(repository.directory) == ["1"]
        folder = repository.directory / "experiments" / "1"
        (warning,) = json.loads((folder / "metadata.json").read_text())["warnings"]
        assert value in warning
        assert warning in done.stderr

    def test_what_agrees_is_no_matter(self, repository, run):
        text = (
            "from meticulous import Experiment\n"
            "Experiment({}, experiment_id='a', experiments_directory='runs')\n"
        )
        repository.commit({"train.py": text})
        words = ("--experiments-directory", "runs", "--experiment-id", "a")
        done = run(*words, "--", sys.executable, "train.py")
        assert (done.stderr, done.returncode) == ("", 0)
