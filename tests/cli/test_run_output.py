"""Under `meticulous run` output is kept and shown as the program wrote it, whoever is killed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import resource
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import wait_until

PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@pytest.fixture
def start(repository) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start `meticulous run -- WORDS` in a session of its own, which ends with the test."""
    started = []

    def start_run(*words: str, **options) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "meticulous", "run", "--", *words]
        process = subprocess.Popen(
            command, cwd=repository.directory, start_new_session=True, **{**PIPES, **options}
        )
        started.append(process)
        return process

    yield start_run
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def folder(repository) -> Path:
    return repository.directory / "experiments/1"


def children_of(pid: int) -> list[int]:
    """Return the living children of a process."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in brackets, can hold anything.
            state, parent = entry.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(entry.parent.name))
    return found


def carrier_of(pid: int) -> int:
    """Return the child that carries the output, in a session of its own."""
    (carrier,) = [child for child in children_of(pid) if os.getsid(child) == child]
    return carrier


def status_of(folder: Path) -> str:
    """Return what STATUS says, "" while there is none."""
    status = folder / "STATUS"
    return status.read_text() if status.exists() else ""


def held_bytes(file: Path) -> int:
    """Return how much more the file occupies than its length needs."""
    found = file.stat()
    return found.st_blocks * 512 - found.st_size


class TestKilledRecorder:
    """`kill -9` meets `meticulous run`, and nobody is there to write the end."""

    def test_the_program_goes_on_and_its_output_is_kept_and_shown(self, start, folder):
        process = start("sh", "-c", "echo go; read line; seq 50000; echo end >&2")
        assert process.stdout.readline() == b"go\n"
        wait_until(lambda: status_of(folder) == "RUNNING\n")
        process.kill()
        shown, errors = process.communicate(b"go on\n")
        numbers = b"".join(b"%d\n" % n for n in range(1, 50_001))
        assert (shown, errors) == (numbers, b"end\n")
        assert (folder / "stdout").read_bytes() == b"go\n" + numbers
        assert (folder / "stderr").read_bytes() == b"end\n"
        assert (folder / "STATUS").read_text() == "RUNNING\n"

    def test_what_both_had_written_is_kept_when_the_whole_group_is_killed(self, start, folder):
        process = start("sh", "-c", "seq 1000; echo go >&2; read line")
        assert process.stderr.readline() == b"go\n"
        os.killpg(process.pid, signal.SIGKILL)
        numbers = b"".join(b"%d\n" % n for n in range(1, 1001))
        shown, _ = process.communicate()
        assert shown == numbers
        assert (folder / "stdout").read_bytes() == numbers
        # No room stays held for a run that is over.
        wait_until(lambda: held_bytes(folder / "stdout") < 8192)

    def test_lines_of_a_python_program_are_kept_though_it_did_not_flush(
        self, repository, start, folder
    ):
        repository.commit({"main.py": "import os\nprint('line')\nos.kill(os.getpid(), 9)\n"})
        process = start(sys.executable, "main.py")
        assert process.communicate()[0] == b"line\n"
        assert (folder / "stdout").read_bytes() == b"line\n"
        assert (folder / "STATUS").read_text() == "KILLED\nsignal SIGKILL\n"


class TestSlowReader:
    """Whoever reads the output takes his time, or has stopped the terminal."""

    WORDS = (
        sys.executable,
        "-c",
        # All of it finds room on the way, though nobody reads it.
        f"import fcntl; fcntl.fcntl(1, {fcntl.F_SETPIPE_SZ}, 1 << 20)\n"
        "for n in range(40000): print(n)",
    )
    NUMBERS = b"".join(b"%d\n" % n for n in range(40_000))

    @pytest.mark.parametrize("kind", ["pipe", "terminal"])
    def test_the_record_ends_with_the_program_and_a_signal_ends_the_wait(self, start, folder, kind):
        reader, target = os.openpty() if kind == "terminal" else os.pipe()
        with open(reader, "rb"), open(target, "wb") as shown:
            process = start(*self.WORDS, stdout=shown)
            wait_until(lambda: status_of(folder) == "SUCCESS\n")
            process.terminate()
            assert process.wait(60) == 0
        assert (folder / "stdout").read_bytes() == self.NUMBERS

    def test_all_is_shown_at_last(self, start, folder):
        process = start(*self.WORDS)
        wait_until(lambda: status_of(folder) == "SUCCESS\n")
        assert process.communicate() == (self.NUMBERS, b"")


class TestOrder:
    """Both streams are shown in one place."""

    TEXT = (
        "import logging, sys\n"
        "logging.basicConfig()\n"
        "for n in range(300):\n"
        "    print('out', n)\n"
        "    logging.warning('log %d', n)\n"
        "    if n % 3: sys.stderr.write(f'error {n}\\n')\n"
    )
    EXPECTED = "".join(
        f"out {n}\nWARNING:root:log {n}\n" + (f"error {n}\n" if n % 3 else "") for n in range(300)
    )

    def test_lines_of_a_python_program_are_shown_in_the_order_they_were_written(
        self, repository, start, folder
    ):
        repository.commit({"main.py": self.TEXT})
        shown, _ = start(sys.executable, "main.py", stderr=subprocess.STDOUT).communicate()
        assert shown.decode() == self.EXPECTED
        assert (folder / "stdout").read_text() == "".join(f"out {n}\n" for n in range(300))

    @pytest.mark.parametrize("options", [(), ("-u",)], ids=["gathered", "unbuffered"])
    def test_so_is_what_is_too_long_to_be_gathered(self, repository, start, options):
        text = (
            "import sys\n"
            "for n in range(50):\n"
            "    print('error', n, file=sys.stderr)\n"
            "    print('x' * 9000)\n"
            "    sys.stderr.buffer.write(b'y' * 9000 + b'\\n')\n"
            "    print('out', n)\n"
        )
        repository.commit({"main.py": text})
        process = start(sys.executable, *options, "main.py", stderr=subprocess.STDOUT)
        parts = (f"error {n}\n{'x' * 9000}\n{'y' * 9000}\nout {n}\n" for n in range(50))
        assert process.communicate()[0].decode() == "".join(parts)

    def test_what_is_printed_while_the_interpreter_ends_is_shown(self, repository, start):
        text = (
            "import builtins, sys\n"
            "class Last:\n"
            "    def __del__(self):\n"
            "        print('out')\n"
            "        print('error', file=sys.stderr)\n"
            "        print('end')\n"
            "builtins.last = Last()\n"
        )
        repository.commit({"main.py": text})
        process = start(sys.executable, "main.py", stderr=subprocess.STDOUT)
        assert process.communicate()[0] == b"out\nerror\nend\n"

    def test_so_they_are_on_a_terminal_that_was_stopped_meanwhile(self, repository, start):
        repository.commit({"main.py": self.TEXT + "print('end' * 50)\n"})
        reader, target = os.openpty()
        with open(reader, "rb", buffering=0) as terminal:
            with open(target, "wb") as shown:
                process = start(sys.executable, "main.py", stdout=shown, stderr=shown)
                fcntl.ioctl(reader, termios.TCXONC, termios.TCOOFF)
                wait_until(lambda: len(children_of(process.pid)) > 1)
                fcntl.ioctl(reader, termios.TCXONC, termios.TCOON)
                text = b""
                while b"end\r\n" not in text:
                    text += terminal.read(100)
            process.wait(60)
        assert text.decode().replace("\r\n", "\n") == self.EXPECTED + "end" * 50 + "\n"


class TestWhatCarriesTheOutput:
    """A process of its own, which nobody is to notice."""

    def test_it_is_taken_in_when_the_program_has_ended(self, repository):
        text = (
            "import os\n"
            "from meticulous.recorder.program.running import run_program\n"
            "run_program(['true'])\n"
            "try:\n"
            "    os.waitpid(-1, os.WNOHANG)\n"
            "except ChildProcessError:\n"
            "    print('no children')\n"
        )
        repository.commit({"main.py": text})
        done = repository.python("main.py")
        assert (done.stdout, done.stderr) == ("no children\n", "")

    def test_it_holds_nothing_of_the_callers(self, start):
        reader, writer = os.pipe()
        high = fcntl.fcntl(writer, fcntl.F_DUPFD, 300)
        os.close(writer)

        def set_limit() -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (high, high))

        text = f"import os; os.close({high}); print('go', flush=True); input()"
        process = start(
            sys.executable, "-c", text, pass_fds=[high], preexec_fn=set_limit, stderr=None
        )
        os.close(high)
        assert process.stdout.readline() == b"go\n"
        process.kill()
        with open(reader, "rb") as file:
            assert select.select([file], [], [], 60)[0]
            assert file.read() == b""

    def test_when_it_does_not_answer_a_signal_ends_the_record_without_it(self, start, folder):
        process = start("sh", "-c", "echo go; read line; exit 3")
        assert process.stdout.readline() == b"go\n"
        carrier = carrier_of(process.pid)
        metadata = folder / "metadata.json"
        wait_until(lambda: status_of(folder) == "RUNNING\n")
        program = json.loads(metadata.read_text())["pid"]
        os.kill(carrier, signal.SIGSTOP)
        process.stdin.write(b"go on\n")
        process.stdin.close()
        process.stdin = None
        # Until it has been taken in as well: before, the signal is for the program.
        wait_until(lambda: not Path(f"/proc/{program}").exists())
        process.terminate()
        try:
            assert process.wait(60) == 3
        finally:
            os.kill(carrier, signal.SIGCONT)
        message = "what carries the output does not answer: the end of the output may be missing"
        assert message in process.communicate()[1].decode()
        assert (folder / "STATUS").read_text() == "ERROR\nexit code 3\n"


class TestLastWords:
    """What is written at the very end, or by what the program has become."""

    def test_the_message_of_a_crash_is_kept_and_shown(self, start, folder):
        words = (sys.executable, "-X", "faulthandler", "-c", "import os; os.abort()")
        process = start(*words)
        _, errors = process.communicate()
        assert b"Fatal Python error: Aborted" in errors
        assert (folder / "stderr").read_bytes() == errors
        assert process.returncode == -signal.SIGABRT

    def test_what_the_program_becomes_is_kept_and_shown(self, start, folder):
        become = "import os; print('before', flush=True); os.execvp('echo', ['echo', 'after'])"
        process = start(sys.executable, "-c", become)
        assert process.communicate()[0] == b"before\nafter\n"
        assert (folder / "stdout").read_bytes() == b"before\nafter\n"

    def test_a_program_that_closes_its_output_early_is_waited_for(self, start, folder):
        process = start("sh", "-c", "echo out; exec >&- 2>&-; read line; exit 3")
        assert process.stdout.readline() == b"out\n"
        assert process.communicate(b"go on\n") == (b"", b"")
        assert process.returncode == 3
        assert (folder / "STATUS").read_text() == "ERROR\nexit code 3\n"


class TestGoneReader:
    """Whoever read the output reads no more."""

    @staticmethod
    def ends_without_reader(repository, start) -> list[tuple[bytes, int]]:
        """Return errors and exit code of main.py, alone and under run, without a reader."""
        ends = []
        for process in (
            subprocess.Popen([sys.executable, "main.py"], cwd=repository.directory, **PIPES),
            start(sys.executable, "main.py"),
        ):
            assert process.stdout.readline() == b"go\n"
            process.stdout.close()
            process.stdout = None
            ends.append((process.communicate(b"go on\n")[1], process.returncode))
        return ends

    # More than Python gathers for a pipe, and less.
    @pytest.mark.parametrize(("count", "code"), [(2000, 1), (100, 120)])
    def test_a_python_program_meets_it_as_it_does_alone(self, repository, start, count, code):
        text = (
            "import select, sys\n"
            "print('go', flush=True)\n"
            "sys.stdin.readline()\n"
            "print('line')\n"
            "poll = select.poll()\n"
            "poll.register(1, select.POLLERR)\n"
            # It is seen when something is to be shown; alone it is seen at once.
            "poll.poll()\n"
            f"for n in range({count}):\n"
            "    print('line', n)\n"
        )
        repository.commit({"main.py": text})
        alone, recorded = self.ends_without_reader(repository, start)
        assert alone == recorded
        assert alone[1] == code
        assert b"BrokenPipeError" in alone[0]

    def test_a_program_that_writes_no_more_does_not_meet_it(self, start, folder):
        process = start("sh", "-c", "echo go; read line; exit 3")
        assert process.stdout.readline() == b"go\n"
        process.stdout.close()
        process.stdout = None
        process.communicate(b"go on\n")
        assert process.returncode == 3

    def test_a_python_program_that_closes_its_output_meets_it_as_it_does_alone(
        self, repository, start
    ):
        text = (
            "import os\n"
            "os.close(1)\n"
            "print('first')\n"
            "print('second')\n"
            "assert os.open('file', os.O_WRONLY | os.O_CREAT | os.O_TRUNC) == 1\n"
            "print('third')\n"
        )
        repository.commit({"main.py": text})
        for process in (
            subprocess.Popen([sys.executable, "main.py"], cwd=repository.directory, **PIPES),
            start(sys.executable, "main.py"),
        ):
            assert process.communicate() == (b"", b"")
            assert process.returncode == 0
            assert (repository.directory / "file").read_text() == "first\nsecond\nthird\n"

    def test_a_python_program_with_a_stream_of_its_own_meets_it_as_it_does_alone(
        self, repository, start
    ):
        text = (
            "import io, select, sys\n"
            "sys.stdout = io.TextIOWrapper(sys.stdout.detach(), line_buffering=True)\n"
            "print('go')\n"
            "sys.stdin.readline()\n"
            "poll = select.poll()\n"
            "poll.register(1, select.POLLERR)\n"
            "try:\n"
            "    while not poll.poll(1):\n"
            "        print('line')\n"
            "    print('line')\n"
            "except BrokenPipeError:\n"
            "    sys.stderr.write('met')\n"
            "    raise SystemExit(3)\n"
        )
        repository.commit({"main.py": text})
        alone, recorded = self.ends_without_reader(repository, start)
        assert alone == recorded
        assert alone[0].startswith(b"met")

    def test_the_exit_code_is_the_programs_though_nothing_can_be_told(self, start):
        with open("/dev/full", "wb") as full:
            process = start("sh", "-c", "echo out; exit 4", stdout=full, stderr=full)
            process.communicate()
        assert process.returncode == 4

    def test_a_signal_ends_a_run_without_standard_output(self, start):
        process = start(
            "sh", "-c", "kill -9 $$", preexec_fn=lambda: os.close(1), stdout=None, stderr=None
        )
        process.communicate()
        assert process.returncode == -signal.SIGKILL

    def test_a_target_that_takes_no_more_is_told_of(self, start, folder):
        with open("/dev/full", "wb") as full:
            process = start("echo", "out", stdout=full)
            _, errors = process.communicate()
        message = f"stdout is shown no further: No space left on device ({folder})"
        assert errors.decode() == f"meticulous: warning: {message}\n"
        assert process.returncode == 0
        assert (folder / "stdout").read_bytes() == b"out\n"
        assert json.loads((folder / "metadata.json").read_text())["warnings"] == [message]


def test_a_program_that_removes_its_record_at_once_runs_to_its_end(start, repository):
    for _ in range(5):
        process = start("sh", "-c", 'rm -rf "$METICULOUS_EXPERIMENT"; echo out; exit 3')
        assert process.communicate()[0] == b"out\n"
        assert process.returncode == 3


def test_a_terminal_that_is_closed_ends_the_program(repository, folder):
    text = "import signal\nprint('ready', flush=True)\nsignal.pause()\n"
    repository.commit({"main.py": text})
    words = [sys.executable, "-m", "meticulous", "run", "--", sys.executable, "main.py"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(repository.directory)
        os.execv(sys.executable, words)
    shown = b""
    while b"ready" not in shown:
        shown += os.read(terminal, 100)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGHUP
    assert (folder / "STATUS").read_text() == "KILLED\nsignal SIGHUP\n"


def test_a_limit_on_the_length_of_files_ends_the_record_of_one_stream_alone(start, folder):
    limit = 1 << 16

    def set_limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = start("sh", "-c", "seq 50000; echo end >&2", preexec_fn=set_limit)
    shown, errors = process.communicate()
    assert shown == b"".join(b"%d\n" % n for n in range(1, 50_001))
    message = f"stdout is recorded no further, for File too large ({folder})"
    assert sorted(errors.decode().splitlines()) == ["end", f"meticulous: warning: {message}"]
    assert (folder / "stdout").read_bytes() == shown[:limit]
    assert (folder / "stderr").read_bytes() == b"end\n"


def test_what_carries_the_output_ends_with_the_last_who_could_write(start, folder, repository):
    os.mkfifo(repository.directory / "go")
    process = start("sh", "-c", "(read x < go; seq 50000) & echo $!")
    child = int(process.communicate()[0])
    (repository.directory / "go").write_text("now\n")
    wait_until(lambda: not Path(f"/proc/{child}").exists())
    numbers = b"".join(b"%d\n" % n for n in range(1, 50_001))
    wait_until(lambda: (folder / "stdout").read_bytes() == b"%d\n" % child + numbers)
    inode = (folder / "stdout").stat().st_ino

    def has_open(directory: Path) -> bool:
        with contextlib.suppress(OSError):
            return any(entry.stat().st_ino == inode for entry in directory.iterdir())
        return False

    wait_until(lambda: not any(map(has_open, Path("/proc").glob("[0-9]*/fd"))))
