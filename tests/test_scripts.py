from __future__ import annotations

import csv
import json
import os
import pty
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy of what the scripts need, at a path that has to be quoted."""
    copy = tmp_path / "it's a checkout"
    for name in ("scripts", "examples"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy2(ROOT / name, copy)
    return copy


# scripts/prepare, with an interpreter that only pretends: no network, no seconds.

FAKE_PYTHON = """\
#!/bin/sh
here=$(dirname "$0")
[ ! -e "$here/broken" ] || exit 127
case "$*" in
    *ensurepip,*venv*) [ ! -e "$here/incomplete" ] ;;
    *version_info*) [ ! -e "$here/old" ] ;;
    *-m\\ venv*)
        for folder do :; done
        mkdir -p "$folder/bin" && cp "$0" "$folder/bin/python"
        echo "venv" >>"$FAKE_MEMORY" ;;
    *-m\\ pip*)
        echo "pip $*" >>"$FAKE_MEMORY"
        env | grep -E '^(PYTHON|VIRTUAL_ENV|PIP_)' >>"$FAKE_MEMORY.environment"
        echo "the words of pip"
        [ ! -e "$FAKE_MEMORY.offline" ] ;;
esac
"""


class Machine:
    """A PATH with nothing on it but the shell's tools and pretended interpreters."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "bin"
        self.path.mkdir()
        self.memory = directory / "memory"
        for tool in ("cat", "cksum", "cp", "dirname", "env", "grep", "mkdir", "mktemp", "rm", "sh"):
            (self.path / tool).symlink_to(shutil.which(tool))
        self._write("sleep", "#!/bin/sh\n")

    def _write(self, name: str, text: str) -> None:
        path = self.path / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def has_python(self, name: str = "python3.11", **states: bool) -> None:
        self._write(name, FAKE_PYTHON)
        for state, holds in states.items():
            if holds:
                (self.path / state).touch()

    def has_stub(self, name: str) -> None:
        """A name on PATH behind which a version manager has nothing installed."""
        self._write(name, "#!/bin/sh\necho no such version >&2\nexit 127\n")

    @property
    def done(self) -> list[str]:
        return [line.split()[0] for line in self.memory.read_text().splitlines()]

    def prepare(self, checkout: Path, *words: str, **variables: str):
        return subprocess.run(
            [checkout / "scripts" / "prepare", *words],
            env={"PATH": str(self.path), "FAKE_MEMORY": str(self.memory), **variables},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path)


def test_prepare_makes_the_environment_and_prints_its_python(machine, checkout):
    machine.has_python()

    done = machine.prepare(checkout, "quickstart")

    assert done.stdout == f"{checkout.resolve()}/.venv/bin/python\n"
    assert done.returncode == 0
    assert machine.done == ["venv", "pip"]
    assert "the words of pip" not in done.stderr


def test_prepare_passes_over_names_behind_which_no_python_starts(machine, checkout):
    machine.has_stub("python3.13")
    machine.has_stub("python3.12")
    machine.has_python("python3")

    done = machine.prepare(checkout, "test")

    assert done.returncode == 0
    assert "with python3 " in done.stderr


def test_prepare_says_what_to_do_when_no_recent_python_is_found(machine, checkout):
    machine.has_python(old=True)

    done = machine.prepare(checkout, "test")

    assert done.returncode == 1
    assert "No Python 3.11 or later" in done.stderr
    assert "PYTHON=" in done.stderr
    assert not (checkout / ".venv").exists()


def test_prepare_says_what_to_install_when_python_cannot_make_environments(machine, checkout):
    machine.has_python(incomplete=True)

    done = machine.prepare(checkout, "test")

    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr


def test_prepare_uses_the_interpreter_it_is_given(machine, checkout, tmp_path):
    machine.has_stub("python3.11")
    machine.has_python("my python")

    done = machine.prepare(checkout, "test", PYTHON=str(machine.path / "my python"))

    assert done.returncode == 0
    assert machine.done == ["venv", "pip"]


def test_prepare_does_nothing_the_second_time(machine, checkout):
    machine.has_python()
    first = machine.prepare(checkout, "test")

    second = machine.prepare(checkout, "test")
    for_quickstart = machine.prepare(checkout, "quickstart")

    assert first.stdout == second.stdout == for_quickstart.stdout
    assert (second.stderr, for_quickstart.stderr) == ("", "")
    assert machine.done == ["venv", "pip"]


