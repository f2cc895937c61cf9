"""The STATUS follows the real end of the process, and that end is what it is without us."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from forked_programs import carry_out
from waiting import wait_until

RECORDED = """\
from meticulous import Experiment
experiment = Experiment({})
"""

ENDINGS = {
    "return": ("pass", "SUCCESS", ""),
    "sys.exit()": ("import sys; sys.exit()", "SUCCESS", ""),
    "sys.exit(0)": ("import sys; sys.exit(0)", "SUCCESS", ""),
    "sys.exit(3)": ("import sys; sys.exit(3)", "ERROR", "exit code 3"),
    "sys.exit(True)": ("import sys; sys.exit(True)", "ERROR", "exit code 1"),
    "sys.exit(text)": (
        "import sys; print('before', file=sys.stderr); sys.exit('good\\nbye')",
        "ERROR",
        "exit code 1\ngood\nbye\n",
    ),
    "sys.exit(1) with words before": (
        "import sys; print('before', file=sys.stderr); sys.exit(1)",
        "ERROR",
        "exit code 1\n",
    ),
    "sys.exit(256)": ("import sys; sys.exit(256)", "SUCCESS", ""),
    "sys.exit(-1)": ("import sys; sys.exit(-1)", "ERROR", "exit code 255"),
    "raise SystemExit": ("raise SystemExit", "SUCCESS", ""),
    "raise SystemExit(3)": ("raise SystemExit(3)", "ERROR", "exit code 3"),
    "exit()": ("exit()", "SUCCESS", ""),
    "exit(4)": ("exit(4)", "ERROR", "exit code 4"),
    "exit caught, then another": (
        "import sys\ntry: sys.exit(3)\nexcept SystemExit: raise SystemExit(5)",
        "ERROR",
        "exit code 5",
    ),
    "exit caught, then return": (
        "import sys\ntry: sys.exit(3)\nexcept SystemExit: pass",
        "SUCCESS",
        "",
    ),
    "exception": ("1 / 0", "ERROR", "ZeroDivisionError: division by zero"),
    "exception whose text fails": (
        "class Bad(Exception):\n    def __str__(self): return 1 / 0\nraise Bad",
        "ERROR",
        "Bad",
    ),
    "exception in a thread": (
        "import threading\nthread = threading.Thread(target=lambda: 1 / 0, name='worker')\n"
        "thread.start(); thread.join()",
        "SUCCESS",
        "unhandled ZeroDivisionError in thread 'worker'",
    ),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "INTERRUPTED", "KeyboardInterrupt"),
    "SIGINT": ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", "INTERRUPTED", ""),
    "SIGTERM": ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "KILLED", "SIGTERM"),
    "SIGHUP": ("import os, signal; os.kill(os.getpid(), signal.SIGHUP)", "KILLED", "SIGHUP"),
    "SIGUSR1": ("import os, signal; os.kill(os.getpid(), signal.SIGUSR1)", "TIMEOUT", "SIGUSR1"),
    "SIGKILL": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "RUNNING", ""),
    "os._exit": ("import os; os._exit(3)", "RUNNING", ""),
    "segmentation fault": ("import ctypes; ctypes.string_at(0)", "RUNNING", ""),
    "replaced excepthook": (
        "import sys; sys.excepthook = lambda *details: None\n1 / 0",
        "ERROR",
        "ZeroDivisionError",
    ),
    "its own SIGTERM handler": (
        "import os, signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n"
        "os.kill(os.getpid(), signal.SIGTERM)",
        "ERROR",
        "exit code 9",
    ),
    "atexit handler of its own": (
        "import atexit; atexit.register(print, 'at the end')",
        "SUCCESS",
        "",
    ),
}


def run_both(repository, program: str):
    """Run a program recorded and bare; return both and the folder."""
    repository.commit({"recorded.py": RECORDED + program, "bare.py": program})
    recorded = repository.python("recorded.py")
    bare = repository.python("bare.py")
    return recorded, bare, repository.directory / "experiments" / "1"


def test_status_says_how_the_process_ended(repository):
    recorded = [RECORDED + program for program, _, _ in ENDINGS.values()]
    outcomes = carry_out(repository, [*recorded, *(program for program, _, _ in ENDINGS.values())])
    ends = dict(zip(ENDINGS, zip(outcomes, outcomes[len(ENDINGS) :], strict=False), strict=True))
    told = {}
    for name, (outcome, bare) in ends.items():
        _, _, reason = ENDINGS[name]
        word, _, rest = (outcome.folder / "STATUS").read_text().partition("\n")
        told[name] = (word, reason if reason in rest else rest)
        assert (outcome.code, outcome.shown) == (bare.code, bare.shown), name
    assert told == {name: (word, reason) for name, (_, word, reason) in ENDINGS.items()}


@pytest.mark.parametrize("name", ["return", "exception", "raise SystemExit(3)"])
def test_metadata_holds_the_exit_code(repository, name):
    recorded, bare, folder = run_both(repository, ENDINGS[name][0])
    assert recorded.returncode == bare.returncode
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["exit-code"] == recorded.returncode
    assert metadata["attempts"][-1]["exit-code"] == recorded.returncode
    word = (folder / "STATUS").read_text().split()[0]
    assert metadata["attempts"][-1]["status"] == word == ENDINGS[name][1]
    assert metadata["end-time"] >= metadata["start-time"]
    assert metadata["duration"] >= 0


def test_the_traceback_is_in_status_and_in_stderr(repository):
    _, _, folder = run_both(repository, "def fail():\n    raise ValueError('so wrong')\nfail()")
    assert "ValueError: so wrong" in (folder / "STATUS").read_text()
    assert "ValueError: so wrong" in (folder / "stderr").read_text()


def test_a_program_run_as_a_module_ends_the_same_way(repository):
    repository.commit(
        {"package/__init__.py": "", "package/main.py": RECORDED + "raise SystemExit(6)"}
    )
    done = repository.python("-m", "package.main")
    assert done.returncode == 6
    status = (repository.directory / "experiments/1/STATUS").read_text()
    assert status == "ERROR\nexit code 6\n"


def test_a_program_read_from_standard_input_ends_the_same_way(repository):
    done = repository.python("-", input=RECORDED + "raise SystemExit(6)")
    assert done.returncode == 6
    assert (repository.directory / "experiments/1/STATUS").read_text() == "ERROR\nexit code 6\n"


def test_a_killed_run_keeps_all_output_up_to_the_last_write(repository):
    program = (
        "import os\nprint('printed')\nos.write(1, b'written\\n')\nos.system('echo child')\n"
        "os.kill(os.getpid(), 9)"
    )
    _, _, folder = run_both(repository, program)
    assert (folder / "stdout").read_text() == "printed\nwritten\nchild\n"


class Started:
    """A recorded program that says it is ready and then waits to be ended from outside."""

    def __init__(self, repository, program: str) -> None:
        repository.commit({"waits.py": RECORDED + "print('ready', flush=True)\n" + program})
        self.process = subprocess.Popen(
            [sys.executable, "waits.py"],
            cwd=repository.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        self.folder: Path = repository.directory / "experiments" / "1"

    def end_with(self, number: int) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return self.process.returncode


@pytest.mark.parametrize(
    ("number", "word"),
    [(signal.SIGINT, "INTERRUPTED"), (signal.SIGTERM, "KILLED"), (signal.SIGHUP, "KILLED")],
)
def test_a_signal_from_outside_is_recorded_and_obeyed(repository, number, word):
    started = Started(repository, "import signal; signal.pause()")
    assert started.end_with(number) == -number
    assert (started.folder / "STATUS").read_text().split()[0] == word
    metadata = json.loads((started.folder / "metadata.json").read_text())
    assert metadata["signal"] == signal.Signals(number).name
    assert metadata["exit-code"] is None


def test_an_ignored_hangup_stays_ignored(repository):
    repository.commit(
        {"waits.py": RECORDED + "import os\nos.kill(os.getpid(), 1)\nprint('still here')"}
    )
    done = subprocess.run(
        ["nohup", sys.executable, "waits.py"],
        cwd=repository.directory,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "still here\n"
    assert (repository.directory / "experiments/1/STATUS").read_text() == "SUCCESS\n"


def test_a_signal_ends_every_nested_run(repository):
    program = "inner = Experiment({})\nimport os; os.kill(os.getpid(), 15)"
    recorded, _, _ = run_both(repository, program)
    assert recorded.returncode == -15
    for number in ("1", "2"):
        status = (repository.directory / "experiments" / number / "STATUS").read_text()
        assert status == "KILLED\nsignal SIGTERM\n"


BLOCKS = {
    "with Experiment({}) as experiment: print('inside')\n"
    "print('after', open(experiment.directory / 'STATUS').read().strip())": (
        "SUCCESS\n",
        0,
        "inside\nafter SUCCESS\n",
    ),
    "with Experiment({}, on_error='continue'): raise SystemExit(3)\nprint('not reached')": (
        "ERROR\nexit code 3\n",
        3,
        "",
    ),
    "with Experiment({}, on_error='continue'): raise SystemExit(0)\nprint('not reached')": (
        "SUCCESS\n",
        0,
        "",
    ),
    "with Experiment({}) as experiment:\n"
    "    experiment.finish('ERROR', 'the loss diverged')\n"
    "    experiment.finish()\n": ("ERROR\nthe loss diverged\n", 0, ""),
}


class TestWith:
    """`with Experiment(...)` ends the run at the end of the block."""

    def test_the_block_decides_and_system_exit_is_never_swallowed(self, repository):
        begin = "from meticulous import Experiment\n"
        outcomes = carry_out(repository, [begin + block for block in BLOCKS])
        ends = [
            ((outcome.folder / "STATUS").read_text(), outcome.code, outcome.shown)
            for outcome in outcomes
        ]
        assert dict(zip(BLOCKS, ends, strict=True)) == BLOCKS
        assert (outcomes[0].folder / "stdout").read_text() == "inside\n"

    def test_an_exception_is_recorded_and_goes_on_its_way(self, repository):
        begin = "from meticulous import Experiment\n"
        fails, interrupted = carry_out(
            repository,
            [
                begin + "with Experiment({}): 1 / 0",
                begin + "with Experiment({}, on_error='continue'): raise KeyboardInterrupt\n",
            ],
        )
        assert fails.code == 1
        assert "ZeroDivisionError" in fails.errors
        assert "ZeroDivisionError" in (fails.folder / "STATUS").read_text()
        assert interrupted.code == -signal.SIGINT
        assert (interrupted.folder / "STATUS").read_text().startswith("INTERRUPTED\n")

    def test_on_error_continue_lets_a_loop_go_on(self, repository):
        program = (
            "from meticulous import Experiment\n"
            "for k in range(1, 5):\n"
            "    with Experiment({'k': k}, on_error='continue'):\n"
            "        print(6 / (k - 2))\n"
            "print('all tried')"
        )
        repository.commit({"main.py": program})
        done = repository.python("main.py", check=True)
        assert done.stdout.splitlines()[-1] == "all tried"
        words = [
            (repository.directory / f"experiments/{n}/STATUS").read_text().split()[0]
            for n in range(1, 5)
        ]
        assert words == ["SUCCESS", "ERROR", "SUCCESS", "SUCCESS"]


FORKED = "pid = os.fork()\nif not pid: print('child', flush=True); {}\nos.waitpid(pid, 0)"
PROCESS = (
    "import multiprocessing as mp\n"
    "child = mp.get_context('{}').Process(target=print, args=('child',))\n"
    "child.start(); child.join()"
)
CHILDREN = {
    "fork, os._exit": FORKED.format("os._exit(3)"),
    "fork, sys.exit": FORKED.format("sys.exit(3)"),
    "fork, raises": FORKED.format("1 / 0"),
    "fork, finishes": FORKED.format("experiment.finish('ERROR'); sys.exit()"),
    "fork, killed": FORKED.format("os.kill(os.getpid(), 15)"),
    "multiprocessing, fork": PROCESS.format("fork"),
    "multiprocessing, spawn": PROCESS.format("spawn"),
    "subprocess": "import subprocess; subprocess.run(['echo', 'child'])",
    "a command that fails": "os.system('echo child; exit 5')",
}


class TestChildren:
    """A child process leaves its parent's record alone, and its output is captured."""

    def test_parent_is_untouched_and_child_is_heard(self, repository):
        program = (
            "import os, sys\nfrom meticulous import Experiment\n"
            "if __name__ == '__main__':\n"
            "    experiment = Experiment({})\n    print('before')\n    "
        )
        children = [child.replace("\n", "\n    ") for child in CHILDREN.values()]
        programs = [f"{program}{child}\n    print('after')\n" for child in children]
        heard = "before\nchild\nafter\n"
        ends = {
            name: (
                outcome.code,
                outcome.shown,
                (outcome.folder / "stdout").read_text(),
                (outcome.folder / "STATUS").read_text(),
            )
            for name, outcome in zip(CHILDREN, carry_out(repository, programs), strict=True)
        }
        assert ends == dict.fromkeys(CHILDREN, (0, heard, heard, "SUCCESS\n"))
        # Beside the one that the interpreter has recorded before.
        assert len(list((repository.directory / "experiments").glob("[0-9]*"))) == 1 + len(ends)

    def test_a_child_that_outlives_the_run_neither_hangs_nor_breaks(self, repository):
        program = (
            "import subprocess, sys\nfrom meticulous import Experiment\n"
            "experiment = Experiment({})\n"
            "subprocess.Popen(['sh', '-c', 'read line < go; echo late; echo $? > done'])\n"
            "print('parent ends')\n"
        )
        repository.commit({"main.py": program})
        fifo = repository.directory / "go"
        os.mkfifo(fifo)
        done = repository.python("main.py", check=True, timeout=60)
        assert done.stdout == "parent ends\n"
        folder = repository.directory / "experiments/1"
        assert (folder / "STATUS").read_text() == "SUCCESS\n"
        fifo.write_text("now\n")
        wait_until(lambda: (repository.directory / "done").exists())
        wait_until(lambda: (repository.directory / "done").read_text() == "0\n")
        assert (folder / "stdout").read_text() == "parent ends\nlate\n"

    def test_a_run_inside_a_multiprocessing_child_ends_with_it(self, repository):
        program = (
            "import multiprocessing as mp, sys\nfrom meticulous import Experiment\n"
            "def work(how):\n"
            "    experiment = Experiment({'how': how})\n"
            "    if how == 'raise': 1 / 0\n"
            "    if how == 'exit': sys.exit(3)\n"
            "if __name__ == '__main__':\n"
            "    for how in ('return', 'raise', 'exit'):\n"
            "        child = mp.get_context(sys.argv[1]).Process(target=work, args=(how,))\n"
            "        child.start(); child.join()\n"
        )
        repository.commit({"main.py": program})
        for method, numbers in (("fork", (1, 2, 3)), ("spawn", (4, 5, 6))):
            repository.python("main.py", method, check=True)
            texts = [
                (repository.directory / f"experiments/{n}/STATUS").read_text() for n in numbers
            ]
            assert texts[0] == "SUCCESS\n"
            # From Python 3.13 on the traceback is to be had from stderr only.
            assert texts[1].startswith(("ERROR\nTraceback", "ERROR\nexit code 1"))
            errors = (repository.directory / f"experiments/{numbers[1]}/stderr").read_text()
            assert "ZeroDivisionError" in texts[1] + errors
            assert texts[2] == "ERROR\nexit code 3\n"
