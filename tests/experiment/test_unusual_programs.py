"""Programs that handle threads, descriptors, streams and signals themselves stay what they are."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading

import pytest
from forked_programs import carry_out, carry_out_alone, ends_of

RECORDED = "from meticulous import Experiment\nexperiment = Experiment({})\n"

DEEP = "deep recursion while printing"

PROGRAMS = {
    "descriptor 1 pointed at a pipe for a while": (
        "import os\nr, w = os.pipe(); old = os.dup(1); os.dup2(w, 1)\n"
        "print('hello', flush=True); os.dup2(old, 1); os.close(w); print('got', os.read(r, 100))"
    ),
    "descriptor 1 pointed at a file of its own": (
        "import os\nf = os.open('own', os.O_WRONLY | os.O_CREAT | os.O_TRUNC)\n"
        "os.dup2(f, 1); print('in the file')"
    ),
    "a reference to the stream from before": (
        "import sys\nold = sys.stdout\nfrom meticulous import Experiment\n"
        "with Experiment({}): print('by reference', file=old); print('by name')"
    ),
    "an exec-like end of output": "import sys\nprint('a', end=''); sys.stdout.flush(); print('b')",
    "sys.last_value set by hand": (
        "import sys\ntry: 1 / 0\nexcept ZeroDivisionError as e:\n"
        "    sys.last_value = sys.last_exc = e; sys.last_traceback = e.__traceback__"
    ),
    "asking who handles a signal": (
        "import signal\n"
        "print(signal.getsignal(signal.SIGUSR1) in (None, signal.SIG_DFL))\n"
        "print(signal.SIG_DFL == signal.getsignal(signal.SIGTERM))"
    ),
    "calling the handler from before": (
        "import os, signal\nprevious = signal.getsignal(signal.SIGTERM)\n"
        "def handle(n, f):\n"
        "    if callable(previous): previous(n, f)\n    print('checkpoint saved')\n"
        "signal.signal(signal.SIGTERM, handle); os.kill(os.getpid(), 15); print('on')"
    ),
    DEEP: (
        "import sys\ndef dive(n):\n    print('level', n); dive(n + 1)\n"
        "try: dive(0)\nexcept RecursionError: pass\nprint('up again')"
    ),
}


def test_it_behaves_as_it_does_alone(repository):
    begins = {name: "" if "Experiment" in text else RECORDED for name, text in PROGRAMS.items()}
    recorded = carry_out(repository, [begins[name] + text for name, text in PROGRAMS.items()])
    for outcome in recorded:
        assert (outcome.folder / "STATUS").read_text() == "SUCCESS\n"
    bare = [
        text.replace("with Experiment({}):", "if True:").replace(
            "from meticulous import Experiment\n", ""
        )
        for text in PROGRAMS.values()
    ]
    ends = dict(zip(PROGRAMS, ends_of(recorded), strict=True))
    alone = dict(zip(PROGRAMS, ends_of(carry_out_alone(repository, bare)), strict=True))
    # We stand on the stack too; no line may be missing or come twice before it is full.
    deep, _ = ends.pop(DEEP), alone.pop(DEEP)
    *levels, last = deep[0].splitlines()
    assert levels == [f"level {n}" for n in range(len(levels))]
    assert (last, *deep[1:]) == ("up again", "", 0)
    assert ends == alone


def test_runs_in_several_threads_lose_nothing(repository):
    program = (
        "import threading\nfrom meticulous import Experiment\n"
        "def work(k):\n"
        "    for i in range(10):\n"
        "        with Experiment({'k': k, 'i': i}) as e:\n"
        "            print(f'work {k} {i}\\n', end='')\n            e.summary(k=k, i=i)\n"
        "threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]\n"
        "for t in threads: t.start()\nfor t in threads: t.join()\nprint('all done')\n"
    )
    repository.commit({"main.py": program})
    done = repository.python("main.py")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert sorted(lines[:-1]) == sorted(f"work {k} {i}" for k in range(4) for i in range(10))
    assert lines[-1] == "all done"
    for number in range(1, 41):
        folder = repository.directory / f"experiments/{number}"
        summary = json.loads((folder / "summary.json").read_text())
        assert f"work {summary['k']} {summary['i']}\n" in (folder / "stdout").read_text()


def test_overlapping_runs_all_keep_the_output(repository):
    program = (
        "from meticulous import Experiment\nes = [Experiment({'k': k}) for k in range(6)]\n"
        "print('hello')\nfor e in es: e.finish()\n"
    )
    repository.commit({"main.py": program})
    assert repository.python("main.py", check=True).stdout == "hello\n"
    for number in range(1, 7):
        assert (repository.directory / f"experiments/{number}/stdout").read_text() == "hello\n"


@pytest.mark.parametrize("end", ["os.system('echo child')", "os.kill(os.getpid(), 9)"])
def test_unbuffered_python_holds_nothing_back(repository, end):
    program = f"import os\nprint('abc', end='')\n{end}\n"
    repository.commit({"recorded.py": RECORDED + program, "bare.py": program})
    recorded = repository.python("-u", "recorded.py")
    assert recorded.stdout == repository.python("-u", "bare.py").stdout
    assert (repository.directory / "experiments/1/stdout").read_text() == recorded.stdout


def test_the_order_of_two_streams_that_go_to_one_place_is_kept(repository):
    program = (
        "import os, sys\nos.system('echo a'); print('b', file=sys.stderr)\n"
        "os.system('echo c >&2'); print('d', flush=True); print('e', file=sys.stderr)\n"
    )
    repository.commit({"main.py": RECORDED + program})
    done = repository.python("main.py", capture_output=False, stdout=-1, stderr=subprocess.STDOUT)
    assert done.stdout == "a\nb\nc\nd\ne\n"


def test_closing_all_descriptors_costs_a_warning_and_no_output(repository):
    program = (
        "import os\nexperiment.log(a=1)\nprint('a'); os.closerange(3, 1000); print('b')\n"
        "experiment.log(a=2)\n"
    )
    repository.commit({"main.py": RECORDED + program})
    done = repository.python("main.py")
    assert done.returncode == 0
    folder = repository.directory / "experiments/1"
    assert (folder / "stdout").read_text() == "a\nb\n"
    assert (folder / "STATUS").read_text() == "SUCCESS\n"
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2
    warnings = json.loads((folder / "metadata.json").read_text())["warnings"]
    assert any("closed the descriptor" in warning for warning in warnings)


def test_a_file_opened_in_place_of_our_descriptor_is_not_written_to(repository):
    program = (
        "import os\nos.closerange(3, 1000)\nfiles = [open(f'f{i}', 'w+') for i in range(30)]\n"
        "print('output')\nexperiment.log(a=1)\nexperiment.finish()\n"
        "print([f.read() for f in files if f.seek(0) or f.read()])\n"
    )
    repository.commit({"main.py": RECORDED + program})
    repository.python("main.py")
    for number in range(30):
        assert (repository.directory / f"f{number}").read_text() == ""


def test_a_program_that_used_up_all_descriptors_is_recorded(repository):
    program = "import os\nfiles = []\nwhile True: files.append(os.open('/dev/null', 0))\n"
    repository.commit({"main.py": RECORDED + program})
    limited = f"ulimit -n 128; exec {shlex.quote(sys.executable)} main.py"
    done = subprocess.run(
        ["sh", "-c", limited],
        cwd=repository.directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Exception ignored" not in done.stderr
    status = (repository.directory / "experiments/1/STATUS").read_text()
    assert status.startswith("ERROR\n")
    assert "Too many open files" in status


@pytest.mark.parametrize("gap", [0.0, 0.005, 0.02])
@pytest.mark.parametrize(
    ("numbers", "word", "code"),
    [
        ((signal.SIGINT, signal.SIGINT), "INTERRUPTED", -signal.SIGINT),
        ((signal.SIGTERM, signal.SIGTERM), "KILLED", -signal.SIGTERM),
    ],
)
def test_an_impatient_second_signal_does_not_spoil_the_end(repository, numbers, word, code, gap):
    program = "import signal\nprint('ready', flush=True)\nsignal.pause()\n"
    repository.commit({"main.py": RECORDED + program})
    process = subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=repository.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    for number in numbers:
        process.send_signal(number)
        threading.Event().wait(gap)
    assert process.wait(timeout=60) == code
    assert (repository.directory / "experiments/1/STATUS").read_text().split()[0] == word


def test_ctrl_c_during_the_start_leaves_a_true_record(repository):
    program = (
        "import os, signal, threading\nfrom meticulous import Experiment\n"
        "main = threading.main_thread().ident\n"
        "threading.Timer(float(os.environ['AFTER']), signal.pthread_kill, (main, 2)).start()\n"
        "Experiment({})\nsignal.pause()\n"
    )
    repository.commit({"main.py": program})
    for milliseconds in range(0, 150, 15):
        repository.python("main.py", env={"AFTER": str(milliseconds / 1000)})
    for folder in (repository.directory / "experiments").iterdir():
        if not folder.name.startswith("."):
            assert (folder / "STATUS").read_text().split()[0] == "INTERRUPTED"


class TestRunFromOddPlaces:
    """`meticulous run` in processes that were started in unusual ways."""

    def run(self, repository, shell: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                "sh",
                "-c",
                shell.replace("RUN", f"{shlex.quote(sys.executable)} -m meticulous run --"),
            ],
            cwd=repository.directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_with_stdout_closed(self, repository):
        self.run(repository, "RUN sh -c 'echo hi; echo err >&2' <&- >&-")
        folder = repository.directory / "experiments/1"
        assert (folder / "stdout").read_text() == "hi\n"
        assert (folder / "stderr").read_text() == "err\n"

    def test_with_sigchld_ignored(self, repository):
        done = subprocess.run(
            [sys.executable, "-m", "meticulous", "run", "--", "sh", "-c", "exit 3"],
            cwd=repository.directory,
            preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
            timeout=60,
            check=False,
        )
        assert done.returncode == 3
        status = (repository.directory / "experiments/1/STATUS").read_text()
        assert status == "ERROR\nexit code 3\n"

    @pytest.mark.parametrize("wrapper", ["env A=1", "nice -n 1", "timeout 60", "nohup"])
    def test_behind_a_wrapper_the_script_is_seen(self, repository, wrapper):
        repository.write("new.py", "print()")
        done = self.run(repository, f"RUN {wrapper} {shlex.quote(sys.executable)} new.py")
        assert done.returncode == 2
        assert "new.py is not tracked by git" in done.stderr

    def test_an_isolated_interpreter_leaves_its_children_alone(self, repository):
        child = (
            "import argparse; p = argparse.ArgumentParser(); p.add_argument('--c'); p.parse_args()"
        )
        text = (
            "import os, subprocess, sys\nprint(os.environ.get('PYTHONPATH'))\n"
            f"subprocess.run([sys.executable, '-c', {child!r}, '--c', '5'])\n"
        )
        repository.commit({"t.py": text})
        done = self.run(repository, f"RUN {shlex.quote(sys.executable)} -I t.py --lr 3")
        assert done.stdout.strip() == os.environ["PYTHONPATH"]
        args = json.loads((repository.directory / "experiments/1/args.json").read_text())
        assert args == {"lr": 3}