def test_prepare_installs_the_rest_for_the_tests_after_the_quickstart(machine, checkout):
    machine.has_python()
    machine.prepare(checkout, "quickstart")

    machine.prepare(checkout, "test")

    assert machine.done == ["venv", "pip", "pip"]
    assert "-e .[test,lint]" in machine.memory.read_text()


@pytest.mark.parametrize("name", ["setup.cfg", "pyproject.toml"])
def test_prepare_installs_again_when_the_requirements_changed(name, machine, checkout):
    machine.has_python()
    machine.prepare(checkout, "test")
    with (checkout / name).open("a") as file:
        file.write("\n# changed\n")

    machine.prepare(checkout, "test")

    assert machine.done == ["venv", "pip", "pip"]


def test_prepare_makes_a_broken_environment_anew(machine, checkout):
    machine.has_python()
    machine.prepare(checkout, "test")
    (checkout / ".venv" / "bin" / "broken").touch()

    done = machine.prepare(checkout, "test")

    assert done.returncode == 0
    assert "making it anew" in done.stderr
    assert machine.done == ["venv", "pip", "venv", "pip"]


def test_prepare_makes_the_environment_anew_in_a_renamed_checkout(machine, checkout):
    machine.has_python()
    machine.prepare(checkout, "test")
    renamed = checkout.rename(checkout.parent / "renamed")

    done = machine.prepare(renamed, "test")

    assert done.stdout == f"{renamed.resolve()}/.venv/bin/python\n"
    assert machine.done == ["venv", "pip", "venv", "pip"]


def test_prepare_shows_what_pip_said_when_it_fails_and_tries_again(machine, checkout):
    machine.has_python()
    offline = Path(f"{machine.memory}.offline")
    offline.touch()

    failed = machine.prepare(checkout, "test")
    offline.unlink()
    repeated = machine.prepare(checkout, "test")

    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "the words of pip" in failed.stderr
    assert repeated.returncode == 0
    assert machine.done == ["venv", "pip", "pip"]


def test_prepare_keeps_other_environments_out(machine, checkout):
    machine.has_python()

    machine.prepare(
        checkout, "test", PYTHONPATH="/x", PYTHONHOME="/x", VIRTUAL_ENV="/x", PIP_TARGET="/x"
    )

    seen = Path(f"{machine.memory}.environment").read_text()
    assert "/x" not in seen
    assert "PIP_USER=0" in seen


def test_prepare_installs_nothing_for_a_prepared_interpreter(machine, checkout):
    done = machine.prepare(checkout, "test", METICULOUS_PYTHON="/opt/my python")

    assert done.stdout == "/opt/my python\n"
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("words", [[], ["everything"]])
def test_prepare_says_how_it_is_used(words, machine, checkout):
    done = machine.prepare(checkout, *words)

    assert done.returncode == 2
    assert "usage" in done.stderr


# scripts/test


