"""Declared experiments as programs: what a script that ends in `main()` does."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from forked_programs import carry_out

TRAIN = '''\
"""A script."""
import sys
from pathlib import Path
from typing import Literal
from meticulous import Experiment

class Train(Experiment):
    """Train a classifier."""

    lr: float = 0.1  # @p learning rate
    epochs: int = 10  # @p passes over the data
    optimiser: Literal["sgd", "adam"] = "sgd"  # @p
    end: str = "return"  # @p how it ends

    def debug(self):
        self.epochs = 1

    def run(self):
        print("lr", self.lr, "epochs", self.epochs, self.is_debug)
        self.log(step=0, loss=1.0)
        if self.end == "raise":
            raise ValueError("boom")
        if self.end.isdecimal():
            sys.exit(int(self.end))
        if self.end == "mutate":
            self.lr = 5

if __name__ == "__main__":
    Train.main()
'''


def read(folder, name):
    return json.loads(Path(folder, name).read_text())


@pytest.fixture
def project(repository):
    """A repository with train.py, which calls main()."""
    repository.commit({"train.py": TRAIN})
    return repository


def folder(project, number=1) -> Path:
    return project.directory / "experiments" / str(number)


def word(project, number=1) -> str:
    return (folder(project, number) / "STATUS").read_text().split("\n")[0]


def told(*words: str) -> str:
    """Return the script, to be carried out with these words."""
    return f"import sys; sys.argv += {words!r}\n{TRAIN}"


class TestRun:
    """python train.py --lr 0.2 records one run."""

    def test_it_records_the_parameters_and_their_defaults(self, project):
        done = project.python("train.py", "--lr", "0.2", "--epochs", "5")
        assert (done.returncode, done.stderr) == (0, "")
        assert read(folder(project), "args.json") == {
            "lr": 0.2,
            "epochs": 5,
            "optimiser": "sgd",
            "end": "return",
        }
        assert read(folder(project), "default_args.json")["epochs"] == 10
        assert word(project) == "SUCCESS"
        assert (folder(project) / "stdout").read_text() == "lr 0.2 epochs 5 False\n"
        target = read(folder(project), "metadata.json")["target"]
        assert target == {"kind": "python", "file": "train.py", "name": "Train", "import-path": "."}

    def test_our_own_options(self, project):
        project.python("train.py", "--purpose", "a look", "--tag", "x", "--experiment-id", "named")
        metadata = read(folder(project, "named"), "metadata.json")
        assert (metadata["description"], metadata["tags"]) == ("a look", ["x"])

    def test_norecord_leaves_nothing(self, project):
        done = project.python("train.py", "--norecord")
        assert (done.returncode, done.stdout) == (0, "lr 0.1 epochs 10 False\n")
        assert not (project.directory / "experiments").exists()

    def test_updates_from_text_and_file_in_order_and_options_count_most(self, project):
        project.commit({"base.yml": "lr: 0.5\nepochs: 2\n"})
        project.python("train.py", "-u", "base.yml", "-u", "{lr: 0.7}", "--epochs", "4", check=True)
        args = read(folder(project), "args.json")
        assert (args["lr"], args["epochs"]) == (0.7, 4)

    def test_debug_comes_before_what_is_given(self, project):
        project.python("train.py", "--debug", "--lr", "0.3", check=True)
        assert (folder(project) / "stdout").read_text() == "lr 0.3 epochs 1 True\n"
        assert read(folder(project), "metadata.json")["tags"] == ["debug"]

    def test_help_shows_prose_parameters_and_our_options(self, project):
        shown = project.python("train.py", "--help", check=True).stdout
        for text in ("Train a classifier.", "--lr float", "learning rate (default: 0.1)", "--tag"):
            assert text in shown

    def test_a_description_of_the_users_own_is_theirs(self, repository):
        repository.commit({"train.py": TRAIN.replace("lr: float = 0.1", 'description: str = "d"')})
        text = (repository.directory / "train.py").read_text().replace("self.lr", "self.args")
        repository.commit({"train.py": text})
        done = repository.python("train.py", "--description", "mine", "--purpose", "why")
        assert done.returncode == 0, done.stderr
        assert read(folder(repository), "args.json")["description"] == "mine"
        assert read(folder(repository), "metadata.json")["description"] == "why"


class TestEnds:
    """Exit codes and STATUS are those of any recorded program."""

    def test_of_the_run(self, repository):
        ends = {
            "return": (0, "SUCCESS"),
            "raise": (1, "ERROR"),
            "0": (0, "SUCCESS"),
            "3": (3, "ERROR"),
            "mutate": (1, "ERROR"),
        }
        outcomes = carry_out(repository, [told("--end", end) for end in ends])
        words = [(outcome.folder / "STATUS").read_text().split("\n")[0] for outcome in outcomes]
        codes = [outcome.code for outcome in outcomes]
        assert dict(zip(ends, zip(codes, words, strict=True), strict=True)) == ends
        frozen = ["FrozenParameterError" in outcome.errors for outcome in outcomes]
        assert frozen == [end == "mutate" for end in ends]

    def test_of_a_wrong_command_line(self, repository):
        messages = {
            ("--epochs", "x"): "--epochs",
            ("--epoch", "3"): "--epochs",
            ("-u", "{lr: [}"): "line 1",
            ("-u", "{lr: fast}"): "lr must be float",
            ("-u", "!!python/object/apply:os.system ['touch hacked']"): "YAML",
            ("-u", "{a: !!python/object/apply:os.system ['touch hacked']}"): "YAML",
            ("-u", "missing.yml"): "no such file",
            ("--restart", "7"): "no experiment 7",
        }
        programs = [told(*words) for words in messages]
        outcomes = carry_out(repository, programs, begin="import meticulous.errors")
        for outcome, (words, message) in zip(outcomes, messages.items(), strict=True):
            assert outcome.code == 2, words
            assert message in outcome.errors
            assert "Traceback" not in outcome.errors
        assert not (repository.directory / "experiments").exists()
        assert not (repository.directory / "hacked").exists()

    def test_of_uncommitted_changes(self, project):
        project.write("README", "changed")
        done = project.python("train.py")
        assert done.returncode == 2
        assert "README" in done.stderr
        assert "Traceback" not in done.stderr
        assert project.python("train.py", "--dirty", "snapshot").returncode == 0

    def test_without_run(self, repository):
        repository.commit(
            {
                "train.py": "from meticulous import Experiment\nclass Train(Experiment):\n"
                "    lr: float = 0.1  # @p\nTrain.main()\n"
            }
        )
        for words in ([], ["--register"]):
            done = repository.python("train.py", *words)
            assert done.returncode == 2
            assert "Train has no run" in done.stderr
            assert not (repository.directory / "experiments").exists()

    def test_a_parameter_that_needs_a_value(self, repository):
        repository.commit(
            {
                "evaluate.py": "from pathlib import Path\nimport meticulous\n"
                "def evaluate(experiment, checkpoint: Path, split='test'):\n"
                "    print(checkpoint, split)\n"
                "if __name__ == '__main__':\n    meticulous.main(evaluate)\n"
            }
        )
        done = repository.python("evaluate.py")
        assert (done.returncode, "checkpoint" in done.stderr) == (2, True)
        assert repository.python("evaluate.py", "--checkpoint", "a.pt").stdout == "a.pt test\n"
        target = read(folder(repository), "metadata.json")["target"]
        assert (target["file"], target["name"]) == ("evaluate.py", "evaluate")

    def test_a_usr1_is_a_timeout_with_the_code_of_that_signal(self, repository):
        repository.commit(
            {
                "train.py": "import os, signal\nfrom meticulous import Experiment\n"
                "class Train(Experiment):\n"
                "    def run(self): os.kill(os.getpid(), signal.SIGUSR1)\n"
                "if __name__ == '__main__': Train.main()\n"
            }
        )
        assert repository.python("train.py").returncode == -signal.SIGUSR1
        assert word(repository) == "TIMEOUT"

    def test_off_the_main_thread_it_runs_as_well(self, repository):
        repository.commit(
            {
                "train.py": "import threading\nfrom meticulous import Experiment\n"
                "class Train(Experiment):\n"
                "    n: int = 3  # @p\n"
                "    def run(self): print(self.n)\n"
                "thread = threading.Thread(target=lambda: Train(n=4)())\n"
                "thread.start(); thread.join()\n"
            }
        )
        done = repository.python("train.py")
        assert (done.stdout, done.stderr) == ("4\n", "")
        assert word(repository) == "SUCCESS"


class TestRestart:
    """--restart ID goes on with a record, as a new attempt with its arguments."""

    def test_it_keeps_arguments_and_history(self, project):
        project.python("train.py", "--lr", "0.4", "--end", "3")
        done = project.python("train.py", "--restart", "1")
        assert done.returncode == 3, done.stderr
        metadata = read(folder(project), "metadata.json")
        assert [attempt["status"] for attempt in metadata["attempts"]] == ["ERROR", "ERROR"]
        assert (folder(project) / "stdout").read_text() == "lr 0.4 epochs 10 False\n" * 2

    def test_what_ran_and_is_registered_again_can_be_given_to_any_scheduler(self, project):
        project.python("train.py", "--lr", "0.4", check=True)
        project.python("train.py", "--register", "--restart", "1", check=True)
        done = subprocess.run([folder(project) / "run.sh"], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        attempts = read(folder(project), "metadata.json")["attempts"]
        assert [attempt["status"] for attempt in attempts] == ["SUCCESS", "SUCCESS"]

    def test_other_values_are_refused(self, project):
        project.python("train.py", "--lr", "0.4")
        done = project.python("train.py", "--restart", "1", "--lr", "0.5")
        assert done.returncode == 2
        assert "lr: recorded 0.4, given 0.5" in done.stderr
        assert word(project) == "SUCCESS"


class TestUnderMeticulousRun:
    """`meticulous run -- python train.py` records the same once."""

    def test_parameters_are_the_arguments(self, project):
        done = project.python("-m", "meticulous", "run", "--", "python", "train.py", "--lr", "0.6")
        assert done.returncode == 0, done.stderr
        assert read(folder(project), "args.json")["lr"] == 0.6
        assert not folder(project, 2).exists()


class TestCost:
    """What is declared costs nothing until it is used."""

    def test_a_plain_experiment_loads_nothing_of_it(self, repository):
        repository.commit(
            {
                "main.py": "import sys\nfrom meticulous import Experiment\n"
                "with Experiment({}): pass\n"
                "print(*sorted(sys.modules))\n"
            }
        )
        loaded = repository.python("-S", "main.py", check=True).stdout.split()
        heavy = {"ast", "tokenize", "typing", "inspect", "ruamel", "copy", "argparse"}
        assert not heavy & set(loaded)
        assert not [name for name in loaded if name.startswith("meticulous.declare")]

    def test_help_loads_nothing_that_only_a_run_needs(self, project):
        shown = project.python("-X", "importtime", "train.py", "--help", check=True).stderr
        loaded = {line.rpartition("|")[2].strip() for line in shown.splitlines()}
        assert "argparse" in loaded
        assert not {"json", "subprocess", "tokenize", "meticulous.recorder.recording"} & loaded
