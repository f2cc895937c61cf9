"""A signal that ends the process is told first, and does what it did before."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

HEAD = """\
import os, signal, sys, threading
from meticulous.recorder.ending.signals import SignalWatch

def say(*words): os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def watch(name):
    made = SignalWatch(lambda number: say(name, "told", signal.Signals(number).name))
    made.start()
    return made
def send(number=signal.SIGTERM): os.kill(os.getpid(), number)
"""


def run(program: str, *words: str) -> tuple[list[str], int]:
    """Run a program that watches signals; return the lines it wrote and its exit code."""
    done = subprocess.run(
        [*words, sys.executable, "-c", HEAD + program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "meticulous/" not in done.stderr, done.stderr
    return done.stdout.splitlines(), done.returncode


class TestDefaults:
    """Where the default action is in force."""

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGXCPU"])
    def test_the_owner_is_told_once_and_the_process_dies_of_the_signal(self, name):
        lines, code = run(f"watch('run')\nsend(signal.{name})\nsay('not reached')")
        assert lines == [f"run told {name}"]
        assert code == -signal.Signals[name]

    @pytest.mark.parametrize("name", ["SIGINT", "SIGUSR2", "SIGALRM", "SIGPIPE", "SIGWINCH"])
    def test_other_signals_are_not_touched(self, name):
        program = (
            f"before = signal.getsignal(signal.{name})\nwatch('run')\n"
            f"say(signal.getsignal(signal.{name}) is before)"
        )
        assert run(program) == (["True"], 0)

    def test_an_owner_that_fails_does_not_keep_the_process_alive(self):
        lines, code = run("SignalWatch(lambda number: 1 / 0).start()\nsend()\nsay('not reached')")
        assert (lines, code) == ([], -signal.SIGTERM)

    def test_a_second_signal_while_the_first_is_told_waits_for_it(self):
        lines, code = run(
            "SignalWatch(lambda number: (say('telling'), send(), say('told'))).start()\n"
            "send()\nsay('not reached')"
        )
        assert (lines, code) == (["telling", "told"], -signal.SIGTERM)

    def test_a_signal_that_interrupts_a_wait_is_told(self):
        lines, code = run(
            "watch('run')\nthreading.Timer(0.01, send).start()\nsignal.pause()\nsay('not reached')"
        )
        assert (lines, code) == (["run told SIGTERM"], -signal.SIGTERM)


class TestHandlersOfTheProgram:
    """What the program decided stays decided."""

    def test_one_from_before_stays(self):
        program = (
            "signal.signal(signal.SIGTERM, lambda *_: say('mine'))\nrun = watch('run')\n"
            "send()\nrun.stop()\nsend()\nsay('end')"
        )
        assert run(program) == (["mine", "mine", "end"], 0)

    def test_one_from_afterwards_stays(self):
        program = (
            "run = watch('run')\nsignal.signal(signal.SIGTERM, lambda *_: say('mine'))\n"
            "send()\nrun.stop()\nsend()\nsay('end')"
        )
        assert run(program) == (["mine", "mine", "end"], 0)

    def test_one_that_calls_what_was_there_before_goes_on_as_without_us(self):
        lines, code = run(
            "watch('run')\nbefore = signal.getsignal(signal.SIGTERM)\n"
            "def mine(*details):\n    say('mine')\n    if callable(before): before(*details)\n"
            "signal.signal(signal.SIGTERM, mine)\nsend()\nsay('on')"
        )
        assert (lines, code) == (["mine", "on"], 0)

    def test_one_that_puts_ours_back_after_the_end_still_dies_of_the_signal(self):
        lines, code = run(
            "run = watch('run')\nbefore = signal.signal(signal.SIGTERM, lambda *_: None)\n"
            "run.stop()\nsignal.signal(signal.SIGTERM, before)\nsend()\nsay('not reached')"
        )
        assert (lines, code) == ([], -signal.SIGTERM)

    def test_what_is_ignored_stays_ignored(self):
        program = "run = watch('run')\nsend(signal.SIGHUP)\nrun.stop()\nsend(signal.SIGHUP)\n"
        assert run(program + "say('end')", "nohup") == (["end"], 0)

    def test_the_default_put_back_by_the_program_is_the_default(self):
        lines, code = run("watch('run')\nsignal.signal(signal.SIGTERM, signal.SIG_DFL)\nsend()")
        assert (lines, code) == ([], -signal.SIGTERM)


class TestSeveral:
    """Runs within runs."""

    def test_all_are_told_the_newest_first(self):
        lines, code = run("watch('outer')\nwatch('inner')\nsend()")
        assert lines == ["inner told SIGTERM", "outer told SIGTERM"]
        assert code == -signal.SIGTERM

    @pytest.mark.parametrize(("stopped", "left"), [("a", "b"), ("b", "a")])
    def test_the_end_of_one_leaves_the_other(self, stopped, left):
        lines, _ = run(f"a, b = watch('a'), watch('b')\n{stopped}.stop()\n{stopped}.stop()\nsend()")
        assert lines == [f"{left} told SIGTERM"]

    def test_the_last_puts_the_default_back(self):
        program = (
            "a, b = watch('a'), watch('b')\na.stop(); b.stop()\n"
            "names = ('SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGXCPU')\n"
            "say([signal.getsignal(getattr(signal, n)) == signal.SIG_DFL for n in names])\n"
            "watch('c')\nsend()"
        )
        lines, _ = run(program)
        assert lines == [str([True] * 4), "c told SIGTERM"]


class TestThreadsAndChildren:
    """Only the main thread of the owning process."""

    def test_started_by_another_thread_it_watches_nothing_and_disturbs_nothing(self):
        lines, code = run(
            "thread = threading.Thread(target=watch, args=('run',))\n"
            "thread.start(); thread.join()\n"
            "say(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)\nsend()"
        )
        assert (lines, code) == (["True"], -signal.SIGTERM)

    def test_stopped_by_another_thread_the_signal_ends_the_process_untold(self):
        lines, code = run(
            "run = watch('run')\nthread = threading.Thread(target=run.stop)\n"
            "thread.start(); thread.join()\nsend()\nsay('not reached')"
        )
        assert (lines, code) == ([], -signal.SIGTERM)

    def test_a_forked_child_dies_of_it_and_tells_nobody(self):
        lines, code = run(
            "watch('run')\npid = os.fork()\nif pid == 0: send(); os._exit(0)\n"
            "say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
        )
        assert (lines, code) == (["-15"], 0)

    def test_a_child_that_is_terminated_by_multiprocessing_dies_of_it(self):
        lines, code = run(
            "import multiprocessing\nwatch('run')\n"
            "def work():\n    while True: pass\n"
            "child = multiprocessing.get_context('fork').Process(target=work)\n"
            "child.start(); child.terminate(); child.join()\nsay(child.exitcode)"
        )
        assert (lines, code) == (["-15"], 0)

    def test_a_child_that_never_returns_to_the_interpreter_dies_of_it_too(self):
        lines, _ = run(
            "import itertools, multiprocessing\nwatch('run')\n"
            "ready, go = os.pipe()\n"
            "def work():\n    os.write(go, b'x'); sum(itertools.repeat(1))\n"
            "child = multiprocessing.get_context('fork').Process(target=work)\n"
            "child.start(); os.read(ready, 1); child.terminate(); child.join(0.5)\n"
            "child.kill(); child.join()\nsay(child.exitcode)"
        )
        assert lines == ["-15"]

    def test_another_program_started_from_it_has_the_defaults(self):
        lines, _ = run(
            "import subprocess\nwatch('run')\n"
            "say(subprocess.run(['sh', '-c', 'kill -TERM $$']).returncode)"
        )
        assert lines == ["-15"]


def test_a_program_under_run_may_die_of_a_signal_without_a_name(repository):
    number = signal.SIGRTMIN + 3
    done = repository.python("-m", "meticulous", "run", "--", "sh", "-c", f"kill -{number} $$")
    status = (repository.directory / "experiments/1/STATUS").read_text()
    assert status == f"KILLED\nsignal SIG{number}\n"
    assert done.returncode == -number
