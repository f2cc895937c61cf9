"""The points of a set: what the texts of its sweeps mean for the parameters of one target."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meticulous.errors import (
    InvalidOptionError,
    InvalidSweepError,
    InvalidYamlError,
    ParameterError,
)
from meticulous.sweep.grammar import parse_sweep
from meticulous.sweep.names import given_name, readable_name
from meticulous.sweep.short_form import is_short_form
from meticulous.sweep.tree import Sweep

if TYPE_CHECKING:
    from meticulous.declare.declaration import Declaration

_YAML_FILES = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class Point:
    """One experiment of a set.

    Attributes:
        name: Its readable name, which others of the set may have too.
        values: What the sweep says, as it was given.
        args: The values of all parameters, cast and checked.
        repetition: Which of its repetitions it is, from 0.
    """

    name: str
    values: Mapping[str, Any]
    args: Mapping[str, Any]
    repetition: int


class Points:
    """The points of a set, in the order in which they are registered; none of them is kept.

    Args:
        declaration: The parameters.
        sweeps: What is to be varied; see `read_sweeps`. Without any, the defaults alone.
        repeats: How many experiments are made of each point.
        name: What to call all of them instead of after their values.

    Attributes:
        count: How many experiments these are, known without enumerating them.
    """

    def __init__(
        self,
        declaration: Declaration,
        sweeps: Sequence[str | Sweep] = (),
        repeats: int = 1,
        name: str | None = None,
    ) -> None:
        if repeats < 1:
            raise InvalidOptionError(f"repeats={repeats} is not possible; choose 1 or more.")
        self._declaration = declaration
        self._sweeps = read_sweeps(sweeps)
        self._repeats = repeats
        self._name = None if name is None else given_name(name)
        if self._name == "":
            raise InvalidOptionError("The name of the experiments is empty; leave it out.")
        self.count = repeats * sum(sweep.count for sweep in self._sweeps)

    def __iter__(self) -> Iterator[Point]:
        """Yield the points, their repetitions one after the other.

        Raises:
            UnknownParameterError: The target has no parameter of a name; has the nearest ones.
            ParameterError: A value does not fit its parameter, or one that is needed is missing.
        """
        for sweep in self._sweeps:
            for values in sweep:
                args = self._checked(values)
                name = self._name or readable_name(values) or given_name(self._declaration.name)
                for repetition in range(self._repeats):
                    yield Point(name, values, args, repetition)

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        declaration = self._declaration
        try:
            return declaration.check(declaration.completed(values), spell=_in_sweep)
        except ParameterError as error:
            where = readable_name(values)
            at = f" (in {where})" if where and str(error).count("\n") == 0 else ""
            raise type(error)(f"{error}{at}") from None


def _in_sweep(name: str) -> str:
    return f"{{{name}: ...}} in the sweep"


def read_sweeps(given: Sequence[str | Sweep]) -> list[Sweep]:
    """Return the sweeps that the words of a command line mean.

    Words in the short form, such as `lr=0.1,0.2`, are one sweep together; each other word is one of
    its own, a text or the path of a YAML file; the set is all of them, one after the other.

    Args:
        given: The words; or sweeps, which stay what they are.

    Raises:
        InvalidSweepError: A text cannot be read; points to the place.
    """
    sweeps: list[Sweep] = []
    short: list[str] = []
    for one in given:
        if isinstance(one, Sweep):
            sweeps.append(one)
        elif is_short_form(one):
            short.append(one)
        else:
            sweeps.append(parse_sweep(_content(one)))
    if short:
        sweeps.append(parse_sweep(" ".join(short)))
    return sweeps or [parse_sweep("")]


def _content(text: str) -> str:
    if not text.endswith(_YAML_FILES):
        return text
    try:
        with open(os.path.expanduser(text), encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text (UTF-8)"
        raise InvalidSweepError(f"The sweep {text} cannot be read: {reason}.") from None


def read_defaults(path: str) -> dict[str, Any]:
    """Return the defaults of a program from a YAML file.

    Raises:
        InvalidYamlError: The file cannot be read, or holds something else than names and values.
    """
    from meticulous.declare import yaml

    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text (UTF-8)"
        raise InvalidYamlError(f"The defaults {path} cannot be read: {reason}.") from None
    return yaml.load_mapping(text, path)
