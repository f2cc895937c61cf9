"""Which results `summary` keeps: the latest, the least, the largest, or what a leader decides."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous import Experiment
from meticulous.errors import InvalidOptionError
from meticulous.recorder.best import chosen

NAN = math.nan


@pytest.fixture
def run(repository):
    """A run in the repository, which leaves pytest's streams alone."""
    with Experiment({}, project_directory=repository.directory, capture="none") as experiment:
        yield experiment


def summary(run):
    return json.loads((run.directory / "summary.json").read_text())


class TestEachForItself:
    """Without a leader every name decides by its own value."""

    @pytest.mark.parametrize(("keep", "kept"), [("latest", 2), ("min", 1), ("max", 3)])
    def test_of_three_values(self, run, keep, kept):
        for value in (1, 3, 2):
            run.summary({"loss": value}, keep=keep)
        assert summary(run) == {"loss": kept}

    def test_a_new_name_is_always_stored(self, run):
        run.summary(a=1, keep="min")
        run.summary({"a": 2, "b": 7}, keep="min")
        assert summary(run) == {"a": 1, "b": 7}

    @pytest.mark.parametrize("keep", ["min", "max"])
    @pytest.mark.parametrize("order", [(NAN, 1.0), (1.0, NAN)])
    def test_nan_never_replaces_and_is_always_replaced(self, run, keep, order):
        for value in order:
            run.summary(loss=value, keep=keep)
        assert summary(run) == {"loss": 1.0}

    def test_what_is_no_number_is_replaced(self, run):
        run.summary(name="a", keep="min")
        run.summary(name="b", shape=[1, 2], nothing=None, keep="min")
        assert summary(run) == {"name": "b", "shape": [1, 2], "nothing": None}

    @given(st.lists(st.floats(), min_size=1), st.sampled_from(["min", "max"]))
    def test_it_is_the_best_whatever_the_order(self, values, keep):
        current: dict[str, float] = {}
        for value in values:
            current.update(chosen(current, {"x": value}, keep, None))
        numbers = [value for value in values if not math.isnan(value)]
        if numbers:
            assert current["x"] == (min if keep == "min" else max)(numbers)
        else:
            assert math.isnan(current["x"])


class TestLeader:
    """With a leader all of the call are stored, or none."""

    def test_a_tie_is_enough(self, run):
        for best, e in ((1, 1), (1, 2), (0, 3)):
            run.message({"best": best, "e": e}, keep="max", leader="best")
        assert summary(run) == {"best": 1, "e": 2}

    def test_what_goes_with_a_leader_that_is_nan_is_left_out(self, run):
        run.summary(loss=0.5, step=1, keep="min", leader="loss")
        run.summary(loss=NAN, step=2, keep="min", leader="loss")
        assert summary(run) == {"loss": 0.5, "step": 1}

    @pytest.mark.parametrize("leader", ["other", ""])
    def test_one_that_is_missing_is_a_clear_error(self, run, leader):
        with pytest.raises(InvalidOptionError, match="not among the values"):
            run.summary({"loss": 1}, keep="min", leader=leader)
        assert not (run.directory / "summary.json").exists()

    def test_one_that_cannot_be_compared(self, run):
        with pytest.raises(InvalidOptionError, match="no number"):
            run.summary({"loss": "low"}, keep="min", leader="loss")

    def test_an_unknown_rule(self, run):
        with pytest.raises(InvalidOptionError, match="keep='best'"):
            run.summary(loss=1, keep="best")

    def test_without_a_record_the_same_mistakes_are_errors(self):
        with pytest.raises(InvalidOptionError):
            Experiment({}, norecord=True).summary(loss=1, keep="best")


class TestAfterResuming:
    """What a later process stores is compared with what is there."""

    @pytest.mark.parametrize(
        ("first", "then", "kept"),
        [
            (0.5, 0.7, 0.5),
            (NAN, 0.7, 0.7),
            (math.inf, 0.7, 0.7),
            (-math.inf, 0.7, "-Infinity"),
        ],
    )
    def test_the_best_stays(self, repository, first, then, kept):
        options = {
            "project_directory": repository.directory,
            "capture": "none",
            "experiment_id": "resumed",
        }
        with Experiment({}, **options) as run:
            run.summary(loss=first, keep="min")
        with Experiment({}, **options) as run:
            run.summary(loss=then, keep="min")
        assert summary(run) == {"loss": kept}
