"""The text of a sweep: which experiments it means, and what it is told when it means none."""

from __future__ import annotations

import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.errors import InvalidSweepError
from meticulous.sweep.grammar import parse_sweep


def points(text: str) -> list[dict[str, object]]:
    return list(parse_sweep(text))


class TestTheLongForm:
    def test_the_first_name_changes_slowest(self):
        assert points("{a: Hello | Bye, b: World | Planet}") == [
            {"a": "Hello", "b": "World"},
            {"a": "Hello", "b": "Planet"},
            {"a": "Bye", "b": "World"},
            {"a": "Bye", "b": "Planet"},
        ]

    @pytest.mark.parametrize("text", ["i: 7 | 8", "{i: 7 | 8}", " {i: 7|8} ", "{'i': 7 | 8,}"])
    def test_the_outer_braces_may_be_left_out(self, text):
        assert points(text) == [{"i": 7}, {"i": 8}]

    def test_lines_may_part_the_entries(self):
        assert points("a: 1 | 2  # a remark\nb: x\nc: [1,\n  2]") == [
            {"a": 1, "b": "x", "c": [1, 2]},
            {"a": 2, "b": "x", "c": [1, 2]},
        ]

    @pytest.mark.parametrize(
        ("value", "meant"),
        [
            ("1 | 2e-3", [1, 0.002]),
            ("true | false", [True, False]),
            ("1 | null | ~", [1, None, None]),
            ("None | 'None'", [None, "None"]),
            ("yes | a b", ["yes", "a b"]),
            (".inf | -.inf", [math.inf, -math.inf]),
            ("'a|b' | \"c, d\" | 'it''s'", ["a|b", "c, d", "it's"]),
            ("[3, 4] | [5, 6, 7] | []", [[3, 4], [5, 6, 7], []]),
            ("[3 | 4, 5]", [[3, 5], [4, 5]]),
            ("{k: 5 | 6} | {}", [{"k": 5}, {"k": 6}, {}]),
            ("[[1 | 2], {k: [x | y]}]", [[[a], {"k": [b]}] for a in (1, 2) for b in "xy"]),
            ("http://host/path | a#b", ["http://host/path", "a#b"]),
        ],
    )
    def test_every_value_of_yaml_may_have_alternatives(self, value, meant):
        assert points(f"{{a: {value}}}") == [{"a": one} for one in meant]

    @pytest.mark.parametrize("text", ["", "{}", "  # nothing\n"])
    def test_an_empty_text_is_one_point_of_defaults(self, text):
        assert points(text) == [{}]

    def test_nothing_is_carried_out(self, tmp_path):
        mark = tmp_path / "mark"
        with pytest.raises(InvalidSweepError, match="quote the text"):
            parse_sweep(f"{{a: !!python/object/apply:os.system ['touch {mark}']}}")
        assert not mark.exists()


class TestTheShortForm:
    @pytest.mark.parametrize(
        ("text", "meant"),
        [
            ("a=1,2 b=x", [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]),
            ("a='x y',z", [{"a": "x y"}, {"a": "z"}]),
            ("a=[1,2],{k: 3}", [{"a": [1, 2]}, {"a": {"k": 3}}]),
            ("a=range(3)", [{"a": 0}, {"a": 1}, {"a": 2}]),
            ("a=range(6,0,-2),x", [{"a": 6}, {"a": 4}, {"a": 2}, {"a": "x"}]),
            ("model.width=8", [{"model.width": 8}]),
            ("a=null", [{"a": None}]),
        ],
    )
    def test_values_are_parted_by_commas(self, text, meant):
        assert points(text) == meant

    def test_a_range_of_decimal_numbers_is_exact(self):
        tenths = [point["b"] for point in points("b=range(0,1,0.1)")]
        assert tenths == [n / 10 for n in range(10)]

    def test_ends_of_lin_and_log_are_included(self):
        assert points("c=log(1e-4,1e-1,4)") == [{"c": 10.0**n} for n in (-4, -3, -2, -1)]
        assert points("c=lin(0,1,5)") == [{"c": n / 4} for n in range(5)]


