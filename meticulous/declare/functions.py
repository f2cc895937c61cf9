"""The parameters of a function: its arguments but the first, which is the experiment."""

from __future__ import annotations

import sys

from meticulous.declare.annotations import merged, metadata, own_annotations, plain_type, resolve
from meticulous.declare.declaration import Declaration
from meticulous.declare.help import cleaned
from meticulous.declare.marks import MISSING, Marked
from meticulous.declare.parameters import Parameter
from meticulous.errors import DeclarationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TAKES_ANY_POSITIONAL, _TAKES_ANY_KEYWORD = 0x04, 0x08
"""Bits of `co_flags` (the documentation of the inspect module has them)."""


def function_declaration(function: Any) -> Declaration:
    """Return what a function declares.

    Raises:
        DeclarationError: It takes no argument for the experiment, or `*args` or `**kwargs`, whose
            names nobody knows.
    """
    from meticulous.declare.sources import argument_comments

    inner = innermost(function)
    name = getattr(inner, "__name__", type(inner).__name__)
    if not hasattr(inner, "__code__"):
        raise DeclarationError(f"{name} is no function of Python; wrap it in one.")
    arguments = _arguments(inner, name)
    comments = argument_comments(inner)
    types = own_annotations(inner)
    names = getattr(inner, "__globals__", {})
    parameters = []
    for order, (argument, default) in enumerate(arguments.items()):
        stated = types.get(argument, MISSING)
        annotation = resolve(stated, names, {})
        facts = metadata(annotation)
        if isinstance(default, Marked):
            facts, default = merged(default.facts, facts), default.default
        parameters.append(
            Parameter(
                argument,
                default,
                plain_type(annotation),
                type_text=stated if annotation is MISSING and isinstance(stated, str) else "",
                help=(facts.help if facts else "") or comments.get(argument, ""),
                owner=name,
                order=order,
                constraints=facts,
            )
        )
    return Declaration(name, cleaned(getattr(function, "__doc__", None)), parameters, function)


def innermost(function: Any) -> Any:
    """Return the function that decorators made with `functools.wraps` are around."""
    seen = set()
    while hasattr(function, "__wrapped__") and id(function) not in seen:
        seen.add(id(function))
        function = function.__wrapped__
    return getattr(function, "__func__", function)


def takes_experiment(function: Any) -> bool:
    """Say whether the first argument of a function is annotated as an experiment."""
    inner = innermost(function)
    code = getattr(inner, "__code__", None)
    if code is None or not code.co_argcount:
        return False
    stated = own_annotations(inner).get(code.co_varnames[0], MISSING)
    if isinstance(stated, str) and stated.rpartition(".")[2].strip("'\"") == "Experiment":
        return True
    from meticulous.declare.classes import is_experiment

    kind = plain_type(resolve(stated, inner.__globals__, {}))
    return isinstance(kind, type) and is_experiment(kind)


def _arguments(function: Any, name: str) -> dict[str, Any]:
    """Return the names and defaults of the arguments but the first."""
    code = function.__code__
    if code.co_flags & (_TAKES_ANY_POSITIONAL | _TAKES_ANY_KEYWORD):
        count = code.co_argcount + code.co_kwonlyargcount
        at = count + bool(code.co_flags & _TAKES_ANY_POSITIONAL)
        has_positional = code.co_flags & _TAKES_ANY_POSITIONAL
        what = f"*{code.co_varnames[count]}" if has_positional else f"**{code.co_varnames[at]}"
        raise DeclarationError(
            f"{name} takes {what}, and nobody knows the names of those parameters; "
            "write them into its signature."
        )
    if not code.co_argcount:
        raise DeclarationError(
            f"{name} takes no argument that could be the experiment; "
            f"write def {name}(experiment, ...)."
        )
    positional = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    found = dict.fromkeys(positional[1:], MISSING)
    given = zip(positional[len(positional) - len(defaults) :], defaults, strict=True)
    found.update((name, default) for name, default in given if name in found)
    only = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    found.update(
        (argument, (function.__kwdefaults__ or {}).get(argument, MISSING)) for argument in only
    )
    for argument in [argument for argument in found if argument.startswith("_")]:
        if found.pop(argument) is MISSING:
            raise DeclarationError(
                f"The argument {argument} of {name} would be a parameter, and no name of a "
                "parameter begins with an underscore; rename it, or give it a default."
            )
    return found


def module_names(thing: Any) -> dict[str, Any]:
    """Return the global names of the module in which a class is defined."""
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    return vars(module) if module is not None else {}
