"""Tests of meticulous.reproduce.environment: from a record to an interpreter."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from wheelhouse import only_index

from meticulous.errors import (
    EnvironmentMismatchError,
    EnvironmentUnavailableError,
    InvalidOptionError,
)
from meticulous.reader.record import read_record
from meticulous.recorder.environment.collector import _facts
from meticulous.recorder.provenance import imported_modules
from meticulous.reproduce.environment.imports import imported_packages
from meticulous.reproduce.environment.interpreter import Interpreter
from meticulous.reproduce.environment.interpreters import find_interpreter, parse_version
from meticulous.reproduce.environment.pins import Pin, recorded_pins
from meticulous.reproduce.environment.places import (
    project_path,
    recorded_python_path,
    recorded_root,
)
from meticulous.reproduce.environment.prepare import prepare_environment
from meticulous.reproduce.environment.present import describe_interpreter, probe

COMMIT = "c" * 40


class Recorded:
    """A folder with what the recorder writes about the surroundings."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True)
        (directory / "STATUS").write_text("SUCCESS")
        (directory / "args.json").write_text("{}")
        self.metadata: dict[str, Any] = {
            "githead-sha": COMMIT,
            "start-time": "2024-01-01T00:00:00.000000",
            "end-time": "2024-01-01T00:00:01.000000",
            "working-directory": ".",
        }
        self.environment: dict[str, Any] = describe_interpreter(
            sys.executable, working_directory=str(directory.parent.parent)
        )

    @property
    def record(self):
        (self.directory / "metadata.json").write_text(json.dumps(self.metadata))
        if self.environment is not None:
            (self.directory / "environment.json").write_text(json.dumps(self.environment))
        return read_record(self.directory)

    def package(self, name: str) -> dict[str, Any]:
        return next(found for found in self.environment["packages"] if found["name"] == name)


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path / "experiments" / "1")


def test_an_unchanged_interpreter_has_not_drifted(recorded):
    for mode in ("current", "match"):
        found = prepare_environment(mode, recorded.record)
        assert (found.mode, found.python) == (mode, sys.executable)
        assert (found.drift, found.not_installed, found.remarks) == ((), (), ())
        assert found.as_document() == {
            "mode": mode,
            "python": sys.executable,
            "not-installed": [],
        }


def test_drift_is_reported_and_does_not_hinder_the_present_interpreter(recorded):
    recorded.package("click")["version"] = "0.1"
    recorded.environment["cpu"]["model"] = "another"
    found = prepare_environment("current", recorded.record)
    assert {(drift.kind, drift.name, drift.recorded) for drift in found.drift} == {
        ("packages", "click", "0.1"),
        ("cpu", "cpu.model", "another"),
    }


def test_matching_refuses_with_each_package_in_both_versions_and_the_ways_out(recorded):
    click, rich = recorded.package("click")["version"], recorded.package("rich")["version"]
    recorded.package("click")["version"] = "0.1"
    recorded.package("rich")["version"] = "0.2"
    recorded.environment["packages"].append({"name": "gone", "version": "3"})
    with pytest.raises(EnvironmentMismatchError) as raised:
        prepare_environment("match", recorded.record)
    message = str(raised.value)
    assert f"click: 0.1 was recorded, {click} is here" in message
    assert f"rich: 0.2 was recorded, {rich} is here" in message
    assert "gone: 3 was recorded, none is here" in message
    assert "--environment recreate" in message
    assert str(recorded.directory / "requirements.txt") in message


def test_matching_passes_over_packages_that_the_program_did_not_import(recorded):
    recorded.package("click")["version"] = "0.1"
    recorded.metadata["imported-modules"] = ["rich"]
    found = prepare_environment("match", recorded.record)
    assert [(drift.name, drift.matters) for drift in found.drift] == [("click", False)]
    recorded.metadata["imported-modules"] = ["click"]
    with pytest.raises(EnvironmentMismatchError, match=r"click: 0\.1"):
        prepare_environment("match", recorded.record)


