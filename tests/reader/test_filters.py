from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meticulous.errors import InvalidQueryError, MeticulousError, UnknownColumnError
from meticulous.reader.choosing.filters import parse_filter
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import Table

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

TABLE = Table(
    ["1", "2", "3", "x"],
    {
        "status": ["SUCCESS", "SUCCESS", "ERROR", "LOST"],
        "start": [NOW - timedelta(days=days) for days in (3, 2, 1, 0)],
        "end": [NOW - timedelta(days=2.5), MISSING, NOW, NOW],
        "duration": [43200.0, 100.0, 4000.0, MISSING],
        "description": ["", "a large one", "", "so large"],
        "tags": [["a", "b"], [], ["b"], []],
        "args.lr": [0.1, 0.01, 1, MISSING],
        "args.flag": [True, False, MISSING, MISSING],
        "args.name": ["adam", "1", "sgd", None],
        "args.a b": [1, 2, 3, 4],
        "args.lambda": [1, 2, 3, 4],
        "args.0": [1, 2, 3, 4],
        "args.odd`'\"\n#": [1, 2, 3, 4],
        "args.loss": ["l1", "l2", "l1", "l2"],
        "args.epochs": [1, 2, 3, MISSING],
        "summary.loss": [0.5, 2.5, float("nan"), MISSING],
        "summary.mixed": [1, "text", None, [1, 2]],
        "summary.huge": [10**30, 3, MISSING, -(10**30)],
        "metadata.git-branch": ["main", "main", "dev", "dev"],
        "metadata.host": ["node7", "node8", "node7", "node7"],
    },
)


def chosen(text: str, table: Table = TABLE) -> list[str]:
    found = parse_filter(text, table.columns, NOW).matching(table)
    return [name for name, holds in zip(table.ids, found, strict=True) if holds]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("args.lr > 0.05", ["1", "3"]),
        ("args.lr > 0.05 and summary.loss < 2", ["1"]),
        ("lr > 0.05", ["1", "3"]),
        ("lr>0.05 & lr<1 | epochs==2", ["1", "2"]),
        ("0.01 < lr <= 1", ["1", "3"]),
        ("not lr > 0.05", ["2"]),
        ("~(lr > 0.05)", ["2"]),
        ("(lr > 0.05 or epochs == 2) and status == 'SUCCESS'", ["1", "2"]),
        ("lr in [0.1, 1]", ["1", "3"]),
        ("lr not in (0.1, 1)", ["2"]),
        ("epochs * 2 - 1 >= 3", ["2", "3"]),
        ("lr ** 2 < 0.001", ["2"]),
        ("abs(-lr) > 0.5", ["3"]),
        ("log10(lr) == -1", ["1"]),
        ("epochs.between(2, 3)", ["2", "3"]),
        ("lr > epochs", []),
        ("summary.loss < args.epochs", ["1"]),
        ("huge > 0", ["1", "2"]),
        ("lr > -1\n and lr < .05", ["2"]),
    ],
)
def test_numbers_are_compared_and_calculated_with(text: str, expected: list[str]):
    assert chosen(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`args.a b` > 3", ["x"]),
        ("args.a b > 3", ["x"]),
        ("`a b` > 3", ["x"]),
        ("args.lambda == 1", ["1"]),
        ("args.0 == 1", ["1"]),
        ("`odd`'\"\n#` == 1", None),
        ("metadata.git-branch == 'dev'", ["3", "x"]),
        ("git-branch == 'dev'", ["3", "x"]),
        ("host=='node8'", ["2"]),
        ("description == 'lr > 3'", []),
        ("name == 'args.lr'", []),
    ],
)
def test_names_may_be_short_or_odd_and_text_is_left_alone(text: str, expected: list[str] | None):
    if expected is None:
        with pytest.raises(MeticulousError):
            chosen(text)
    else:
        assert chosen(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flag", ["1"]),
        ("not flag", ["2"]),
        ("not (flag or lr > 0.05)", ["2"]),
        ("not (0.05 < lr < 0.5)", ["2", "3"]),
        ("lr != 1", ["1", "2"]),
        ("epochs != 1", ["2", "3"]),
        ("name != 'adam'", ["2", "3"]),
        ("summary.loss != 0.5", ["2", "3"]),
        ("not summary.loss < 1", ["2", "3"]),
        ("not lr.isna()", ["1", "2", "3"]),
        ("not name.str.contains('a')", ["2", "3"]),
        ("flag == true", ["1"]),
        ("flag == False", ["2"]),
        ("name == None", ["x"]),
        ("name is not None", ["1", "2", "3"]),
        ("summary.loss == nan", ["3", "x"]),
        ("lr.isna()", ["x"]),
        ("lr.notna() and lr < inf", ["1", "2", "3"]),
    ],
)
def test_truth_and_absence(text: str, expected: list[str]):
    assert chosen(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status == 'success'", ["1", "2"]),
        ("status in ['error', 'LOST']", ["3", "x"]),
        ("name < 'b'", ["1", "2"]),
        ("name.str.startswith('a')", ["1"]),
        ("name.str.contains('D', case=False)", ["1", "3"]),
        ("name.str.len() == 1", ["2"]),
        ("'large' in description", ["2", "x"]),
        ("'large' not in description", ["1", "3"]),
        ("'b' in tags", ["1", "3"]),
        ("mixed == 1", ["1"]),
        ("mixed == 'text'", ["2"]),
    ],
)
def test_text_and_lists_are_looked_into(text: str, expected: list[str]):
    assert chosen(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("start > '36h'", ["3", "x"]),
        ("start < '2026-11-22'", ["1"]),
        ("'2026-11-22' <= start < '2026-11-23 12:30'", ["2", "3"]),
        ("end - start > 3600 * 13", ["3"]),
        ("duration > '1h'", ["1", "3"]),
        ("duration <= 100", ["2"]),
        ("id > 1", ["2", "3"]),
        ("id in [1, 3]", ["1", "3"]),
        ("id == 'x'", ["x"]),
    ],
)
def test_times_durations_and_ids_are_compared_by_their_meaning(text: str, expected: list[str]):
    assert chosen(text) == expected


