"""Each kind of trap: the verdict of the reproduction, and the cause that its diagnosis names."""

from __future__ import annotations

import json
import os
import sys
import zipfile

import pytest
from recorded_runs import await_descriptions, worktrees
from trapdoors import TRAPS, Stage
from untouched import fingerprint
from wheelhouse import Wheelhouse, only_index


class Index(Wheelhouse):
    """With packages that bring no module."""

    def add_empty(self, name: str, line: str = "") -> None:
        """Build a wheel that names a further place for modules, or brings nothing at all."""
        path = self.directory / f"{name}-999-py3-none-any.whl"
        info = f"{name}-999.dist-info"
        files = {
            f"{name}.pth": line,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 999\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
        with zipfile.ZipFile(path, "w") as archive:
            for file, text in files.items():
                archive.writestr(file, text)


@pytest.fixture
def stage(repository, tmp_path, monkeypatch) -> Stage:
    """A repository, and a package index of the test's own."""
    for name in ("OMP_NUM_THREADS", "PYTHONHASHSEED"):
        monkeypatch.delenv(name, raising=False)
    only_index(tmp_path / "wheels", monkeypatch)
    (tmp_path / "wheels").rmdir()
    return Stage(repository, Index(tmp_path / "wheels"))


@pytest.mark.parametrize("name", TRAPS)
def test_the_diagnosis_names_the_cause(name, stage, command):
    trap = TRAPS[name]
    if trap.cores is not None and len(os.sched_getaffinity(0)) <= trap.cores:
        pytest.skip("this machine has too few processors")
    trap.prepare(stage)
    stage.record(trap)
    await_descriptions(stage.path("experiments"))
    trap.spring(stage)
    before = fingerprint(stage.directory, "experiments")

    words = ("reproduce", "1", "--json", "--diagnose", *trap.words)
    if stage.python == sys.executable:
        done = command(*words, cwd=stage.directory)
    else:
        done = stage.run("-m", "meticulous", *words)

    found = json.loads(done.stdout or "null")
    assert found is not None, done.stderr
    diagnosis = found["diagnosis"]
    shown = json.dumps(diagnosis, indent=1) + done.stderr
    assert found["verdict"] == trap.verdict, shown
    assert (diagnosis["kind"], diagnosis["causes"]) == (trap.kind, list(trap.causes)), shown
    for words in trap.says:
        assert words in diagnosis["sentence"], shown
    assert done.returncode == (0 if trap.verdict in ("IDENTICAL", "AGREES") else 1)
    # The runs of the diagnosis left nothing: neither numbers, nor worktrees, nor changed files.
    numbered = [one for one in os.listdir(stage.path("experiments")) if one.isdecimal()]
    assert sorted(numbered) == ["1", "2"]
    assert fingerprint(stage.directory, "experiments") == before
    assert worktrees() == []
    written = json.loads(stage.path("experiments", "2", "reproduction.json").read_text())
    assert written["diagnosis"] == diagnosis
