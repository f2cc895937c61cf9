from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.reproduce.comparison import parse_tolerances, suggest_tolerances
from meticulous.reproduce.comparison.places import Place, Places
from meticulous.reproduce.comparison.tally import distance
from meticulous.reproduce.comparison.tolerance import Tolerances
from meticulous.reproduce.comparison.values import compare_summaries
from meticulous.reproduce.verdict import (
    AGREES,
    DIFFERS,
    IDENTICAL,
    OUTSIDE,
    SAME,
    WITHIN,
    verdict_of,
)

nan, inf = math.nan, math.inf

PLACES = Places(
    Place(Path("/data/experiments/12"), Path("/data")),
    Place(Path("/data/experiments/13"), Path("/cache/worktree")),
)

texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.integers() | st.floats()
jsons = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=8,
)


def compare(recorded, reproduced, *tolerances):
    return compare_summaries(recorded, reproduced, parse_tolerances(tolerances), PLACES)


def only(recorded, reproduced, *tolerances):
    (finding,) = compare({"value": recorded}, {"value": reproduced}, *tolerances)
    return finding


@given(st.dictionaries(texts, jsons))
def test_every_value_is_identical_to_itself(summary):
    findings = compare(summary, copy.deepcopy(summary))
    assert {finding.outcome for finding in findings} <= {SAME}
    assert verdict_of(findings) == IDENTICAL


@given(st.dictionaries(texts, jsons), st.dictionaries(texts, jsons))
def test_whatever_is_compared_gives_findings(one, other):
    there, back = compare(one, other), compare(other, one)
    assert len(there) == len(back)
    assert verdict_of(there) == verdict_of(back)


@pytest.mark.parametrize(
    ("one", "other"),
    [(nan, nan), (inf, inf), (1, 1.0), (10**400, 10**400), ("a", "a"), (None, None), ([], [])],
)
def test_the_same(one, other):
    assert only(one, other).outcome == SAME


def test_a_number_with_and_without_a_decimal_point_is_the_same_and_remarked():
    assert "without a decimal point" in only(1, 1.0).remark


def test_the_sign_of_a_zero_agrees_and_is_not_identical():
    finding = only(0.0, -0.0)
    assert finding.outcome == WITHIN
    assert finding.absolute == 0
    assert "sign of a zero" in finding.remark


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *((True, 1), (False, 0.0), (None, 0), ("1", 1), ("NaN", nan), ({}, []), ([], None)),
        *((nan, 1.0), (1.0, inf), (inf, -inf), ("a", "b"), ([1], [1, 2]), ({"a": 1}, {})),
    ],
)
def test_what_no_tolerance_accepts(one, other):
    findings = compare({"value": one}, {"value": other}, "1e300", "*=abs:1e308,rel:1e308")
    assert verdict_of(findings) == DIFFERS
    assert suggest_tolerances(findings, Tolerances()) == ()


def test_integers_beyond_floats_are_exact():
    assert only(2**53 + 1, 2**53).absolute == 1.0
    assert only(10**400 + 1, 10**400).outcome == OUTSIDE
    assert only(10**400 + 1, 10**400).absolute == 1.0
    assert only(2**53 + 1, float(2**53)).outcome == OUTSIDE


def test_differences_are_by_the_recorded_number():
    assert distance(4.0, 5.0) == (1.0, 0.25)
    assert distance(0.0, 5.0) == (5.0, inf)
    assert distance(-1e308, 1e308) == (inf, 2.0)
    assert all(map(math.isnan, distance(nan, 1.0)))


def test_missing_and_added_names_are_told_with_their_values():
    gone, come = compare({"a": 1}, {"b": 2})
    assert (gone.name, gone.recorded, gone.reproduced) == ("a", 1, None)
    assert gone.remark == "the reproduction does not have it"
    assert (come.name, come.recorded, come.reproduced) == ("b", None, 2)
    assert come.remark == "only the reproduction has it"


def test_nested_values_have_names_with_dots():
    findings = compare({"test": {"loss": 1.0, "acc": 2.0}}, {"test": {"loss": 1.5, "acc": 2.0}})
    assert [(f.name, f.outcome) for f in findings] == [
        ("test.loss", OUTSIDE),
        ("test.acc", SAME),
    ]


def test_a_list_is_one_result_that_names_its_first_and_worst_difference():
    finding = only([1.0, 2.0, 3.0, 4.0], [1.0, 2.5, 3.0, 8.0])
    assert (finding.absolute, finding.relative) == (4.0, 1.0)
    assert (finding.recorded, finding.reproduced) == (4.0, 8.0)
    assert finding.remark == "2 of 4 values differ, the first at [1], the greatest at [3]"


