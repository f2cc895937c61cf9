"""`meticulous run`: any program, recorded, that behaves as it does without us."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from waiting import wait_until

SCRIPT = """\
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--name", default="n")
commands = parser.add_subparsers(dest="command")
fit = commands.add_parser("fit")
fit.add_argument("--depth", type=int, default=3)
args = parser.parse_args()
print("lr", args.lr)
"""


@pytest.fixture
def run(repository):
    def start(*words: str, **options):
        return repository.python("-m", "meticulous", "run", *words, **options)

    return start


def folder_of(repository, name: str = "1") -> Path:
    return repository.directory / "experiments" / name


def read(folder: Path, name: str):
    return json.loads((folder / name).read_text())


def program(repository, name: str, text: str) -> None:
    repository.write(name, text).chmod(0o755)
    repository.commit()


class TestPython:
    """The program is a Python script or module."""

    def test_the_first_parse_supplies_args_and_defaults(self, repository, run):
        repository.commit({"train.py": SCRIPT})
        done = run("--", sys.executable, "train.py", "--lr", "0.2", "fit", "--depth", "5")
        assert (done.stdout, done.stderr, done.returncode) == ("lr 0.2\n", "", 0)
        folder = folder_of(repository)
        assert read(folder, "args.json") == {
            "lr": 0.2,
            "name": "n",
            "command": "fit",
            "depth": 5,
        }
        assert read(folder, "default_args.json") == {
            "lr": 0.1,
            "name": "n",
            "command": None,
            "depth": 3,
        }
        assert (folder / "stdout").read_text() == "lr 0.2\n"
        assert (folder / "STATUS").read_text() == "SUCCESS\n"
        metadata = read(folder, "metadata.json")
        assert metadata["command"][1:4] == ["train.py", "--lr", "0.2"]
        assert not [name for name in os.listdir(folder) if name.startswith(".")]

    def test_options_of_run_end_at_the_program(self, repository, run):
        repository.commit({"train.py": SCRIPT})
        done = run("--tag", "a", sys.executable, "train.py", "--lr", "0.3", "--name=--tag")
        assert done.returncode == 0, done.stderr
        assert read(folder_of(repository), "metadata.json")["tags"] == ["a"]
        assert read(folder_of(repository), "args.json")["name"] == "--tag"

    def test_a_module(self, repository, run):
        repository.commit({"package/__init__.py": "", "package/train.py": SCRIPT})
        done = run("--", sys.executable, "-m", "package.train", "--lr", "0.4")
        assert done.stdout == "lr 0.4\n"
        assert read(folder_of(repository), "args.json")["lr"] == 0.4

    def test_without_argparse_the_words_are_parsed_plainly(self, repository, run):
        repository.commit({"plain.py": "import sys; print(sys.argv[1:])"})
        run("--", sys.executable, "plain.py", "--lr", "0.2", "--fast", "data.csv")
        args = read(folder_of(repository), "args.json")
        assert args["lr"] == 0.2

    def test_a_parser_that_reads_a_part_first_gives_way_to_the_whole(self, repository, run):
        text = (
            "import argparse\nfirst = argparse.ArgumentParser(add_help=False)\n"
            "first.add_argument('--config')\nfirst.parse_known_args()\n"
            "whole = argparse.ArgumentParser(parents=[first])\n"
            "whole.add_argument('--lr', type=float)\nwhole.parse_args()\n"
            "later = argparse.ArgumentParser()\nlater.add_argument('--other')\n"
            "later.parse_args([])\n"
        )
        repository.commit({"two.py": text})
        run("--", sys.executable, "two.py", "--lr", "0.5")
        assert read(folder_of(repository), "args.json") == {"config": None, "lr": 0.5}

    def test_a_wrong_command_line_ends_as_it_does_alone(self, repository, run):
        repository.commit({"train.py": SCRIPT})
        done = run("--", sys.executable, "train.py", "--nonsense")
        assert done.returncode == 2
        assert "unrecognized arguments" in done.stderr
        assert (folder_of(repository) / "STATUS").read_text() == "ERROR\nexit code 2\n"

    def test_untracked_modules_are_reported(self, repository, run):
        repository.commit({"main.py": "import helper", ".gitignore": "helper.py"})
        repository.write("helper.py")
        done = run("--", sys.executable, "main.py")
        assert "helper.py" in done.stderr
        metadata = read(folder_of(repository), "metadata.json")
        assert metadata["git-untracked-sources"] == ["helper.py"]

    def test_its_children_start_without_our_hook(self, repository, run):
        text = (
            "import os, subprocess, sys\n"
            "print(sorted(n for n in os.environ if n.startswith('METICULOUS_PYTHON')))\n"
            "print(os.environ.get('PYTHONPATH') == sys.argv[1], flush=True)\n"
            "subprocess.run([sys.executable, '-c', "
            "'import sys; print([m for m in sys.modules if m.startswith(\"meticulous\")])'])\n"
        )
        repository.commit({"main.py": text})
        done = run("--", sys.executable, "main.py", os.environ["PYTHONPATH"])
        assert done.stdout == "[]\nTrue\n[]\n"

    def test_an_isolated_interpreter_is_recorded_all_the_same(self, repository, run):
        repository.commit({"train.py": SCRIPT})
        done = run("--", sys.executable, "-I", "train.py", "--lr", "0.2")
        assert done.returncode == 0
        assert read(folder_of(repository), "args.json") == {"lr": 0.2}


class TestOtherPrograms:
    """The program is anything."""

    def test_a_shell_script(self, repository, run):
        program(repository, "simulate.sh", "#!/bin/sh\necho size $1 $2\necho warn >&2\nexit 0\n")
        done = run("--", "./simulate.sh", "3", "--seed=7", "--fast")
        assert (done.stdout, done.stderr, done.returncode) == ("size 3 --seed=7\n", "warn\n", 0)
        folder = folder_of(repository)
        args = read(folder, "args.json")
        assert args["seed"] == 7
        assert args["fast"] is True
        assert 3 in args["positionals"]
        assert (folder / "stderr").read_text() == "warn\n"

    def test_the_exit_code_is_the_programs_own(self, repository, run):
        done = run("--", "sh", "-c", "exit 42")
        assert done.returncode == 42
        assert (folder_of(repository) / "STATUS").read_text() == "ERROR\nexit code 42\n"
        assert read(folder_of(repository), "metadata.json")["exit-code"] == 42

    @pytest.mark.parametrize(
        ("name", "word"),
        [
            ("SIGTERM", "KILLED"),
            ("SIGKILL", "KILLED"),
            ("SIGSEGV", "ERROR"),
            ("SIGINT", "INTERRUPTED"),
            ("SIGUSR1", "TIMEOUT"),
        ],
    )
    def test_a_death_by_signal_is_recorded_by_name_and_passed_on(self, repository, run, name, word):
        number = signal.Signals[name]
        done = run("--", "sh", "-c", f"kill -{int(number)} $$")
        assert done.returncode == -number
        assert (folder_of(repository) / "STATUS").read_text() == f"{word}\nsignal {name}\n"

    def test_standard_input_reaches_the_program(self, repository, run):
        done = run("--", "cat", input="typed\n")
        assert done.stdout == "typed\n"

    def test_a_missing_program_is_a_clear_error_and_leaves_nothing(self, repository, run):
        done = run("--", "no-such-program")
        assert done.returncode == 2
        assert "'no-such-program' cannot be run" in done.stderr
        assert not (repository.directory / "experiments").exists()

    def test_a_file_that_is_not_executable_says_so(self, repository, run):
        repository.commit({"simulate.sh": "echo"})
        done = run("--", "./simulate.sh")
        assert done.returncode == 2
        assert "chmod +x ./simulate.sh" in done.stderr

    def test_a_script_of_an_interpreter_must_be_tracked(self, repository, run):
        repository.write("work.sh", "echo")
        done = run("--", "sh", "work.sh")
        assert done.returncode == 2
        assert "work.sh is not tracked by git" in done.stderr

    def test_norecord_only_runs(self, repository, run):
        repository.write("README", "changed")
        done = run("--norecord", "--", "sh", "-c", "echo ran; exit 3")
        assert (done.stdout, done.returncode) == ("ran\n", 3)
        assert not (repository.directory / "experiments").exists()

    def test_a_child_that_outlives_the_program_does_not_hold_us(self, repository, run):
        os.mkfifo(repository.directory / "go")
        done = run(
            "--", "sh", "-c", "(read x < go; echo late; echo $? > done) & echo early", timeout=60
        )
        assert done.stdout == "early\n"
        (repository.directory / "go").write_text("now\n")
        pause = threading.Event()
        for _ in range(3000):
            if (folder_of(repository) / "stdout").read_text() == "early\nlate\n":
                break
            pause.wait(0.01)
        assert (folder_of(repository) / "stdout").read_text() == "early\nlate\n"

    def test_the_reader_may_go_away(self, repository):
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "meticulous",
                "run",
                "--",
                "sh",
                "-c",
                "while :; do echo y; done",
            ],
            cwd=repository.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.read(2)
        process.stdout.close()
        assert process.wait(timeout=60) == -signal.SIGPIPE


class TestSignals:
    """What is sent to `meticulous run` reaches the program."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2])
    def test_signals_are_passed_on(self, repository, number):
        text = (
            "import signal, sys\n"
            "signal.signal(int(sys.argv[1]), lambda *_: sys.exit(5))\n"
            "print('ready', flush=True)\nsignal.pause()\n"
        )
        repository.commit({"waits.py": text})
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "meticulous",
                "run",
                sys.executable,
                "waits.py",
                str(int(number)),
            ],
            cwd=repository.directory,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.wait(timeout=60) == 5
        assert (folder_of(repository) / "STATUS").read_text() == "ERROR\nexit code 5\n"

    def test_interrupt_at_the_terminal_arrives_once(self, repository):
        text = (
            "import signal\ncount = 0\n"
            "def handle(*_):\n    global count\n    count += 1\n"
            "signal.signal(signal.SIGINT, handle)\n"
            "print('ready', flush=True)\n"
            "while not count:\n    signal.sigtimedwait([], 0.05)\n"
            "signal.sigtimedwait([], 0.3)\nprint('interrupts:', count)\n"
        )
        repository.commit({"waits.py": text})
        shown, code = on_terminal(
            repository, [sys.executable, "waits.py"], after=b"ready", typed=b"\x03"
        )
        assert "interrupts: 1" in shown
        assert code == 0