def test_the_modules_of_installed_packages_are_recorded(repository):
    program = (
        "import argparse, click, pygments\nfrom meticulous import Experiment\n"
        "with Experiment({}) as experiment: pass\n"
    )
    repository.commit({"train.py": program})
    done = repository.python("train.py")
    assert done.returncode == 0, done.stderr
    found = json.loads((repository.directory / "experiments/1/metadata.json").read_text())
    assert {"click", "pygments"} <= set(found["imported-modules"])
    assert not {"argparse", "train", "numpy"} & set(found["imported-modules"])


def test_files_of_modules_are_told_to_their_packages():
    files = [
        "/venv/lib/python3.11/site-packages/numpy/core/x.so",
        "/venv/lib/python3.11/site-packages/_speed.cpython-311-x86_64-linux-gnu.so",
        "/usr/lib/python3/dist-packages/six.py",
        "/project/train.py",
        "/usr/lib/python3.11/os.py",
    ]
    assert imported_modules(files) == ["_speed", "numpy", "six"]


def test_modules_are_told_to_their_packages(recorded):
    """Also where the names differ; a package that is not here may have been imported."""
    recorded.environment["packages"] = [
        {"name": name, "version": "0"} for name in ("GitPython", "python-dateutil", "gone", "rich")
    ]
    present = describe_interpreter(sys.executable)
    metadata = {"imported-modules": ["dateutil", "orjson"]}
    imported = imported_packages(metadata, recorded.environment, present)
    assert imported == {"python-dateutil", "gone"}
    assert imported_packages({}, recorded.environment, present) is None
    assert (
        imported_packages({"imported-modules": ["orjson"]}, recorded.environment, present) is None
    )
    assert imported_packages({"imported-modules": 3}, recorded.environment, present) is None


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"packages": {"error": "no"}}'])
def test_without_recorded_surroundings_it_is_said_that_drift_is_unknown(recorded, content):
    recorded.environment = None
    if content is not None:
        (recorded.directory / "environment.json").write_text(content)
    found = prepare_environment("current", recorded.record)
    assert found.drift == ()
    assert any("not known" in remark for remark in found.remarks)
    with pytest.raises(EnvironmentMismatchError, match="not known"):
        prepare_environment("match", recorded.record)
    with pytest.raises(EnvironmentUnavailableError, match="does not record its packages"):
        prepare_environment("recreate", recorded.record)


def test_a_record_of_the_original_package_runs_in_the_present_interpreter(tmp_path):
    folder = tmp_path / "experiments" / "1"
    folder.mkdir(parents=True)
    (folder / "STATUS").write_text("SUCCESS")
    (folder / "metadata.json").write_text(json.dumps({"githead-sha": COMMIT}))
    found = prepare_environment("current", read_record(folder))
    assert (found.python, found.variables) == (sys.executable, {})
    assert any("environment.json is missing" in remark for remark in found.remarks)


def test_the_recorded_variables_are_given_and_the_others_taken_away(recorded, monkeypatch):
    recorded.environment["variables"] |= {"OMP_NUM_THREADS": "3", "PYTHONHASHSEED": "0"}
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    found = prepare_environment("current", recorded.record)
    given = found.environment("/checkout", os.environ)
    assert (given["OMP_NUM_THREADS"], given["PYTHONHASHSEED"]) == ("3", "0")
    assert "MKL_CBWR" not in given
    assert given["HOME"] == os.environ["HOME"]
    assert found.drift == ()
    assert found.remarks == (
        "Set for the run, as recorded: OMP_NUM_THREADS=3 PYTHONHASHSEED=0.",
        "Taken away for the run, as recorded: MKL_CBWR.",
    )


def in_place(name: str, directory: str, commit: str = COMMIT, folder: str = "") -> dict[str, Any]:
    state = {"commit": commit, "remote": None, "dirty": [" M a.py"], "subdirectory": folder}
    return {"name": name, "version": "1", "editable": directory, "git": state}


