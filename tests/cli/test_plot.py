from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from written_records import write_record

from meticulous.cli.drawing import make_plot
from meticulous.cli.drawing_file import write_plot
from meticulous.cli.drawing_terminal import draw, round_places
from meticulous.reader import find_records
from meticulous.reader.series.averages import group_curves
from meticulous.reader.series.curves import read_curves


def metrics(*rows: dict[str, Any], tail: str = "") -> dict[str, str]:
    return {"metrics.jsonl": "".join(json.dumps(row) + "\n" for row in rows) + tail}


def steps(count: int, **values: Any) -> dict[str, str]:
    """Return metrics whose values are functions of the step."""
    rows = [
        {"step": n, "time": 1.0 + n, **{name: value(n) for name, value in values.items()}}
        for n in range(count)
    ]
    return metrics(*rows, tail='{"step": 9')


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    for number in range(1, 8):
        lr = 0.1 if number % 2 else 0.2
        logged = steps(30, loss=lambda n, lr=lr: math.exp(-n * lr), acc=lambda n: n / 30)
        write_record(
            directory,
            str(number),
            minutes=number,
            args={"lr": lr, "seed": number},
            **(logged if number < 7 else {}),
        )
    write_record(directory, "baseline", **steps(3, loss=lambda n: 1 - n / 3))
    return directory


def curves(done) -> list[tuple[str, list[str]]]:
    assert (done.returncode, done.stderr) == (0, "")
    return [(curve["metric"], curve["ids"]) for curve in json.loads(done.stdout)]


