"""Register a declared experiment for later, restart one that is recorded, begin in its folder."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from meticulous.errors import (
    ExperimentNotFoundError,
    IllegalMoveError,
    MismatchedArgsException,
    UnreadableRecordError,
)
from meticulous.folder import claims, layout, states, status
from meticulous.folder.encoding import encode_document
from meticulous.folder.plain import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from meticulous.experiment.declared import Declared
    from meticulous.recorder.recording import Recording


def register(
    declared: Declared,
    *,
    experiments_directory: str | None = None,
    name: str = "",
    description: str | None = None,
    tags: Sequence[str] = (),
    header: str = "",
    restart: str | None = None,
) -> Path:
    """Claim a folder for a later run of the experiment, and return it.

    Raises:
        IllegalMoveError: It has a folder already, or is detached.
        TargetError: No other process could find its class or function.
        MeticulousError: Any error of `recorder.registering.register`.
    """
    experiment = declared.experiment
    _require_no_folder(declared)
    settings = experiment._settings
    if experiments_directory is not None:
        settings["experiments_directory"] = experiments_directory
    if description is not None:
        settings["description"] = description
    settings["tags"] = (*settings["tags"], *tags)
    if restart is not None:
        directory = _find(declared, restart)
        if directory is not None:
            _restart(declared, directory)
            return Path(directory)
        settings["experiment_id"] = restart
    declared.complete()
    target = {"kind": "python", **declared.declaration.target}
    main_script = target.get("file")
    from meticulous.recorder import registering
    from meticulous.recorder.run_script import RunScript

    directory = registering.register(
        _plan(declared, target, main_script),
        name=name or declared.declaration.name,
        interpreter=sys.executable,
        script=RunScript(header, sys.executable).content,
    )
    _hold(declared, directory, status.REGISTERED)
    return Path(directory)


def _require_no_folder(declared: Declared) -> None:
    phase, name = _phase(declared), declared.declaration.name
    states.check_move(name, phase, status.REGISTERED)
    if phase != states.DEFAULT:
        raise IllegalMoveError(
            f"{name} is {phase} and has a folder already, {declared.experiment.curexpdir}. reset() "
            "registers what has ended for a new attempt there; for a folder of its own make "
            f"another: {type(declared.experiment).__name__}(...)."
        )


def reset(declared: Declared) -> None:
    """Register an experiment that has ended for a new attempt.

    Raises:
        IllegalMoveError: It runs, or has no folder.
    """
    from meticulous.recorder import registering

    name = declared.declaration.name
    phase = _phase(declared)
    if phase in (states.DEFAULT, states.DETACHED):
        raise IllegalMoveError(
            f"{name} is {phase} and cannot be reset to REGISTERED: it has no folder with a run "
            "that could begin anew. Register it, or call it."
        )
    states.check_move(name, phase, status.REGISTERED)
    registering.reset(declared.experiment.curexpdir)
    _hold(declared, declared.experiment.curexpdir, status.REGISTERED)


def take_up_again(experiment: Any, experiment_id: str) -> None:
    """Let an experiment that was just made continue a recorded one, with its arguments.

    Raises:
        ExperimentNotFoundError: There is none of this id.
        MismatchedArgsException: Other values were given than are recorded.
        IllegalMoveError: It runs.
    """
    declared: Declared = experiment._declared
    directory = _find(declared, experiment_id)
    if directory is None:
        raise ExperimentNotFoundError(
            f"There is no experiment {experiment_id} in {_place_of(experiment)} that "
            "could be restarted."
        )
    _restart(declared, directory)


def begin_in_registered(declared: Declared) -> Recording:
    """Begin to record the experiment in the folder that was registered for it.

    Raises:
        ExperimentClaimedError: Another process carries it out.
        MeticulousError: Any error of `open_registered`.
    """
    from meticulous.recorder.beginning import begin_in
    from meticulous.recorder.registering import open_registered

    experiment = declared.experiment
    directory = experiment.curexpdir
    claims.claim(directory)
    try:
        target = declared.target()
        plan = _plan(declared, target, None)
        recording = begin_in(
            plan, experiment._settings["capture"], lambda plan: open_registered(plan, directory)
        )
    except BaseException:
        claims.release(directory)
        raise
    recording.last_looks.append(lambda: claims.release(directory))
    return recording


def recorded_values(declared: Declared, directory: str) -> dict[str, Any]:
    """Return the arguments of a record as the parameters have them.

    A default that was left out as a secret is that of the declaration.

    Raises:
        UnreadableRecordError: They cannot be read.
        ParameterError: They are not those of these parameters.
    """
    from meticulous.recorder.secrets.shapes import MARKER

    path = os.path.join(directory, layout.ARGS)
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read())
    except (OSError, ValueError) as error:
        raise UnreadableRecordError(f"{path} cannot be read: {error}.") from None
    if not isinstance(found, dict):
        raise UnreadableRecordError(f"{path} is not a JSON object.")
    present = {name: value for name, value in found.items() if value != MARKER}
    return declared.declaration.check(present)


def _restart(declared: Declared, directory: str) -> None:
    from meticulous.recorder import registering

    values = recorded_values(declared, directory)
    present = declared.values
    differences = [
        f"  {name}: recorded {_text(values.get(name))}, given {_text(present[name])}"
        for name in declared.given
        if name in present and _text(values.get(name)) != _text(present[name])
    ]
    if differences:
        raise MismatchedArgsException(
            f"Experiment {os.path.basename(directory)} is restarted with its recorded arguments, "
            "and others were given:\n" + "\n".join(sorted(differences)) + "\nLeave them out, or "
            "start a new experiment."
        )
    registering.reset(directory)
    declared.put(values)
    declared.complete()
    _hold(declared, directory, status.REGISTERED)


def _find(declared: Declared, experiment_id: str) -> str | None:
    """Return the folder of an experiment in the directory that is meant."""
    from meticulous.folder.allocation import check_id

    experiment = declared.experiment
    check_id(experiment_id)
    directory = os.path.join(_place_of(experiment), experiment_id)
    return directory if os.path.exists(os.path.join(directory, layout.METADATA)) else None


def _place_of(experiment: Any) -> str:
    """Return the experiments directory that the settings mean."""
    given = experiment._settings["experiments_directory"]
    if given is None:
        from meticulous.recorder.opening import planned_place

        found = planned_place(experiment.project_directory, None)
        if found is not None:
            return found
    name = os.path.expanduser(given or layout.USUAL_DIRECTORY)
    return os.path.abspath(os.path.join(experiment.project_directory, name))


def _plan(declared: Declared, target: Any, main_script: str | None) -> Any:
    from meticulous.recorder.beginning import plan_here

    experiment = declared.experiment
    settings = {key: value for key, value in experiment._settings.items() if key != "capture"}
    plan = plan_here(
        experiment.args,
        experiment.default_args,
        project_directory=experiment.project_directory,
        target=target,
        **settings,
    )
    if main_script is not None:
        plan.main_script = main_script
    return plan


def _hold(declared: Declared, directory: str, phase: str) -> None:
    experiment = declared.experiment
    experiment.curexpdir = directory
    experiment.experiments_directory = os.path.dirname(directory)
    with open(os.path.join(directory, layout.METADATA), "rb") as file:
        experiment.metadata = json.loads(file.read())
    declared.phase = phase
    declared.freeze()


def _phase(declared: Declared) -> str:
    declared.settle_phase()
    return declared.status


def _text(value: Any) -> str:
    return " ".join(encode_document(plain(value)).decode("utf-8", "replace").split())
