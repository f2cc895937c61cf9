"""How experiments show themselves: escaped HTML in notebooks, aligned text elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_records import write_record

from meticulous import Experiment, ExperimentReader, Experiments
from meticulous.reader.display import Grid, cell_width, experiments_text
from meticulous.reader.wording import visible

EVIL = "<script>alert('x')</script>&\"\x1b[31m"
VOID = {"br", "hr", "img"}


class Page(HTMLParser):
    """Checks that tags are balanced, and keeps the text and the tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def handle_data(self, data):
        self.text += data


ALLOWED = {
    *("div", "table", "thead", "tbody", "tr", "th", "td", "p", "strong", "span", "details"),
    *("summary", "code", "b", "br"),
}


def page(shown: object) -> Page:
    found = Page(shown._repr_html_())
    assert found.tags <= ALLOWED
    assert found.attributes <= {"style", "open", "colspan"}
    return found


@pytest.fixture
def directory(tmp_path) -> Path:
    path = tmp_path / "experiments"
    for number in (1, 2):
        write_record(
            path,
            str(number),
            minutes=number,
            args={"lr": number / 10, "epochs": 100, "model": {"width": number}},
            summary={"loss": number / 3},
            metadata={"description": "the first" if number == 1 else "", "tags": ["a", "b"]},
            **{
                "metrics.jsonl": '{"step": 0, "loss": 5}\n{"step": 1, "loss": 4}\n',
                "notes.jsonl": '{"time": "2026-11-22T15:00:00", "text": "looks well"}\n',
            },
        )
    return path


class TestExperiments:
    def test_text_is_a_table_with_what_differs(self, directory):
        records = Experiments(experiments_directory=directory).records
        lines = experiments_text(records, 2, str(directory), 200).splitlines()
        assert lines[0].split() == [
            *("id", "status", "started", "duration", "lr", "model.width", "loss"),
            *("description", "tags"),
        ]
        assert lines[1].split()[-4:] == ["the", "first", "a,", "b"]
        assert lines[-1] == f"2 experiments in {directory}"
        assert len({line.index("0.") for line in lines[1:-1]}) == 1

    def test_html_has_the_same_cells(self, directory):
        text = page(Experiments(experiments_directory=directory)).text
        for part in ("model.width", "0.333333", "the first", "a, b", "SUCCESS", "2 experiments"):
            assert part in text

    def test_only_the_latest_are_shown_and_the_others_counted(self, tmp_path):
        for number in range(1, 31):
            write_record(tmp_path, str(number), minutes=number)
        shown = Experiments(experiments_directory=tmp_path)
        assert "The last 20 of 30 experiments" in repr(shown)
        assert len(repr(shown).splitlines()) == 22
        assert page(shown).text.count("SUCCESS") == 20

    def test_many_columns_are_cut_and_counted(self, tmp_path):
        for number in (1, 2):
            write_record(tmp_path, str(number), summary={f"k{n}": n for n in range(2000)})
        shown = Experiments(experiments_directory=tmp_path)
        assert "1,988 columns left out" in page(shown).text

    @pytest.mark.parametrize("width", [10, 40, 80])
    def test_text_keeps_to_the_width_and_names_what_has_no_room(self, directory, width):
        records = Experiments(experiments_directory=directory).records
        *rows, left_out, _remark = experiments_text(records, 2, "x", width).splitlines()
        assert all(len(row) <= max(width, 11) for row in rows)
        assert left_out.startswith("No room for: ")
        assert left_out.endswith("tags")

    def test_the_same_name_among_arguments_and_results_is_written_in_full(self, tmp_path):
        for number in (1, 2):
            write_record(tmp_path, str(number), args={"loss": number}, summary={"loss": number})
        assert "args.loss  summary.loss" in repr(Experiments(experiments_directory=tmp_path))

    def test_a_broken_folder_is_marked(self, tmp_path):
        write_record(tmp_path, "1", summary=b"{")
        shown = Experiments(experiments_directory=tmp_path)
        for text in (repr(shown), page(shown).text):
            assert "SUCCESS !" in text
            assert "something in 1 folder cannot be read" in text

    def test_everything_is_escaped(self, tmp_path):
        folder = f"a <i>&'{chr(27)}"
        for name in ("1", folder):
            write_record(
                tmp_path,
                name,
                args={EVIL: EVIL, "k": name},
                summary={EVIL: EVIL + name},
                metadata={"description": EVIL, "tags": [EVIL], "command": [EVIL]},
                **{"metrics.jsonl": "{}\n", EVIL.replace("/", "-") + ".json": "{}"},
            )
        shown = Experiments(experiments_directory=tmp_path)
        for part in (shown, shown[folder], shown.diff("1", folder)):
            assert "alert" in page(part).text
            assert "\x1b" not in part._repr_html_()
            assert "\x1b" not in str(part)
        assert "\x1b" not in repr(shown[folder])


