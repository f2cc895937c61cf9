"""Carrying out registered experiments: once each, in a process of its own, by the recorded code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from at_once import carry_out_at_once
from waiting import wait_until
from written_records import write_record

from meticulous.reader import read_record
from meticulous.sweep.code import CodeFinder
from meticulous.sweep.launching import Launcher

TRAIN = '''\
import os, signal, sys
from pathlib import Path
from meticulous import Experiment

class Train(Experiment):
    """Train."""

    lr: float = 0.1  # @p
    sizes: tuple[int, ...] = (1, 2)  # @p
    where: Path = Path("data")  # @p
    end: str = "return"  # @p

    def run(self):
        print("run", self.lr, self.sizes, self.where, sys.argv[0].rpartition("/")[2], flush=True)
        with open("runs.txt", "a") as file:
            file.write(f"{self.lr}\\n")
        if self.end == "raise":
            raise ValueError("boom")
        if self.end.isdecimal():
            sys.exit(int(self.end))
        if self.end == "wait":
            Path("waiting").touch()
            signal.pause()

if __name__ == "__main__":
    Train.main()
'''


def read(folder, name):
    return json.loads(Path(folder, name).read_text())


class Project:
    """A repository with a declared experiment, and what was registered in it."""

    def __init__(self, repository, command) -> None:
        self.repository = repository
        self._command = command
        repository.commit({"train.py": TRAIN, ".gitignore": "runs.txt\nwaiting\n__pycache__\n"})

    def register(self, *words: str) -> Path:
        return self.register_target("train.py", *words)

    def register_target(self, target: str, *words: str) -> Path:
        done = self.meticulous(target, "--register", *words)
        assert done.returncode == 0, done.stderr
        return self.repository.directory / done.stdout.strip()

    def execute(self, folder, *words):
        return self.meticulous("execute", str(folder), *words)

    def meticulous(self, *words):
        return self._command(*words, cwd=self.repository.directory)

    @property
    def runs(self) -> list[str]:
        path = self.repository.directory / "runs.txt"
        return path.read_text().split() if path.exists() else []

    def word(self, folder) -> str:
        return (folder / "STATUS").read_text().split("\n")[0]

    def attempts(self, folder) -> list[str]:
        return [attempt["status"] for attempt in read(folder, "metadata.json")["attempts"]]


@pytest.fixture
def project(repository, command):
    """A project whose train.py declares Train."""
    return Project(repository, command)


class TestPython:
    """A class or function, loaded afresh and recorded into the folder."""

    def test_values_come_back_as_they_were(self, project):
        folder = project.register("--lr", "0.2", "--sizes", "3,4,5", "--where", "in/a b")
        done = project.execute(folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "run 0.2 (3, 4, 5) in/a b train.py\n"
        assert (folder / "stdout").read_text() == done.stdout
        assert (project.word(folder), project.attempts(folder)) == ("SUCCESS", ["SUCCESS"])
        metadata = read(folder, "metadata.json")
        assert (metadata["exit-code"], metadata["name"]) == (0, "Train")
        assert not (folder / ".claimed").exists()

    @pytest.mark.parametrize(("end", "code"), [("raise", 1), ("3", 3), ("0", 0)])
    def test_the_exit_code_is_the_programs(self, project, end, code):
        folder = project.register("--end", end)
        done = project.execute(folder)
        assert done.returncode == code
        assert project.word(folder) == ("ERROR" if code else "SUCCESS")
        assert ("ValueError: boom" in done.stderr) is (end == "raise")
        assert ("ValueError: boom" in (folder / "STATUS").read_text()) is (end == "raise")
        for text in (done.stderr, (folder / "STATUS").read_text()):  # no frame of what ran it
            assert text.count("File ") == text.count("train.py") == (end == "raise")
        assert "bug" not in done.stderr

    def test_run_sh_does_it_from_anywhere(self, project, tmp_path):
        folder = project.register("--lr", "0.2")
        done = subprocess.run(
            ["sh", os.path.relpath(folder / "run.sh", tmp_path)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert project.word(folder) == "SUCCESS"
        assert project.runs == ["0.2"]

    def test_what_has_ended_is_to_be_reset(self, project):
        folder = project.register("--end", "raise")
        project.execute(folder)
        done = project.execute(folder)
        assert done.returncode == 2
        assert "Reset it" in done.stderr
        assert project.runs == ["0.1"]

    def test_a_module_that_fails_is_an_error_of_the_run(self, project):
        folder = project.register()
        project.repository.commit({"train.py": TRAIN + "raise RuntimeError('no import')\n"})
        done = project.execute(folder, "--code", "current")
        assert done.returncode == 1
        assert project.word(folder) == "ERROR"
        assert "RuntimeError: no import" in (folder / "STATUS").read_text()
        assert "RuntimeError: no import" in (folder / "stderr").read_text()

    def test_what_is_no_registered_experiment(self, project, tmp_path):
        done = project.execute(tmp_path)
        assert (done.returncode, "no registered experiment" in done.stderr) == (2, True)

    def test_a_function(self, project):
        project.repository.commit(
            {
                "evaluate.py": "import meticulous\n"
                "def evaluate(experiment: meticulous.Experiment, checkpoint: str, log: int = 3):\n"
                "    print(experiment.directory.name, checkpoint, log)\n"
                "if __name__ == '__main__': meticulous.main(evaluate)\n"
            }
        )
        folder = project.register_target("evaluate.py", "--checkpoint", "a", "--log", "4")
        assert project.execute(folder).stdout == "1 a 4\n"
        assert project.word(folder) == "SUCCESS"

    def test_a_function_that_a_decorator_made_an_experiment(self, project):
        project.repository.commit(
            {
                "evaluate.py": "from meticulous import Experiment\n"
                "@Experiment.from_function\n"
                "def evaluate(experiment, x: int = 3):\n"
                "    print(x)\n"
                "if __name__ == '__main__': evaluate.main()\n"
            }
        )
        folder = project.register_target("evaluate.py", "--x", "4")
        assert project.execute(folder).stdout == "4\n"

    def test_it_can_be_reproduced(self, project):
        folder = project.register("--lr", "0.2")
        project.execute(folder)
        done = project.meticulous("reproduce", folder.name, "--environment", "current")
        assert "IDENTICAL" in done.stdout, done.stderr
        again = folder.parent / "2"
        assert read(again, "args.json") == read(folder, "args.json")
        assert read(again, "metadata.json")["reproduces"] == folder.name
        assert project.attempts(folder) == ["SUCCESS"]

    def test_the_code_is_what_was_registered(self, project):
        folder = project.register()
        project.repository.commit({"train.py": TRAIN.replace('print("run"', 'print("changed"')})
        done = project.execute(folder)
        assert (done.returncode, done.stdout.split()[:1]) == (0, ["run"]), done.stderr
        metadata = read(folder, "metadata.json")
        assert metadata["githead-sha"] != project.repository.head
        assert metadata["git-branch"] == "main"

    def test_the_present_code_runs_on_demand_and_is_recorded(self, project):
        folder = project.register()
        project.repository.commit({"train.py": TRAIN.replace('print("run"', 'print("changed"')})
        done = project.execute(folder, "--code", "current")
        assert done.stdout.startswith("changed"), done.stderr
        assert read(folder, "metadata.json")["githead-sha"] == project.repository.head


class TestPrograms:
    """A program of any language, which knows nothing of us."""

    def make(self, project, words, args, script="#!/bin/sh\nexit 0\n") -> Path:
        path = project.repository.write("simulate.sh", script)
        path.chmod(0o755)
        project.repository.commit()
        folder = project.register()
        metadata = read(folder, "metadata.json")
        metadata["target"] = {"kind": "program", "words": words, "form": "options"}
        (folder / "metadata.json").write_text(json.dumps(metadata))
        (folder / "args.json").write_text(json.dumps(args))
        return folder

    def test_it_is_told_its_parameters_and_recorded(self, project):
        script = '#!/bin/sh\necho "got $*"\ncat "$METICULOUS_ARGS"\nexit ${3:-4}\n'
        folder = self.make(project, ["./simulate.sh"], {"mesh": 32}, script)
        done = project.execute(folder)
        assert done.returncode == 4
        assert done.stdout.startswith("got --mesh 32\n")
        assert project.word(folder) == "ERROR"
        assert read(folder, "args.json") == {"mesh": 32}
        assert project.attempts(folder) == ["ERROR"]

    def test_a_python_program_keeps_the_arguments_of_the_point(self, project):
        project.repository.commit(
            {
                "old.py": "import argparse\nparser = argparse.ArgumentParser()\n"
                "parser.add_argument('--mesh', type=int)\nprint(parser.parse_args().mesh + 1)\n"
            }
        )
        folder = self.make(project, [sys.executable, "old.py"], {"mesh": 32})
        assert project.execute(folder).stdout == "33\n"
        assert read(folder, "args.json") == {"mesh": 32}
        assert project.word(folder) == "SUCCESS"

    def test_a_program_that_is_not_there_is_refused_and_can_be_run_later(self, project):
        folder = self.make(project, ["./missing.sh"], {})
        done = project.execute(folder)
        assert done.returncode == 2
        assert project.word(folder) == "REGISTERED"
        assert not (folder / ".claimed").exists()


class TestClaims:
    """Of any number of processes, one carries it out."""

    def test_sixteen_at_once_run_it_once(self, project):
        folder = project.register()
        codes, _ = carry_out_at_once(
            *(16, ["execute", str(folder)]),
            first=["execute", str(folder.parent)],
            cwd=project.repository.directory,
        )
        assert sorted(codes) == [0] + [2] * 15
        assert project.runs == ["0.1"]
        assert project.attempts(folder) == ["SUCCESS"]

    def test_one_that_died_can_be_taken_up(self, project):
        folder = project.register("--end", "wait")
        waiting = project.repository.directory / "waiting"
        words = [sys.executable, "-m", "meticulous", "execute", str(folder)]
        with subprocess.Popen(
            words, cwd=project.repository.directory, stdout=subprocess.DEVNULL
        ) as first:
            wait_until(waiting.exists)
            assert project.execute(folder).returncode == 2
            first.kill()
        waiting.unlink()
        assert (folder / ".claimed").exists()
        with subprocess.Popen(
            words, cwd=project.repository.directory, stdout=subprocess.DEVNULL
        ) as second:
            wait_until(waiting.exists)
            second.send_signal(signal.SIGTERM)
        assert project.attempts(folder) == ["LOST", "KILLED"]
        assert project.runs == ["0.1", "0.1"]


def test_an_error_in_the_middle_of_a_launch_is_told_as_it_is(tmp_path):
    def tell(what, record, outcome):
        raise ValueError("of the caller")

    record = read_record(write_record(tmp_path, "1"))
    with pytest.raises(ValueError, match="of the caller"):
        Launcher(1, CodeFinder(), tell).launch([record])


class TestSlurm:
    """SIGUSR1 is the time limit; where Slurm takes the job back, the record says so."""

    @pytest.fixture
    def slurm(self, tmp_path, monkeypatch):
        """A job of Slurm whose scontrol notes its words and answers as it is told."""
        place = tmp_path / "slurm"
        place.mkdir()
        script = place / "scontrol"
        script.write_text(f'#!/bin/sh\necho "$*" >> {place}/asked\n. {place}/answer\n')
        script.chmod(0o755)
        (place / "answer").write_text("exit 0\n")
        monkeypatch.setenv("SLURM_JOB_ID", "123")
        monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
        return place

    def time_out(self, project, folder) -> int:
        waiting = project.repository.directory / "waiting"
        words = [sys.executable, "-m", "meticulous", "execute", str(folder)]
        with subprocess.Popen(
            words, cwd=project.repository.directory, stdout=subprocess.DEVNULL
        ) as process:
            wait_until(waiting.exists)
            process.send_signal(signal.SIGUSR1)
        waiting.unlink()
        return process.returncode

    def test_the_job_is_given_back_and_goes_on_as_a_new_attempt(self, project, slurm):
        folder = project.register("--end", "wait")
        assert self.time_out(project, folder) == -signal.SIGUSR1
        assert project.word(folder) == "REQUEUED"
        assert (slurm / "asked").read_text() == "requeue 123\n"
        (attempt,) = read(folder, "metadata.json")["attempts"]
        assert attempt["requeue"]["exit-code"] == 0
        self.time_out(project, folder)
        assert project.attempts(folder) == ["REQUEUED", "REQUEUED"]

    def test_what_slurm_refuses_stays_a_timeout(self, project, slurm):
        (slurm / "answer").write_text("echo 'Requested operation is disabled' >&2; exit 1\n")
        folder = project.register("--end", "wait")
        self.time_out(project, folder)
        assert project.word(folder) == "TIMEOUT"
        assert "Requested operation is disabled" in (folder / "STATUS").read_text()
        verified = project.meticulous("verify", "1")
        assert "SHA256SUMS" not in verified.stdout or "differs" not in verified.stdout

    def test_it_can_be_forbidden(self, project, slurm, monkeypatch):
        monkeypatch.setenv("METICULOUS_REQUEUE", "0")
        folder = project.register("--end", "wait")
        self.time_out(project, folder)
        assert project.word(folder) == "TIMEOUT"
        assert not (slurm / "asked").exists()
