"""Read the YAML that xmen wrote: plain data, with what a tag asks for kept as text."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from meticulous.errors import InvalidYamlError

LARGEST = 64 << 20
"""Bytes of a file that are read; xmen's have some thousands."""

MOST_VALUES = 1_000_000
"""Values in a file, aliases written out."""

_TAG = "tag:yaml.org,2002:"

_PLAIN = {"python/tuple": "list", "python/list": "list", "python/dict": "dict"}
"""Tags of Python's YAML that name what is plain data all the same."""

_WORDS = 200
"""Pieces of a tagged value that are kept in its text."""

_META = re.compile(rb"^_meta:[^\n]*\n((?: [^\n]*\n|\n)+)", re.MULTILINE)

_SURROUNDINGS = re.compile(rb"^  [a-z]+: *(?:#[^\n]*)?\n(?: {4}[^\n]*\n|\n)+", re.MULTILINE)
"""Parts of `_meta` that make up most of a file, and that nothing but `show` and an import need."""


def load(data: bytes, is_whole: bool = True) -> dict[str, Any]:
    """Return the names and values of a document of xmen; those of an empty one are none.

    Nothing that the document says is ever carried out. A tag that names plain data gives this data,
    every other one gives the text of what it stands before, with the tag in front.

    Args:
        data: The content of the file.
        is_whole: Whether the long parts of `_meta` are wanted, which take most of the time.

    Raises:
        InvalidYamlError: It is no YAML, or no mapping; says where and why.
    """
    if len(data) > LARGEST:
        raise InvalidYamlError(f"has {len(data):,} bytes, more than xmen ever wrote")
    if not is_whole:
        meta = _META.search(data)
        shorter = data
        if meta is not None:
            kept = _SURROUNDINGS.sub(b"", meta[1])
            shorter = data[: meta.start(1)] + kept + data[meta.end(1) :]
        if len(shorter) < len(data):
            try:
                return _mapping(shorter)
            except InvalidYamlError:
                pass  # an alias may need what was left out
    return _mapping(data)


def _mapping(data: bytes) -> dict[str, Any]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidYamlError(f"is not UTF-8 at byte {error.start}") from None
    value = _parsed(text)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidYamlError("holds no names and values")
    try:
        count = _count(value, {})
    except RecursionError:
        raise InvalidYamlError("is nested too deeply") from None
    if count > MOST_VALUES:
        raise InvalidYamlError("refers to its own parts so often that it has no end")
    return {str(name): item for name, item in value.items()}


def _count(value: Any, known: dict[int, float]) -> float:
    """Return how many values there are when every alias is written out; endless ones are too."""
    if not isinstance(value, dict | list):
        return 1.0
    count = known.get(id(value))
    if count is None:
        known[id(value)] = float("inf")  # what is met again before it is counted holds itself
        items = value.values() if isinstance(value, dict) else value
        count = known[id(value)] = 1.0 + sum(_count(item, known) for item in items)
    return count


def _parsed(text: str) -> Any:
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return _parser().load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = " ".join(filter(None, (error.context, error.problem))).replace("\n", " ")
        raise InvalidYamlError(f"is not valid YAML{place}: {problem}") from None
    except RecursionError:
        raise InvalidYamlError("is nested too deeply") from None
    except (YAMLError, ValueError, TypeError, ArithmeticError) as error:
        raise InvalidYamlError(f"is not valid YAML: {' '.join(str(error).split())}") from None


def _parser() -> Any:
    """Return a parser; it has a state of its own, so that each thread needs another one."""
    from ruamel.yaml import YAML

    parser = YAML(typ="safe", pure=True, plug_ins=[])
    parser.Constructor = _constructor()
    parser.allow_duplicate_keys = True
    return parser


@functools.cache
def _constructor() -> Any:
    from ruamel.yaml.constructor import SafeConstructor

    class Constructor(SafeConstructor):
        """Makes plain data, and texts of everything else."""

    def timestamp(constructor: Any, node: Any) -> Any:
        try:
            return SafeConstructor.construct_yaml_timestamp(constructor, node)
        except (ValueError, OverflowError):
            return node.value  # no day of the calendar

    def tagged(constructor: Any, node: Any) -> Any:
        tag = str(node.tag)
        kind = _PLAIN.get(tag.removeprefix(_TAG))
        if kind == "list" and node.id == "sequence":
            return constructor.construct_sequence(node, deep=True)
        if kind == "dict" and node.id == "mapping":
            return constructor.construct_mapping(node, deep=True)
        short = f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag
        pieces = [piece for _, piece in zip(range(_WORDS), _pieces(node, 0), strict=False)]
        return f"{short} {''.join(pieces)}".rstrip()

    Constructor.add_constructor(f"{_TAG}timestamp", timestamp)
    Constructor.add_constructor(None, tagged)
    return Constructor


def _pieces(node: Any, depth: int) -> Iterator[str]:
    """Yield the text of a node in pieces; nodes may contain themselves."""
    if node.id == "scalar" or depth > 20:
        yield str(node.value) if node.id == "scalar" else "..."
        return
    is_mapping = node.id == "mapping"
    yield "{" if is_mapping else "["
    for number, item in enumerate(node.value):
        yield ", " if number else ""
        if is_mapping:
            yield from _pieces(item[0], depth + 1)
            yield ": "
            item = item[1]
        yield from _pieces(item, depth + 1)
    yield "}" if is_mapping else "]"
