"""Programs of any language as targets: what they are told, given the values of their parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from meticulous.errors import ParameterError
from meticulous.folder import layout

if TYPE_CHECKING:
    from meticulous.declare.declaration import Declaration

OPTIONS, PLACEHOLDERS = "options", "placeholders"
"""How a program is told its parameters: `--name value` behind its words, or within them."""

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


def program_declaration(
    name: str, defaults: Mapping[str, Any], given: Sequence[str]
) -> Declaration:
    """Return the parameters of a program: the names of its defaults, each with the type it has.

    Each may also be None: it is left out of the command line then.

    Args:
        name: What the program is called.
        defaults: Name -> default.
        given: The names of the sweep: they are the parameters where there are no defaults.
    """
    from meticulous.declare.declaration import Declaration
    from meticulous.declare.parameters import Parameter

    if defaults:
        found = [
            Parameter(key, value, _annotation(value), owner=name, order=n)
            for n, (key, value) in enumerate(defaults.items())
        ]
    else:
        found = [Parameter(key, owner=name, order=n) for n, key in enumerate(dict.fromkeys(given))]
    return Declaration(name, "", found, dict(defaults))


def _annotation(default: Any) -> Any:
    from meticulous.declare.marks import MISSING

    if default is None:
        return MISSING
    # As without a type: a default that is an integer says nothing against fractions.
    return int | float | None if type(default) is int else type(default) | None


def program_target(words: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """Return what the metadata say of a program.

    Args:
        words: The program and the words it is always given; `{name}` in them stands for the value
            of a parameter, `{METICULOUS_ARGS}` for the path of args.json, and `{{` for a brace.
        names: The names of its parameters.

    Raises:
        ParameterError: A placeholder names no parameter.
    """
    found = [match[1] for word in words for match in _PLACEHOLDER.finditer(word) if match[1]]
    unknown = [name for name in found if name not in (*names, layout.ARGS_VARIABLE)]
    if unknown:
        raise ParameterError(
            f"{{{unknown[0]}}} stands for no parameter of {words[0]}; it has "
            f"{', '.join(names) or 'none'}. For the braces themselves write {{{{ and }}}}."
        )
    form = PLACEHOLDERS if found else OPTIONS
    return {"kind": "program", "words": list(words), "form": form}


def command_of(target: Mapping[str, Any], args: Mapping[str, Any], args_file: str) -> list[str]:
    """Return the command line of a registered program.

    Without placeholders each parameter becomes two words, `--name value`, in their order; one
    without a value (null) is left out. Texts and numbers are written as they are, truth values as
    true and false, lists and mappings as JSON.

    Args:
        target: What `program_target` returned.
        args: The values of its parameters, as args.json has them.
        args_file: The path of args.json.
    """
    words = [str(word) for word in target["words"]]
    if target.get("form") == PLACEHOLDERS:
        values = {**args, layout.ARGS_VARIABLE: args_file}
        return [_PLACEHOLDER.sub(lambda match: _filled(match, values), word) for word in words]
    for name, value in args.items():
        if value is not None:
            words += [f"--{name}", value_text(value)]
    return words


def value_text(value: Any) -> str:
    """Return a value as a program is told it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _filled(match: re.Match[str], values: Mapping[str, Any]) -> str:
    if match[0] in ("{{", "}}"):
        return match[0][0]
    # {} and names that are none of ours are the program's own.
    return value_text(values[match[1]]) if match[1] in values else match[0]