def test_the_project_itself_is_taken_from_the_checkout_and_is_no_drift(recorded):
    recorded.environment["packages"].append(in_place("Our.Project", "/old/repo/lib", folder="lib"))
    recorded.environment["python"]["path"] = ["/old/repo", "/usr/lib", "/old/repo/lib/src"]
    found = prepare_environment("match", recorded.record)
    assert found.drift == ()
    assert found.checkout_path == ("lib/src",)
    path = found.environment("/checkout", {})["PYTHONPATH"].split(os.pathsep)
    assert path[0] == "/checkout/lib/src"


def test_a_checkout_that_holds_the_recorder_does_not_hide_the_present_one(tmp_path):
    for name in ("meticulous", "tools"):
        (tmp_path / name / "meticulous").mkdir(parents=True)
    (tmp_path / "meticulous" / "meticulous" / "__init__.py").write_text("")
    interpreter = Interpreter("current", "/usr/bin/python", checkout_path=("meticulous", "tools"))
    assert interpreter.environment(str(tmp_path), {}) == {"PYTHONPATH": str(tmp_path / "tools")}


def test_a_project_that_is_imported_by_a_hook_is_looked_for_in_both_layouts():
    environment = {
        "packages": [in_place("ours", "/old/repo")],
        "python": {
            "path": ["/old/repo", "/old/repo/.venv/lib/site-packages"],
            "prefix": "/old/repo/.venv",
        },
    }
    assert list(project_path(environment, {"ours": ""})) == ["src", ""]


@pytest.mark.parametrize(
    ("absolute", "relative", "root"),
    [
        ("/repo", ".", "/repo"),
        ("/repo", "", "/repo"),
        ("/repo/a/b", "a/b", "/repo"),
        ("/repo/a", "b", None),
        ("/elsewhere", "/elsewhere", None),
        (None, ".", None),
        ("/repo", None, None),
    ],
)
def test_the_old_root_is_told_by_the_working_directory(absolute, relative, root):
    environment = {"disk": {"working-directory": {"path": absolute}}}
    assert recorded_root(environment, {"working-directory": relative}) == root


def test_the_recorded_import_path_is_divided_by_the_old_root():
    environment = {
        "disk": {"working-directory": {"path": "/repo/a"}},
        "variables": {
            "PYTHONPATH": "/repo/lib:../b:/opt/tools::/repo:/x/recorder/program/on_start"
        },
    }
    metadata = {"working-directory": "a"}
    assert recorded_python_path(environment, metadata) == (["/opt/tools"], ["lib", "b", ""])
    assert recorded_python_path({}, metadata) is None


def test_a_place_of_the_recorded_import_path_that_is_gone_is_named(recorded):
    recorded.environment["variables"]["PYTHONPATH"] = "/gone/for/good"
    found = prepare_environment("current", recorded.record)
    assert "/gone/for/good, of the recorded PYTHONPATH, is not there." in found.remarks


def test_an_unknown_mode_is_refused(recorded):
    with pytest.raises(InvalidOptionError, match="current, match, recreate"):
        prepare_environment("perfect", recorded.record)


def test_an_interpreter_that_is_none_is_named(recorded):
    with pytest.raises(EnvironmentUnavailableError, match="/gone/python cannot be started"):
        prepare_environment("current", recorded.record, python="/gone/python")
    with pytest.raises(EnvironmentUnavailableError, match="does not answer as Python does"):
        prepare_environment("current", recorded.record, python="/bin/true")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    return only_index(tmp_path / "wheels", monkeypatch)


