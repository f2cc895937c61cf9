"""`meticulous train.py:Train --lr 0.2` does what the `main()` of a script does."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest
from registered import folder_of, make_project, numbers, read, status_of

_OF_EACH_RUN = ("command", "original-command", "experiment-id", "uid", "pid", "ordinal")

ENDS = """\
import os, signal, sys
from meticulous import Experiment
from meticulous.errors import TargetError


class Ends(Experiment):
    how: str = "well"  # @p

    def run(self):
        if self.how == "exit":
            sys.exit(3)
        if self.how == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        if self.how == "error":
            raise TargetError("of the program itself")
        print(sys.argv, __name__)


if __name__ == "__main__":
    Ends.main()
"""


@pytest.fixture
def project(repository):
    return make_project(repository)


def in_project(project, command):
    """Return a function that runs `meticulous WORDS...` in the project, or a folder of it."""

    def run(*words: str, code: int = 0, folder: str = ""):
        done = command(*words, cwd=Path(project.directory, folder))
        assert done.returncode == code, done.stdout + done.stderr
        assert "bug in meticulous" not in done.stderr
        return done

    return run


@pytest.fixture
def meticulous(project, command):
    return in_project(project, command)


class TestTheSameAsTheScript:
    @pytest.fixture
    def meticulous(self, project, process):
        """In an interpreter of its own, as the script has."""
        return in_project(project, process)

    def test_a_run_is_recorded_as_that_of_the_script(self, project, meticulous):
        project.python("train.py", "--lr", "0.2", "-u", "{epochs: 3}", check=True)
        done = meticulous("train.py:Train", "--lr", "0.2", "-u", "{epochs: 3}")
        assert done.stdout == "first version 0.2\n"
        one, other = folder_of(project, 1), folder_of(project, 2)
        for name in ("args.json", "default_args.json", "summary.json"):
            assert read(one, name) == read(other, name)
        assert (one / "STATUS").read_text() == (other / "STATUS").read_text()
        assert (one / "stdout").read_text() == (other / "stdout").read_text()
        by_script, by_target = read(one, "metadata.json"), read(other, "metadata.json")
        assert sorted(by_script) == sorted(by_target)
        for key in ("target", "tags", "exit-code", "working-directory", "imported-modules"):
            assert by_script[key] == by_target[key], key

    def test_its_command_can_be_run_again(self, project, meticulous, command):
        meticulous("train.py", "--lr", "0.2")
        meticulous("train:Train", "--lr", "0.3")
        metadata = read(folder_of(project, 1), "metadata.json")
        assert metadata["command"] == ["meticulous", "train.py", "--lr", "0.2"]
        assert metadata["original-command"][1:] == ["-m", *metadata["command"]]
        done = meticulous("reproduce", "1-2")
        assert re.findall("reproduced as [34]  (.*)", done.stdout) == ["IDENTICAL"] * 2
        listed = meticulous("list", "--columns", "program").stdout.splitlines()
        assert [line.split()[1] for line in listed[1:3]] == ["train.py:Train", "train:Train"]

    def test_help_and_mistakes_name_the_command_that_was_given(self, project, meticulous):
        done = meticulous("train.py:Train", "--help")
        assert done.stdout.startswith("usage: meticulous train.py:Train [--PARAMETER VALUE ...]")
        assert "--lr float            learning rate (default: 0.1)" in done.stdout
        done = meticulous("train.py:Train", "--lr", "fast", code=2)
        assert "meticulous train.py:Train: error: argument --lr: must be float" in done.stderr
        assert meticulous("needy.py", code=2).stderr.startswith("meticulous needy.py: error: data")
        assert numbers(project) == []

    def test_it_registers_and_restarts(self, project, meticulous):
        assert meticulous("train.py", "--register", "--lr", "5").stdout == "experiments/1\n"
        assert status_of(folder_of(project)) == "REGISTERED"
        meticulous("train.py", "--restart", "1")
        assert status_of(folder_of(project)) == "SUCCESS"
        assert read(folder_of(project), "args.json")["lr"] == 5.0

    def test_below_a_directory_with_experiments_it_goes_on_there_as_our_other_commands_do(
        self, project, meticulous
    ):
        (project.directory / "sub").mkdir()
        place = project.directory / "experiments"
        found = f"meticulous: recording in {place}, found above this folder\n"
        assert meticulous("train.py").stderr == ""
        assert meticulous("../train.py:Train", folder="sub").stderr == found
        meticulous("register", "../train.py:Train", "--name", "x", folder="sub")
        registered = meticulous("../train.py", "--register", "--lr", "4", folder="sub")
        assert registered.stdout == "../experiments/4\n"
        assert meticulous("../train.py", "--restart", "4", folder="sub").stderr == ""
        assert read(folder_of(project, 4), "summary.json") == {"loss": 4.0}
        told = meticulous("../train.py", "--restart", "9", folder="sub", code=2).stderr
        assert f"There is no experiment 9 in {place} that" in told
        assert numbers(project) == [1, 2, 3, 4]
        ours = (sys.executable, "-m", "meticulous")
        inside = meticulous("run", "--", *ours, "../train.py", "--lr", "5", folder="sub")
        assert "is ignored" not in inside.stderr
        assert read(folder_of(project, 5), "args.json")["lr"] == 5.0
        assert not (project.directory / "sub" / "experiments").exists()
        named = ["../train.py", "--experiments-directory", "experiments"]
        assert "is a new experiments directory" in meticulous(*named, folder="sub").stderr
        assert (project.directory / "sub" / "experiments" / "1").exists()
        told = meticulous("reproduce", "2").stdout
        assert "reproduced as 6  IDENTICAL" in told
        told = " ".join(meticulous("../train.py", "--help", folder="sub").stdout.split())
        assert "(default: the nearest experiments with experiments in it, there or above" in told

    def test_uncommitted_code_is_refused_by_its_name(self, project, meticulous):
        project.write("fresh.py", (project.directory / "train.py").read_text())
        done = meticulous("fresh.py", code=2)
        assert "fresh.py is not tracked by git" in done.stderr
        assert numbers(project) == []

    def test_the_process_ends_as_the_experiment_does(self, project, meticulous):
        project.commit({"ends.py": ENDS})
        assert meticulous("ends.py", "--how", "well").stdout == (
            "['ends.py', '--how', 'well'] ends\n"
        )
        meticulous("ends.py", "--how", "exit", code=3)
        meticulous("ends.py", "--how", "interrupt", code=-signal.SIGINT)
        done = meticulous("ends.py", "--how", "error", code=1)
        assert done.stderr.startswith("Traceback")
        status = (folder_of(project, numbers(project)[-1]) / "STATUS").read_text()
        for text in (done.stderr, status):  # no frame of what ran it
            assert re.findall(r'File ".*/(\w+\.py)", line \d+, in (\w+)', text) == [
                ("ends.py", "run")
            ]
        words = [status_of(folder_of(project, number)) for number in numbers(project)]
        assert words == ["SUCCESS", "ERROR", "INTERRUPTED", "ERROR"]


class TestWhatIsATarget:
    def test_a_file_that_is_no_program_of_python_is_none(self, project, meticulous):
        done = meticulous("lsit", code=2)
        assert "Did you mean 'list'?" in done.stderr
        assert "neither a command nor a directory" in done.stderr
        assert "the nearest: train.py" in meticulous("trian.py", code=2).stderr
        assert "the nearest: Train" in meticulous("train.py:Tran", code=2).stderr
        told = meticulous("train.py:Literal", code=2).stderr
        assert "train.py:Literal is typing.Literal, which is imported there, and no" in told
        assert "What can be run is train.py:Train." in told

    def test_a_module_that_fails_shows_its_traceback_and_makes_nothing(self, project, meticulous):
        project.commit({"broken.py": "import absent\n"})
        done = meticulous("broken.py:Train", code=2)
        assert "No module named 'absent'" in done.stderr
        assert 'broken.py", line 1' in done.stderr
        assert numbers(project) == []

    def test_a_plain_script_is_not_run_but_told_how_to_be(self, project, meticulous):
        project.commit({"a script.py": "open('effect', 'w').close()\n"})
        for words in (["a script.py"], ["register", "a script.py"]):
            told = meticulous(*words, code=2).stderr
            assert "`meticulous run -- python 'a script.py'`" in told
        assert not (project.directory / "effect").exists()

    def test_a_directory_is_listed_whatever_it_is_called(self, project, meticulous):
        meticulous("train.py", "--experiments-directory", "runs.py")
        assert "SUCCESS" in meticulous("runs.py").stdout

    def test_other_commands_say_how_a_target_is_run(self, project, meticulous):
        done = meticulous("run", "--", "train.py:Train", "--lr", "3", code=2)
        assert "`meticulous train.py:Train --lr 3` runs and records it" in done.stderr
        done = meticulous("execute", "train.py:Train", code=2)
        assert "`meticulous register train.py:Train` makes such a folder" in done.stderr
        assert numbers(project) == []


class TestKnownNames:
    def test_a_known_name_means_its_code_from_anywhere(
        self, project, meticulous, make_repository, command
    ):
        meticulous("target", "add", "parabola", "train.py")
        elsewhere = make_repository("elsewhere")
        done = command("parabola", "--lr", "0.5", cwd=elsewhere.directory)
        assert done.returncode == 0, done.stderr
        done = command("register", "parabola", "{lr: 7}", cwd=elsewhere.directory)
        assert done.returncode == 0, done.stderr
        assert numbers(project) == [1, 2]
        for number in (1, 2):
            metadata = read(folder_of(project, number), "metadata.json")
            assert metadata["githead-sha"] == project.head
        done = meticulous("reproduce", "1")
        assert "reproduced as 3  IDENTICAL" in done.stdout

    def test_a_name_that_is_a_directory_too_is_left_to_the_user(self, project, meticulous):
        meticulous("target", "add", "parabola", "train.py")
        (project.directory / "parabola").mkdir()
        done = meticulous("parabola", code=2)
        assert "`meticulous list parabola` to list the one" in done.stderr
        assert f"`meticulous {project.directory}/train.py:Train` to run the other" in done.stderr


def test_commands_import_nothing_for_targets(project, meticulous):
    script = (
        "import sys; from meticulous.cli import main; main(['list']);"
        "print([name for name in sys.modules if name.startswith(('meticulous.declare.targets',"
        "'meticulous.sweep', 'meticulous.cli.target'))])"
    )
    meticulous("train.py")
    assert project.python("-c", script).stdout.splitlines()[-1] == "[]"
    assert sys.executable in read(folder_of(project), "metadata.json")["original-command"]
