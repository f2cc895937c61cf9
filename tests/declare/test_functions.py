"""The parameters of a function, and what comments in its signature say of them."""

from __future__ import annotations

import functools
import re
from typing import Annotated

import pytest

from meticulous import Param, declaration_of, param
from meticulous.errors import DeclarationError, ParameterError


# fmt: off
def greet(root, a: str = "Hello",  # the first
          # argument
          b: str = "World",  # the second argument
          ):
    """Greet."""


def crowded(root, a=1, b=2,  # of b
            *, url: str = "a=b:c#d",  # where #1
            layers: list = [1,  # noqa: B006 - not of layers
                            2],  # the layers
            # go on

            # but not here
            last: int):  # the last
    # not of last
    pass


def one_line(root, a: int = 1):  # of the function
    pass


def tools(root,
          a=1,
          b=2,  # @p marked as elsewhere # 1  # pragma: no cover
          c="x, # no",
          ):
    pass
# fmt: on


def lines(function) -> list[str]:
    return [parameter.line() for parameter in declaration_of(function).parameters.values()]


def test_the_arguments_but_the_first_are_parameters_with_comments_as_help():
    assert lines(greet) == [
        "a: str='Hello' ~ the first argument",
        "b: str='World' ~ the second argument",
    ]
    assert declaration_of(greet).name == "greet"
    assert declaration_of(greet).prose == "Greet."


def test_comments_are_found_however_the_signature_is_written():
    assert lines(crowded) == [
        "a=1",
        "b=2 ~ of b",
        "url: str='a=b:c#d' ~ where #1",
        "layers: list=[1, 2] ~ the layers go on",
        "last: int ~ the last",
    ]
    assert lines(one_line) == ["a: int=1"]
    assert lines(tools) == ["a=1", "b=2 ~ marked as elsewhere # 1", "c='x, # no'"]


def test_marks_in_code_count_too():
    def marked(root, a: Annotated[int, Param("the a", ge=0)], b: float = param(0.5, help="the b")):
        pass

    assert lines(marked) == ["a: int ~ the a", "b: float=0.5 ~ the b"]
    with pytest.raises(ParameterError, match="a must be at least 0"):
        declaration_of(marked).check({"a": -1})


def test_decorated_functions_declare_what_the_inner_one_does():
    def decorator(function):
        @functools.wraps(function)
        def around(*args, **kwargs):
            return function(*args, **kwargs)

        return around

    @decorator
    @decorator
    def inner(
        root,
        a: int = 1,  # the a
    ):
        """Inner."""

    assert lines(inner) == ["a: int=1 ~ the a"]
    assert declaration_of(inner).thing is inner


def test_an_argument_without_a_default_needs_a_value():
    def needs(root, checkpoint: str, split="test"):
        pass

    with pytest.raises(ParameterError, match="checkpoint of needs has no value and no default"):
        declaration_of(needs).check({})


def nothing(): ...
def keyword(*, experiment): ...
def any_positional(root, *rest): ...
def any_keyword(root, a=1, **options): ...
def hidden(root, _a): ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (nothing, "nothing takes no argument that could be the experiment"),
        (keyword, "takes no argument that could be the experiment"),
        (any_positional, "any_positional takes *rest"),
        (any_keyword, "any_keyword takes **options"),
        (hidden, "argument _a of hidden"),
        (print, "print is no function of Python"),
        (3, "A int declares no parameters"),
    ],
)
def test_a_signature_that_cannot_be_understood_is_refused(function, message):
    with pytest.raises(DeclarationError, match=re.escape(message)):
        declaration_of(function)


def test_without_source_only_the_help_is_missing():
    space: dict = {}
    exec("def f(root, a: int = 1,  # lost\n      ): pass", space)
    assert lines(space["f"]) == ["a: int=1"]
