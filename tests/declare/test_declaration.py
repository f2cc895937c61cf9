"""Checking values against a declaration, and what it says of itself."""

from __future__ import annotations

import copy
import pickle
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest

from meticulous import declaration_of
from meticulous.declare.marks import MISSING
from meticulous.errors import MeticulousError, ParameterError, UnknownParameterError


class HelloWorld:
    """Print a greeting.

    Twice.
    """

    a: str = "Hello"  # @p The first argument
    b: str = "World"  # @p The second argument


class Mode(Enum):
    FAST = 1


class Greeting(HelloWorld):
    count: int  # @p how often
    mode: Mode = Mode.FAST  # @p
    out: Path = Path("a/b")  # @p where to
    tags: set[str] = {"z", "a"}  # @p  # noqa: RUF012
    a = "Hi"


class Untyped:
    rate = 1  # @p
    share = 0.5  # @p
    name = "x"  # @p
    flag = True  # @p
    any = None  # @p
    path: Path = None  # @p
    items = [1]  # @p  # noqa: RUF012
    wrong: int = "x"  # @p


class TestCheck:
    def test_values_are_cast_and_come_in_the_order_of_the_declaration(self):
        values = declaration_of(Greeting).check(
            {"count": 2.0, "mode": "FAST", "out": "c", "a": "x"}
        )
        assert list(values) == ["a", "b", "count", "mode", "out", "tags"]
        assert values == {
            "a": "x",
            "b": "World",
            "count": 2,
            "mode": Mode.FAST,
            "out": Path("c"),
            "tags": {"a", "z"},
        }

    def test_partial_returns_only_what_is_given(self):
        assert declaration_of(Greeting).check({"b": "x"}, partial=True) == {"b": "x"}
        assert declaration_of(Greeting).check({}, partial=True) == {}

    def test_checking_twice_is_checking_once(self):
        check = declaration_of(Greeting).check
        once = check({"count": 3})
        assert check(once) == once

    def test_an_unknown_name_is_told_with_the_nearest(self):
        with pytest.raises(UnknownParameterError) as caught:
            declaration_of(Greeting).check({"cuont": 3})
        assert str(caught.value) == "Greeting has no parameter 'cuont'; the nearest: count, out."
        with pytest.raises(UnknownParameterError, match="its parameters: a, b, count"):
            declaration_of(Greeting).check({"zzzz": 3})
        for name in ("_status", 1, None):
            with pytest.raises(UnknownParameterError):
                declaration_of(Greeting).check({name: "x"}, partial=True)
        assert issubclass(UnknownParameterError, (ParameterError, LookupError))

    def test_a_missing_value_is_told_by_name(self):
        with pytest.raises(ParameterError, match="count of Greeting has no value and no default"):
            declaration_of(Greeting).check({})
        assert "count" not in declaration_of(Greeting).defaults()

    def test_defaults_are_copies(self):
        declaration_of(Greeting).defaults()["tags"].add("new")
        assert declaration_of(Greeting).defaults()["tags"] == {"a", "z"}
        declaration_of(Greeting).check({"count": 1})["tags"].add("new")
        assert Greeting.tags == {"a", "z"}

    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("rate", 0.5, 0.5),
            ("rate", 2, 2),
            ("share", 1, 1.0),
            ("name", "y", "y"),
            ("flag", False, False),
            ("any", {"x": 1}, {"x": 1}),
            ("path", None, None),
            ("path", "a", Path("a")),
            ("items", (1, "x"), [1, "x"]),
        ],
    )
    def test_without_a_type_the_default_says_what_fits(self, name, value, expected):
        assert declaration_of(Untyped).check({name: value}, partial=True)[name] == expected

    @pytest.mark.parametrize(
        ("name", "value"), [("rate", "x"), ("share", "1"), ("name", 1), ("flag", 1), ("items", "x")]
    )
    def test_without_a_type_the_default_says_what_does_not(self, name, value):
        with pytest.raises(ParameterError, match=f"{name} must be"):
            declaration_of(Untyped).check({name: value}, partial=True)

    def test_a_default_of_another_type_is_found_when_it_is_used(self):
        declaration = declaration_of(Untyped)
        with pytest.raises(ParameterError, match="wrong must be int; 'x' is a str"):
            declaration.defaults()
        assert declaration.check({"wrong": 1})["wrong"] == 1
        assert issubclass(ParameterError, (MeticulousError, ValueError))

    def test_dictionaries_that_are_given_in_part_can_be_completed(self):
        class Nested:
            d: dict[str, object] = {"a": 1, "b": {"c": 2, "d": 3}}  # @p  # noqa: RUF012
            n: int = 1  # @p

        completed = declaration_of(Nested).completed({"d": {"b": {"c": 9}}, "n": 2})
        assert completed == {"d": {"a": 1, "b": {"c": 9, "d": 3}}, "n": 2}
        assert declaration_of(Nested).check({"d": {"x": 1}})["d"] == {"x": 1}


def test_the_help_is_the_docstring_and_a_group_for_each_class():
    assert declaration_of(HelloWorld).help_text() == (
        "Print a greeting.\n"
        "\n"
        "Twice.\n"
        "\n"
        "Parameters:\n"
        "\n"
        "    HelloWorld\n"
        "    ----------\n"
        "    a: str='Hello' ~ The first argument\n"
        "    b: str='World' ~ The second argument"
    )
    assert declaration_of(Greeting).help_text() == (
        "Print a greeting.\n"
        "\n"
        "Twice.\n"
        "\n"
        "Parameters:\n"
        "\n"
        "    HelloWorld\n"
        "    ----------\n"
        "    a: str='Hi' ~ The first argument\n"
        "    b: str='World' ~ The second argument\n"
        "\n"
        "    Greeting\n"
        "    --------\n"
        "    count: int ~ how often\n"
        "    mode: Mode=Mode.FAST\n"
        "    out: Path='a/b' ~ where to\n"
        "    tags: set[str]={'a', 'z'}"
    )


def test_the_help_of_a_function_has_no_groups():
    def evaluate(
        experiment,
        split: Literal["train", "test"] = "test",  # on what
    ):
        """Evaluate."""

    assert declaration_of(evaluate).help_text() == (
        "Evaluate.\n\nParameters:\n    split: Literal['train', 'test']='test' ~ on what"
    )


def test_without_parameters_the_help_is_the_docstring():
    class Nothing:
        """Nothing to say."""

    assert declaration_of(Nothing).help_text() == "Nothing to say."


def test_defaults_show_no_addresses():
    class Odd:
        thing: object = object()  # @p
        function = print  # @p
        kind: type = Mode  # @p

    assert [one.line() for one in declaration_of(Odd).parameters.values()] == [
        "thing: object=<object>",
        "function=print",
        "kind: type=Mode",
    ]


def test_a_declaration_travels_to_other_processes():
    declaration = declaration_of(Greeting)
    assert pickle.loads(pickle.dumps(declaration)) is declaration
    assert copy.deepcopy(declaration) is declaration
    assert copy.deepcopy(MISSING) is MISSING
    assert pickle.loads(pickle.dumps(MISSING)) is MISSING
