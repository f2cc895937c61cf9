"""`meticulous list`: why a run failed, in its row."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from written_records import write_record

TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 3, in <module>
    1 / 0
    ~~^~~
ZeroDivisionError: division by zero
"""


def rows(output: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in output.splitlines()]


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    write_record(directory, "1")
    write_record(directory, "2", minutes=1, STATUS=f"ERROR\n{TRACEBACK}")
    write_record(directory, "3", minutes=2, STATUS="ERROR\nexit code 3\n")
    write_record(
        directory,
        "4",
        minutes=3,
        STATUS="RUNNING\n",
        metadata={"host": "gone", "end-time": ..., "duration": ..., "boot-id": "another"},
    )
    return directory


def test_the_usual_table_says_why_a_run_failed(command, experiments: Path):
    titles, *lines = rows(command("list").stdout)
    reasons = [line[titles.index("reason")] for line in lines]
    assert reasons[:3] == ["-", "ZeroDivisionError: division by zero", "exit code 3"]


def test_without_a_failed_run_there_is_no_such_column(command, experiments: Path):
    assert "reason" not in rows(command("list", "--status", "SUCCESS").stdout)[0]


def test_reasons_can_be_chosen_filtered_and_read_by_programs(command, experiments: Path):
    done = command("list", "--columns", "reason", "--filter", "'Zero' in reason")
    assert rows(done.stdout)[1:] == [["2", "ZeroDivisionError: division by zero"]]
    assert len(rows(command("list", "--where", "reason == 'exit code 3'").stdout)) == 2
    found = json.loads(command("list", "--json", "--id", "1-3").stdout)
    assert [row["reason"] for row in found] == [
        None,
        "ZeroDivisionError: division by zero",
        "exit code 3",
    ]
    assert any(line.startswith("reason ") for line in command("columns").stdout.splitlines())


def test_the_first_line_of_a_long_message_tells_the_most(command, tmp_path: Path):
    told = TRACEBACK.replace("division by zero", "first\n\tsecond\n\nthird")
    write_record(tmp_path, "1", STATUS=f"ERROR\n{told}")
    done = command("list", ".", "--columns", "reason")
    assert rows(done.stdout)[1] == ["1", "ZeroDivisionError: first"]


def test_on_a_narrow_terminal_the_reason_is_folded_first(on_terminal, experiments: Path):
    for width in (100, 80, 40):
        screen = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal("list", "--id", "1-3", columns=width))
        assert "ZeroDivisionError" in screen
        assert max(map(len, screen.splitlines())) <= width


def test_what_is_no_status_is_said_once(command, tmp_path: Path):
    write_record(tmp_path / "experiments", "1", STATUS="NONSENSE\nmore of it\n")
    done = command("list")
    assert done.stdout.count("NONSENSE") == 1
    assert "more of it" not in done.stdout
    assert "more of it" in command("show", "1").stdout
