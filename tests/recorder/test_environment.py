"""Tests of meticulous.recorder.environment.description: what is said about where a run happens."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import sys
import sysconfig
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from meticulous.recorder.environment import description as module
from meticulous.recorder.environment.description import KEYS, collect, describe


@pytest.fixture
def request_for(tmp_path):
    """Return a function that makes the request of a plain process, with the given facts."""

    def make(**facts: Any) -> dict[str, Any]:
        directory = tmp_path / "experiments" / "1"
        directory.mkdir(parents=True, exist_ok=True)
        return {
            "directory": str(directory),
            "search-path": [sysconfig.get_path("purelib")],
            "working-directory": str(tmp_path),
            "facts": {
                "version": sys.version,
                "implementation": "cpython",
                "executable": sys.executable,
                "prefix": "/usr",
                "base-prefix": "/usr",
                "flags": {"dev_mode": False},
                "x-options": {},
                "warn-options": [],
                "file-system-encoding": "utf-8",
                "path": [],
                "variables": {},
            }
            | {name.replace("_", "-"): fact for name, fact in facts.items()},
        }

    return make


def read(request: dict[str, Any]) -> dict[str, Any]:
    """Read what was described for a request, with a strict parser."""
    return orjson.loads((Path(request["directory"]) / "environment.json").read_bytes())


def test_the_documented_keys_are_those_that_are_written(request_for):
    documented = re.findall(r"^\| `([^`]+)` \|", module.__doc__, re.MULTILINE)
    assert tuple(documented) == KEYS
    assert tuple(collect(request_for())) == KEYS


@pytest.mark.parametrize("key", ["python", "platform", "cpu", "memory"])
def test_the_documented_fields_are_those_that_are_written(request_for, key):
    (row,) = re.findall(rf"^\| `{key}` \| (.*) \|$", module.__doc__, re.MULTILINE)
    assert re.findall(r"`([^`]+)`", row) == list(collect(request_for())[key])


def test_no_part_fails_on_this_machine(request_for):
    found = collect(request_for())
    assert not [key for key, part in found.items() if isinstance(part, dict) and "error" in part]
    assert datetime.fromisoformat(found["collected-at"]).utcoffset() is not None
    assert 0 < found["duration-seconds"] < 60
    assert found["platform"]["hostname"] == os.uname().nodename
    assert datetime.fromisoformat(found["platform"]["boot-time"]) < datetime.now().astimezone()


@pytest.mark.parametrize(
    ("version", "build", "compiler"),
    [
        ("3.11.7 (main, Jan  1 2024, 10:00:00) [GCC 12.2.0]", "main, Jan  1 2024, 10:00:00", "GCC 12.2.0"),  # noqa: E501 - as long as they are
        ("3.13.0 experimental free-threading build (main, x) [Clang 18 ]", "main, x", "Clang 18 "),
        ("3.11.9 (a1b2, May 1)\n[PyPy 7.3.17 with GCC 10.2.1]", "a1b2, May 1", "PyPy 7.3.17 with GCC 10.2.1"),  # noqa: E501 - as long as they are
        ("3.14 unknown", "3.14 unknown", None),
    ],
)  # fmt: skip
def test_build_and_compiler_are_told_apart(request_for, version, build, compiler):
    python = collect(request_for(version=version))["python"]
    assert (python["build"], python["compiler"]) == (build, compiler)
    assert version.startswith(python["version"])


def test_a_part_that_fails_costs_no_other(request_for):
    request = request_for()
    request["search-path"] = None
    describe(request)
    found = read(request)
    assert found["packages"]["error"].startswith("TypeError")
    assert found["broken-packages"] is None
    assert found["cpu"]["logical-cores"] == os.cpu_count()
    text = (Path(request["directory"]) / "requirements.txt").read_text()
    assert text.startswith("# The installed distributions are not known: TypeError")


@pytest.mark.skipif(
    importlib.util.find_spec("pynvml") is not None, reason="nvidia-smi would not be asked"
)
def test_a_part_that_hangs_is_given_up(request_for, tmp_path, monkeypatch):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    request = request_for()
    request["search-path"] = []
    before = signal.getsignal(signal.SIGALRM)
    try:
        describe(request, 0.5)
    finally:
        signal.signal(signal.SIGALRM, before)
    found = read(request)
    assert found["gpus"]["error"].endswith("given up after 0.5 s")
    assert found["variables"] == {}


def test_nothing_is_said_when_the_folder_is_gone(request_for):
    request = request_for()
    os.rmdir(request["directory"])
    describe(request)
    assert not os.path.exists(request["directory"])


def test_texts_that_are_no_unicode_are_valid_json(request_for):
    request = request_for(path=["/a\udcff", "/b\ud800"], variables={"PATH": "/\udc80\n"})
    describe(request)
    assert read(request)["python"]["path"] == ["/a\\udcff", "/b\\ud800"]


def test_secrets_in_what_the_collector_finds_itself_are_redacted(
    request_for, tmp_path, monkeypatch
):
    monkeypatch.setenv("INDEX_PASSWORD", "correct-horse-battery")
    site = tmp_path / "site-packages"
    metadata = site / "lib-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Name: lib\nVersion: 1.0\n")
    origin = {"url": "https://example.org/correct-horse-battery/lib.whl", "archive_info": {}}
    (metadata / "direct_url.json").write_text(json.dumps(origin))
    request = request_for()
    request["search-path"] = [str(site)]
    describe(request)
    (package,) = read(request)["packages"]
    assert package["archive"]["url"] == "https://example.org/<redacted>/lib.whl"
    text = (Path(request["directory"]) / "requirements.txt").read_text()
    assert text.splitlines()[2:] == [
        "# lib @ https://example.org/<redacted>/lib.whl cannot be installed as recorded"
    ]


def test_each_package_has_a_line_of_its_own(request_for):
    request = request_for()
    describe(request)
    text = (Path(request["directory"]) / "environment.json").read_text()
    (line,) = [line for line in text.splitlines() if '"name": "pytest"' in line]
    assert json.loads(line.rstrip(","))["version"] == pytest.__version__


def test_a_virtual_environment_is_told_by_its_configuration(request_for, tmp_path):
    prefix = tmp_path / "my env"
    prefix.mkdir()
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\nprompt = 'fine name'\n")
    request = request_for(prefix=str(prefix))
    found = {"kind": "venv", "path": str(prefix), "name": "fine name"}
    assert collect(request)["virtual-environment"] == found
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\nvirtualenv = 20.26.0\n")
    found = {"kind": "virtualenv", "path": str(prefix), "name": "my env"}
    assert collect(request)["virtual-environment"] == found


def test_a_conda_environment_is_told_by_its_records(request_for, tmp_path):
    prefix = tmp_path / "envs" / "science"
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta" / "numpy-1.26.4-py311_0.json").write_text('{"channel": "defaults"}')
    facts = {"prefix": str(prefix), "base_prefix": str(prefix)}
    found = collect(request_for(**facts))["virtual-environment"]
    assert found == {
        "kind": "conda",
        "path": str(prefix),
        "name": "science",
        "packages": [
            {"name": "numpy", "version": "1.26.4", "build": "py311_0", "channel": "defaults"}
        ],
    }
    # Another environment is activated, and only lends its variables.
    variables = {"CONDA_PREFIX": "/opt/conda", "CONDA_DEFAULT_ENV": "base"}
    found = collect(request_for(**facts, variables=variables))["virtual-environment"]
    assert found["name"] == "science"
    variables["CONDA_PREFIX"] = str(prefix)
    found = collect(request_for(**facts, variables=variables))["virtual-environment"]
    assert found["name"] == "base"


def test_an_interpreter_of_the_system_is_no_environment(request_for):
    assert collect(request_for())["virtual-environment"]["kind"] == "none"


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"SLURM_JOB_ID": "7", "SLURM_NODELIST": "n[1-2]"}, "slurm"),
        ({"PBS_JOBID": "7.server", "PBS_QUEUE": "long"}, "pbs"),
        ({"LSB_JOBID": "7", "LSB_HOSTS": "a b"}, "lsf"),
        ({"SGE_TASK_ID": "undefined", "JOB_ID": "7"}, "sge"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
    ],
)
def test_a_scheduler_is_told_by_its_variables(request_for, variables, name):
    found = collect(request_for(variables={**variables, "LANG": "C"}))
    assert found["scheduler"] == {"name": name, "variables": variables}
    assert found["variables"] == {"LANG": "C"}


def test_outside_a_job_there_is_no_scheduler(request_for):
    assert collect(request_for(variables={"SLURM_CONF": "/etc/slurm.conf"}))["scheduler"] is None


def test_a_container_is_told_by_what_its_engine_leaves(request_for):
    variables = {"APPTAINER_NAME": "torch.sif", "APPTAINER_CONTAINER": "/images/torch.sif"}
    found = collect(request_for(variables=variables))["container"]
    assert "APPTAINER_NAME" in found["hints"]
    assert found["image"] == "/images/torch.sif"


def test_the_time_zone_is_that_of_the_process(request_for):
    variables = {"TZ": ":Europe/Berlin"}
    assert collect(request_for(variables=variables))["platform"]["timezone"] == "Europe/Berlin"


def test_folders_that_wait_for_the_same_description_get_it(request_for, tmp_path):
    request = request_for()
    other, gone = tmp_path / "experiments" / "2\n", tmp_path / "experiments" / "3"
    other.mkdir()
    wishes = Path(request["directory"]) / ".environment-wanted"
    wishes.write_text(f"{json.dumps(str(gone))}\n{json.dumps(str(other))}\n")
    describe(request)
    for name in ("environment.json", "requirements.txt"):
        expected = (Path(request["directory"]) / name).read_bytes()
        assert (other / name).read_bytes() == expected
    assert not wishes.exists()
    assert not gone.exists()
