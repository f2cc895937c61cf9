"""Make what the measured programs need: virtual environments and git repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.process import MeasurementError

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / ".benchmark"
PROGRAMS = Path(__file__).with_name("programs")

_PACKAGE = ("meticulous", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")


class NotAvailableError(Exception):
    """A package cannot be installed on this machine; the message is the installer's reason."""


def environment_with_this_package(scratch: Path) -> Path:
    """Return the Python of an environment that holds this checkout's package as users have it.

    That is as a built package with compiled modules: the way a development install finds its
    modules costs time, and hides the cost of what it loads itself.
    """
    python = _environment("meticulous")
    source = scratch / "source"
    source.mkdir()
    for name in _PACKAGE:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(path, source)
    _pip(python, "install", str(source))
    return python


def environment_with(name: str, requirements: Sequence[str]) -> Path:
    """Return the Python of an environment, kept for the next time, that holds `requirements`.

    Raises:
        NotAvailableError: The installation failed.
    """
    python = _environment(name)
    _pip(python, "install", *requirements)
    return python


def repository(
    directory: Path,
    files: Mapping[str, str],
    environment: Mapping[str, str],
) -> Path:
    """Make a git repository with the measured programs and `files` in one commit."""
    directory.mkdir(parents=True)
    for program in PROGRAMS.glob("*.py"):
        shutil.copy2(program, directory)
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(*words: str) -> None:
        done = subprocess.run(
            ["git", *words], cwd=directory, env=environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise MeasurementError(f"git {' '.join(words)} failed: {done.stderr}")

    git("init", "-q")
    git("add", "--all")
    git("commit", "-q", "-m", "what is measured")
    # Git reads again every file that is as young as its index, each time it is asked. A user's
    # files are older; so the index is written once more, a second later.
    time.sleep(1.1)
    git("update-index", "--really-refresh")
    git("status", "--porcelain")
    return directory


def many_files(count: int) -> dict[str, str]:
    """Return names and contents of `count` small files in folders of a hundred."""
    return {
        f"tree/{number // 100:03d}/file{number:05d}.txt": f"file {number}\n"
        for number in range(count)
    }


def _environment(name: str) -> Path:
    """Make the virtual environment `name`, unless it is there and starts."""
    directory = ENVIRONMENTS / name
    python = directory / "bin" / "python"
    wanted = f"{sys.version_info.major}.{sys.version_info.minor}"
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    if python.exists():
        answer = subprocess.run([python, "-I", "-c", question], capture_output=True, text=True)
        if answer.stdout.strip() == wanted:
            return python
        shutil.rmtree(directory)
    ENVIRONMENTS.mkdir(exist_ok=True)
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-I", "-m", "venv", directory], check=True)
    return python


def _pip(python: Path, *words: str) -> None:
    """Run pip in an environment; raise its own reason when it fails."""
    ours = ("PYTHON", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER")
    variables = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    done = subprocess.run(
        [python, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", *words],
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        raise NotAvailableError((reasons or done.stderr.splitlines() or ["no reason given"])[-1])
