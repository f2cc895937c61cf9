"""Which program an experiment ran, told from its command line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from meticulous.reader.record import Record
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import Table

PROGRAM = "program"
"""The name of the column with the program."""

_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*t?(?:\.exe)?")
_WITH_VALUE = ("-W", "-X")


def program_of(metadata: Mapping[str, Any]) -> str | None:
    """Return the script, module or program that the metadata of an experiment name.

    A script is named as it was called, `examples/train.py`, or by its file name where it was called
    by an absolute path; a module of `python -m` by its dotted name. None when nothing is recorded.
    """
    command, original = _words(metadata, "command"), _words(metadata, "original-command")
    # Of `python -m package.module` the program itself only saw the path of a file.
    module = _module(original)
    if module is not None and module.partition(".")[0] != "meticulous":
        return module
    words = command or original
    target = metadata.get("target")
    # A registered experiment has no command line yet, or has that of `meticulous execute`; one
    # that was named in the place of a command has that of `meticulous`.
    if isinstance(target, Mapping) and (not words or _is_ours(words[0])):
        return _target(target)
    if words and _is_python(words[0]):
        return _short(_module(words) or _script(words) or words[0])
    return _short(words[0]) if words else None


def _is_ours(word: str) -> bool:
    name = os.path.basename(word)
    return name == "meticulous" or word.endswith(os.path.join("meticulous", "__main__.py"))


def _target(target: Mapping[str, Any]) -> str | None:
    """Return what a registered experiment carries out: `train.py:Train`, or a program."""
    words = _words(target, "words")
    if words:
        return _short(words[0])
    place = target.get("file") or target.get("module")
    return f"{_short(str(place))}:{target.get('name')}" if place else None


def _words(metadata: Mapping[str, Any], key: str) -> list[str]:
    words = metadata.get(key)
    return [str(word) for word in words] if isinstance(words, list) else []


def _is_python(word: str) -> bool:
    return _PYTHON.fullmatch(os.path.basename(word)) is not None


def _module(words: list[str]) -> str | None:
    """Return the module that `python -m` was told to run."""
    if not words or not _is_python(words[0]):
        return None
    options = _options(words)
    if not options or not options[-1].startswith("-m"):
        return None
    return options[-1][2:] or next(iter(words[len(options) + 1 :]), None)


def _script(words: list[str]) -> str | None:
    options = _options(words)
    if options and options[-1].startswith("-c"):
        return None
    return next(iter(words[len(options) + 1 :]), None)


def _options(words: list[str]) -> list[str]:
    """Return Python's own options, up to the one behind which those of the program begin."""
    options: list[str] = []
    for word in words[1:]:
        takes_value = bool(options) and options[-1] in _WITH_VALUE
        is_last = bool(options) and options[-1].startswith(("-m", "-c"))
        if is_last or not (takes_value or word.startswith("-")):
            break
        options.append(word)
    return options


def _short(program: str) -> str:
    return os.path.basename(program) if os.path.isabs(program) else os.path.normpath(program or ".")


def add_programs(table: Table, records: Sequence[Record]) -> Table:
    """Return the table with the column `program` behind the other facts."""
    programs = [program_of(record.metadata) or MISSING for record in records]
    columns: dict[str, list[Any]] = {}
    for name, values in table.columns.items():
        if "." in name and PROGRAM not in columns:
            columns[PROGRAM] = programs
        columns[name] = values
    columns.setdefault(PROGRAM, programs)
    return Table(table.ids, columns)
