"""Makes ready what is to be started: words, working directory and variables of a rerun."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meticulous.errors import CannotReproduceError
from meticulous.folder import layout
from meticulous.git.checkout import Checkout
from meticulous.reader.record import Record, as_text
from meticulous.reader.wording import few_text
from meticulous.recorder.reproduction import digest_of
from meticulous.reproduce.command import (
    RecordedCommand,
    find_script,
    is_interpreter,
    with_interpreter,
    with_secrets,
)
from meticulous.reproduce.environment.interpreter import Interpreter
from meticulous.reproduce.environment.places import recorded_root
from meticulous.reproduce.paths import PathMap, below, spellings
from meticulous.reproduce.running import Launch
from meticulous.reproduce.workplace import Workplace

_OURS = (
    layout.EXPERIMENT_VARIABLE,
    layout.RUN_VARIABLE,
    layout.RECORDER_VARIABLE,
    layout.REPOSITORY_VARIABLE,
    layout.TERMINALS_VARIABLE,
    layout.REPRODUCTION_VARIABLE,
    layout.ARGS_VARIABLE,
    layout.CODE_VARIABLE,
    layout.CODE_CHOICE_VARIABLE,
)
"""Variables of a recording that this process may itself be part of."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rerun that can be started.

    Attributes:
        launch: What to start.
        remarks: What is not as it was then, one sentence each.
        roots: The folders of the code then, in all spellings.
        python: The interpreter.
    """

    launch: Launch
    remarks: tuple[str, ...]
    roots: tuple[str, ...]
    python: str


def prepare(
    record: Record,
    command: RecordedCommand,
    checkout: Checkout,
    interpreter: Interpreter,
    environment: Mapping[str, Any],
    folder: str,
    work: Workplace,
    *,
    variables: Mapping[str, str | None],
    values: Mapping[str, str],
    allow_outside: bool = False,
) -> Prepared:
    """Return the rerun of a record.

    Args:
        record: The record.
        command: How it was started.
        checkout: Its code.
        interpreter: What it runs in.
        environment: The content of its environment.json; empty when it has none.
        folder: The folder to record in, which exists and is empty.
        work: Holds what is passing.
        variables: Environment variables to set besides; None for one that must not be set.
        values: What was left out of the recorded command as a secret, by the name of the option.
        allow_outside: Whether it may write into the original checkout.

    Raises:
        CannotReproduceError: It cannot be started; says why.
    """
    remarks: list[str] = []
    roots = spellings(recorded_root(environment, record.metadata), checkout.original_root)
    then = _directory_then(record, roots)
    directory = _directory_now(record, command, checkout, remarks)
    mapping = PathMap(
        folders=spellings(str(record.directory), *_folder_then(record, roots)),
        new_folder=folder,
        roots=roots,
        new_root=checkout.root,
        working_directory=then,
    )
    words = _words(with_secrets(command.words, values), command, mapping, interpreter, remarks)
    _check_script(words, directory)
    given = _variables(interpreter, variables, checkout, roots, environment)
    order = _order(record, command, words, folder, work, [[r, checkout.root] for r in roots])
    order["may-write-outside"] = allow_outside
    given[layout.REPRODUCTION_VARIABLE] = json.dumps(order)
    if command.through_run:
        # With a slash in it, a program is looked for in the directory that it is started in.
        program = os.path.join(directory, words[0]) if os.sep in words[0] else words[0]
        if shutil.which(program, path=given.get("PATH")) is None:
            raise CannotReproduceError(
                f"The program {words[0]!r} is not installed here, or not on PATH."
            )
        words = [*_recorder(record, checkout, interpreter, given), *words]
    stdout, stderr = work.path("stdout"), work.path("stderr")
    launch = Launch(words, directory, given, stdout, stderr, checkout.root)
    return Prepared(launch, tuple(remarks), roots, interpreter.python)


def _words(
    given: list[str],
    command: RecordedCommand,
    mapping: PathMap,
    interpreter: Interpreter,
    remarks: list[str],
) -> list[str]:
    """Return the command line with its paths and its interpreter of now."""
    words = [mapping.word(word) for word in given]
    if command.is_python:
        # The interpreter may be that of a virtual environment in the repository.
        words[0] = given[0]
    if mapping.mapped:
        remarks.append(f"Paths in the command lead to the new places: {few_text(mapping.mapped)}.")
    if left := mapping.leftovers(words[1:]):
        remarks.append(f"The command names the original checkout: {few_text(left)}.")
    places = (os.path.dirname(interpreter.python), *interpreter.path)
    return with_interpreter(words, interpreter.python, places)


def _recorder(
    record: Record, checkout: Checkout, interpreter: Interpreter, variables: Mapping[str, str]
) -> list[str]:
    """Return the beginning of a command line that `meticulous run` records."""
    python = interpreter.python if _has_recorder(interpreter.python, variables) else sys.executable
    words = [python, "-P", "-m", "meticulous", "run"]
    project = record.metadata.get("project-directory")
    if isinstance(project, str) and not os.path.isabs(project):
        project = os.path.normpath(os.path.join(checkout.root, project))
        if os.path.isdir(project):
            words += ["--project-directory", project]
    return [*words, "--"]


def _has_recorder(python: str, variables: Mapping[str, str]) -> bool:
    """Say whether an interpreter, which may be too old or lack a library, can record."""
    if python == sys.executable:
        return True
    words = [python, "-P", "-c", "import meticulous.cli.group"]
    try:
        done = subprocess.run(words, env=dict(variables), capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _order(
    record: Record,
    command: RecordedCommand,
    words: Sequence[str],
    folder: str,
    work: Workplace,
    roots: list[list[str]],
) -> dict[str, Any]:
    return {
        "directory": folder,
        "original": str(record.directory),
        "ordinal": command.ordinal,
        "command": digest_of(words),
        "elsewhere": work.elsewhere,
        "roots": roots,
        "reproduces": record.id,
        "reproduces-uid": record.metadata.get("uid"),
        "description": record.description,
        "tags": record.tags,
        "seeds": _seeds(record),
        "registered": _is_registered(record),
    }


def _is_registered(record: Record) -> bool:
    target = record.metadata.get("target")
    return isinstance(target, dict) and target.get("kind") == "program"


def _seeds(record: Record) -> list[int]:
    randomness = record.metadata.get("randomness")
    seeds = randomness.get("seeds") if isinstance(randomness, dict) else None
    return [seed for seed in seeds if isinstance(seed, int)] if isinstance(seeds, list) else []


def _directory_then(record: Record, roots: Sequence[str]) -> str | None:
    recorded = record.metadata.get("working-directory")
    if not isinstance(recorded, str):
        recorded = os.curdir
    if os.path.isabs(recorded):
        return recorded
    return os.path.normpath(os.path.join(roots[0], recorded)) if roots else None


def _folder_then(record: Record, roots: Sequence[str]) -> Iterator[str]:
    """Yield where the folder was when its program ran: it may have moved with its repository."""
    if len(roots) < 2:
        return
    for root in roots:
        inner = below(os.path.realpath(record.directory), root)
        if inner is not None:
            yield from (os.path.join(other, inner) for other in roots)


def _directory_now(
    record: Record, command: RecordedCommand, checkout: Checkout, remarks: list[str]
) -> str:
    """Return the working directory: the same place in the worktree."""
    recorded = record.metadata.get("working-directory")
    recorded = recorded if isinstance(recorded, str) else os.curdir
    if os.path.isabs(recorded):
        if not os.path.isdir(recorded):
            raise CannotReproduceError(
                f"Its working directory {recorded} lay outside the repository and is not there."
            )
        remarks.append(
            f"The working directory {recorded} lies outside the repository and is the same as "
            "then: what is read and written there is no copy."
        )
        return recorded
    directory = os.path.normpath(os.path.join(checkout.root, recorded))
    script = find_script(command.words) if command.is_python else None
    if script is not None and not os.path.isabs(script):
        # A program may have changed its directory before the experiment began.
        project = as_text(record.metadata.get("project-directory"))
        for place in (recorded, project, os.curdir):
            candidate = os.path.normpath(os.path.join(checkout.root, place))
            if os.path.isfile(os.path.join(candidate, script)):
                return candidate
    if not os.path.isdir(directory):
        os.makedirs(directory)
        remarks.append(f"The working directory {recorded} is not in the commit and was made.")
    return directory


def _check_script(words: Sequence[str], directory: str) -> None:
    """Refuse a command whose script is not there; Python would only say so in its own words."""
    if not is_interpreter(words[0]):
        return
    script = find_script(words)
    if script is not None and not os.path.exists(os.path.join(directory, script)):
        raise CannotReproduceError(
            f"The script {script} is not in the recorded code: it was untracked, or lay outside "
            "the repository, and is not there any more."
        )


def _variables(
    interpreter: Interpreter,
    changes: Mapping[str, str | None],
    checkout: Checkout,
    roots: Sequence[str],
    environment: Mapping[str, Any],
) -> dict[str, str]:
    # `cd` in a shell and some programs trust PWD, and it names the place we were started in.
    present = {
        name: value for name, value in os.environ.items() if name not in (*_OURS, "PWD", "OLDPWD")
    }
    variables = interpreter.environment(checkout.root, present)
    given = [entry for entry in variables.get("PYTHONPATH", "").split(os.pathsep) if entry]
    further = [entry for entry in _listed(checkout, roots, environment) if entry not in given]
    if given or further:
        variables["PYTHONPATH"] = os.pathsep.join([*further, *given])
    for name, value in changes.items():
        if value is None:
            variables.pop(name, None)
        else:
            variables[name] = value
    return variables


def _listed(
    checkout: Checkout, roots: Sequence[str], environment: Mapping[str, Any]
) -> Iterator[str]:
    """Yield where the folders of the old code lie now that were on the import path."""
    python = environment.get("python")
    listed = python.get("path") if isinstance(python, dict) else None
    # The first is the folder of the script, which comes first in any case.
    for entry in listed[1:] if isinstance(listed, list) else ():
        mapped = _mapped(as_text(entry), roots, checkout.root)
        if mapped is not None and os.path.isdir(mapped):
            yield mapped


def _mapped(entry: str, roots: Sequence[str], root: str) -> str | None:
    if not os.path.isabs(entry) or "site-packages" in entry or "/lib/python" in entry:
        return None
    for old in roots:
        inner = below(os.path.normpath(entry), old)
        if inner is not None:
            return os.path.normpath(os.path.join(root, inner))
    return None
