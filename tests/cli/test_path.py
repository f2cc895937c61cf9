from __future__ import annotations

import json
from pathlib import Path

import pytest
from written_records import write_record


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    for number, name in enumerate(("1", "2", "3", "007", "a b", "ünï")):
        write_record(directory, name, minutes=number)
    return directory


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["2"], ["2"]),
        (["-1"], ["ünï"]),
        (["2-3", "1"], ["2", "3", "1"]),
        (["007", "a b"], ["007", "a b"]),
        (["experiments/2"], ["2"]),
    ],
)
def test_each_folder_is_one_absolute_line(command, experiments: Path, words, expected):
    done = command("path", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [str(experiments / name) for name in expected]


def test_a_folder_reached_by_a_link_keeps_its_name(command, experiments: Path, tmp_path: Path):
    write_record(tmp_path / "elsewhere", "x")
    (experiments / "linked").symlink_to(tmp_path / "elsewhere" / "x")
    assert command("path", "linked").stdout == f"{experiments / 'linked'}\n"


def test_json_has_ids_and_directories(command, experiments: Path):
    assert json.loads(command("path", "2", "ünï", "--json").stdout) == [
        {"id": "2", "directory": str(experiments / "2")},
        {"id": "ünï", "directory": str(experiments / "ünï")},
    ]


@pytest.mark.parametrize("word", ["9", "-9", "20-30", "basline", "experiments/9", "7"])
def test_what_is_not_there_is_a_mistake(command, experiments: Path, word: str):
    done = command("path", "1", word)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("meticulous: error: ")
    assert done.stderr.count("\n") <= 2


def test_an_id_is_needed(command, experiments: Path):
    done = command("path")
    assert done.returncode == 2
    assert "Missing argument 'ID...'" in done.stderr
