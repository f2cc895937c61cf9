"""Choose the interpreter of a reproduction, and say how its surroundings drifted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from meticulous import errors
from meticulous.errors import (
    EnvironmentMismatchError,
    EnvironmentUnavailableError,
    InvalidOptionError,
)
from meticulous.folder import layout
from meticulous.reader.comparing.surroundings import package_versions
from meticulous.reader.files import Files
from meticulous.reader.record import Record
from meticulous.recorder.secrets.gate import Gate
from meticulous.reproduce.environment.drift import RECORDER, find_drift, unknown_parts
from meticulous.reproduce.environment.imports import imported_packages
from meticulous.reproduce.environment.interpreter import MATCH, MODES, RECREATE, Interpreter
from meticulous.reproduce.environment.interpreters import find_interpreter, parse_version
from meticulous.reproduce.environment.pins import commit_below, project_packages, read_pins
from meticulous.reproduce.environment.places import project_path, recorded_python_path
from meticulous.reproduce.environment.present import (
    chosen_of,
    describe_interpreter,
    present_interpreter,
)
from meticulous.reproduce.environment.recreate import Recreated, recreate
from meticulous.reproduce.environment.variables import restored_variables
from meticulous.reproduce.verdict import Drift


def prepare_environment(
    mode: str,
    record: Record,
    *,
    python: str | None = None,
    cache: str | None = None,
) -> Interpreter:
    """Choose and prepare the interpreter that an experiment is to run in again.

    Args:
        mode: One of `MODES`.
        record: The recorded experiment.
        python: The interpreter of the modes that make none; by default the one of this process.
        cache: Where environments are kept; by default in the user's cache directory.

    Raises:
        InvalidOptionError: There is no such mode.
        EnvironmentMismatchError: The packages are to match and do not, or are not known.
        EnvironmentUnavailableError: The interpreter does not work, or no environment can be made.
    """
    if mode not in MODES:
        raise InvalidOptionError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
    recorded, remarks = read_environment(record)
    outside, inside = _python_path(recorded, record.metadata, mode)
    remarks += [f"{place}, of the recorded PYTHONPATH, is not there." for place in _absent(outside)]
    project = project_packages(recorded, commit_below(record))
    made = None
    if mode == RECREATE:
        made, said = _recreate(recorded, record, cache)
        remarks += said
    chosen = made.python if made else python or present_interpreter()
    interpreter = Interpreter(
        mode,
        chosen,
        (os.path.dirname(chosen),) if made or python else (),
        tuple(outside),
        tuple(dict.fromkeys([*inside, *project_path(recorded, project)])),
        not_installed=made.not_installed if made else (),
        temporary=made.directory if made and made.is_temporary else None,
        hold=made.hold if made else None,
    )
    try:
        same = [*project, *((*made.added, RECORDER) if made else ())]
        return _compared(interpreter, recorded, record, same, remarks)
    except BaseException:
        interpreter.discard()
        raise


def read_environment(record: Record) -> tuple[dict[str, Any], list[str]]:
    """Return the recorded environment.json ({} where there is none) and what was wrong with it."""
    files = Files(record.directory)
    environment = files.mapping(layout.ENVIRONMENT, required=True)
    return environment, [f"{problem.rstrip('.')}." for problem in files.problems]


def _compared(
    interpreter: Interpreter,
    recorded: Mapping[str, Any],
    record: Record,
    same: Sequence[str],
    remarks: Sequence[str],
) -> Interpreter:
    """Return the interpreter with its variables, its drift and the remarks about both."""
    # The checkout is not there yet, and what it holds is not compared here.
    bare = replace(interpreter, checkout_path=())
    present = describe_interpreter(
        interpreter.python, variables=bare.environment(os.sep, os.environ)
    )
    cards = present.get("gpus")
    count = len(cards) if isinstance(cards, list) else 0
    restored = restored_variables(recorded, os.environ, count)
    interpreter = replace(interpreter, variables=restored)
    bare = replace(bare, variables=restored)
    given = bare.environment(os.sep, os.environ)
    present["variables"] = Gate().clean(chosen_of(given))
    imported = imported_packages(record.metadata, recorded, present)
    drift = find_drift(recorded, present, imported=imported, same=same)
    if interpreter.mode == MATCH:
        _refuse(recorded, present, drift, record)
    said = [
        *remarks,
        *unknown_parts(recorded, present),
        *_about_variables(interpreter.variables),
    ]
    return replace(interpreter, drift=tuple(drift), remarks=tuple(dict.fromkeys(said)))


def _refuse(
    recorded: Mapping[str, Any], present: Mapping[str, Any], drift: Sequence[Drift], record: Record
) -> None:
    ways = (
        "Have them installed in an environment of its own (--environment recreate), install them "
        f"(python -m pip install -r {record.directory / layout.REQUIREMENTS}), or run with the "
        "present ones (--environment current)."
    )
    if package_versions(recorded) is None or package_versions(present) is None:
        raise EnvironmentMismatchError(
            f"Whether the packages of experiment {record.id} match is not known, because its "
            "environment.json does not tell them. Run with the present ones: --environment current"
        )
    lines = [
        f"  {found.name}: {found.recorded or 'none'} was recorded, {found.present or 'none'} is "
        "here"
        for found in drift
        if found.kind == "packages" and found.matters
    ]
    if lines:
        raise EnvironmentMismatchError(
            "\n".join([f"The packages of experiment {record.id} are not here:", *lines, ways])
        )


def _recreate(
    recorded: Mapping[str, Any], record: Record, cache: str | None
) -> tuple[Recreated, list[str]]:
    pins = read_pins(record)
    if pins is None:
        raise EnvironmentUnavailableError(
            f"Experiment {record.id} does not record its packages (it has neither a readable "
            "environment.json nor requirements.txt), so they cannot be installed again. Run with "
            "the present ones: --environment current"
        )
    python = recorded.get("python")
    facts = python if isinstance(python, dict) else {}
    version = facts.get("version") or record.metadata.get("python")
    version = version if isinstance(version, str) else None
    hints = tuple(str(facts[key]) for key in ("base-prefix", "executable") if facts.get(key))
    found = find_interpreter(version, str(facts.get("implementation") or "cpython"), hints)
    made = recreate(pins, found, cache=cache)
    remarks = [*made.remarks]
    if parse_version(version) and parse_version(version) != found.version:
        remarks.append(
            f"Python {version} was recorded and is not here; {found.version_text} is used. "
            f"It may be had by: uv python install {version}"
        )
    if made.added:
        remarks.append(
            f"Added for the recorder, beyond what was recorded: {', '.join(made.added)}."
        )
    lacking = len(made.not_installed)
    if lacking:
        word = "package" if lacking == 1 else "packages"
        remarks.append(f"{lacking} recorded {word} could not be installed.")
    return made, remarks


def _python_path(
    recorded: Mapping[str, Any], metadata: Mapping[str, Any], mode: str
) -> tuple[list[str], list[str]]:
    present = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    found = recorded_python_path(recorded, metadata)
    if found is None:
        return present, []
    outside, inside = found
    ours = os.path.dirname(os.path.dirname(os.path.abspath(errors.__file__)))
    # Without it the interpreter would not find this package.
    if mode != RECREATE and ours in map(os.path.abspath, present) and ours not in outside:
        outside = [*outside, ours]
    return outside, inside


def _absent(places: Sequence[str]) -> list[str]:
    return [place for place in places if not os.path.exists(place)]


def _about_variables(variables: Mapping[str, str | None]) -> Iterator[str]:
    set_now = [f"{name}={value}" for name, value in variables.items() if value is not None]
    unset = [name for name, value in variables.items() if value is None]
    if set_now:
        yield f"Set for the run, as recorded: {' '.join(set_now)}."
    if unset:
        yield f"Taken away for the run, as recorded: {' '.join(unset)}."
