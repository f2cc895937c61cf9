"""Output is kept exactly, shown as before, and the program behaves as it does without us."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from forked_programs import carry_out, carry_out_alone, ends_of

RECORDED = "from meticulous import Experiment\nexperiment = Experiment({})\n"

PROGRAMS = {
    "plain lines": "for i in range(100): print('line', i)",
    "a last line without newline": "print('no newline', end='')",
    "nothing": "pass",
    "order of all ways to write": (
        "import os, subprocess, sys\n"
        "for i in range(5):\n"
        "    print('print', i, flush=True)\n"
        "    os.write(1, b'os.write\\n')\n"
        "    os.system('echo os.system')\n"
        "    subprocess.run(['echo', 'subprocess'])\n"
        "    sys.stdout.write('write\\n'); sys.stdout.flush()\n"
        "    sys.stdout.buffer.write(b'buffer\\n'); sys.stdout.flush()\n"
    ),
    "both streams": (
        "import sys\nfor i in range(50): print('out', i); print('err', i, file=sys.stderr)"
    ),
    "binary bytes": (
        "import sys\nsys.stdout.buffer.write(bytes(range(256)) * 100); sys.stdout.flush()"
    ),
    "carriage returns": (
        "import sys\nfor i in range(30): sys.stderr.write(f'\\r{i}%'); sys.stderr.flush()"
    ),
    "tqdm": "import tqdm\nfor _ in tqdm.tqdm(range(20), miniters=1, mininterval=0, "
    "bar_format='{n}/{total}'): pass",
    "rich": "from rich import print\nprint('[bold]bold[/bold]', {'a': 1})",
    "unicode": "print('π ≈ 3.14159', '\\U0001f600', 'ünï')",
    "a thousand kilobytes at once": "print('x' * 1_000_000)",
    "very many short writes": "import sys\nfor i in range(200_000): sys.stdout.write('ab\\n')",
    "stdout replaced and printed to": (
        "import io, sys\nkept = sys.stdout\nsys.stdout = io.StringIO(); print('hidden')\n"
        "text = sys.stdout.getvalue(); sys.stdout = kept; print('seen', text)"
    ),
    "stdout wrapped by the program for good": (
        "import sys\nclass Loud:\n    def __init__(self, inner): self.inner = inner\n"
        "    def write(self, text): return self.inner.write(text.upper())\n"
        "    def __getattr__(self, name): return getattr(self.inner, name)\n"
        "sys.stdout = Loud(sys.stdout); print('loud')"
    ),
    "redirect_stdout": (
        "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()): print('hidden')\n"
        "print('seen')"
    ),
    "the original stream object": "import sys\nprint('x', file=sys.__stdout__, flush=True)",
    "threads": (
        "import threading\n"
        "def work(n):\n    for i in range(200): print(f'{n}\\n', end='')\n"
        "threads = [threading.Thread(target=work, args=(7,)) for _ in range(8)]\n"
        "for t in threads: t.start()\nfor t in threads: t.join()"
    ),
    "logging to stderr": "import logging; logging.warning('careful')",
    "warnings": "import warnings; warnings.warn('careful')",
    "properties of the stream": (
        "import sys\nfor s in (sys.stdout, sys.stderr):\n"
        "    print(s.isatty(), s.encoding, s.errors, s.fileno(), s.name, s.mode, s.writable(),\n"
        "          s.readable(), s.seekable() and False, s.closed, s.newlines)"
    ),
    "an unencodable character": "print('\\udc80')",
    "a closed stdout": "import sys\nprint('a')\nsys.stdout.close()",
    "reconfigure": "import sys\nsys.stdout.reconfigure(encoding='latin-1'); print('é')",
}


def test_what_is_shown_and_kept_is_what_the_bare_program_writes(repository):
    outcomes = carry_out(repository, [RECORDED + program for program in PROGRAMS.values()])
    kept = {
        name: tuple((outcome.folder / stream).read_bytes() for stream in ("stdout", "stderr"))
        for name, outcome in zip(PROGRAMS, outcomes, strict=True)
    }
    bare = carry_out_alone(repository, [f"pass\npass\n{text}" for text in PROGRAMS.values()])
    ends = dict(zip(PROGRAMS, ends_of(bare), strict=True))
    assert dict(zip(PROGRAMS, ends_of(outcomes), strict=True)) == ends
    shown = [(outcome.shown, outcome.errors) for outcome in outcomes]
    wanted = [tuple(text.encode(errors="surrogateescape") for text in texts) for texts in shown]
    assert kept == dict(zip(PROGRAMS, wanted, strict=True))


def test_fifty_megabytes_pass_through_unchanged(repository, tmp_path):
    program = (
        "import os\nblock = bytes(range(256)) * 4096\nfor _ in range(50): os.write(1, block)\n"
    )
    repository.commit({"recorded.py": RECORDED + program})
    shown = tmp_path / "shown"
    with shown.open("wb") as file:
        subprocess.run(
            [sys.executable, "recorded.py"], cwd=repository.directory, check=True, stdout=file
        )
    kept = repository.directory / "experiments/1/stdout"
    assert kept.stat().st_size == shown.stat().st_size == 50 * 1024 * 1024
    subprocess.run(["cmp", shown, kept], check=True)


def test_output_of_a_stopped_run_is_not_kept_but_shown(repository):
    program = "print('during')\nexperiment.finish()\nprint('after')\n"
    repository.commit({"main.py": RECORDED + program})
    done = repository.python("main.py", check=True)
    assert done.stdout == "during\nafter\n"
    assert (repository.directory / "experiments/1/stdout").read_text() == "during\n"


def test_nested_runs_each_keep_their_part_and_the_outer_keeps_all(repository):
    program = (
        "print('outer 1', flush=True)\n"
        "with Experiment({'inner': True}): print('inner'); import os; os.system('echo child')\n"
        "print('outer 2')\n"
    )
    repository.commit({"main.py": RECORDED + program})
    done = repository.python("main.py", check=True)
    assert done.stdout == "outer 1\ninner\nchild\nouter 2\n"
    assert (repository.directory / "experiments/1/stdout").read_text() == done.stdout
    assert (repository.directory / "experiments/2/stdout").read_text() == "inner\nchild\n"


def test_runs_may_end_in_another_order_than_they_began(repository):
    program = (
        "second = Experiment({'n': 2})\nprint('both')\nexperiment.finish()\nprint('second')\n"
        "second.finish()\nprint('none')\n"
    )
    repository.commit({"main.py": RECORDED + program})
    done = repository.python("main.py", check=True)
    assert done.stdout == "both\nsecond\nnone\n"
    assert (repository.directory / "experiments/1/stdout").read_text() == "both\n"
    assert (repository.directory / "experiments/2/stdout").read_text() == "both\nsecond\n"


class TestClosedReader:
    """`program | head`: the reader goes away."""

    @pytest.mark.parametrize("lines", [20, 300_000])
    def test_the_program_ends_as_it_does_without_us(self, repository, lines):
        program = f"for i in range({lines}): print('a line of text', i)\n"
        repository.commit({"recorded.py": RECORDED + program, "bare.py": program})
        codes = {}
        for name in ("recorded.py", "bare.py"):
            process = subprocess.Popen(
                [sys.executable, name],
                cwd=repository.directory,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            assert process.stdout is not None
            if lines > 20:
                process.stdout.read(100)
            process.stdout.close()
            assert process.stderr is not None
            errors = process.stderr.read()
            codes[name] = process.wait(timeout=60), b"BrokenPipeError" in errors
        if lines > 20:
            # Python's own last flush fails too, or not, depending on where the pipe broke.
            codes = {name: (code in (1, 120), told) for name, (code, told) in codes.items()}
        assert codes["recorded.py"] == codes["bare.py"]
        status = (repository.directory / "experiments/1/STATUS").read_text()
        assert status.startswith("ERROR\n")

    def test_lines_are_recorded_once_even_when_they_are_offered_twice(self, repository):
        program = (
            "import sys\nsys.stdin.read()\n"
            "for i in range(4):\n"
            "    try: print('line', i)\n"
            "    except BrokenPipeError: print('broken', file=sys.stderr)\n"
        )
        repository.commit({"main.py": RECORDED + program})
        process = subprocess.Popen(
            [sys.executable, "main.py"],
            cwd=repository.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        process.stdout.close()
        process.communicate(timeout=60)
        kept = (repository.directory / "experiments/1/stdout").read_text()
        assert kept == "".join(f"line {i}\n" for i in range(4))


class TestTerminal:
    """On a terminal the program still sees one, as far as files allow."""

    def run_on_terminal(self, repository, program: str, typed: str = "") -> tuple[str, Path]:
        repository.commit({"main.py": RECORDED + program})
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(repository.directory)
            os.execv(sys.executable, [sys.executable, "main.py"])
        if typed:
            os.write(terminal, typed.encode())
        shown = b""
        while True:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                break
            if not data:
                break
            shown += data
        os.close(terminal)
        assert os.waitpid(pid, 0)[1] == 0, shown
        return shown.decode(), repository.directory / "experiments/1"

    def test_isatty_is_true(self, repository):
        shown, folder = self.run_on_terminal(
            repository, "import sys; print(sys.stdout.isatty(), sys.stderr.isatty())"
        )
        assert shown == "True True\r\n"
        assert (folder / "stdout").read_text() == "True True\n"

    def test_a_prompt_is_shown_and_answered(self, repository):
        shown, folder = self.run_on_terminal(
            repository, "name = input('Name? '); print('Hello', name)", typed="Ada\n"
        )
        assert "Name? " in shown
        assert shown.endswith("Hello Ada\r\n")
        assert (folder / "stdout").read_text() == "Name? Hello Ada\n"

    def test_rich_shows_its_colours(self, repository):
        shown, _ = self.run_on_terminal(
            repository,
            "import os; os.environ['TERM'] = 'xterm'\n"
            "from rich import print; print('[red]red[/red]')",
        )
        assert "\x1b[31mred" in shown


class TestPythonCapture:
    """capture="sys" and "none"."""

    def test_sys_keeps_what_python_prints_and_not_what_children_write(self, repository):
        program = (
            "from meticulous import Experiment\n"
            "with Experiment({}, capture='sys'):\n"
            "    import os, sys\n    print('print'); os.system('echo child')\n"
            "    sys.stdout.buffer.write(b'bytes\\n'); sys.stdout.writelines(['a\\n', 'b\\n'])\n"
            "print('after')\n"
        )
        repository.commit({"main.py": program})
        repository.python("-u", "main.py", check=True)
        kept = (repository.directory / "experiments/1/stdout").read_text()
        assert kept == "print\nbytes\na\nb\n"

    def test_none_keeps_nothing(self, repository):
        program = "from meticulous import Experiment\nExperiment({}, capture='none')\nprint('x')\n"
        repository.commit({"main.py": program})
        done = repository.python("main.py", check=True)
        assert done.stdout == "x\n"
        assert not (repository.directory / "experiments/1/stdout").exists()

    def test_an_unknown_choice_is_refused_and_leaves_nothing(self, repository):
        program = "from meticulous import Experiment\nExperiment({}, capture='pipe')\n"
        repository.commit({"main.py": program})
        done = repository.python("main.py")
        assert "InvalidOptionError: capture='pipe' is not known" in done.stderr.replace(
            "meticulous.errors.", ""
        )
        assert not (repository.directory / "experiments").exists()