def test_lists_of_objects_are_compared_inside():
    (finding,) = compare(
        {"runs": [{"acc": 1.0}, {"acc": 2.0}]}, {"runs": [{"acc": 1.0}, {"acc": 3.0}]}
    )
    assert finding.name == "runs.acc"
    assert "[1].acc" in finding.remark


def test_a_path_into_the_own_folder_or_checkout_is_the_same():
    assert only("/data/experiments/12/model.pt", "/data/experiments/13/model.pt").outcome == SAME
    assert only("experiments/12/model.pt", "experiments/13/model.pt").outcome == SAME
    assert only("/data/in.csv", "/cache/worktree/in.csv").outcome == SAME
    assert only("/data/experiments/120/m", "/data/experiments/13/m").outcome == OUTSIDE
    assert only("/data/experiments/12/a", "/data/experiments/13/b").outcome == OUTSIDE


def test_what_measures_time_is_informative_unless_it_is_named():
    for options, decides in (((), False), (("1e-9",), False), (("value.seconds=1",), True)):
        (finding,) = compare({"value": {"seconds": 3.0}}, {"value": {"seconds": 9.0}}, *options)
        assert finding.outcome == OUTSIDE
        assert finding.decides is decides
    assert "measures time" in compare({"seconds": 1}, {"seconds": 2})[0].remark


def test_an_ignored_result_decides_nothing():
    finding = only(1.0, 2.0, "value=ignore")
    assert (finding.outcome, finding.decides, finding.tolerance) == (OUTSIDE, False, "ignore")


finite = st.floats(-1e300, 1e300)


@given(finite, st.floats(1e-12, 1e12), st.floats(0, 0.99), st.booleans())
def test_within_the_tolerance_and_beyond(number, tolerance, fraction, is_up):
    sign = 1 if is_up else -1
    near, far = number + sign * tolerance * fraction, number + sign * tolerance * 1.01
    if abs(near - number) <= tolerance:
        assert only(number, near, f"value={tolerance!r}").outcome in (SAME, WITHIN)
    if abs(far - number) > tolerance:
        assert only(number, far, f"value={tolerance!r}").outcome == OUTSIDE


@given(finite.filter(bool), st.floats(1e-9, 0.5), st.floats(0, 0.99))
def test_within_the_relative_tolerance_and_beyond(number, tolerance, fraction):
    near, far = number * (1 + tolerance * fraction), number * (1 + tolerance * 1.1)
    option = f"*=rel:{tolerance!r}"
    if distance(number, near)[1] <= tolerance:
        assert only(number, near, option).outcome in (SAME, WITHIN)
    if distance(number, far)[1] > tolerance:
        assert only(number, far, option).outcome == OUTSIDE


names = st.sampled_from(["loss", "a.b", "x[0]", "*", "acc", "y=z", "", "f1"])
numeric = st.dictionaries(names, st.floats() | st.integers(), max_size=6)


@given(numeric, st.data(), st.sampled_from([(), ("*=rel:1e-3",), ("loss=1", "a*=1e-9")]))
def test_the_suggested_tolerance_makes_it_agree(recorded, data, given_options):
    reproduced = {
        name: data.draw(st.floats() | st.integers() | st.just(value))
        for name, value in recorded.items()
    }
    given_tolerances = parse_tolerances(given_options)
    findings = compare_summaries(recorded, reproduced, given_tolerances, PLACES)
    suggested = suggest_tolerances(findings, given_tolerances)
    if not suggested:
        return
    assert verdict_of(findings) == DIFFERS
    again = Tolerances(
        given_tolerances.specifications + parse_tolerances(map(str, suggested)).specifications
    )
    assert verdict_of(compare_summaries(recorded, reproduced, again, PLACES)) == AGREES


@given(st.lists(finite.filter(lambda number: abs(number) > 1e-3), min_size=1), st.data())
def test_numbers_that_are_finite_always_get_a_suggestion(recorded, data):
    reproduced = [number * data.draw(st.floats(0.5, 1.5)) for number in recorded]
    findings = compare({"value": recorded}, {"value": reproduced})
    suggested = suggest_tolerances(findings, Tolerances())
    assert bool(suggested) == (verdict_of(findings) == DIFFERS)


def test_two_thousand_names_are_compared_one_by_one():
    recorded = {f"name{number}": float(number) for number in range(2000)}
    reproduced = {name: value + (value == 7) for name, value in recorded.items()}
    findings = compare(recorded, reproduced)
    assert len(findings) == 2000
    assert [finding.name for finding in findings if finding.outcome != SAME] == ["name7"]


def test_what_is_nested_deeper_than_the_stack_is_compared():
    one: list = []
    other: list = []
    for _ in range(100_000):
        one, other = [one], [other]
    assert only(one, other).outcome == SAME