class TestOneExperiment:
    def test_text_tells_facts_arguments_results_metrics_notes_and_files(self, directory):
        text = str(ExperimentReader(directory / "1"))
        assert text.splitlines()[0] == "1  SUCCESS"
        for part in (
            *("description  the first", "tags         a, b", "code         1f2e3d4c5b main"),
            *("lr", "0.1", "model *  {", "loss  0.3333333333333333", "metrics, the last values of"),
            *("2 lines", "looks well", "args.json"),
        ):
            assert part in text, part

    def test_html_tells_the_same(self, directory):
        text = page(ExperimentReader(directory / "1")).text
        for part in ("the first", "0.3333333333333333", "looks well", "metrics.jsonl"):
            assert part in text

    def test_a_failure_tells_its_reason(self, tmp_path):
        folder = write_record(tmp_path, "1", STATUS="ERROR\nTraceback\n  x\nKeyError: 'lr'\n")
        assert "KeyError: 'lr'" in str(ExperimentReader(folder))

    def test_what_is_wrong_with_the_folder_is_told(self, tmp_path):
        folder = write_record(tmp_path, "1", summary=b"{")
        assert "summary.json is cut off" in str(ExperimentReader(folder))
        assert "summary.json is cut off" in page(ExperimentReader(folder)).text

    def test_long_values_and_many_of_them_are_cut(self, tmp_path):
        folder = write_record(tmp_path, "1", summary={f"k{n}": "x" * 999 for n in range(2000)})
        text = str(ExperimentReader(folder))
        assert "and 1,800 more" in text
        assert max(map(len, text.splitlines())) < 400

    def test_on_one_line_it_is_its_place_and_status(self, directory):
        reader = ExperimentReader(directory / "1")
        assert repr([reader]) == f"[<ExperimentReader {directory / '1'} SUCCESS>]"


class TestTheRunningExperiment:
    def test_a_notebook_shows_the_record_so_far(self, repository):
        with Experiment(
            {"lr": 0.1}, project_directory=repository.directory, capture="none"
        ) as experiment:
            experiment.summary(loss=0.25)
            text = page(experiment).text
            assert "RUNNING" in text
            assert "0.25" in text
            assert repr(experiment).startswith("<Experiment ")
        assert "SUCCESS" in page(experiment).text

    def test_one_that_is_not_recorded_says_so(self):
        assert page(Experiment({}, norecord=True)).text == "<Experiment, not recorded>"

    def test_one_whose_folder_is_gone_is_a_line(self, repository, tmp_path):
        with Experiment({}, project_directory=repository.directory, capture="none") as experiment:
            pass
        experiment.directory.rename(tmp_path / "gone")
        assert page(experiment).text == repr(experiment)


@given(
    st.lists(st.lists(st.text(max_size=8).map(visible), min_size=3, max_size=3), max_size=4),
    st.integers(0, 60),
)
def test_a_grid_of_any_text_is_aligned_and_escaped(rows, width):
    grid = Grid(["id", "status", "third"], rows, [True, False, True], "a remark")
    assert Page(grid.as_html()).tags <= ALLOWED
    lines = grid.as_text(width).split("\n")
    assert lines[-1] == "a remark"
    assert all("\n" not in line for line in lines)


def test_wide_and_combining_letters_take_the_room_they_take():
    assert [cell_width(text) for text in ("abc", "日本", "u\u0308", "")] == [3, 4, 1, 0]
