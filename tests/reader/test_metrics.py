"""metrics.jsonl read back: rows, series, columns."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_records import write_files

from meticulous.errors import UnknownColumnError
from meticulous.folder.encoding import encode_line
from meticulous.reader.frame import series_frame
from meticulous.reader.series.metrics import MetricsLog, choose_names, long_columns, read_metrics
from meticulous.reader.table.flattening import MISSING


def logged(directory: Path, *lines: object, tail: str = "") -> MetricsLog:
    """Write lines (text as it is, objects as JSON) and read them back."""
    text = "".join(
        f"{line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)}\n"
        for line in lines
    )
    return read_metrics(write_files(directory / "1", {"metrics.jsonl": text + tail}))


def test_each_line_is_a_row_and_each_name_a_series(tmp_path):
    log = logged(
        tmp_path,
        {"step": 0, "time": 10.5, "loss": 2.0},
        {"step": 1, "time": 11.5, "loss": 1.0, "accuracy": 0.5},
    )
    assert len(log) == 2
    assert log.names == ["loss", "accuracy"]
    loss = log.series("loss")
    assert (loss.steps, loss.times, loss.values) == ([0, 1], [10.5, 11.5], [2.0, 1.0])
    assert log.problems == []


def test_a_name_that_appears_late_has_only_its_own_places(tmp_path):
    log = logged(tmp_path, *({"step": n, "loss": n} for n in range(5)), {"step": 9, "late": 1})
    assert (log.series("late").steps, log.series("late").values) == ([9], [1])
    assert len(log.series("loss")) == 5
    assert len(log.series("never logged")) == 0


def test_a_torn_last_line_is_left_out_without_a_word(tmp_path):
    log = logged(tmp_path, {"step": 0, "loss": 1.0}, tail='{"step": 1, "lo')
    assert len(log) == 1
    assert log.problems == []


def test_a_whole_last_line_without_a_line_feed_counts(tmp_path):
    assert len(logged(tmp_path, {"loss": 1}, tail='{"loss": 2}')) == 2


@pytest.mark.parametrize("broken", ["{", "nonsense", "\0\0\0\0", '{"loss": 1} {"loss": 2}'])
def test_a_broken_line_costs_only_itself_and_is_named(tmp_path, broken):
    log = logged(tmp_path, {"loss": 1}, broken, {"loss": 3}, tail='{"loss": ')
    assert log.series("loss").values == [1, 3]
    (problem,) = log.problems
    assert problem.startswith("metrics.jsonl has an unreadable line 2: ")


def test_many_broken_lines_are_counted_not_listed(tmp_path):
    log = logged(tmp_path, *["{"] * 50, {"loss": 1})
    assert len(log) == 1
    assert len(log.problems) == 4
    assert log.problems[-1] == "metrics.jsonl has 47 further unreadable lines"


def test_lines_that_are_no_objects_are_named(tmp_path):
    log = logged(tmp_path, {"loss": 1}, "[1]", "3", {"loss": 2})
    assert log.series("loss").values == [1, 2]
    assert log.problems == ["metrics.jsonl has lines that are not objects"]


@pytest.mark.parametrize("content", ["", "\n\n", "{", b"\xff\xfe\x00\n"])
def test_a_file_without_rows_has_logged_nothing(tmp_path, content):
    log = read_metrics(write_files(tmp_path / "1", {"metrics.jsonl": content}))
    assert (len(log), log.names) == (0, [])


def test_a_folder_without_the_file_has_logged_nothing(tmp_path):
    log = read_metrics(write_files(tmp_path / "1", {"STATUS": "SUCCESS\n"}))
    assert (log.rows, log.problems) == ([], [])


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    (tmp_path / "1" / "metrics.jsonl").mkdir(parents=True)
    assert read_metrics(tmp_path / "1").problems == ["metrics.jsonl is not a file"]


def test_special_numbers_are_floats_again(tmp_path):
    log = logged(tmp_path, {"a": "NaN", "b": "-Infinity", "c": {"d": "Infinity"}, "e": ["NaN"]})
    (row,) = log.rows
    assert math.isnan(row["a"])
    assert row["b"] == -math.inf
    assert row["c.d"] == math.inf
    assert math.isnan(row["e"][0])


def test_nested_values_have_dotted_names_and_none_is_lost(tmp_path):
    log = logged(tmp_path, {"step": 1, "train": {"loss": 1, "top": {"five": 2}}, "train.loss": 3})
    assert log.names == ["train.loss", "train.top.five", "train.loss#2"]
    assert log.series("train.loss#2").values == [3]


def test_long_integers_and_long_fractions_keep_their_digits(tmp_path):
    log = logged(tmp_path, '{"big": 9007199254740993, "huge": 36893488147419103232, "p": 1.25e-05}')
    (row,) = log.rows
    assert row["big"] == 9007199254740993
    assert str(row["huge"]) == "36893488147419103232"
    small = logged(tmp_path, '{"p": 0.00001234567890123456}').rows[0]["p"]
    assert small == 0.00001234567890123456


def test_a_missing_or_odd_step_is_the_number_of_its_line(tmp_path):
    log = logged(tmp_path, {"a": 1}, {"step": "x", "a": 2}, {"step": True, "a": 3, "time": "now"})
    series = log.series("a")
    assert series.steps == [0, 1, 2]
    assert series.times == [None, None, None]


def test_fifty_thousand_lines_with_a_torn_last_one_are_all_read(tmp_path):
    lines = "".join(
        f'{{"step":{n},"time":{1.7e9 + n},"loss":{1 / (n + 1)}}}\n' for n in range(50_000)
    )
    folder = write_files(tmp_path / "1", {"metrics.jsonl": lines + '{"step":5'})
    log = read_metrics(folder)
    assert len(log) == 50_000
    assert log.problems == []
    frame = series_frame(long_columns({"1": log}, ["loss"]))
    assert list(frame.columns) == ["expid", "step", "time", "loss"]
    assert len(frame) == 50_000
    assert frame["loss"].iloc[-1] == 1 / 50_000


class TestLongColumns:
    def logs(self, directory: Path) -> dict[str, MetricsLog]:
        return {
            "1": logged(directory / "a", {"step": 0, "time": 1.0, "loss": 1}, {"step": 1, "x": 7}),
            "2": logged(directory / "b", {"step": 0, "time": 2.0, "loss": 3, "val": {"loss": 4}}),
        }

    def test_experiments_stand_one_below_the_other(self, tmp_path):
        assert long_columns(self.logs(tmp_path)) == {
            "expid": ["1", "1", "2"],
            "step": [0, 1, 0],
            "time": [1.0, MISSING, 2.0],
            "loss": [1, MISSING, 3],
            "x": [MISSING, 7, MISSING],
            "val.loss": [MISSING, MISSING, 4],
        }

    def test_rows_without_a_wanted_name_are_left_out(self, tmp_path):
        columns = long_columns(self.logs(tmp_path), ["*loss"])
        assert list(columns) == ["expid", "step", "time", "loss", "val.loss"]
        assert columns["expid"] == ["1", "2"]

    def test_a_metric_may_be_called_as_the_column_of_ids(self, tmp_path):
        columns = long_columns({"1": logged(tmp_path, {"step": 0, "expid": 5})})
        assert columns["expid"] == ["1"]
        assert columns["expid#2"] == [5]

    def test_an_unknown_name_is_an_error_with_the_nearest(self, tmp_path):
        with pytest.raises(UnknownColumnError, match=r"'los'.*nearest: .*loss.*What was logged"):
            long_columns(self.logs(tmp_path), ["los"])
        with pytest.raises(UnknownColumnError, match="Nothing was logged at all"):
            long_columns({}, ["loss"])
        with pytest.raises(UnknownColumnError, match="3 is none"):
            long_columns(self.logs(tmp_path), [3])

    def test_step_and_time_are_always_there_and_can_be_asked_for(self):
        assert choose_names(["step", "loss", "time"], ["loss"]) == ["loss"]


class TestFrame:
    def test_times_and_numbers_have_their_types(self, tmp_path):
        log = logged(
            tmp_path,
            {"step": 0, "time": 1.7e9, "loss": 1, "ok": True},
            {"step": 1, "time": 1700000001.5, "loss": "NaN"},
        )
        frame = series_frame(long_columns({"7": log}))
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
            "expid": "category",
            "step": "Int64",
            "time": "datetime64[ns, UTC]",
            "loss": "float64",
            "ok": "boolean",
        }
        assert str(frame["time"].iloc[1]) == "2023-11-14 22:13:21.500000+00:00"

    @pytest.mark.parametrize("moment", ["soon", 1e30, -1e30, "NaN", "Infinity", None, True, [1]])
    def test_an_odd_time_does_no_harm(self, tmp_path, moment):
        log = logged(tmp_path, {"step": 0, "time": moment, "a": 1}, {"step": 1, "time": 5, "a": 2})
        assert list(series_frame(long_columns({"1": log}))["a"]) == [1, 2]

    def test_without_rows_the_columns_are_there(self):
        assert list(series_frame(long_columns({})).columns) == ["expid", "step", "time"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(["step", "time", "loss", "a.b", "a", "expid"]) | st.text(max_size=3)


@given(st.lists(st.dictionaries(NAMES, JSON, max_size=4), max_size=6), st.binary(max_size=20))
def test_whatever_is_logged_can_be_read_and_put_into_a_frame(lines, tail):
    with tempfile.TemporaryDirectory() as directory:
        data = b"".join(map(encode_line, lines)) + tail
        log = read_metrics(write_files(Path(directory) / "1", {"metrics.jsonl": data}))
        assert len(log) >= len(lines) if b"\n" in tail else len(log) in (len(lines), len(lines) + 1)
        frame = series_frame(long_columns({"1": log}))
        assert len(frame) == len(log)
        for name in log.names:
            assert len(log.series(name)) > 0
