"""Read YAML that users write, without ever carrying out what it says."""

from __future__ import annotations

from typing import Any

from meticulous.errors import InvalidYamlError


def load(text: str, where: str) -> Any:
    """Return the value of one YAML document (version 1.2, in which `yes` and `no` are words).

    Only plain data can come out of it: a tag that names a Python object is an error.

    Args:
        text: The document; an empty one is None.
        where: What it is, for messages: `-u`, or the path of a file.

    Raises:
        InvalidYamlError: It is no YAML, or no plain data; says in which line and column.
    """
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return _parser().load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = " ".join(filter(None, (error.context, error.problem))).replace("\n", " ")
        raise InvalidYamlError(f"{where} is not valid YAML{place}: {problem}.") from None
    except (YAMLError, ValueError) as error:  # ValueError: a date such as 2020-02-31
        reason = " ".join(str(error).split())
        raise InvalidYamlError(f"{where} is not valid YAML: {reason}.") from None
    except RecursionError:
        raise InvalidYamlError(f"{where} is nested too deeply.") from None


def load_mapping(text: str, where: str) -> dict[str, Any]:
    """Return the names and values of a document; those of an empty one are none.

    Raises:
        InvalidYamlError: It is no YAML, or its outermost value is not a mapping of texts.
    """
    value = load(text, where)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidYamlError(
            f"{where} must give names and values, such as {{lr: 0.1}}; it is {_kind(value)}."
        )
    odd = [key for key in value if not isinstance(key, str)]
    if odd:
        raise InvalidYamlError(f"{where}: the name {odd[0]!r} is {_kind(odd[0])}, not a text.")
    return value


def _parser() -> Any:
    """Return a parser; it has a state of its own, so that two threads cannot share one."""
    from ruamel.yaml import YAML

    # Written in Python, it says the same on every machine, with a C library or without.
    return YAML(typ="safe", pure=True, plug_ins=[])


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "a text", bool: "a truth value"}
    return names.get(type(value)) or f"a {type(value).__name__}"