@pytest.mark.parametrize(
    ("text", "problem", "column"),
    [
        ("{a: 1 | }", "for no value write null", 8),
        ("{a: }", "for no value write null", 4),
        ("[1, 2]", "names and values", 0),
        ("{a: 1", "a comma or '}'", 5),
        ("{a: [1", "a comma or ']'", 6),
        ("{a:1}", "a space is expected", 3),
        ("{a 1}", "a colon is expected", 3),
        ("{a: 1, a: 2}", "given twice", 7),
        ("{a: *x}", "quote the text", 4),
        ("{a: 'x}", "not closed", 4),
        ("{a: x: y}", "must be quoted", 4),
        ("{1: 2}", "a name is expected", 1),
        ("{a: 2020-02-31}", "day", 4),
        ("{a: 1} x", "after the end", 7),
        ("{a: " + "[" * 5000, "nested more than 64 times", 68),
        ("{a: " * 5000, "nested more than 64 times", 260),
        ("a=", "for no value write null", 2),
        ("a=1 2", "name=value is expected", 4),
        ("a=1 a=2", "given twice", 4),
        ("a=range(1,0)", "no value at all", 2),
        ("a=range(0,1,0)", "cannot be 0", 2),
        ("a=range(0,1e9)", "more than 1,000,000", 2),
        ("a=log(0,1,3)", "above 0", 2),
        ("a=lin(0,1)", "three numbers", 2),
        ("a=lin(x,1,2)", "takes numbers", 6),
    ],
)
def test_a_mistake_is_pointed_at(text, problem, column):
    with pytest.raises(InvalidSweepError, match=problem) as caught:
        parse_sweep(text)
    _, line, pointer = str(caught.value).split("\n")
    assert line == f"  {text}"
    assert pointer.index("^") == column + 2


def test_a_sweep_of_more_points_than_fit_is_counted_and_reached_all_the_same():
    names = [f"n{i}" for i in range(64)]
    sweep = parse_sweep(", ".join(f"{name}: 0 | 1" for name in names))
    assert sweep.count == 2**64
    assert sweep[-1] == dict.fromkeys(names, 1)
    assert next(iter(sweep)) == dict.fromkeys(names, 0)


class Alternatives(list):
    """What `|` stands between; a plain list is a list."""


scalars = (
    st.integers()
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=8)
)
names = st.text("abcdefgh_", min_size=1, max_size=4)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(names, inner, max_size=3)
        | st.builds(Alternatives, st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=6,
)


def render(tree: object) -> str:
    if isinstance(tree, Alternatives):
        return " | ".join(map(render, flat(tree)))
    if isinstance(tree, list):
        return f"[{', '.join(map(render, tree))}]"
    if isinstance(tree, dict):
        return f"{{{', '.join(f'{name}: {render(value)}' for name, value in tree.items())}}}"
    return json.dumps(tree, ensure_ascii=False)


def flat(tree: Alternatives) -> list[object]:
    parts = (flat(one) if isinstance(one, Alternatives) else [one] for one in tree)
    return list(itertools.chain.from_iterable(parts))


def product(tree: object) -> list[object]:
    if isinstance(tree, Alternatives):
        return [value for one in tree for value in product(one)]
    if isinstance(tree, list):
        return [list(values) for values in itertools.product(*map(product, tree))]
    if isinstance(tree, dict):
        combinations = itertools.product(*map(product, tree.values()))
        return [dict(zip(tree, values, strict=True)) for values in combinations]
    return [tree]


@given(st.dictionaries(names, trees, max_size=4))
def test_a_sweep_is_the_plain_product_of_its_alternatives(tree):
    sweep = parse_sweep(render(tree))
    expected = product(tree)
    assert sweep.count == len(expected)
    assert list(sweep) == expected
    assert [sweep[i] for i in range(sweep.count)] == expected


@given(st.text("{}[]|,:'\"#ab1=() \n", max_size=20))
def test_any_text_is_read_or_refused(text):
    try:
        sweep = parse_sweep(text)
    except InvalidSweepError:
        return
    assert sweep.count >= 1
    assert isinstance(sweep[0], dict)
