"""SIGUSR1 says that the time is over: a run that asks for it is told where it can be left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from forked_programs import carry_out

HEAD = """\
import os, signal, subprocess, sys, threading
from meticulous import Experiment, TimeLimitReached
def time_is_over(): os.kill(os.getpid(), signal.SIGUSR1)
"""

TRAIN = (
    HEAD
    + """
class Train(Experiment):
    how: str = "raise"  # @p how it leaves
    signals: int = 1  # @p how many it gets

    def run(self):
        self.end_at_safe_points()
        first = 0
        if (self.directory / "checkpoint").exists():
            first = int((self.directory / "checkpoint").read_text())
        try:
            for epoch in range(first, 4):
                if epoch == 2 and first == 0:
                    for _ in range(self.signals):
                        time_is_over()
                    print("still at work")
                try:
                    self.log(step=epoch, loss=1.0)
                except Exception:
                    print("taken for a failure")
        except TimeLimitReached as over:
            print(over)
            self.log(step=epoch, saved=1)
            self.summary(epoch=epoch)
            self.message({"saved": True})
            self.safe_point()
            with self.open("checkpoint", "w") as file:
                file.write(str(epoch + 1))
            if self.how == "finish":
                self.finish("SUCCESS")
            elif self.how == "fail":
                raise OSError("no room for the checkpoint")
            elif self.how.isdecimal():
                sys.exit(int(self.how))
            elif self.how == "raise":
                raise

if __name__ == "__main__":
    Train.main()