def test_a_recorded_environment_is_made_again(recorded, wheels, tmp_path):
    wheels.add("alpha", "1.5")
    recorded.environment["packages"] = [
        {"name": "alpha", "version": "1.5"},
        {"name": "gone", "version": "2.0"},
        {"name": "lost", "version": "1", "local": "/gone/lost"},
        in_place("ours", "/old/repo"),
    ]
    found = prepare_environment("recreate", recorded.record, cache=str(tmp_path / "cache"))
    assert found.python.startswith(str(tmp_path / "cache"))
    assert [entry.requirement for entry in found.not_installed] == ["lost==1", "gone==2.0"]
    assert [(drift.name, drift.present) for drift in found.drift] == [
        ("gone", None),
        ("lost", None),
    ]
    assert "2 recorded packages could not be installed." in found.remarks
    given = found.environment("/checkout", os.environ)
    done = subprocess.run(
        ["python", "-c", "import sys, alpha; print(alpha.VERSION, sys.prefix)"],
        env=given,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["1.5", given["VIRTUAL_ENV"]]
    assert found.temporary is None
    found.discard()
    assert os.path.exists(found.python)


def test_an_environment_for_once_is_removed_by_who_asked_for_it(recorded, wheels, tmp_path):
    recorded.environment["packages"] = []
    (tmp_path / "cache").write_text("")
    found = prepare_environment("recreate", recorded.record, cache=str(tmp_path / "cache"))
    assert found.temporary is not None
    assert os.path.exists(found.python)
    found.discard()
    assert not os.path.exists(found.temporary)
    found.discard()


def test_another_python_than_the_recorded_one_is_reported(recorded, wheels, tmp_path):
    recorded.environment["packages"] = []
    recorded.environment["python"]["version"] = "3.11.999"
    found = prepare_environment("recreate", recorded.record, cache=str(tmp_path / "cache"))
    assert any("Python 3.11.999 was recorded and is not here" in said for said in found.remarks)
    assert ("python", "python.version") in [(drift.kind, drift.name) for drift in found.drift]


def test_pins_of_all_kinds(tmp_path, make_repository):
    tools = make_repository("tools")
    wheel = tmp_path / "beta-1.0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    packages = [
        {"name": "alpha", "version": "1.0"},
        in_place("tools", str(tools.directory / "sub"), tools.head, "sub"),
        in_place("ours", "/old/repo"),
        {"name": "meticulous-ml", "version": "1.0"},
        {"name": "beta", "version": "1.0", "archive": {"url": wheel.as_uri(), "hash": None}},
        {"name": "local", "version": "1.0", "local": str(tmp_path)},
        {
            "name": "vcs",
            "version": "1.0",
            "vcs": {
                "name": "git",
                "url": "https://example.org/vcs.git",
                "commit": "d" * 40,
                "subdirectory": None,
            },
        },
        {
            "name": "zeta",
            "version": "1.0",
            "archive": {"url": wheel.as_uri(), "hash": f"sha256={'0' * 64}"},
        },
        {"name": "moved", "version": "1.0", "editable": "/gone/moved"},
        in_place("lost", "/gone/lost", "e" * 40),
        "nonsense",
        {"version": "1.0"},
    ]
    found = recorded_pins({"packages": packages}, COMMIT)
    assert found is not None
    assert found.pins == (
        Pin("alpha", "alpha==1.0"),
        Pin("tools", f"tools @ git+{tools.directory.as_uri()}@{tools.head}#subdirectory=sub"),
        Pin("beta", f"beta @ {wheel.as_uri()}"),
        Pin("local", f"local @ {tmp_path.as_uri()}"),
        Pin("vcs", f"vcs @ git+https://example.org/vcs.git@{'d' * 40}"),
    )
    assert [entry.requirement for entry in found.impossible] == [
        "zeta==1.0",
        "moved==1.0",
        "lost==1",
    ]
    assert [entry.reason.rpartition(" ")[2] for entry in found.impossible] == [
        "changed",
        "there",
        "remote",
    ]
    assert (found.project, found.has_recorder) == ({"ours": ""}, True)
    assert [remark.split()[0] for remark in found.remarks] == ["tools", "beta", "local"]


def test_without_environment_json_the_list_for_pip_is_enough():
    text = (
        "# a comment\n--index-url https://evil.example\nalpha==1.0\n-e /gone\n\nb_c @ https://x\n"
    )
    found = recorded_pins({}, COMMIT, text)
    assert found is not None
    assert found.pins == (Pin("alpha", "alpha==1.0"), Pin("b-c", "b_c @ https://x"))
    assert [entry.requirement for entry in found.impossible] == ["-e /gone"]
    assert recorded_pins({}, COMMIT) is None