def on_terminal(repository, words, after: bytes = b"", typed: bytes = b"") -> tuple[str, int]:
    """Run `meticulous run -- words` on a terminal; type something once `after` is shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(repository.directory)
        command = [sys.executable, "-m", "meticulous", "run", "--", *words]
        os.execv(sys.executable, command)
    shown = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        shown += data
        if typed and after in shown:
            os.write(terminal, typed)
            typed = b""
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_python_program_still_sees_a_terminal(repository):
    repository.commit({"main.py": "import sys; print(sys.stdout.isatty(), sys.stderr.isatty())"})
    shown, code = on_terminal(repository, [sys.executable, "main.py"])
    assert (shown, code) == ("True True\r\n", 0)


class TestExperimentInside:
    """A script that itself uses `Experiment` records into the same folder, once."""

    TEXT = (
        "import argparse, sys\nfrom meticulous import Experiment\n"
        "parser = argparse.ArgumentParser()\nparser.add_argument('--lr', type=float, default=0.1)\n"
        "Experiment.add_argument_group(parser)\n"
        "experiment = Experiment.from_parser(parser)\n"
        "print('lr', experiment.args.lr)\n"
        "experiment.log(loss=1.0)\nexperiment.summary({'accuracy': 0.9})\n"
        "with experiment.open('model.txt', 'w') as f: f.write('weights')\n"
    )

    def test_there_is_one_folder_with_everything(self, repository, run):
        repository.commit({"train.py": self.TEXT})
        done = run("--tag", "outer", "--", sys.executable, "train.py", "--lr", "0.2",
                   "--description", "from inside", "--tag", "inner")  # fmt: skip
        assert (done.stdout, done.returncode) == ("lr 0.2\n", 0), done.stderr
        assert sorted(
            name for name in os.listdir(repository.directory / "experiments") if name[0] != "."
        ) == ["1"]
        folder = folder_of(repository)
        assert read(folder, "args.json") == {"lr": 0.2}
        assert read(folder, "default_args.json") == {"lr": 0.1}
        assert read(folder, "summary.json") == {"accuracy": 0.9}
        assert (folder / "model.txt").read_text() == "weights"
        assert len((folder / "metrics.jsonl").read_text().splitlines()) == 1
        assert (folder / "STATUS").read_text() == "SUCCESS\n"
        metadata = read(folder, "metadata.json")
        assert metadata["description"] == "from inside"
        assert metadata["tags"] == ["outer", "inner"]
        assert len(metadata["attempts"]) == 1

    def test_an_end_it_declares_counts_when_the_process_succeeds(self, repository, run):
        repository.commit({"train.py": self.TEXT + "experiment.finish('ERROR', 'diverged')\n"})
        assert run("--", sys.executable, "train.py").returncode == 0
        assert (folder_of(repository) / "STATUS").read_text() == "ERROR\ndiverged\n"

    def test_the_processs_own_failure_has_the_last_word(self, repository, run):
        repository.commit({"train.py": self.TEXT + "experiment.finish()\nsys.exit(3)\n"})
        assert run("--", sys.executable, "train.py").returncode == 3
        assert (folder_of(repository) / "STATUS").read_text() == "ERROR\nexit code 3\n"

    def test_only_its_first_experiment_joins(self, repository, run):
        text = (
            "from meticulous import Experiment\n"
            "for k in range(3):\n    with Experiment({'k': k}) as e: print(k)\n"
        )
        repository.commit({"loop.py": text})
        done = run("--", sys.executable, "loop.py")
        assert done.stdout == "0\n1\n2\n"
        args = [read(folder_of(repository, n), "args.json") for n in ("1", "2", "3")]
        assert args == [{"k": 0}, {"k": 1}, {"k": 2}]
        assert (folder_of(repository) / "stdout").read_text() == "0\n1\n2\n"
        assert (folder_of(repository, "3") / "stdout").read_text() == "2\n"


def test_a_dirty_repository_is_refused(repository, run):
    repository.write("README", "changed")
    done = run("--", "echo", "x")
    assert done.returncode == 2
    assert "modified: README" in done.stderr
    assert done.stdout == ""
    assert not (repository.directory / "experiments").exists()


def test_help_ends_with_an_example(repository, run):
    done = run("--help")
    assert done.returncode == 0
    assert done.stdout.rstrip().endswith("0.2") or "meticulous run --" in done.stdout


class TestResume:
    """An experiment id given twice resumes the run when the command line is the same."""

    def test_a_python_program_with_a_parser_is_resumed(self, repository, run):
        repository.commit({"train.py": SCRIPT})
        for _ in range(2):
            done = run("--experiment-id", "a", "--", sys.executable, "train.py", "--lr", "0.2")
            assert done.returncode == 0, done.stderr
        assert (folder_of(repository, "a") / "stdout").read_text() == "lr 0.2\nlr 0.2\n"
        assert len(read(folder_of(repository, "a"), "metadata.json")["attempts"]) == 2

    def test_another_command_line_is_refused(self, repository, run):
        assert run("--experiment-id", "a", "--", "echo", "one").returncode == 0
        done = run("--experiment-id", "a", "--", "echo", "two")
        assert done.returncode == 2
        assert 'recorded ["echo", "one"], now ["echo", "two"]' in done.stderr


def test_the_surroundings_are_those_of_the_programs_interpreter(repository, run, tmp_path):
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", other], check=True)
    repository.commit({"train.py": SCRIPT})
    assert run("--", str(other / "bin/python"), "train.py").returncode == 0
    folder = folder_of(repository)
    pause = threading.Event()
    for _ in range(3000):
        if (folder / "environment.json").exists():
            break
        pause.wait(0.01)
    environment = read(folder, "environment.json")
    assert environment["python"]["prefix"] == str(other)
    assert "pytest" not in {package["name"] for package in environment["packages"]}


def test_a_program_that_opens_its_own_output_anew_loses_nothing(repository, run):
    text = "#!/bin/sh\necho one\nsleep 0.6\necho two > /dev/stdout\necho three\n"
    program(repository, "opens.sh", text)
    done = run("--", "./opens.sh")
    assert (done.stdout, done.stderr) == ("one\ntwo\nthree\n", "")
    assert (folder_of(repository) / "stdout").read_text() == "one\ntwo\nthree\n"


class TestRecorderKilled:
    """`meticulous run` is killed, and its program or another run goes on."""

    def test_an_experiment_begun_afterwards_records_itself(self, repository):
        text = (
            "from meticulous import Experiment\nprint('ready', flush=True)\n"
            "open('go').read()\nwith Experiment({'late': 1}): print('late')\n"
        )
        repository.commit({"main.py": text})
        os.mkfifo(repository.directory / "go")
        command = [sys.executable, "-m", "meticulous", "run", "--", sys.executable, "main.py"]
        with subprocess.Popen(
            command, cwd=repository.directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.kill()
        (repository.directory / "go").write_text("now\n")
        own = folder_of(repository, "2")
        wait_until(lambda: (own / "STATUS").exists() and "SUCCESS" in (own / "STATUS").read_text())
        assert read(own, "args.json") == {"late": 1}
        assert (own / "stdout").read_text() == "late\n"
        assert (folder_of(repository) / "STATUS").read_text() == "RUNNING\n"

    def test_a_resumed_run_takes_its_experiment_in_again(self, repository, run):
        text = (
            "import os\nfrom pathlib import Path\nfrom meticulous import Experiment\n"
            "experiment = Experiment({'lr': 1})\n"
            "if not Path('killed').exists():\n"
            "    Path('killed').touch()\n    experiment.finish('ERROR', 'of then')\n"
            "    os.kill(os.getppid(), 9)\n"
        )
        repository.commit({"main.py": text})
        words = ("--experiment-id", "a", "--", sys.executable, "main.py")
        assert run(*words).returncode == -signal.SIGKILL
        folder = folder_of(repository, "a")
        wait_until(lambda: not Path("/proc", str(read(folder, "metadata.json")["pid"])).exists())
        done = run(*words)
        assert done.returncode == 0, done.stderr
        assert (folder / "STATUS").read_text() == "SUCCESS\n"
        assert read(folder, "args.json") == {"lr": 1}
        assert sorted(path.name for path in folder.parent.glob("[!.]*")) == ["a"]

    def test_warnings_of_earlier_attempts_are_not_told_twice(self, repository, run):
        text = "from meticulous import Experiment\nExperiment({}, experiment_id='b').finish()\n"
        repository.commit({"main.py": text})
        for _ in range(2):
            run("--experiment-id", "a", "--", sys.executable, "main.py")
        assert len(read(folder_of(repository, "a"), "metadata.json")["warnings"]) == 1


def test_a_run_is_not_lost_while_its_end_is_written(repository, run):
    repository.commit({"main.py": "print('done')\n"})
    run("--", sys.executable, "main.py")
    metadata = json.loads((repository.directory / "experiments/1/metadata.json").read_text())
    assert metadata["recorder"]["pid"] != metadata["pid"]
    assert metadata["recorder"]["process-start-time"] <= metadata["process-start-time"]
