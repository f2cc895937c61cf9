"""Make a declared experiment: sort out what is a parameter and what is ours, and set the values."""

from __future__ import annotations

import contextlib
import os

from meticulous.declare.parameters import unshared
from meticulous.errors import DeclarationError
from meticulous.experiment.declared import Declared, declaration_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from meticulous.experiment.experiment import Experiment

_SWITCHES = ("marked", "annotated")

_given: list[tuple[type, dict[str, Any], dict[str, Any]]] = []
"""Values and settings for the experiment that is being made, if its class is this one."""


def declare(experiment: Experiment, parameters: dict[str, Any]) -> Declared:
    """Make an experiment, whose attributes are set already, one that is declared.

    Args:
        experiment: The experiment.
        parameters: The keyword arguments that its constructor does not know.

    Raises:
        TypeError: It is no subclass of Experiment.
        UnknownParameterError: There is no such parameter; names the nearest.
        ParameterError: A value has the wrong type.
    """
    from meticulous.experiment.experiment import Experiment as Base

    kind = type(experiment)
    if kind is Base:
        raise TypeError(
            "Experiment() is missing the arguments of the program: Experiment({'lr': 0.1}). Only a "
            "subclass with parameters and a run is made without."
        )
    declared = Declared(experiment, declaration_for(kind))
    values = dict(parameters)
    _sort_out(declared, values)
    if _given and _given[-1][0] is kind:
        _, given, settings = _given.pop()
        values = {**values, **given}
        _apply(experiment, settings)
    defaults = {name: unshared(value) for name, value in declared.defaults.items()}
    declared.put(defaults)
    declared.update(unshared(values))
    return declared


@contextlib.contextmanager
def made_with(kind: type, values: dict[str, Any], settings: dict[str, Any]) -> Iterator[None]:
    """Give the experiment of this class that is made in the block its values and settings.

    They need not pass through an `__init__` that knows nothing of them.
    """
    entry = (kind, values, settings)
    _given.append(entry)
    try:
        yield
    finally:
        if entry in _given:
            _given.remove(entry)


def check_arguments(experiment: Experiment, parameters: dict[str, Any]) -> None:
    """Make sure that an experiment which is given its arguments has no parameters besides.

    Raises:
        TypeError: It has.
    """
    name = type(experiment).__name__
    if parameters:
        raise TypeError(
            f"{name}() got an unexpected keyword argument {next(iter(parameters))!r}; parameters "
            "are given to declared experiments, which are made without args."
        )
    if declaration_for(type(experiment)).parameters:
        raise TypeError(f"{name} has parameters; give them by name, such as {name}(**values).")


def check_switch(kind: type, value: str) -> str:
    """Return what a class says about which attributes are parameters.

    Raises:
        DeclarationError: It is none of the known words.
    """
    if value not in _SWITCHES:
        raise DeclarationError(
            f"parameters={value!r} of class {kind.__name__} is not known; choose one of "
            f"{', '.join(map(repr, _SWITCHES))}."
        )
    return value


def _sort_out(declared: Declared, values: dict[str, Any]) -> None:
    """Take what the constructor took for settings of ours and is a parameter, and the reverse."""
    settings = declared.experiment._settings
    for name, usual in USUAL.items():
        if name in declared.declaration.parameters and settings[name] != usual:
            values[name] = settings[name]
            settings[name] = usual
    tags = settings["tags"]
    settings["tags"] = (tags,) if isinstance(tags, str) else tuple(tags)
    if "purpose" in values and "purpose" not in declared.declaration.parameters:
        settings["description"] = settings["description"] or values.pop("purpose")


USUAL: dict[str, Any] = {
    "experiment_id": None,
    "description": "",
    "dirty": "refuse",
    "capture": None,
    "tags": (),
}
"""Settings of the recorder whose names parameters may have too, as they are by default."""


def _apply(experiment: Experiment, settings: dict[str, Any]) -> None:
    own = vars(experiment)
    for name, value in settings.items():
        if name == "project_directory":
            own[name] = os.path.abspath(value)
        elif name in ("norecord", "_on_error"):
            own[name] = value
        else:
            experiment._settings[name] = value