def test_a_package_installed_from_a_local_repository_comes_from_its_commit(
    recorded, wheels, tmp_path, make_repository, monkeypatch
):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    tools = make_repository("tools")
    # A build backend of its own needs nothing from an index.
    backend = (
        "import zipfile\n"
        "def get_requires_for_build_wheel(settings=None): return []\n"
        "def build_wheel(directory, settings=None, metadata=None):\n"
        "    name = 'tools-0.3-py3-none-any.whl'\n"
        "    with zipfile.ZipFile(f'{directory}/{name}', 'w') as archive:\n"
        "        archive.write('tools.py')\n"
        "        info = 'tools-0.3.dist-info'\n"
        "        archive.writestr(f'{info}/METADATA', "
        "'Metadata-Version: 2.1\\nName: tools\\nVersion: 0.3\\n')\n"
        "        archive.writestr(f'{info}/WHEEL', "
        "'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        "        archive.writestr(f'{info}/RECORD', 'tools.py,,\\n')\n"
        "    return name\n"
    )
    project = (
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        "[project]\nname = 'tools'\nversion = '0.3'\n"
    )
    files = {"tools.py": "VALUE = 'then'\n", "backend.py": backend, "pyproject.toml": project}
    commit = tools.commit(files)
    tools.commit({"tools.py": "VALUE = 'now'\n"})
    recorded.environment["packages"] = [
        {**in_place("tools", str(tools.directory), commit), "version": "0.3"}
    ]
    found = prepare_environment("recreate", recorded.record, cache=str(tmp_path / "cache"))
    assert found.not_installed == ()
    code = "import tools; print(tools.VALUE)"
    done = subprocess.run([found.python, "-I", "-c", code], capture_output=True, text=True)
    assert done.stdout == "then\n"


def test_an_interpreter_is_asked_for_all_that_the_recorder_says_about_its_process():
    asked = {"variables", "working-directory", "experiments-directory"}
    assert set(probe(sys.executable)) == set(_facts("/")) - asked


def test_an_interpreter_without_this_package_is_described_from_here(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    found = describe_interpreter(str(tmp_path / "bare/bin/python"), variables={})
    assert found["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert found["virtual-environment"]["path"] == str(tmp_path / "bare")
    assert found["packages"] == []


def test_what_a_start_up_file_prints_does_not_disturb_the_answer(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('hello')\n")
    found = probe(sys.executable, {"PYTHONPATH": str(tmp_path)})
    assert found["version"] == sys.version


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("3.11.7", (3, 11, 7)), ("3.14.0rc1", (3, 14, 0)), ("3.12", (3, 12, 0)), ("", ()), (None, ())],
)
def test_versions_are_numbers(text, numbers):
    assert parse_version(text) == numbers


def a_python(folder: Path, version: str, name: str = "python3") -> str:
    """A program that answers as an interpreter of this version would."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho cpython {version}\n")
    program.chmod(0o755)
    return str(program)


def test_the_recorded_version_is_preferred_wherever_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}{os.pathsep}{os.environ['PATH']}")
    by_pyenv = a_python(tmp_path / "pyenv/versions/3.77.1/bin", "3.77.1")
    on_path = a_python(tmp_path / "path", "3.78.2", "python3.78")
    by_hint = a_python(tmp_path / "hint/bin", "3.79.3")
    (tmp_path / "path" / "python3.99").write_text("not executable")
    assert find_interpreter("3.77.1").python == by_pyenv
    assert find_interpreter("3.78.2").python == on_path
    assert find_interpreter("3.79.3", hints=(str(tmp_path / "hint"),)).python == by_hint
    # The nearest otherwise: of the same series, then of the nearest one.
    assert find_interpreter("3.77.9").python == by_pyenv
    assert find_interpreter("3.88.0").python == on_path
    with pytest.raises(EnvironmentUnavailableError, match="no interpreter here"):
        find_interpreter("3.11.7", "jython")


def test_the_variables_of_a_rerun_begin_with_the_present_ones():
    interpreter = Interpreter("current", "/usr/bin/python", variables={"A": "1", "B": None})
    present = {"A": "0", "B": "0", "C": "0", "PYTHONPATH": "/present"}
    assert interpreter.environment("/", present) == {"A": "1", "C": "0"}