"""
)


def read(folder, name):
    return json.loads(Path(folder, name).read_text())


def status(folder) -> list[str]:
    return Path(folder, "STATUS").read_text().split("\n")


@pytest.fixture
def folder(repository):
    return repository.directory / "experiments" / "1"


def run(repository, program, *words):
    """Commit a program and run it."""
    repository.commit({"main.py": HEAD + program})
    return repository.python(*words, "main.py")


class TestDeclared:
    """An experiment that calls end_at_safe_points()."""

    def test_is_told_once_by_log_and_the_way_it_leaves_decides(self, repository):
        ways = {
            "raise": (138, "TIMEOUT"),
            "return": (0, "TIMEOUT"),
            "0": (0, "TIMEOUT"),
            "finish": (0, "SUCCESS"),
            "fail": (1, "ERROR"),
            "3": (3, "ERROR"),
        }
        programs = [f"import sys; sys.argv += ['--how', {how!r}]\n{TRAIN}" for how in ways]
        outcomes = dict(zip(ways, carry_out(repository, programs), strict=True))
        ends = {how: (done.code, status(done.folder)[0]) for how, done in outcomes.items()}
        assert ends == ways
        for how, done in outcomes.items():
            assert done.shown == "still at work\nthe time of the run is over (SIGUSR1)\n", how
            lines = map(json.loads, (done.folder / "metrics.jsonl").read_text().splitlines())
            assert [line["step"] for line in lines] == [0, 1, 2, 2]
            assert read(done.folder, "summary.json") == {"epoch": 2, "saved": True}
            assert (done.folder / "checkpoint").read_text() == "3"
            if ends[how][1] == "TIMEOUT":
                assert done.errors == ""
                assert status(done.folder)[1] == "signal SIGUSR1, at a safe point"
                (attempt,) = read(done.folder, "metadata.json")["attempts"]
                assert (attempt["status"], attempt["signal"]) == ("TIMEOUT", "SIGUSR1")

    def test_dies_of_a_second_signal_as_it_would_of_the_first(self, repository, folder):
        repository.commit({"train.py": TRAIN})
        done = repository.python("train.py", "--signals", "2")
        assert (done.returncode, done.stdout) == (-signal.SIGUSR1, "")
        assert status(folder)[:2] == ["TIMEOUT", "signal SIGUSR1"]

    def test_goes_on_from_its_checkpoint_when_it_is_called_again(self, repository, folder):
        repository.commit({"train.py": TRAIN})
        repository.python("train.py")
        assert repository.python("train.py", "--restart", "1").returncode == 0
        attempts = read(folder, "metadata.json")["attempts"]
        assert [attempt["status"] for attempt in attempts] == ["TIMEOUT", "SUCCESS"]


class TestSafePoints:
    """Where a run is told, and where it is not."""

    def test_the_value_is_recorded_before_the_run_is_told(self, repository):
        calls = {
            "summary(a=1)": "summary.json",
            "message({'a': 1})": "summary.json",
            "log(a=1)": "metrics.jsonl",
            "safe_point()": "metadata.json",
        }
        programs = [
            f"{HEAD}experiment = Experiment({{}})\nexperiment.end_at_safe_points()\n"
            f"time_is_over()\nexperiment.{call}\nprint('not reached')\n"
            for call in calls
        ]
        for done, name in zip(carry_out(repository, programs), calls.values(), strict=True):
            assert (done.code, done.shown, done.errors) == (138, "", "")
            assert status(done.folder)[:2] == ["TIMEOUT", "signal SIGUSR1, at a safe point"]
            metadata = read(done.folder, "metadata.json")
            assert (metadata["exit-code"], metadata["signal"]) == (138, "SIGUSR1")
            assert (done.folder / name).exists()

    def test_without_asking_the_signal_ends_it_at_once(self, repository, folder):
        done = run(
            repository,
            "with Experiment({}) as experiment:\n    time_is_over()\n    print('not reached')\n",
        )
        assert (done.returncode, done.stdout) == (-signal.SIGUSR1, "")
        assert status(folder)[:2] == ["TIMEOUT", "signal SIGUSR1"]

    def test_a_run_that_comes_to_none_ends_when_the_grace_is_over(self, repository, folder):
        done = run(
            repository,
            "experiment = Experiment({})\nexperiment.end_at_safe_points(grace=0)\n"
            "time_is_over()\nthreading.Event().wait()\n",
        )
        assert done.returncode == -signal.SIGUSR1
        assert status(folder)[:2] == ["TIMEOUT", "signal SIGUSR1"]

    def test_a_run_whose_work_is_done_is_a_success(self, repository, folder):
        done = run(
            repository,
            "with Experiment({}) as experiment:\n    experiment.end_at_safe_points()\n"
            "    experiment.log(a=1)\n    time_is_over()\nprint('on')\n",
        )
        assert (done.returncode, done.stdout, status(folder)[0]) == (0, "on\n", "SUCCESS")

    def test_the_next_run_of_the_process_is_told_at_its_beginning(self, repository, folder):
        done = run(
            repository,
            "for n in range(3):\n    with Experiment({}, on_error='continue') as experiment:\n"
            "        experiment.end_at_safe_points()\n        print(n)\n"
            "        if n == 0: time_is_over()\n",
        )
        assert (done.returncode, done.stdout) == (138, "0\n")
        assert [status(folder.parent / n)[0] for n in ("1", "2")] == ["SUCCESS", "TIMEOUT"]
        assert not (folder.parent / "3").exists()

    def test_all_runs_that_are_left_are_over_and_each_is_told_only_once(self, repository, folder):
        done = run(
            repository,
            "with Experiment({'outer': 1}) as outer:\n    outer.end_at_safe_points()\n"
            "    try:\n        with Experiment({'inner': 1}) as inner:\n"
            "            inner.end_at_safe_points()\n            time_is_over()\n"
            "            inner.log(a=1)\n"
            "    except TimeLimitReached:\n        outer.summary(saved=1)\n",
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert [status(folder.parent / n)[0] for n in ("1", "2")] == ["TIMEOUT", "TIMEOUT"]
        assert read(folder, "summary.json") == {"saved": 1}

    def test_a_script_without_a_block_leaves_as_it_likes(self, repository):
        ends = {0: "TIMEOUT", 138: "TIMEOUT", 5: "ERROR"}
        programs = [
            f"{HEAD}experiment = Experiment({{}})\nexperiment.end_at_safe_points()\n"
            f"time_is_over()\n"
            f"try: experiment.log(a=1)\nexcept TimeLimitReached: sys.exit({code})\n"
            for code in ends
        ]
        outcomes = carry_out(repository, programs)
        assert {done.code: status(done.folder)[0] for done in outcomes} == ends

    def test_coroutines_and_other_processes_pass_it_on(self, repository, folder):
        done = run(
            repository,
            "import asyncio, pickle\n"
            "again = pickle.loads(pickle.dumps(TimeLimitReached()))\n"
            "print(type(again).__name__, again.code, again)\n"
            "async def train(experiment):\n    await asyncio.sleep(0)\n    time_is_over()\n"
            "    await asyncio.sleep(0)\n    experiment.log(loss=1)\n"
            "async def main(experiment):\n"
            "    results = await asyncio.gather(train(experiment), return_exceptions=True)\n"
            "    print('not reached')\n"
            "with Experiment({}) as experiment:\n    experiment.end_at_safe_points()\n"
            "    asyncio.run(main(experiment))\n",
        )
        assert (done.returncode, status(folder)[0]) == (138, "TIMEOUT"), done.stderr
        assert done.stdout == "TimeLimitReached 138 the time of the run is over (SIGUSR1)\n"

    def test_another_thread_is_not_told(self, repository, folder):
        done = run(
            repository,
            "with Experiment({}) as experiment:\n    experiment.end_at_safe_points()\n"
            "    time_is_over()\n"
            "    def watch():\n        experiment.log(load=1)\n        print('logged')\n"
            "    thread = threading.Thread(target=watch)\n    thread.start()\n    thread.join()\n"
            "    experiment.log(loss=1)\n    print('not reached')\n",
        )
        assert (done.returncode, done.stdout) == (138, "logged\n")
        assert status(folder)[0] == "TIMEOUT"

    def test_without_a_record_it_is_the_same(self, repository):
        repository.commit({"train.py": TRAIN})
        done = repository.python("train.py", "--norecord")
        assert (done.returncode, done.stderr) == (138, "")
        assert done.stdout == "still at work\nthe time of the run is over (SIGUSR1)\n"
        assert not (repository.directory / "experiments").exists()

    def test_a_function_can_ask_for_it_too(self, repository, folder):
        done = run(
            repository,
            "import meticulous\ndef f(experiment, n: int = 3):\n"
            "    experiment.end_at_safe_points()\n    time_is_over()\n    experiment.log(n=n)\n"
            "meticulous.main(f)\n",
        )
        assert (done.returncode, status(folder)[0]) == (138, "TIMEOUT")

    def test_a_forked_child_dies_of_the_signal(self, repository, folder):
        done = run(
            repository,
            "with Experiment({}) as experiment:\n    experiment.end_at_safe_points()\n"
            "    child = os.fork()\n"
            "    if not child:\n        time_is_over()\n        os._exit(3)\n"
            "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
            "    time_is_over()\n    child = os.fork()\n"
            "    if not child:\n        experiment.safe_point()\n        os._exit(3)\n"
            "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n",
        )
        assert (done.stdout, done.returncode) == (f"{-signal.SIGUSR1}\n3\n", 0)
        assert status(folder)[0] == "SUCCESS"

    def test_the_signal_is_the_programs_again_after_the_run(self, repository):
        done = run(
            repository,
            "with Experiment({}) as experiment:\n    experiment.end_at_safe_points()\n"
            "for experiment in (Experiment({}, norecord=True),):\n"
            "    experiment.end_at_safe_points()\n    experiment.finish()\n"
            "time_is_over()\nprint('not reached')\n",
        )
        assert (done.returncode, done.stdout) == (-signal.SIGUSR1, "")

    def test_a_handler_of_the_program_stays_and_a_warning_says_so(self, repository, folder):
        done = run(
            repository,
            "signal.signal(signal.SIGUSR1, lambda *_: print('mine'))\n"
            "with Experiment({}) as experiment:\n    experiment.end_at_safe_points()\n"
            "    time_is_over()\n    experiment.log(a=1)\n",
        )
        assert (done.returncode, done.stdout) == (0, "mine\n")
        assert "the program itself handles or ignores SIGUSR1" in done.stderr
        assert status(folder)[0] == "SUCCESS"
        assert len(read(folder, "metadata.json")["warnings"]) == 1

    def test_a_grace_that_is_no_time_is_refused(self, repository):
        done = run(
            repository,
            "from meticulous.errors import InvalidOptionError\n"
            "experiment = Experiment({}, norecord=True)\n"
            "for grace in (-1, '60', float('nan'), float('inf'), True):\n"
            "    try: experiment.end_at_safe_points(grace)\n"
            "    except InvalidOptionError as error: print(error)\n",
        )
        assert [line[:6] for line in done.stdout.splitlines()] == ["grace="] * 5


class TestUnderMeticulousRun:
    """The recording process passes the signal on, and learns how the program left."""

    @pytest.mark.parametrize(("how", "code"), [("raise", 138), ("return", 0)])
    def test_it_is_a_timeout(self, repository, folder, how, code):
        repository.commit({"train.py": TRAIN})
        words = ["-m", "meticulous", "run", "--", "python", "train.py", "--how", how]
        done = repository.python(*words)
        assert (done.returncode, done.stderr) == (code, "")
        assert status(folder)[:2] == ["TIMEOUT", "signal SIGUSR1, at a safe point"]
        assert read(folder, "metadata.json")["signal"] == "SIGUSR1"
        assert not (folder.parent / "2").exists()

    def test_the_code_alone_says_nothing(self, repository, folder):
        done = run(repository, "sys.exit(138)\n", "-m", "meticulous", "run", "--", "python")
        assert (done.returncode, status(folder)[0]) == (138, "ERROR")

    def test_a_script_without_a_block(self, repository, folder):
        program = (
            "experiment = Experiment({})\nexperiment.end_at_safe_points()\ntime_is_over()\n"
            "experiment.log(a=1)\n"
        )
        done = run(repository, program, "-m", "meticulous", "run", "--", "python")
        assert (done.returncode, status(folder)[0]) == (138, "TIMEOUT")


class TestSlurm:
    """Where Slurm takes the job back, the run goes on as a new attempt in its folder."""

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

    @pytest.fixture
    def registered(self, repository, folder):
        repository.commit({"train.py": TRAIN})
        repository.python("train.py", "--register", check=True)
        return folder

    def test_a_registered_run_is_given_back_and_continues(self, repository, registered, slurm):
        first = subprocess.run(["sh", registered / "run.sh"], check=False, capture_output=True)
        assert (first.returncode, first.stderr) == (138, b"")
        assert status(registered)[0] == "REQUEUED"
        assert (slurm / "asked").read_text().splitlines()[-1] == "requeue 123"
        second = subprocess.run(["sh", registered / "run.sh"], check=False, capture_output=True)
        assert (second.returncode, status(registered)[0]) == (0, "SUCCESS")
        attempts = read(registered, "metadata.json")["attempts"]
        assert [attempt["status"] for attempt in attempts] == ["REQUEUED", "SUCCESS"]
        assert attempts[0]["requeue"]["exit-code"] == 0
        verified = repository.python("-m", "meticulous", "verify", "1").stdout
        assert "files have the digests of SHA256SUMS" in verified, verified

    def test_where_slurm_refuses_it_stays_a_timeout(self, repository, registered, slurm):
        (slurm / "answer").write_text("echo 'Requested operation is disabled' >&2; exit 1\n")
        words = [sys.executable, "-m", "meticulous", "execute", str(registered)]
        done = subprocess.run(words, cwd=repository.directory, check=False, capture_output=True)
        assert (done.returncode, status(registered)[0]) == (138, "TIMEOUT")
        assert "Requested operation is disabled" in "\n".join(status(registered))

    def test_a_run_that_is_done_or_fails_is_not_given_back(self, repository, folder, slurm):
        repository.commit({"train.py": TRAIN})
        for number, how in enumerate(("finish", "fail"), 1):
            repository.python("train.py", "--register", "--how", how, check=True)
            repository.python("-m", "meticulous", "execute", f"experiments/{number}")
        assert not (slurm / "asked").exists()

    @pytest.mark.parametrize("way", ["block", "script", "meticulous run"])
    def test_other_runs_are_given_back_where_that_is_allowed(
        self, repository, folder, slurm, monkeypatch, way
    ):
        monkeypatch.setenv("METICULOUS_REQUEUE", "1")
        program = (
            "experiment = Experiment({})\nexperiment.end_at_safe_points()\ntime_is_over()\n"
            "experiment.log(a=1)\n"
        )
        if way == "block":
            program = "with Experiment({}) as experiment:\n" + "".join(
                f"    {line}\n" for line in program.splitlines()[1:]
            )
        words = ["-m", "meticulous", "run", "--", "python"] if way == "meticulous run" else []
        done = run(repository, program, *words)
        assert (done.returncode, status(folder)[0]) == (138, "REQUEUED"), done.stderr
        assert (slurm / "asked").read_text() == "requeue 123\n"
