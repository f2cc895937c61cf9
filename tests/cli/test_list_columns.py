"""`meticulous list`: which columns, and how they are fitted into a terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from written_records import write_files, write_record


def rows(output: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in output.splitlines()]


def plain(screen: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", screen)


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    for number in range(1, 4):
        write_record(
            directory,
            str(number),
            minutes=number,
            args={"lr": number / 10, "seed": 3, "model": {"width": 8 * number, "depth": 2}},
            default_args={"lr": 0.1, "seed": 0, "model": {"width": 8, "depth": 2}},
            summary={"loss": 1 / 3, "accuracy": 0.5},
        )
    return directory


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("lr", ["id", "lr"]),
        ("loss,lr", ["id", "loss", "lr"]),
        ("lr,id", ["lr", "id"]),
        ("args", ["id", "lr", "seed", "model.width", "model.depth"]),
        ("args.model", ["id", "model.width", "model.depth"]),
        ("args.model.w", ["id", "model.width"]),
        ("*.loss,started", ["id", "loss", "started"]),
        ("l*", ["id", "lr", "loss"]),
        ("summary,default_args.lr", ["id", "loss", "accuracy", "default_args.lr"]),
        ("args.lr,default_args.lr,lr", ["id", "lr", "default_args.lr"]),
        ("host,git-branch,program", ["id", "host", "git-branch", "program"]),
    ],
)
def test_columns_are_names_beginnings_and_patterns_in_the_order_given(
    command, experiments: Path, columns: str, expected: list[str]
):
    assert rows(command("list", "--columns", columns).stdout)[0] == expected


def test_columns_can_be_given_again_and_with_arguments(command, experiments: Path):
    done = command("list", "--columns", "loss", "--columns", "lr", "--args", "non-default")
    assert rows(done.stdout)[0] == ["id", "loss", "lr", "seed", "model.width"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", []),
        ("changed", ["lr", "model.width"]),
        ("non-default", ["lr", "seed", "model.width"]),
        ("all", ["lr", "seed", "model.width", "model.depth"]),
    ],
)
def test_arguments_are_shown_as_asked(command, experiments: Path, choice: str, expected):
    titles = rows(command("list", "--args", choice).stdout)[0]
    assert titles[4:] == [*expected, "loss", "accuracy"]


def test_the_program_is_shown_where_several_ran(command, experiments: Path):
    write_record(
        experiments, "4", minutes=9, metadata={"command": ["python", "-u", "tools/eval.py", "-x"]}
    )
    write_record(
        experiments,
        "5",
        minutes=10,
        metadata={
            "command": ["/usr/lib/pkg/train.py"],
            "original-command": ["/usr/bin/python3", "-X", "dev", "-m", "pkg.train", "--lr"],
        },
    )
    titles, *lines = rows(command("list", "--args", "none").stdout)
    assert titles[4] == "program"
    assert [line[4] for line in lines] == [*["train.py"] * 3, "tools/eval.py", "pkg.train"]


def test_an_unknown_column_is_told_the_nearest(command, experiments: Path):
    done = command("list", "--columns", "lr,lsos")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean summary.loss?" in done.stderr


def test_a_column_that_only_other_rows_have_is_empty(command, experiments: Path):
    write_record(experiments, "4", minutes=9)
    assert rows(command("list", "--columns", "loss", "--tail", "1").stdout) == [
        ["id", "loss"],
        ["4", "-"],
    ]


def test_the_columns_are_listed(command, experiments: Path):
    done = command("list", "--list-columns")
    names = [row[0] for row in rows(done.stdout)]
    assert {"status", "args.model.width", "summary.loss", "metadata.host"} <= set(names)
    assert command("list", "--list-columns", "--columns", "nowhere").returncode == 2


def test_values_that_collide_when_flattened_are_both_kept(command, tmp_path: Path):
    write_record(
        tmp_path, "1", args={"a.b": 1, "a": {"b": 2}}, default_args={}, summary={"a": {"b": 3}}
    )
    done = command("list", ".", "--columns", "args,summary")
    assert rows(done.stdout) == [["id", "args.a.b", "a.b#2", "summary.a.b"], ["1", "1", "2", "3"]]


def test_numbers_are_rounded_and_long_text_is_cut_on_a_terminal_only(on_terminal, experiments):
    write_record(experiments, "4", minutes=9, args={"text": "x" * 100}, default_args={})
    screen = plain(on_terminal("list", columns=300))
    assert "0.333333 " in screen
    assert "x" * 29 + "..." in screen
    screen = plain(on_terminal("list", "--no-truncate", columns=300))
    assert "0.3333333333333333" in screen
    assert "x" * 100 in screen


def test_started_is_told_relative_where_there_is_room(on_terminal, experiments: Path):
    write_record(experiments, "1", metadata={"start-time": "2020-01-01T00:00:00"})
    assert re.search(r"2020-01-01 00:00, \d+ days ago", plain(on_terminal("list", columns=200)))
    lines = plain(on_terminal("list", columns=70)).splitlines()
    assert not any("00:00" in line and "ago" in line for line in lines), "it stands below"


def test_two_thousand_results_are_cut_and_it_is_said_how_to_see_them(
    on_terminal, command, tmp_path: Path
):
    many = {f"result_{number}": number for number in range(2000)}
    for number in (1, 2):
        write_record(tmp_path, str(number), minutes=number, summary=many)
    screen = plain(on_terminal("list", ".", columns=80))
    assert len(screen) < 3000
    assert "and 1,988 more" in screen
    assert "--wide" in screen
    screen = plain(on_terminal("list", ".", "--columns", "summary", columns=80))
    assert screen.count("result_") == 2000, "what was asked for is shown in parts"
    screen = plain(on_terminal("list", ".", "--wide", columns=80))
    assert "result_1999" in screen
    assert "more" not in screen
    assert "result_1999" in command("list", ".").stdout


@pytest.mark.parametrize("width", [200, 40, 12, 3])
@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--columns", "args,summary,metadata"],
        ["--group-by", "lr"],
        ["--wide"],
        ["--no-truncate"],
    ],
    ids=" ".join,
)
def test_no_width_breaks_any_form(on_terminal, experiments: Path, words: list[str], width: int):
    write_record(experiments, "ünï", args={"ä": "日本"}, summary={"nested": [{"a": [1, None]}]})
    screen = plain(on_terminal("list", *words, columns=width))
    assert "Traceback" not in screen
    if "--wide" not in words and width >= 40:
        assert max(map(len, screen.splitlines())) <= width


def test_a_broken_folder_says_what_is_wrong_in_its_row(command, on_terminal, experiments: Path):
    write_files(
        experiments / "4", {"STATUS": b"", "args.json": b"\xff\x00", "metadata.json": b"[]"}
    )
    done = command("list")
    assert done.returncode == 0
    [row] = [line for line in done.stdout.splitlines() if "UNKNOWN" in line]
    assert "STATUS is empty" in row
    assert "metadata.json holds a list where an object should be" in row
    for columns in (200, 40):
        assert "STATUS is empty" in plain(on_terminal("list", columns=columns))


@pytest.mark.permissions
def test_a_folder_without_permission_is_a_row(command, experiments: Path):
    (experiments / "2").chmod(0o000)
    try:
        done = command("list")
    finally:
        (experiments / "2").chmod(0o755)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 4


def test_where_nothing_can_be_read_the_answer_is_no(command, tmp_path: Path):
    write_files(tmp_path / "1", {"STATUS": b""})
    done = command("list", ".")
    assert done.returncode == 1
    assert "STATUS is empty" in done.stdout
    assert json.loads(command("list", ".", "--json").stdout)[0]["status"] == "UNKNOWN"


def test_the_help_has_every_option_under_a_heading(command):
    shown = command("list", "--help").stdout
    for heading in ("Which experiments", "Which columns", "Order and groups", "Output", "Examples"):
        assert heading in shown
    for option in ("--filter", "--where", "--since", "--commit", "--research", "--no-truncate"):
        assert option in shown
    assert "changed_args" in shown, "the keys of --json are described"
