"""The command as a process of its own: piped, or on a terminal of its own."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_server import CommandServer
from recorded_runs import TRAIN, copy_of_run


@pytest.fixture(autouse=True)
def _neutral_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    return


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return what `command` does, in an interpreter that is started for it, its output piped."""

    def run(*words: str, cwd: Path = tmp_path, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "meticulous", *words],
            cwd=cwd,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture
def on_terminal(tmp_path: Path, command_server: CommandServer) -> Callable[..., str]:
    """Return a function that runs `meticulous WORDS...` on a terminal and returns the screen."""

    def run(*words: str, columns: int = 80, cwd: Path = tmp_path, **env: str) -> str:
        controller, terminal = os.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        try:
            with command_server.started(words, cwd, {**os.environ, **env}, [terminal] * 3):
                os.close(terminal)
                output = b"".join(iter(lambda: _read(controller), b""))
                assert command_server.wait() == 0, output.decode(errors="replace")
        finally:
            os.close(controller)
        return output.decode().replace("\r\n", "\n")

    return run


@pytest.fixture
def project(repository: Any) -> Any:
    """A repository with a program, train.py; its folder data is ignored by git."""
    repository.commit({".gitignore": "data/\n__pycache__/\n", "train.py": TRAIN})
    return repository


@pytest.fixture
def recorded(
    make_repository: Callable[..., Any], tmp_path: Path, tmp_path_factory: Any
) -> Callable[..., Any]:
    """Return a function that gives such a repository, in which the program ran as experiment 1.

    It takes the arguments of the program, and as `files` what lies in the folder data.
    """

    def make(*words: str, files: Any = None) -> Any:
        given = (make_repository, tmp_path, tmp_path_factory)
        return copy_of_run(TRAIN, *given, words, files)

    return make


@pytest.fixture
def reproduce(command: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., Any]:
    """Return a function that reproduces in a repository and returns what is said as JSON."""

    def run(repository: Any, *words: str, code: int = 0, **env: str) -> Any:
        done = command("reproduce", *words, "--json", cwd=repository.directory, **env)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)

    return run


def _read(controller: int) -> bytes:
    try:
        return os.read(controller, 65536)
    except OSError as error:
        if error.errno != errno.EIO:  # how Linux says that the last user of a terminal has gone
            raise
        return b""