def test_a_short_name_that_could_be_two_is_refused():
    with pytest.raises(UnknownColumnError, match=r"args\.loss or summary\.loss"):
        chosen("loss < 2")


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("lrr > 3", "args.lr"),
        ("args.lrr > 3", "args.lr"),
        ("sumary.loss > 3", "summary.loss"),
        ("args.lrr.isna()", "'args.lrr'"),
        ("statsu == 'ERROR'", "status"),
        ("quite_another > 3", "There are id, status"),
    ],
)
def test_an_unknown_name_is_told_the_nearest(text: str, near: str):
    with pytest.raises(UnknownColumnError) as raised:
        chosen(text)
    assert near in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "lr >",
        "lr > 1 or",
        "(lr > 1",
        "lr > 1)",
        "lr = 1",
        "'lr",
        "lr > 1;",
        "lr lr",
        "1 2",
    ],
)
def test_what_has_no_meaning_is_refused(text: str):
    with pytest.raises(InvalidQueryError, match="cannot be understood"):
        chosen(text)


@pytest.mark.parametrize("text", ["tags == 'b'", "'b' != tags", "lr > 0 and tags == 'b'"])
def test_a_list_that_is_compared_with_a_word_is_explained(text: str):
    with pytest.raises(InvalidQueryError, match="tags is a list; write `'b' in tags`"):
        chosen(text)


def test_a_single_equals_sign_is_explained():
    with pytest.raises(InvalidQueryError, match="compared with =="):
        chosen("lr = 1")


