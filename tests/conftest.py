"""The seal around the tests: their own home and identity, no git configuration of the developer."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_server import CommandServer
from hypothesis import settings
from repositories import Repository

# Many tests share eight minutes; `--hypothesis-profile=default` looks at more examples of each.
settings.register_profile("suite", max_examples=25, deadline=None)
settings.load_profile("suite")

# A shell starts its background jobs deaf to Ctrl-C, and programs of the tests would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = str(Path(__file__).parent.parent)

IDENTITY = {
    "GIT_AUTHOR_NAME": "Tester",
    "GIT_AUTHOR_EMAIL": "tester@example.org",
    "GIT_COMMITTER_NAME": "Tester",
    "GIT_COMMITTER_EMAIL": "tester@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_EDITOR": "false",
    "GIT_TERMINAL_PROMPT": "0",
}


_OVERRIDES_PERMISSIONS = 1 << 1
"""The bit of CAP_DAC_OVERRIDE (Linux, capabilities(7))."""


def overrides_permissions() -> bool:
    """Say whether this process may read and write whatever the permissions of a file say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return os.geteuid() == 0
    powers = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(powers.split()[1], 16) & _OVERRIDES_PERMISSIONS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many workers again as processors: a third of the tests' time is waiting."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, which lie directly here: last, they leave workers idle."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.parent != here)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what would find no permission missing; .ci/run repeats it without root's powers."""
    if item.get_closest_marker("permissions") and overrides_permissions():
        pytest.skip("the permissions of files do not bind root")


_homes = itertools.count()


@pytest.fixture(autouse=True)
def _sealed_environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Give every test an empty home and cache, and no trace of an outer recording."""
    home = os.path.join(tmp_path_factory.getbasetemp(), f"home-{next(_homes)}")
    os.mkdir(home)
    for name in list(os.environ):
        if name.startswith(("GIT_", "METICULOUS_", "SLURM_")) or name == "PYTHONUNBUFFERED":
            monkeypatch.delenv(name)
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("XDG_CACHE_HOME", os.path.join(home, ".cache"))
    monkeypatch.setenv("PYTHONPATH", ROOT)
    yield
    try:
        os.rmdir(home)
    except OSError:
        shutil.rmtree(home, ignore_errors=True)


def _new_repository(directory: Path, *init_options: str) -> Repository:
    repository = Repository(directory)
    repository.git("init", "-q", "-b", "main", *init_options)
    return repository


def _with_first_commit(repository: Repository) -> Repository:
    repository.commit({"README": "a project\n"}, "first commit")
    return repository


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one commit, to be copied: that is cheaper than four runs of git."""
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            environment.delenv(name)
        for name, value in IDENTITY.items():
            environment.setenv(name, value)
        repository = _with_first_commit(_new_repository(tmp_path_factory.mktemp("template")))
    for sample in repository.directory.glob(".git/hooks/*.sample"):
        sample.unlink()
    return repository.directory


@pytest.fixture
def make_repository(tmp_path: Path, _template: Path) -> Callable[..., Repository]:
    """Return a function that makes a repository; by default with one commit."""

    def make(name: str = "project", *init_options: str, commit: bool = True) -> Repository:
        directory = tmp_path / name
        if not commit:
            return _new_repository(directory, *init_options)
        if init_options or directory.exists():
            return _with_first_commit(_new_repository(directory, *init_options))
        shutil.copytree(_template, directory)
        repository = Repository(directory)
        # The index remembers the files of the template by their inodes.
        repository.git("update-index", "-q", "--refresh")
        return repository

    return make


@pytest.fixture
def repository(make_repository: Callable[..., Repository]) -> Repository:
    """A repository with one commit."""
    return make_repository()


@pytest.fixture(scope="session")
def command_server() -> Iterator[CommandServer]:
    """The interpreter from which `command` and `on_terminal` are forked."""
    server = CommandServer()
    yield server
    server.close()


@pytest.fixture
def command(
    tmp_path: Path, command_server: CommandServer
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `meticulous WORDS...` in `tmp_path`, its output in files.

    Its process is forked and not started anew; where that makes a difference, take `process`.
    """

    def run(*words: str, cwd: Path = tmp_path, **env: str) -> subprocess.CompletedProcess[str]:
        with (
            open(os.devnull, "rb") as nothing,
            tempfile.TemporaryFile() as output,
            tempfile.TemporaryFile() as errors,
        ):
            streams = [stream.fileno() for stream in (nothing, output, errors)]
            with command_server.started(words, cwd, {**os.environ, **env}, streams):
                code = command_server.wait()
            return subprocess.CompletedProcess(words, code, _text(output), _text(errors))

    return run


def _text(file: io.BufferedRandom) -> str:
    file.seek(0)
    return io.TextIOWrapper(file).read()
