from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from written_records import write_original_record, write_record


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    write_record(directory, "1", args={"lr": 0.1, "model": {"width": 8}}, summary={"loss": 1.5})
    write_record(directory, "2", minutes=1, args={"lr": 0.2}, summary={"loss": "NaN"})
    write_original_record(directory, "3")
    return directory


def test_each_column_has_its_count_and_examples(command, experiments: Path):
    done = command("columns")
    assert (done.returncode, done.stderr) == (0, "")
    rows = {row[0]: row[1:] for row in map(str.split, done.stdout.splitlines())}
    assert rows["args.lr"] == ["3", "0.01,", "0.2,", "0.1"]
    assert rows["args.model.width"] == ["1", "8"]
    assert rows["summary.loss"] == ["2", "NaN,", "1.5"]
    assert rows["tags"] == ["0"]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["lr"], ["args.lr"]),
        (["summary"], ["summary.loss"]),
        (["args.model", "status"], ["args.model.width", "status"]),
        (["*.width"], ["args.model.width"]),
    ],
)
def test_columns_are_chosen_as_for_the_list(command, experiments: Path, patterns, expected):
    found = json.loads(command("columns", *patterns, "--json").stdout)
    assert [entry["name"] for entry in found] == expected


def test_json_has_values_with_their_types(command, experiments: Path):
    (found,) = json.loads(command("columns", "args.lr", "--json").stdout)
    assert found == {"name": "args.lr", "experiments": 3, "examples": [0.01, 0.2, 0.1]}


def test_an_unknown_name_has_its_nearest(command, experiments: Path):
    done = command("columns", "args.lrr")
    assert done.returncode == 2
    assert "args.lr" in done.stderr


def test_an_empty_directory_has_the_columns_that_all_have(command, tmp_path: Path):
    (tmp_path / "experiments").mkdir()
    done = command("columns")
    assert done.returncode == 0
    assert re.search(r"^status +0$", done.stdout, re.MULTILINE)


def test_strange_names_and_values_stay_on_their_line(command, tmp_path: Path):
    write_record(tmp_path / "experiments", "1", args={"a\nb": "x\x1b[31m" * 30, "": [1, {}]})
    lines = command("columns", "args").stdout.splitlines()
    assert len(lines) == 3
    assert all("\x1b" not in line and len(line) < 80 for line in lines)
