"""`meticulous list`: digits of numbers, and what happens to columns that find no room."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from written_records import write_record

NAMES = [f"option_{letter}" for letter in "abcdefgh"]


def rows(output: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in output.splitlines()]


def plain(screen: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", screen)


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    for number in range(1, 5):
        write_record(
            directory,
            str(number),
            minutes=number,
            args={name: number * (name == NAMES[number]) for name in NAMES},
            default_args=dict.fromkeys(NAMES, 0),
            summary={"loss": number / 3, "steps": 1234567.125, "name": "x"},
        )
    return directory


class TestDigits:
    def test_numbers_have_as_many_digits_as_asked(self, command, experiments: Path):
        done = command("list", "--columns", "loss,steps", "--digits", "3", "--id", "2")
        assert rows(done.stdout)[1] == ["2", "0.667", "1234567"]

    def test_numbers_that_need_fewer_are_as_they_are(self, command, tmp_path: Path):
        write_record(tmp_path, "1", summary={"a": 1.0, "b": 1e-05, "c": 0.25, "d": float("inf")})
        done = command("list", ".", "--columns", "summary", "--digits", "3")
        assert rows(done.stdout)[1][1:4] == ["1.0", "1e-05", "0.25"]

    @pytest.mark.parametrize("form", ["markdown", "latex", "html"])
    def test_documents_are_rounded_unless_told_otherwise(self, command, experiments, form: str):
        words = ("list", "--columns", "loss", "--id", "2", "--format", form)
        assert "0.666667" in command(*words).stdout
        assert "0.67" in command(*words, "--digits", "2").stdout
        assert str(2 / 3) in command(*words, "--no-truncate").stdout

    def test_statistics_have_four(self, command, on_terminal, experiments: Path):
        words = ("list", "--group-by", "status", "--columns", "loss", "--aggregate", "mean,std")
        assert "0.8333 " in command(*words, "--format", "markdown").stdout
        assert "0.8333 " in plain(on_terminal(*words))
        assert "0.8333333333333" in command(*words, "--format", "csv").stdout

    @pytest.mark.parametrize("words", [["--json"], ["--format", "csv"], ["--export", "x.jsonl"]])
    def test_data_stay_exact(self, command, experiments: Path, words: list[str]):
        done = command("list", *words, "--digits", "3")
        assert done.returncode == 2
        assert "exact" in done.stderr

    def test_the_id_can_be_left_out(self, command, experiments: Path):
        done = command("list", "--columns", "loss", "--no-id", "--format", "latex")
        assert "id" not in done.stdout.partition("loss")[0].replace("tabular", "")
        assert rows(command("list", "--columns", "loss", "--no-id").stdout)[0] == ["loss"]
        done = command("list", "--columns", "loss", "--no-id", "--json")
        assert list(json.loads(done.stdout)[0]) == ["summary.loss"]
        assert command("list", "--columns", "id", "--no-id").returncode == 2


class TestChosenColumns:
    @pytest.mark.parametrize("width", [80, 40, 20, 9])
    def test_none_is_dropped_where_there_is_no_room(self, on_terminal, experiments, width: int):
        names = [*NAMES, "loss", "steps"]
        screen = plain(on_terminal("list", "--columns", ",".join(names), columns=width))
        joined = re.sub(r"\s", "", screen)
        assert all(name in joined for name in names)
        assert max(map(len, screen.splitlines())) <= width

    def test_each_part_of_a_table_has_the_ids(self, on_terminal, experiments: Path):
        screen = plain(on_terminal("list", "--columns", "args", columns=40))
        heads = [line.split() for line in screen.splitlines() if "option" in line]
        assert len(heads) > 1
        assert all(head[0] == "id" for head in heads)

    def test_all_statistics_of_groups_are_shown(self, on_terminal, experiments: Path):
        screen = plain(on_terminal("list", "--group-by", "option_a", columns=60))
        for name in ("loss", "steps", "duration"):
            for statistic in ("mean", "std", "min", "max", "count"):
                assert f"{name}.{statistic}" in screen
        heads = [line.split() for line in screen.splitlines() if "mean" in line]
        assert all(head[0] == "option_a" for head in heads)


class TestFoldedRows:
    def test_where_there_is_hardly_room_no_fact_is_broken(self, on_terminal, tmp_path: Path):
        write_record(tmp_path / "experiments", "a b", metadata={"duration": 0.015})
        for width in (44, 42, 40, 38, 34):
            screen = plain(on_terminal("list", columns=width))
            assert "15 ms" in screen
            assert "a b" in screen
            assert re.search(r"2026-11-22 14:03, (just now|\d+ \w+ ago)", screen)
            assert max(map(len, screen.splitlines())) <= width

    def test_the_end_of_a_long_name_is_kept(self, on_terminal, tmp_path: Path):
        write_record(tmp_path / "experiments", "1", summary={"encoder." * 60 + "loss": 0.5})
        for width in (200, 80, 30):
            screen = plain(on_terminal("list", columns=width))
            assert "..." in screen
            assert "loss=0.5" in screen
            assert len(screen) < 900

    def test_only_what_differs_from_the_defaults_is_repeated(self, on_terminal, experiments: Path):
        screen = plain(on_terminal("list", columns=80))
        assert "option_b=1" in screen
        assert "=0" not in screen

    def test_all_arguments_are_there_when_asked_for(self, on_terminal, experiments: Path):
        assert "option_h=0" in plain(on_terminal("list", "--args", "all", columns=80))

    @pytest.mark.parametrize("width", [80, 70, 30])
    def test_the_age_is_kept(self, on_terminal, experiments: Path, width: int):
        screen = plain(on_terminal("list", columns=width))
        assert re.search(r"just now|ago", screen)
