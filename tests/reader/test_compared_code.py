"""`Experiments.diff` finds the files in which the code of two experiments differs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from written_records import write_record

from meticulous import Experiments


@pytest.fixture
def recorded(repository) -> Path:
    """A repository with the runs 1 and 2 of two commits, and 3 of the second one."""
    shas = [repository.commit({"model.py": f"width = {n}\n", "notes": ""}) for n in (1, 2)]
    for number, sha in enumerate((*shas, shas[1]), 1):
        facts = {"githead-sha": sha}
        write_record(repository.directory / "experiments", str(number), metadata=facts)
    return repository.directory


def test_changed_files_are_among_the_differences(recorded: Path):
    code = Experiments(recorded).diff(1, 2)["code"]
    assert {"model.py": "+1 -1"}.items() <= {d.name: d.detail for d in code.differences}.items()
    assert code.remarks == []


def test_the_same_commit_has_no_differences(recorded: Path):
    assert not Experiments(recorded).diff(2, 3).differs


def test_a_choice_of_experiments_finds_them_too(recorded: Path):
    assert "model.py" in str(Experiments(recorded)[[1, 2]].diff(1, 2))


def test_the_project_may_be_elsewhere_than_its_experiments(recorded: Path, tmp_path: Path):
    moved = tmp_path / "moved"
    (recorded / "experiments").rename(moved)
    assert "model.py" in str(Experiments(recorded, moved).diff(1, 2))


def test_without_a_repository_a_remark_says_so(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (recorded / "experiments").rename(tmp_path / "experiments")
    monkeypatch.chdir(tmp_path)
    found = Experiments(tmp_path).diff(1, 2)
    assert {d.name for d in found["code"].differences} == {"commit"}
    (remark,) = found["code"].remarks
    assert remark.startswith("which files differ is not known: There is no git repository")


def test_a_working_directory_that_is_gone_is_no_place_to_look(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert "model.py" in str(Experiments(recorded).diff(1, 2))


def test_git_is_imported_for_a_comparison_only(recorded: Path):
    script = (
        "import sys, meticulous\n"
        "experiments = meticulous.Experiments()\n"
        "assert 'meticulous.git' not in sys.modules\n"
        "print(experiments.diff(1, 2))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=recorded, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "model.py" in done.stdout


def test_the_documentation_of_the_class_is_in_the_class():
    assert "experiments_directory" in (Experiments.__doc__ or "")