@pytest.mark.parametrize(
    "text",
    [
        "lr.to_csv('here') == 1",
        "lr.__class__ == 1",
        "name.str.__len__() == 1",
        "(lambda: 1)() == lr",
        "[x for x in lr]",
        "lr == f'{lr}'",
        "lr[0] == 1",
        "9**9**9 > lr",
        "lr ** epochs > 1",
        "'a' * 10 == name",
        "(lr := 3) > 1",
        "lr if flag else flag",
        "1 < 2",
        "'text'",
        "lr + 1",
        "tags in tags",
        "*lr == 1",
        "lr > None",
        "{lr: 1} == 1",
        "b'a' == name",
        "1j == lr",
        "... == lr",
        "-True == lr",
    ],
)
def test_nothing_but_comparisons_gets_through(text: str, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MeticulousError):
        chosen(text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["@lr > 1", "open('x') == lr", "__import__('os') == lr", "eval(lr)"]
)
def test_no_variable_or_function_of_python_can_be_reached(text: str):
    with pytest.raises(MeticulousError):
        chosen(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mixed < 3 and name > 3", "args.name is text"),
        ("name > 3", "args.name is text"),
        ("lr > 'a'", "args.lr is a number"),
        ("name.str.contains('(')", "cannot be applied"),
        ("lr.str.len() > 1", "args.lr is a number"),
        ("duration > 'long'", "no duration"),
        ("start > 'soon'", "is no time"),
        ("lr.abs()", "neither true nor false"),
    ],
)
def test_types_that_clash_are_explained(text: str, said: str):
    with pytest.raises(InvalidQueryError) as raised:
        chosen(text)
    assert said in str(raised.value)


def test_an_empty_table_has_no_rows_to_choose():
    assert chosen("args.lr > 1", Table([], {"args.lr": []})) == []


def test_a_part_of_a_table_may_lack_the_column():
    wanted = parse_filter("args.lr > 1", TABLE.columns, NOW)
    assert wanted.matching(Table(["1"], {"status": ["SUCCESS"]})) == [False]


names = st.sampled_from(
    ["lr", "args.lr", "flag", "name", "mixed", "huge", "tags", "start", "duration", "id", "status"]
)
pieces = st.one_of(
    names,
    st.sampled_from(
        [*"<>=!()[]{}'\"`\\ .*|&~@:,+-/%1#\n", "==", "!=", " and ", " or ", " not ", " in ", " is "]
    ),
    st.sampled_from(["None", "nan", "true", "1e-3", "'a'", "10**30", ".str", ".isna()", "abs("]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(pieces, max_size=12).map("".join) | st.text(max_size=30))
@example("(" * 300 + "lr" + ")" * 300)
@example("lr>1 and " * 100 + "lr>1")
@example("not " * 3000 + "flag")
@example("lr" + "+1" * 3000 + ">1")
@example("\0")
@example("lr == '\udcff'")
def test_any_text_is_a_filter_or_refused(text: str):
    try:
        found = parse_filter(text, TABLE.columns, NOW).matching(TABLE)
    except MeticulousError:
        return
    assert len(found) == len(TABLE)


values = st.one_of(
    st.just(MISSING),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.integers() | st.text(max_size=2), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
comparisons = st.sampled_from(
    ["x < 1", "x == 1", "x != 'a'", "x > 'a'", "x == true", "x", "x is None", "x in [1, 'a']"]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(values, min_size=1, max_size=4), comparisons)
def test_any_values_are_compared_or_explained(held: list[Any], text: str):
    table = Table([str(number) for number in range(len(held))], {"args.x": held})
    try:
        found = parse_filter(text, table.columns, NOW).matching(table)
    except InvalidQueryError:
        return
    assert len(found) == len(held)
    assert (
        not any(holds for value, holds in zip(held, found, strict=True) if value is MISSING)
        or text == "x is None"
    )
    numbers = all(type(value) is float and value == value for value in held)
    if numbers and text == "x < 1":
        assert found == [value < 1 for value in held]


@given(st.text(min_size=1, max_size=8).filter(lambda name: "`" not in name))
def test_every_name_can_be_written_in_backticks(name: str):
    table = Table(["1", "2"], {f"args.{name}": [1, 2]})
    assert chosen(f"`args.{name}` == 2", table) == ["2"]
