"""A declared experiment as a program: its command line, and what its words ask for."""

from __future__ import annotations

import os
import sys

from meticulous.declare.command_line import parser_of, request_of
from meticulous.errors import MeticulousError
from meticulous.experiment import declared as lifecycle
from meticulous.experiment.declared import declaration_for
from meticulous.experiment.making import USUAL, made_with
from meticulous.folder.layout import USUAL_DIRECTORY
from meticulous.recorder.arguments.options import (
    offer_options,
    own_actions,
    parameter_of,
    take_options,
)
from meticulous.recorder.started import start_here

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from meticulous.declare.command_line import Request

_LOOKING_ABOVE = (
    "keep the numbered experiment folders in DIR, which is relative to the project directory and"
    f" made when missing (default: the nearest {USUAL_DIRECTORY} with experiments in it, there or"
    " above, else one there)"
)
"""The help of `--experiments-directory` where nobody starts a script."""

_DEBUG = "debug"
"""The tag of experiments that were started with `--debug`."""


def program_parser(kind: type[Any]) -> argparse.ArgumentParser:
    """Return a parser with an option for each parameter, those of a run, and those of recording.

    Raises:
        DeclarationError: The parameters cannot be understood.
    """
    start = start_here()
    parser = parser_of(declaration_for(kind), start.shown)
    place = {
        "project_directory": start.project_directory,
        "experiments_directory": None if start.looks_above else USUAL_DIRECTORY,
        "norecord": False,
    }
    offer_options(parser, {**USUAL, **place})
    options = {parameter_of(one): one for one in own_actions(parser)}
    if start.looks_above:
        options["experiments_directory"].help = _LOOKING_ABOVE
    description = options["description"]
    # The word that xmen has for it; a parameter of that name is the user's own.
    if "--purpose" not in parser._option_string_actions:
        description.option_strings = [*description.option_strings, "--purpose"]
        parser._option_string_actions["--purpose"] = description
    return parser


def carry_out(kind: type[Any], argv: Sequence[str] | None = None) -> Any:
    """Run the experiment that the command line asks for, and return what `run` returns.

    Raises:
        SystemExit: With 2 after one message: the command line is wrong, or the run cannot begin.
        BaseException: Whatever `run` raises.
    """
    try:
        return _obey(kind, argv)
    except _CannotBeginError as error:
        _refuse(str(error))


class _CannotBeginError(Exception):
    """What keeps a run from beginning, apart from errors of our kinds that `run` itself raises."""


def _obey(kind: type[Any], argv: Sequence[str] | None) -> Any:
    try:
        parser = program_parser(kind)
        namespace = parser.parse_args(None if argv is None else list(argv))
        settings = take_options(parser, vars(namespace))
        request = request_of(declaration_for(kind), namespace)
        if not lifecycle.is_runnable(kind):
            raise lifecycle.not_runnable(kind)
        experiment = _make(kind, request, settings)
        if request.register:
            return _register(experiment, request.restart)
        if request.restart is not None:
            from meticulous.experiment.registration import take_up_again

            take_up_again(experiment, request.restart)
        experiment.__enter__()
    except MeticulousError as error:
        raise _CannotBeginError(error) from None
    with lifecycle.Entered(experiment):
        return experiment.run()


def _make(kind: type[Any], request: Request, settings: dict[str, Any]) -> Any:
    """Make the experiment; `debug` comes before what the command line sets."""
    settings = {**settings, "tags": tuple(settings["tags"])}
    settings["experiment_id"] = settings["experiment_id"] or None
    values = {} if request.debug else request.values
    with made_with(kind, values, settings):
        experiment = kind()
    if request.debug:
        experiment._declared.is_debug = True
        experiment._settings["tags"] = (*experiment._settings["tags"], _DEBUG)
        experiment.debug()
        experiment.update(request.values)
    return experiment


def _register(experiment: Any, restart: str | None) -> Any:
    directory = experiment.register(restart=restart)
    print(os.path.relpath(directory))
    return directory


def _refuse(message: str) -> NoReturn:
    name = start_here().shown or os.path.basename(sys.argv[0])
    print(f"{name}: error: {message}", file=sys.stderr)
    raise SystemExit(2)
