"""A command line is understood as the interpreter or the shell would understand it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meticulous.errors import ProgramNotFoundError
from meticulous.recorder.program.command import Command

SHOW = "import sys; print('ARGUMENTS', *sys.argv[1:], sep='\\n')\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a script, a package and a few other files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SHOW)
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").touch()
    (tmp_path / "package/train.py").write_text(SHOW)
    return tmp_path


def executable(path: Path, first_line: str = "#!/bin/sh") -> Path:
    path.write_text(f"{first_line}\n")
    path.chmod(0o755)
    return path


PYTHON = {
    "a script": ["train.py", "--lr", "0.2"],
    "options of the interpreter": ["-u", "-B", "train.py", "-u"],
    "options written together": ["-uBs", "train.py", "x"],
    "a warning filter": ["-W", "ignore", "train.py", "-W", "x"],
    "a warning filter in the same word": ["-Wignore", "train.py", "x"],
    "an option with a value": ["-X", "utf8", "train.py", "x"],
    "an option with its value in the same word": ["-Xutf8", "train.py", "x"],
    "a value after several options": ["-uX", "utf8", "train.py", "x"],
    "a value within several options": ["-uWignore", "train.py", "x"],
    "a long option with a value": ["--check-hash-based-pycs", "never", "train.py", "x"],
    "a script and a separator": ["train.py", "--", "x"],
    "a module": ["-m", "package.train", "--lr", "0.2"],
    "a module in the same word": ["-mpackage.train", "x"],
    "a module after options": ["-um", "package.train", "x"],
    "a command": ["-c", SHOW, "x", "-c", "y"],
    "a command in the same word": [f"-c{SHOW}", "x"],
    "a command after options": ["-uBc", SHOW, "x"],
    "a command that looks like an option": ["-c", SHOW, "-m"],
    "no arguments": ["train.py"],
}


class TestPython:
    """What the interpreter makes of its words is what we make of them."""

    @pytest.mark.parametrize("name", PYTHON)
    def test_the_arguments_are_those_the_program_sees(self, folder, name):
        words = [sys.executable, *PYTHON[name]]
        shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        command = Command(words)
        assert command.arguments == shown.splitlines()[1:]
        assert command.takes_hook
        assert command.words == words
        expected = str(folder / "train.py") if "train.py" in PYTHON[name] else None
        assert command.main_file == expected

    def test_a_program_from_standard_input_has_no_file(self, folder):
        words = [sys.executable, "-", "x", "-m"]
        done = subprocess.run(words, input=SHOW, capture_output=True, text=True, check=True)
        command = Command(words)
        assert command.main_file is None
        assert command.arguments == done.stdout.splitlines()[1:] == ["x", "-m"]

    @pytest.mark.parametrize("words", [[], ["-u"], ["-V"], ["-m"], ["-W"], ["-X"], ["--version"]])
    def test_without_a_program_there_is_none(self, words):
        command = Command([sys.executable, *words])
        assert (command.main_file, command.arguments) == (None, [])

    @pytest.mark.parametrize(
        "name", ["python", "python3", "python3.11", "python3.13t", "pypy", "pypy3"]
    )
    def test_interpreters_are_known_by_name(self, folder, name):
        command = Command([str(executable(folder / name)), "train.py", "3"])
        assert command.takes_hook
        assert command.main_file == str(folder / "train.py")
        assert command.arguments == ["3"]

    @pytest.mark.parametrize("name", ["pythonic", "python-config", "mypython", "ipython"])
    def test_other_names_that_contain_python_are_other_programs(self, folder, name):
        path = executable(folder / name)
        command = Command([str(path), "train.py"])
        assert not command.takes_hook
        assert command.main_file == str(path)

    @pytest.mark.parametrize(
        "line",
        [
            "#!/usr/bin/python3",
            "#!/usr/bin/env python",
            "#!/usr/bin/env -S python3 -u",
            "#! /x/pypy3",
        ],
    )
    def test_a_script_that_names_its_interpreter_is_python(self, folder, line):
        path = executable(folder / "train", line)
        command = Command(["./train", "--lr", "0.2"])
        assert command.takes_hook
        assert command.main_file == str(path)
        assert command.arguments == ["--lr", "0.2"]

    @pytest.mark.parametrize(
        "content",
        [b"#!/bin/sh\n", b"", b"\x7fELF\xff\xfe", b"python\n", b"#!/usr/bin/env ruby\n", b"#!\n"],
    )
    def test_a_program_of_another_kind_is_not(self, folder, content):
        executable(folder / "program").write_bytes(content)
        assert not Command(["./program"]).takes_hook


class TestOthers:
    """Any other program."""

    def test_a_program_on_the_path_is_its_own_file(self):
        command = Command(["cat", "file"])
        assert os.path.isabs(command.executable)
        assert command.main_file == command.executable
        assert command.arguments == ["file"]

    def test_a_relative_program_becomes_absolute(self, folder):
        executable(folder / "simulate.sh")
        assert Command(["./simulate.sh"]).executable == str(folder / "simulate.sh")

    @pytest.mark.parametrize(
        ("words", "file"),
        [
            (["work.sh", "x"], "work.sh"),
            (["-x", "work.sh"], "work.sh"),
            (["-c", "exit 3"], None),
            (["missing.sh"], None),
            ([], None),
        ],
    )
    def test_the_script_of_a_shell_is_its_main_file(self, folder, words, file):
        (folder / "work.sh").touch()
        command = Command(["sh", *words])
        assert command.main_file == (None if file is None else str(folder / file))
        assert command.arguments == words
        assert not command.takes_hook

    @pytest.mark.parametrize("name", ["bash", "Rscript", "julia", "node", "perl5.36", "ruby3.2"])
    def test_so_it_is_with_other_interpreters(self, folder, name):
        (folder / "work").touch()
        executable(folder / name)
        assert Command([f"./{name}", "work", "3"]).main_file == str(folder / "work")

    def test_a_program_that_only_begins_like_one_is_its_own_file(self, folder):
        path = executable(folder / "shuffle")
        assert Command(["./shuffle", "train.py"]).main_file == str(path)


class TestNotFound:
    """What cannot be run is said before anything is recorded, with what to do."""

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("no-such-program", "no such program on PATH or file"),
            ("./missing", "no such program on PATH or file"),
            ("", "no such program on PATH or file"),
            ("./package", "it is a folder"),
            ("./train.py", "chmod +x ./train.py"),
            ("train.py", "python train.py"),
            ("here", "write ./here"),
        ],
    )
    def test_the_reason_is_named(self, folder, name, reason):
        executable(folder / "here")
        with pytest.raises(ProgramNotFoundError, match=r".+") as caught:
            Command([name])
        assert reason in str(caught.value)
        assert repr(name) in str(caught.value)

    def test_it_is_the_error_a_caller_would_expect(self):
        with pytest.raises(FileNotFoundError):
            Command(["no-such-program"])
