"""Metrics become curves: chosen by name, smoothed, averaged over repetitions, thinned."""

from __future__ import annotations

import json
import math
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_records import FIRST_START, write_record

from meticulous.errors import InvalidOptionError, UnknownColumnError
from meticulous.reader import Record, find_records
from meticulous.reader.series.averages import LONGEST_GRID, group_curves, smooth
from meticulous.reader.series.curves import (
    Curve,
    for_axes,
    read_curves,
    runs_of_points,
    thin,
    with_metrics,
)

NUMBERS = st.floats(-1e300, 1e300) | st.just(math.nan)


def log(*values: Any, name: str = "loss", tail: str = "") -> dict[str, str]:
    lines = [{"step": n, "time": 1.0 + n, name: value} for n, value in enumerate(values)]
    return {"metrics.jsonl": "".join(json.dumps(line) + "\n" for line in lines) + tail}


def lines(*rows: dict[str, Any]) -> dict[str, str]:
    return {"metrics.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}


def curve(*y: float, x: list[float] | None = None, name: str = "1") -> Curve:
    return Curve("loss", [name], {}, x or [float(n) for n in range(len(y))], list(y))


def records(tmp_path: Path) -> list[Record]:
    return find_records(tmp_path)


class TestReading:
    """One curve of each experiment for each metric."""

    def test_the_curves_are_ordered_by_metric_and_experiment(self, tmp_path):
        rows = [{"step": 0, "a": 1, "b": 2}, {"step": 1, "b": 3}]
        write_record(tmp_path, "1", **lines(*rows))
        write_record(tmp_path, "2", **lines(*rows[:1]))
        write_record(tmp_path, "3")
        curves, problems = read_curves(records(tmp_path), ["b", "a"])
        assert [(c.metric, c.ids, c.x, c.y) for c in curves] == [
            ("b", ["1"], [0, 1], [2, 3]),
            ("b", ["2"], [0], [2]),
            ("a", ["1"], [0], [1]),
            ("a", ["2"], [0], [1]),
        ]
        assert problems == []

    def test_nested_names_and_patterns(self, tmp_path):
        write_record(tmp_path, "1", **lines({"step": 0, "val": {"loss": 1, "acc": 2}, "x": 3}))
        curves, _ = read_curves(records(tmp_path), ["val.*"])
        assert [c.metric for c in curves] == ["val.loss", "val.acc"]

    def test_what_is_no_finite_number_is_a_gap(self, tmp_path):
        values = [1.0, "NaN", "Infinity", "text", None, [1], True, 2]
        write_record(tmp_path, "1", **log(*values))
        (found,), _ = read_curves(records(tmp_path), ["loss"])
        assert found.x == list(range(8))
        assert [y for y in found.y if not math.isnan(y)] == [1.0, 1.0, 2.0]
        assert found.skipped == 5

    def test_integers_beyond_all_floats_are_gaps(self, tmp_path):
        write_record(tmp_path, "1", **{"metrics.jsonl": f'{{"step": 0, "loss": {"9" * 400}}}\n'})
        (found,), _ = read_curves(records(tmp_path), ["loss"])
        assert math.isnan(found.y[0])

    def test_a_torn_last_line_is_left_out(self, tmp_path):
        write_record(tmp_path, "1", **log(1, 2, tail='{"step": 2, "lo'))
        (found,), problems = read_curves(records(tmp_path), ["loss"])
        assert (found.y, problems) == ([1, 2], [])

    def test_a_broken_line_costs_itself_and_is_named(self, tmp_path):
        write_record(tmp_path, "7", **log(1, tail='{"step"\n{"step": 5, "loss": 3}\n'))
        (found,), problems = read_curves(records(tmp_path), ["loss"])
        assert found.y == [1, 3]
        assert problems[0].startswith("7: metrics.jsonl has an unreadable line 2")

    def test_a_step_that_was_logged_again_counts_with_its_last_value(self, tmp_path):
        rows = [{"step": s, "loss": v} for s, v in ((0, 1), (1, 2), (2, 3), (1, 20), (2, 30))]
        write_record(tmp_path, "1", **lines(*rows))
        (found,), _ = read_curves(records(tmp_path), ["loss"])
        assert (found.x, found.y) == ([0, 1, 2], [1, 20, 30])

    def test_against_time_in_seconds_since_the_start(self, tmp_path):
        utc = FIRST_START.replace(tzinfo=UTC).timestamp()
        rows = [{"step": 0, "time": utc + 2, "loss": 1}, {"step": 1, "time": utc + 5, "loss": 2}]
        write_record(tmp_path, "1", **lines(*rows, {"step": 2, "loss": 3}))
        (found,), _ = read_curves(records(tmp_path), ["loss"], x="time")
        assert found.x == pytest.approx([2, 5], abs=1e-3)
        assert found.skipped == 1

    def test_of_a_resumed_experiment_time_begins_at_its_first_line(self, tmp_path):
        write_record(tmp_path, "1", **log(1, 2))  # logged long before the start in the metadata
        (found,), _ = read_curves(records(tmp_path), ["loss"], x="time")
        assert found.x == [0, 1]

    def test_against_another_metric_of_the_same_line(self, tmp_path):
        rows = [{"step": s, "loss": 10 - s, "epoch": s / 2} for s in range(3)]
        write_record(tmp_path, "1", **lines(*rows, {"step": 3, "loss": 5}))
        (found,), _ = read_curves(records(tmp_path), ["loss"], x="epoch")
        assert (found.x, found.y) == ([0, 0.5, 1], [10, 9, 8])

    @pytest.mark.parametrize(("metrics", "x"), [(["lss"], "step"), (["loss"], "epok")])
    def test_an_unknown_name_has_its_nearest(self, tmp_path, metrics, x):
        write_record(tmp_path, "1", **lines({"step": 0, "loss": 1, "epoch": 1}))
        with pytest.raises(UnknownColumnError, match=r"The nearest: (loss|epoch)\."):
            read_curves(records(tmp_path), metrics, x)

    def test_step_is_no_metric(self, tmp_path):
        write_record(tmp_path, "1", **log(1))
        with pytest.raises(UnknownColumnError, match="Name a metric, such as loss"):
            read_curves(records(tmp_path), ["step"])


class TestChoosing:
    """The experiments that have a metric."""

    def test_the_last_that_have_it(self, tmp_path):
        for number in range(1, 6):
            write_record(tmp_path, str(number), **(log(1) if number != 4 else {}))
        chosen = with_metrics(records(tmp_path), ["lo*"], 2)
        assert [record.id for record in chosen] == ["3", "5"]
        assert len(with_metrics(records(tmp_path), ["loss"], None)) == 4

    def test_where_none_has_it_the_nearest_are_named(self, tmp_path):
        write_record(tmp_path, "1", **log(1))
        with pytest.raises(UnknownColumnError, match="The nearest: loss"):
            with_metrics(records(tmp_path), ["los"], 2)

    def test_where_nothing_was_logged_it_says_so(self, tmp_path):
        write_record(tmp_path, "1", **{"metrics.jsonl": ""})
        with pytest.raises(UnknownColumnError, match="Nothing was logged at all"):
            with_metrics(records(tmp_path), ["loss"], 2)


class TestSmoothing:
    """Less noise along a curve."""

    def test_a_window_is_the_mean_of_the_last_values(self):
        assert smooth(curve(1, 2, 3, 7), 2).y == [1, 1.5, 2.5, 5]
        assert smooth(curve(1, 2, 3), 1).y == [1, 2, 3]

    def test_an_exponential_average_is_corrected_for_its_beginning(self):
        assert smooth(curve(4, 4, 4), 0.9).y == pytest.approx([4, 4, 4])
        assert smooth(curve(0, 1), 0.5).y == pytest.approx([0, 2 / 3])

    @pytest.mark.parametrize("amount", [2, 0.5])
    def test_gaps_stay_gaps_and_spoil_nothing(self, amount):
        found = smooth(curve(1, math.nan, 1), amount).y
        assert math.isnan(found[1])
        assert (found[0], found[2]) == pytest.approx((1, 1))

    @pytest.mark.parametrize("amount", [0, -1, 1.5, math.nan, math.inf])
    def test_other_amounts_are_refused(self, amount):
        with pytest.raises(InvalidOptionError, match="between 0 and 1"):
            smooth(curve(1), amount)

    @given(st.lists(NUMBERS, max_size=20), st.sampled_from([1, 3, 100, 0.1, 0.99]))
    def test_the_result_lies_between_the_extremes(self, values, amount):
        found = [y for y in smooth(curve(*values), amount).y if not math.isnan(y)]
        present = [value for value in values if not math.isnan(value)]
        assert len(found) == len(present)
        if present:
            slack = 1e-9 * max(map(abs, present))
            assert min(present) - slack <= min(found)
            assert max(found) <= max(present) + slack


class TestGrouping:
    """The mean over repetitions, and a band of one standard deviation."""

    def test_equal_values_are_one_group(self, tmp_path):
        for name, lr, value in (("1", 0.1, 1), ("2", 0.1, 3), ("3", 0.01, 5), ("4", 0.1, 5)):
            write_record(tmp_path, name, args={"lr": lr}, **log(value))
        found = records(tmp_path)
        curves, _ = read_curves(found, ["loss"])
        small, large = group_curves(curves, found, ["lr"])
        assert (small.ids, small.group, small.y) == (["3"], {"args.lr": 0.01}, [5])
        assert (small.deviation, small.counts) == ([0], [1])
        assert (large.ids, large.y, large.counts) == (["1", "2", "4"], [3], [3])
        assert large.deviation == [2]
        assert (large.low, large.high) == ([1], [5])

    def test_one_and_one_point_zero_are_equal_but_not_true(self, tmp_path):
        for name, value in (("1", 1), ("2", 1.0), ("3", True)):
            write_record(tmp_path, name, args={"a": value}, **log(1))
        curves, _ = read_curves(records(tmp_path), ["loss"])
        groups = group_curves(curves, records(tmp_path), ["args.a"])
        assert sorted(len(group.ids) for group in groups) == [1, 2]

    def test_those_without_the_value_are_a_group_at_the_end(self, tmp_path):
        for name, args in (("1", {}), ("2", {"a": "x"}), ("3", {"a": 2})):
            write_record(tmp_path, name, args=args, **log(1))
        curves, _ = read_curves(records(tmp_path), ["loss"])
        groups = group_curves(curves, records(tmp_path), ["args.a"])
        assert [group.group for group in groups] == [{"args.a": 2}, {"args.a": "x"}, {}]

    def test_between_its_own_places_a_curve_is_straight_and_beyond_them_it_does_not_count(
        self, tmp_path
    ):
        rows = ([(0, 0.0), (4, 4.0)], [(2, 4.0), (6, 8.0)])
        for name, points in zip("12", rows, strict=True):
            write_record(tmp_path, name, **lines(*({"step": s, "loss": v} for s, v in points)))
        curves, _ = read_curves(records(tmp_path), ["loss"])
        (mean,) = group_curves(curves, records(tmp_path), ["status"])
        assert mean.x == [0, 2, 4, 6]
        assert mean.y == [0, 3, 5, 8]
        assert mean.counts == [1, 2, 2, 1]

    def test_very_many_different_places_become_fewer(self, tmp_path):
        for name, shift in (("1", 0.0), ("2", 0.25), ("3", 0.5)):
            steps = [{"step": s + shift, "loss": 1.0} for s in range(LONGEST_GRID)]
            write_record(tmp_path, name, **lines(*steps))
        curves, _ = read_curves(records(tmp_path), ["loss"])
        (mean,) = group_curves(curves, records(tmp_path), ["status"])
        assert len(mean.x) == LONGEST_GRID
        assert (mean.x[0], mean.x[-1]) == (0, LONGEST_GRID - 0.5)
        assert set(mean.y) == {1.0}

    def test_an_unknown_column_has_its_nearest(self, tmp_path):
        write_record(tmp_path, "1", args={"lr": 1}, **log(1))
        curves, _ = read_curves(records(tmp_path), ["loss"])
        with pytest.raises(UnknownColumnError, match=r"args\.lr"):
            group_curves(curves, records(tmp_path), ["args.lrr"])


class TestDrawing:
    """What is left of a curve in a picture."""

    def test_a_logarithmic_axis_has_no_place_for_zero_and_less(self):
        found, left_out = for_axes(curve(1, 0, -1, 2), log_x=False, log_y=True)
        assert left_out == 2
        assert [y for y in found.y if not math.isnan(y)] == [1, 2]
        found, left_out = for_axes(curve(1, 2, 3), log_x=True, log_y=False)
        assert (found.x, found.y, left_out) == ([1, 2], [2, 3], 1)

    def test_the_parts_between_gaps(self):
        parts = runs_of_points([0, 1, 2, 3, 4], [math.nan, 1, 2, math.nan, 4])
        assert parts == [([1, 2], [1, 2]), ([4], [4])]
        assert runs_of_points([], []) == []

    @given(st.lists(NUMBERS, min_size=1, max_size=500), st.integers(1, 50), st.booleans())
    def test_thinning_keeps_ends_and_peaks(self, values, count, log_x):
        whole = curve(*values, x=[float(n + 1) for n in range(len(values))])
        found = thin(whole, count, log_x)
        assert len(found.x) <= 2 * count + 4
        assert (found.x[0], found.x[-1]) == (whole.x[0], whole.x[-1])
        assert set(zip(found.x, map(repr, found.y), strict=True)) <= set(
            zip(whole.x, map(repr, whole.y), strict=True)
        )
        present = [value for value in values if not math.isnan(value)]
        kept = [value for value in found.y if not math.isnan(value)]
        if present:
            assert (min(kept), max(kept)) == (min(present), max(present))