class TestWords:
    """Which words are metrics, and which are ids."""

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["loss", "3"], [("loss", "3")]),
            (["loss", "acc", "2-3"], [(m, i) for m in ("loss", "acc") for i in "23"]),
            (["loss", "baseline", "-2"], [("loss", "baseline"), ("loss", "6")]),
            (["loss", "experiments/3"], [("loss", "3")]),
            (["loss", "--id", "1,4"], [("loss", "1"), ("loss", "4")]),
            (["a*", "--tail", "2"], [("acc", "5"), ("acc", "6")]),
        ],
    )
    def test_numbers_ranges_and_names_are_ids(self, command, experiments, words, expected):
        found = curves(command("plot", *words, "--json"))
        assert found == [(metric, [name]) for metric, name in expected]

    def test_without_ids_the_last_that_have_it_are_drawn(self, command, experiments):
        found = curves(command("plot", "acc", "--json"))
        assert [ids for _, ids in found] == [["2"], ["3"], ["4"], ["5"], ["6"]]

    def test_with_id_all_words_are_metrics(self, command, tmp_path):
        directory = tmp_path / "experiments"
        write_record(directory, "loss", **metrics({"step": 0, "loss": 1, "12": 2}))
        found = curves(command("plot", "loss", "12", "--id", "loss", "--json"))
        assert found == [("loss", ["loss"]), ("12", ["loss"])]

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["--tag", "best"], ["2", "5"]),
            (["--tag", "best", "--tail", "1"], ["5"]),
            (["--status", "ERROR"], ["3"]),
            (["--where", "lr > 0.15", "--tail", "2"], ["4", "6"]),
            (["--filter", "args.lr > 0.15 and 'best' in tags"], ["2"]),
            (["1-4", "--where", "lr > 0.15"], ["2", "4"]),
            (["--id", "1-4", "--tag", "best"], ["2"]),
        ],
    )
    def test_the_conditions_of_list_choose_too(self, command, experiments, words, expected):
        for name in "25":
            path = experiments / name / "metadata.json"
            path.write_text(json.dumps({**json.loads(path.read_text()), "tags": ["best"]}))
        (experiments / "3" / "STATUS").write_text("ERROR\n")
        found = curves(command("plot", "loss", *words, "--json"))
        assert [name for _, (name,) in found] == expected

    def test_a_pattern_is_one_of_wildcards(self, command, tmp_path):
        logged = metrics({"step": 0, "val/loss": 1, "val/acc": 2, "loss": 3})
        write_record(tmp_path / "experiments", "1", **logged)
        found = curves(command("plot", "val/*", "--json"))
        assert [name for name, _ in found] == ["val/loss", "val/acc"]
        done = command("plot", "val.*", "--json")
        assert (done.returncode, done.stdout) == (2, "")
        assert "under the name 'val.*', in which * and ? are wildcards" in done.stderr
        assert "val/loss, val/acc" in done.stderr

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["lss"], "The nearest: loss"),
            (["loss", "--tag", "none"], "--tag none leaves none of the 8 experiments"),
            (["loss", "1-2", "--status", "LOST"], "--status LOST leaves none of the 2 experiments"),
            (["loss", "--where", "lr <"], "lr <"),
            (["loss", "99"], "There is no experiment '99'"),
            (["loss", "basline"], "Nothing was logged under the name 'basline'"),
            (["loss", "7"], "Nothing was logged"),
            (["loss", "--x", "epoch"], "Nothing was logged under the name 'epoch'"),
            (["loss", "--smooth", "0"], "cannot be smoothed by 0"),
            (["loss", "--group-by", "args.lrr"], "args.lr"),
            (["loss", "--output", "a.gif"], ".png, .svg, .html, .pdf"),
            (["loss", "--output", "no/such/a.png"], "cannot be written"),
            (["loss", "--output", "a.png", "--json"], "exclude each other"),
            (["loss", "3", "--tail", "2"], "--tail is for plots without an ID"),
            (["loss", "--lgo-y"], "No such option"),
            ([], "Missing argument"),
        ],
    )
    def test_mistakes_are_one_message(self, command, experiments, words, message):
        done = command("plot", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
        assert "Traceback" not in done.stderr

    def test_where_nothing_was_logged_it_says_how(self, command, tmp_path):
        write_record(tmp_path / "experiments", "1")
        done = command("plot", "loss")
        assert done.returncode == 2
        assert "Nothing was logged at all" in done.stderr


class TestJson:
    """The series, for programs."""

    def test_the_points_and_what_they_are(self, command, tmp_path):
        directory = tmp_path / "experiments"
        write_record(directory, "1", **metrics({"step": 0, "a": 1}, {"step": 5, "a": "NaN"}))
        assert json.loads(command("plot", "a", "--json").stdout) == [
            {"metric": "a", "ids": ["1"], "against": "step", "x": [0.0, 5.0], "y": [1.0, "NaN"]}
        ]

    def test_groups_have_their_band(self, command, experiments):
        done = command("plot", "loss", "1-6", "--group-by", "lr", "--json")
        small, large = json.loads(done.stdout)
        assert (small["group"], small["ids"]) == ({"args.lr": 0.1}, ["1", "3", "5"])
        assert (large["group"], large["ids"]) == ({"args.lr": 0.2}, ["2", "4", "6"])
        assert set(small["counts"]) == {3}
        assert small["deviation"] == pytest.approx([0.0] * 30, abs=1e-12)

    def test_grouping_takes_all_that_have_the_metric(self, command, experiments):
        done = command("plot", "loss", "--group-by", "args.lr", "--json")
        groups = json.loads(done.stdout)
        assert sorted(name for group in groups for name in group["ids"]) == [
            *("1", "2", "3", "4", "5", "6", "baseline"),
        ]

    def test_smoothing_changes_the_values(self, command, experiments):
        (found,) = json.loads(command("plot", "acc", "1", "--smooth", "2", "--json").stdout)
        assert found["y"][:3] == pytest.approx([0, 0.5 / 30, 1.5 / 30])

    def test_no_drawing_package_is_needed(self, process, experiments, tmp_path):
        for name in ("plotext", "matplotlib"):
            (tmp_path / f"{name}.py").write_text("raise ImportError\n")
        path = f"{tmp_path}:{Path(__file__).parent.parent.parent}"
        assert process("plot", "acc", "1", "--json", PYTHONPATH=path).returncode == 0
        for words in ((), ("--output", "a.png")):
            done = process("plot", "acc", "1", *words, PYTHONPATH=path)
            assert done.returncode == 2
            assert "pip install 'meticulous-ml[plot]'" in done.stderr


class TestTerminal:
    """In the terminal."""

    def test_axes_and_legend_say_what_is_drawn(self, command, experiments):
        done = command("plot", "loss", "acc", "1", "2")
        assert (done.returncode, done.stderr) == (0, "")
        lines = [line.strip() for line in done.stdout.splitlines()]
        assert [line for line in lines if line in ("loss", "acc", "step")] == [
            *("loss", "acc", "step"),
        ]
        assert lines[-2:] == ["* 1  lr=0.1 seed=1", "o 2  lr=0.2 seed=2"]
        assert re.search(r"0\.\d┤", done.stdout)
        assert "\x1b" not in done.stdout

    def test_groups_are_named_by_their_value(self, command, experiments):
        done = command("plot", "loss", "1-6", "--group-by", "args.lr", "--log-y", "--log-x")
        assert done.stdout.splitlines()[-2:] == [" * lr=0.1 (3 runs)", " o lr=0.2 (3 runs)"]
        assert "2 values left out, for which the axes have no place" in done.stderr

    @pytest.mark.parametrize("columns", [120, 40, 20, 5])
    def test_a_terminal_of_any_width_shows_it(self, on_terminal, experiments, columns):
        screen = on_terminal("plot", "loss", "--group-by", "lr", columns=columns)
        assert "\x1b[38;5;" in screen
        lines = re.sub(r"\x1b\[[0-9;]*m", "", screen).splitlines()
        assert max(map(cell_len, lines)) <= max(20, columns)

    def test_without_colours_marks_tell_the_lines_apart(self, on_terminal, experiments):
        screen = on_terminal("plot", "loss", "1", "2", NO_COLOR="1")
        assert "38;5" not in screen
        assert " * 1" in screen
        assert " o 2" in screen

    def test_a_terminal_of_ascii_gets_nothing_else(self, process, experiments):
        done = process("plot", "loss", "1", PYTHONIOENCODING="ascii")
        assert done.stdout.isascii()
        assert "\\u" not in done.stdout
        assert "+----" in done.stdout

    def test_fifty_thousand_points_are_drawn_with_their_peak(self, command, tmp_path):
        logged = steps(50_000, loss=lambda n: 100.0 if n == 31_234 else 0.0)
        write_record(tmp_path / "experiments", "1", **logged)
        done = command("plot", "loss")
        assert done.returncode == 0
        top = done.stdout.splitlines()[2]
        assert "*" in top

    @pytest.mark.parametrize(
        "rows",
        [
            [{"step": 0, "a": 1}],
            [{"step": 0, "a": "NaN"}],
            [{"step": 0, "a": "text"}, {"step": 1, "a": "Infinity"}],
            [{"step": 0, "a": 1e308}, {"step": 1, "a": -1e308}],
            [{"step": 0, "a": 5e-324}, {"step": 1, "a": 0}],
            [{"step": "x", "a": 1}, {"a": 2}, {"step": None, "a": 2}],
            [{"step": 10**400, "a": 10**400}, {"step": 1, "a": 1}],
            [{"step": 1e300, "a": 1}, {"step": -1e300, "a": 1}],
            [{"step": n, "a": 1 + n * 1e-16} for n in range(9)],
        ],
    )
    @pytest.mark.parametrize("is_log", [False, True])
    def test_strange_values_are_drawn_or_left_out(self, tmp_path, rows, is_log):
        write_record(tmp_path / "experiments", "1", **metrics(*rows))
        records = find_records(tmp_path / "experiments")
        alone, _ = read_curves(records, ["a"])
        for curves in (alone, group_curves(alone, records, ["id"])):
            plot = make_plot(curves, records, "step", is_log, is_log)
            lines = draw(plot, 80, None, has_colours=False, has_unicode=True)
            assert lines[0].strip() == "a"
        write_plot(plot, str(tmp_path / "a.svg"))  # a group has a band besides its line
        ElementTree.parse(tmp_path / "a.svg")

    @given(st.floats(-1e308, 1e308), st.floats(-1e308, 1e308), st.integers(2, 20), st.booleans())
    def test_places_on_an_axis_are_few_and_within(self, low, high, count, is_log):
        low, high = min(low, high), max(low, high)
        if is_log:
            low, high = abs(low) or 1.0, abs(high) or 1.0
            low, high = min(low, high), max(low, high)
        places = round_places(low, high, count, is_log)
        assert 1 <= len(places) <= 3 * count + 3
        slack = 1e-9 * max(abs(low), abs(high))
        assert all(low - slack <= place <= high + slack for place in places)


class TestFiles:
    """Into a file."""

    @pytest.mark.parametrize(
        ("name", "start"),
        [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF"), ("a.HTML", b"<!DOCTYPE")],
    )
    def test_the_suffix_says_what_is_written(self, command, experiments, tmp_path, name, start):
        done = command("plot", "loss", "acc", "1-3", "--log-y", "--output", name)
        assert (done.returncode, done.stdout) == (0, "")
        assert (tmp_path / name).read_bytes().startswith(start)

    def test_what_a_link_leads_to_is_replaced(self, command, experiments, tmp_path):
        (tmp_path / "real.svg").touch()
        (tmp_path / "a.svg").symlink_to("real.svg")
        assert command("plot", "acc", "1", "--output", "a.svg").returncode == 0
        assert (tmp_path / "a.svg").is_symlink()
        assert (tmp_path / "real.svg").read_bytes().startswith(b"<?xml")

    def test_a_page_needs_nothing_else(self, command, experiments, tmp_path):
        command("plot", "loss", "--group-by", "lr", "--output", "a.html")
        text = (tmp_path / "a.html").read_text()
        assert "<svg" in text
        assert not re.search(r'(src|href)="(?!#)', text)

    def test_equal_plots_are_equal_files(self, command, experiments, tmp_path):
        for name in ("a.svg", "b.svg"):
            command("plot", "loss", "--output", name)
        assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()

    @pytest.mark.parametrize("name", ["_hidden", "$x^{", "ünï 模型", "<b>&", "a%b"])
    def test_every_name_is_written_as_it_is(self, command, tmp_path, name):
        directory = tmp_path / "experiments"
        write_record(directory, name, **metrics({"step": 0, name: 1}, {"step": 1, name: 2}))
        done = command("plot", name, "--output", "a.svg")
        assert (done.returncode, done.stderr) == (0, "Wrote a.svg.\n")
        ElementTree.parse(tmp_path / "a.svg")
        assert command("plot", name, "--output", "a.html").returncode == 0
        assert name in command("plot", name).stdout