def scripts_test(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # With a folder of its own, pytest does not remove those of earlier, larger sessions.
    own = ["-n0", "-p", "no:cacheprovider", f"--basetemp={place}"]
    return subprocess.run(
        [ROOT / "scripts" / "test", *own, *words],
        env={**os.environ, "METICULOUS_PYTHON": sys.executable},
        cwd="/",
        capture_output=True,
        text=True,
    )


def test_test_passes_its_words_and_the_exit_code_of_pytest_on(tmp_path):
    some = scripts_test(tmp_path / "some", "tests/test_scripts.py", "-k", "says_how_it_is_used")
    none = scripts_test(tmp_path / "none", "tests/test_scripts.py", "-k", "no_such_test")

    assert (some.returncode, none.returncode) == (0, 5)
    assert "2 passed" in some.stdout


# examples/iris


def test_the_iris_data_are_those_of_the_article():
    with (ROOT / "examples" / "iris" / "iris.csv").open(newline="") as file:
        header, *rows = csv.reader(file)

    species = [row[-1] for row in rows]
    sums = [round(sum(float(row[column]) for row in rows), 1) for column in range(4)]
    assert header == ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    assert {name: species.count(name) for name in species} == {
        "setosa": 50,
        "versicolor": 50,
        "virginica": 50,
    }
    assert sums == [876.5, 458.6, 563.7, 179.9]
    # A widespread copy is wrong in these two flowers.
    assert rows[34][:4] == ["4.9", "3.1", "1.5", "0.2"]
    assert rows[37][:4] == ["4.9", "3.6", "1.4", "0.1"]


@pytest.fixture
def iris(make_repository):
    repository = make_repository("iris")
    for name in ("train.py", "iris.csv"):
        repository.write(name, (ROOT / "examples" / "iris" / name).read_text())
    repository.commit()
    return repository


def test_the_iris_example_learns_and_gives_the_same_result_twice(iris):
    for _ in range(2):
        iris.python("train.py", "--lr", "1", check=True)

    folders = [iris.directory / "experiments" / number for number in "12"]
    first, second = (json.loads((folder / "summary.json").read_text()) for folder in folders)
    metrics = [json.loads(line) for line in (folders[0] / "metrics.jsonl").read_text().splitlines()]
    assert first == second
    assert first["accuracy"] > 0.9
    assert len(metrics) == 200
    assert metrics[-1]["loss"] < metrics[0]["loss"]
    assert (folders[0] / "weights.npz").stat().st_size > 0


def test_the_iris_example_leaves_nothing_when_it_is_not_recorded(iris):
    done = iris.python("train.py", "--norecord", "--epochs", "2", check=True)

    assert "accuracy" in done.stdout
    assert not (iris.directory / "experiments").exists()


# scripts/quickstart


class Quickstart:
    """One run of the quickstart in a copy of the checkout, with the tests' interpreter."""

    def __init__(self, checkout: Path, temporary: Path) -> None:
        temporary.mkdir()
        self.words = [str(checkout / "scripts" / "quickstart")]
        self.environment = {
            "PATH": os.environ["PATH"],
            "METICULOUS_PYTHON": sys.executable,
            "TMPDIR": str(temporary),
            "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"],
            "TERM": "xterm",
            # An environment that is active in the shell, and the variables git sets for hooks.
            "PYTHONPATH": "/nowhere",
            "VIRTUAL_ENV": "/nowhere",
            "CONDA_PREFIX": "/nowhere",
            "GIT_DIR": "/nowhere",
        }
        self.temporary = temporary

    @property
    def project(self) -> Path:
        (project,) = self.temporary.glob("meticulous-quickstart.*")
        return project

    def on_a_terminal(self) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            self.words, env=self.environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # how Linux says that nobody has the terminal any more
                break
            if not part:
                break
            shown += part
        os.close(ours)
        return process.wait(), shown.decode()


@pytest.fixture
def quickstart(checkout, tmp_path) -> Quickstart:
    return Quickstart(checkout, tmp_path / "temporary files")


def test_quickstart_records_lists_shows_refuses_and_leaves_commands_that_work(quickstart):
    done = subprocess.run(
        quickstart.words, env=quickstart.environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "\033" not in done.stdout
    project = quickstart.project
    statuses = {
        path.parent.name: path.read_text().split()[0]
        for path in (project / "experiments").glob("*/STATUS")
    }
    assert statuses == {**dict.fromkeys("1235", "SUCCESS"), "4": "ERROR"}
    assert "$ meticulous show 3" in done.stdout
    assert "experiment 3, reproduced as 5  IDENTICAL" in done.stdout
    assert (
        json.loads((project / "experiments" / "5" / "metadata.json").read_text())["reproduces"]
        == "3"
    )
    assert "--dirty snapshot" in done.stdout  # the ways out of a refusal
    assert "Traceback" not in done.stdout

    _, _, ending = done.stdout.partition("What to try next\n")
    commands, _, places = ending.partition("\nWhere the files lie")
    assert str(project) in places
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    pasted = subprocess.run(["sh", "-e"], input=commands, env=clean, capture_output=True, text=True)
    assert pasted.returncode == 0, pasted.stderr
    assert (project / "experiments" / "8" / "STATUS").read_text().startswith("SUCCESS")


def test_quickstart_shows_colour_on_a_terminal_and_says_when_git_is_missing(quickstart, machine):
    code, shown = quickstart.on_a_terminal()
    quickstart.environment["PATH"] = str(machine.path)
    without_git = subprocess.run(
        quickstart.words, env=quickstart.environment, capture_output=True, text=True
    )

    assert code == 0, shown
    assert "\033[1m" in shown
    assert without_git.returncode == 1
    assert "git is not installed" in without_git.stderr
