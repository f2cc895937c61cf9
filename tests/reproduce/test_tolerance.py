from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.errors import InvalidToleranceError, MeticulousError
from meticulous.reproduce.comparison.measuring import measured_by
from meticulous.reproduce.comparison.tolerance import (
    Specification,
    Tolerance,
    Tolerances,
    parse_specification,
    parse_tolerances,
    rounded_up,
)

limits = st.floats(0, allow_infinity=False, allow_nan=False)
tolerances = st.one_of(
    st.builds(Tolerance, limits),
    st.builds(Tolerance, st.none(), limits),
    st.builds(Tolerance, limits, limits),
    st.just(Tolerance(is_ignored=True)),
)
patterns = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text == text.strip()
)


@pytest.mark.parametrize(
    ("text", "pattern", "tolerance"),
    [
        ("1e-6", "*", Tolerance(1e-6)),
        ("rel:1e-3", "*", Tolerance(None, 1e-3)),
        ("loss=1e-6", "loss", Tolerance(1e-6)),
        ("*=rel:1e-3", "*", Tolerance(None, 1e-3)),
        ("summary.loss=abs:1e-6,rel:1e-3", "summary.loss", Tolerance(1e-6, 1e-3)),
        ("summary.loss = rel:1e-3, abs:1e-6", "summary.loss", Tolerance(1e-6, 1e-3)),
        ("a=b=0", "a=b", Tolerance(0.0)),
        ("outputs.log.csv=ignore", "outputs.log.csv", Tolerance(is_ignored=True)),
    ],
)
def test_the_forms(text, pattern, tolerance):
    assert parse_specification(text) == Specification(pattern, tolerance)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "a number is missing"),
        ("loss", "'loss' is no number"),
        ("loss=", "a number is missing"),
        ("=1e-6", "nothing stands before the '='"),
        ("loss=-1", "no finite number from 0 on"),
        ("loss=nan", "no finite number from 0 on"),
        ("loss=inf", "to leave a result out, say 'ignore'"),
        ("loss=1,2", "two limits of the kind 'abs'"),
        ("loss=percent:7", "'percent' is neither 'abs' nor 'rel'"),
        ("loss=rel:", "a number is missing"),
    ],
)
def test_a_mistake_is_named_with_the_forms(text, complaint):
    with pytest.raises(InvalidToleranceError) as raised:
        parse_tolerances(["1e-6", text])
    message = str(raised.value)
    assert message.startswith(f"The tolerance {text!r} cannot be understood: ")
    assert complaint in message
    assert "'*=rel:1e-3'" in message
    assert isinstance(raised.value, MeticulousError)
    assert isinstance(raised.value, ValueError)


@given(patterns, tolerances)
def test_what_is_written_is_read_back(pattern, tolerance):
    specification = Specification(pattern, tolerance)
    assert parse_specification(str(specification)) == specification


@given(st.text())
def test_any_other_text_is_a_named_mistake(text):
    try:
        found = parse_specification(text)
    except InvalidToleranceError:
        return
    assert parse_specification(str(found)) == found


def applied(texts, part, name, place=""):
    return str(parse_tolerances(texts).applied_to(part, name, place))


def test_without_tolerances_only_what_is_identical_is_the_same():
    assert applied([], "summary", "loss") == ""
    assert not Tolerances().applied_to("summary", "loss").tolerance.accepts(5e-324, 5e-324)


@pytest.mark.parametrize("texts", list(itertools.permutations(["loss=1", "*=2", "summary.l*=3"])))
def test_the_closest_name_counts_in_whatever_order(texts):
    assert applied(texts, "summary", "loss") == "abs:1.0"
    assert applied(texts, "metrics", "loss") == "abs:1.0"
    assert applied(texts, "summary", "lr") == "abs:3.0"
    assert applied(texts, "metrics", "lr") == "abs:2.0"


def test_a_name_with_its_part_goes_before_one_without():
    texts = ["summary.loss=1", "loss=2"]
    assert applied(texts, "summary", "loss") == "abs:1.0"
    assert applied(texts, "metrics", "loss") == "abs:2.0"


def test_of_equal_names_the_last_counts():
    assert applied(["loss=1", "loss=2"], "summary", "loss") == "abs:2.0"


def test_a_name_with_brackets_is_also_itself():
    assert applied(["loss[0]=1"], "summary", "loss[0]") == "abs:1.0"


def test_a_file_stands_for_its_places_and_a_place_for_itself():
    assert applied(["out.csv=1"], "outputs", "out.csv", "loss") == "abs:1.0"
    assert applied(["outputs.*.csv=1"], "outputs", "out.csv", "loss") == "abs:1.0"
    assert applied(["out.csv=1", "loss=2"], "outputs", "out.csv", "loss") == "abs:2.0"
    assert applied(["out.csv=1", "out.csv:loss=2"], "outputs", "out.csv", "loss") == "abs:2.0"
    assert applied(["out.csv=1", "out.csv:loss=2"], "outputs", "out.csv", "acc") == "abs:1.0"


@pytest.mark.parametrize(
    ("text", "is_explicit"),
    [
        ("*=1", False),
        ("summary.*=1", False),
        ("summary.train_seconds=1", True),
        ("train_seconds=1", True),
        ("*_seconds=1", True),
        ("summary.*_seconds=1", True),
    ],
)
def test_a_result_is_named_or_only_meant_with_all_others(text, is_explicit):
    found = parse_tolerances([text]).applied_to("summary", "train_seconds")
    assert found.is_explicit is is_explicit


def test_one_of_the_limits_suffices():
    tolerance = Tolerance(absolute=0.1, relative=0.01)
    assert tolerance.accepts(0.1, math.inf)
    assert tolerance.accepts(5.0, 0.01)
    assert not tolerance.accepts(0.2, 0.02)
    assert not tolerance.accepts(math.nan, math.nan)


@given(st.floats(5e-324, 1.7e308))
def test_a_number_is_rounded_up_and_never_down(value):
    texts = list(rounded_up(value))
    assert all(float(text) >= value for text in texts)
    assert float(texts[-1]) == value
    if value > 1e-300:
        assert float(texts[0]) <= value * 1.11


@pytest.mark.parametrize(
    "name",
    [
        *(
            "train_time",
            "train_seconds",
            "duration",
            "elapsed",
            "it/s",
            "samples_per_second",
            "fps",
        ),
        *(
            "peak_memory",
            "timing.elapsed",
            "epochTime",
            "memory_mb",
            "time/fps",
            "wall_time",
            "throughput",
            "GPU_mem_MB",
        ),
        *("train_ms", "tokens/sec", "images per second"),
    ],
)
def test_names_that_measure_time_or_speed(name):
    assert measured_by(name)


@pytest.mark.parametrize(
    "name",
    [
        "loss",
        "time_step",
        "time_steps",
        "time_constant",
        "sentiment",
        "seconder",
        "wind_speed",
        "wind m/s",
        "eta",
        "",
        *("time", "timing.load", "latency", "memory", "rss", "train_rss", "train_min"),
        *("memory_accuracy", "stimulus_duration", "spikes_per_second", "time.acc"),
    ],
)
def test_names_that_do_not(name):
    assert not measured_by(name)
