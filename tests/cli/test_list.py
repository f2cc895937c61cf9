from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from written_records import write_files, write_original_record, write_record


def rows(output: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in output.splitlines()]


def plain(screen: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", screen)


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    write_record(directory, "1", summary={"accuracy": 0.9533333333333334})
    write_record(
        directory,
        "2",
        minutes=1,
        args={"lr": 0.1, "epochs": 300},
        summary={"accuracy": "NaN"},
        metadata={"description": "more\nepochs", "tags": ["a", "b"], "duration": 250},
    )
    write_record(directory, "3", minutes=2, STATUS="ERROR\nexit code 3\n")
    return directory


def test_a_row_tells_what_matters(command, experiments: Path):
    done = command("list")
    assert done.returncode == 0
    assert done.stderr == ""
    assert rows(done.stdout) == [
        [
            *("id", "status", "started", "duration", "lr", "epochs", "accuracy", "reason"),
            *("description", "tags"),
        ],
        [
            *("1", "SUCCESS", "2026-11-22 14:03", "3.2 s", "0.2", "100", "0.9533333333333334"),
            *("-", "-", "-"),
        ],
        [
            *("2", "SUCCESS", "2026-11-22 14:04", "4 min 10 s", "0.1", "300", "NaN", "-"),
            *("more\\nepochs", "a, b"),
        ],
        [
            *("3", "ERROR", "2026-11-22 14:05", "3.2 s", "0.2", "100", "-"),
            *("exit code 3", "-", "-"),
        ],
    ]


def test_piped_columns_are_aligned_without_colours(command, experiments: Path):
    write_record(experiments, "日本", args={"lr": "x" * 300}, minutes=3)
    lines = command("list").stdout.splitlines()
    assert "\x1b" not in "".join(lines)
    assert "x" * 300 in lines[-1]
    assert len({line.index("2026") for line in lines[1:-1]}) == 1


def test_arguments_that_are_the_same_everywhere_are_left_out(command, tmp_path: Path):
    for number in (1, 2):
        write_record(
            tmp_path,
            str(number),
            args={"same": 1, "other": number, "default": 0},
            default_args={"default": 0},
        )
    assert rows(command("list", ".").stdout)[0][4:] == ["other"]


def test_the_only_experiment_shows_what_it_was_given(command, tmp_path: Path):
    write_record(tmp_path, "1", args={"k": 3}, default_args={})
    assert rows(command("list", ".").stdout)[0][4:] == ["k"]


def test_an_argument_and_a_result_of_one_name_are_told_apart(command, tmp_path: Path):
    write_record(
        tmp_path, "1", args={"loss": "l2"}, default_args={"loss": "l1"}, summary={"loss": 3}
    )
    assert rows(command("list", ".").stdout)[0][4:] == ["args.loss", "summary.loss"]


def test_text_that_looks_like_a_number_is_quoted(command, tmp_path: Path):
    write_record(
        tmp_path, "1", args={"a": "1", "b": 1, "c": "None", "d": None, "e": ""}, default_args={}
    )
    assert rows(command("list", ".").stdout)[1][4:] == ["'1'", "1", "'None'", "None", "''"]


def test_a_broken_folder_is_marked_and_the_others_are_listed(command, experiments: Path):
    (experiments / "2" / "summary.json").write_bytes(b'{"accuracy": ')
    done = command("list")
    assert done.returncode == 0
    assert [row[:2] for row in rows(done.stdout)[1:]] == [
        ["1", "SUCCESS"],
        ["2", "SUCCESS"],
        ["3", "ERROR"],
    ]
    assert [row[-1] for row in rows(done.stdout)] == [
        "problems",
        "-",
        "summary.json is cut off before the end of its JSON",
        "-",
    ]


def test_the_last_twenty_are_listed_and_the_rest_is_told(command, tmp_path: Path):
    for number in range(1, 31):
        write_record(tmp_path, str(number), minutes=number)
    done = command("list", ".")
    assert [row[0] for row in rows(done.stdout)[1:]] == [str(n) for n in range(11, 31)]
    assert "last 20 of 30 experiments" in done.stderr
    assert [row[0] for row in rows(command("list", "--tail", "2", ".").stdout)[1:]] == ["29", "30"]
    done = command("list", "--all", ".")
    assert len(done.stdout.splitlines()) == 31
    assert done.stderr == ""
    assert len(json.loads(command("list", "--json", ".").stdout)) == 30
    assert len(json.loads(command("list", "--json", "--tail", "3", ".").stdout)) == 3
    assert command("list", "--all", "--tail", "3", ".").returncode == 2


def test_json_holds_everything_that_is_shown(command, experiments: Path):
    objects = json.loads(command("list", "--json").stdout)
    assert [row["id"] for row in objects] == ["1", "2", "3"]
    assert objects[1] == {
        "id": "2",
        "status": "SUCCESS",
        "start": "2026-11-22T14:04:05.123456+00:00",
        "end": "2026-11-22T14:04:08.323456+00:00",
        "duration": 250.0,
        "program": "train.py",
        "args": {"lr": 0.1, "epochs": 300},
        "changed_args": {"epochs": 300},
        "summary": {"accuracy": "NaN"},
        "description": "more\nepochs",
        "tags": ["a", "b"],
        "reason": None,
        "cause": None,
        "problems": [],
        "directory": str(experiments / "2"),
    }


def test_an_empty_directory_is_no_error(command, tmp_path: Path):
    (tmp_path / "experiments").mkdir()
    done = command("list")
    assert done.returncode == 0
    assert "No experiments in" in done.stdout
    assert "meticulous run" in done.stdout
    assert json.loads(command("list", "--json").stdout) == []


def test_original_folders_and_ours_share_a_list(command, tmp_path: Path):
    write_original_record(tmp_path, "1", summary='{"test_loss": NaN}')
    write_record(tmp_path, "2")
    table = rows(command("list", ".").stdout)
    assert [row[:3] for row in table[1:]] == [
        ["1", "SUCCESS", "2019-07-01 10:11"],
        ["2", "SUCCESS", "2026-11-22 14:03"],
    ]


def test_a_newer_folder_only_says_so(command, tmp_path: Path):
    write_record(tmp_path, "1", metadata={"format": 99})
    done = command("list", ".")
    assert rows(done.stdout)[1][:4] == ["1", "UNKNOWN", "-", "-"]
    assert "format is 99" in rows(done.stdout)[1][4]
    assert done.returncode == 1, "nothing at all could be read"
    [row] = json.loads(command("list", "--json", ".").stdout)
    assert "newer" in row["problems"][0]


def test_control_characters_never_reach_the_output(command, tmp_path: Path):
    write_record(
        tmp_path,
        "1",
        args={"\x1b[31m": "\x1b]0;title\x07"},
        default_args={},
        metadata={"description": "\r\u202ereversed"},
    )
    done = command("list", ".")
    assert not set("\x1b\x07\r\u202e") & set(done.stdout)
    assert "\\x1b[31m" in done.stdout


def test_a_terminal_sees_colours_unless_it_asks_for_none(on_terminal, experiments: Path):
    assert "\x1b[32mSUCCESS" in on_terminal("list")
    assert "\x1b[32m" not in on_terminal("list", NO_COLOR="1")


def test_brackets_in_values_are_no_markup(on_terminal, tmp_path: Path):
    write_record(tmp_path, "1", args={"a[b]": "[bold]:smile:[/bold]"}, default_args={})
    screen = plain(on_terminal("list", "."))
    assert "[bold]:smile:[/bold]" in screen
    assert "a[b]" in screen


@pytest.mark.parametrize("columns", [300, 120, 80, 60, 40, 20, 1])
def test_every_width_of_terminal_shows_every_experiment(
    on_terminal, experiments: Path, columns: int
):
    many = {f"argument_{number}": number for number in range(30)}
    write_record(experiments, "4", minutes=3, args=many, default_args={}, summary=many)
    screen = plain(on_terminal("list", columns=columns))
    assert "Traceback" not in screen
    if columns >= 20:
        assert max(map(len, screen.splitlines())) <= columns
        assert "".join(re.findall(r"SUCCESS|ERROR", screen)) == "SUCCESSSUCCESSERRORSUCCESS"


def test_arguments_that_do_not_fit_are_folded_into_one_column(on_terminal, experiments: Path):
    names = [f"argument_{number}" for number in range(6)]
    write_record(
        experiments,
        "4",
        minutes=3,
        args=dict.fromkeys(names, 1),
        default_args=dict.fromkeys(names, 0),
    )
    screen = plain(on_terminal("list", columns=130))
    assert "argument_0=1" in screen
    assert "accuracy" in screen.splitlines()[0]


def test_hundreds_of_experiments_are_listed(command, tmp_path: Path):
    for number in range(1, 301):
        write_files(
            tmp_path / str(number),
            {
                "STATUS": b"SUCCESS\n",
                "args.json": b'{"lr": 0.1}',
                "metadata.json": b'{"start-time": "2026-11-22T14:03:05.123456"}',
            },
        )
    done = command("list", "--all", ".")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 301


def test_a_read_only_directory_is_listed(command, experiments: Path):
    (experiments / "1").chmod(0o555)
    experiments.chmod(0o555)
    try:
        assert command("list").returncode == 0
        assert command("show", "1").returncode == 0
    finally:
        experiments.chmod(0o755)
        (experiments / "1").chmod(0o755)
