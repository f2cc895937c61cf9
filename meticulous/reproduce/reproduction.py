"""Run a recorded experiment again and say whether it agrees: everything from claim to verdict."""

from __future__ import annotations

import os
import shutil
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meticulous.errors import (
    CannotReproduceError,
    EnvironmentMismatchError,
    EnvironmentUnavailableError,
    GitError,
    NoRoomError,
    NothingToReproduceError,
)
from meticulous.folder import status
from meticulous.git.changes import list_files
from meticulous.git.source import find_source
from meticulous.reader.record import Record
from meticulous.reader.wording import few_text
from meticulous.reproduce.attempt import Attempt, claim
from meticulous.reproduce.code import Code, find_code
from meticulous.reproduce.command import (
    RecordedCommand,
    is_interpreter,
    recorded_command,
    with_secrets,
)
from meticulous.reproduce.comparison import Tolerances
from meticulous.reproduce.environment.interpreter import CURRENT, Interpreter
from meticulous.reproduce.environment.places import recorded_root
from meticulous.reproduce.environment.prepare import prepare_environment, read_environment
from meticulous.reproduce.inputs import check_inputs
from meticulous.reproduce.judging import identity_of, judge_rerun
from meticulous.reproduce.outside import refusal_of_writing, written_outside
from meticulous.reproduce.remarks import remarks_before
from meticulous.reproduce.variant import Variant, Watcher, carry_out
from meticulous.reproduce.verdict import CANNOT, InputChange, Reproduction

_ENDS = (status.SUCCESS, status.ERROR)
"""The statuses of runs that came to their end by themselves."""

_OBSTACLES = (
    CannotReproduceError,
    EnvironmentMismatchError,
    EnvironmentUnavailableError,
    GitError,
    NoRoomError,
)
"""What stands in the way of running at all: the verdict is CANNOT."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to reproduce.

    Attributes:
        environment: "current", "match" or "recreate".
        tolerances: How far numbers may be off.
        timeout: Seconds after which the program is ended; None for no limit.
        keep: Whether the private worktree stays.
        repository: The repository with the code; None to find it.
        experiments_directory: Where to record; None for beside the original.
        values: What was left out of the record as a secret, by the name of the option.
        variables: Environment variables to set besides; None for one that must not be set.
        python: The interpreter where none is made; by default the one that the recorded command
            names on PATH, or the present one.
        allow_outside: Whether the program may write over what the recorded run wrote outside of
            the repository.
    """

    environment: str = CURRENT
    tolerances: Tolerances = field(default_factory=Tolerances)
    timeout: float | None = None
    keep: bool = False
    repository: str | None = None
    experiments_directory: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str | None] = field(default_factory=dict)
    python: str | None = None
    allow_outside: bool = False


@dataclass(frozen=True, slots=True)
class Attempted:
    """A reproduction and where it is recorded.

    Attributes:
        original: What was to be reproduced.
        directory: The folder of the new experiment.
        reproduction: What was found.
        was_stopped: Whether the user ended it.
    """

    original: Record
    directory: Path
    reproduction: Reproduction
    was_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a reproduction would do, without doing it.

    Attributes:
        original: What would be reproduced.
        command: What would be run.
        code: Where its code is.
        interpreter: What it would run in; None for one that would have to be made.
        inputs: Inputs that are not what they were.
        obstacles: What stands in the way, one text each.
        remarks: What else is to be said.
    """

    original: Record
    command: RecordedCommand | None
    code: Code | None
    interpreter: Interpreter | None
    inputs: tuple[InputChange, ...]
    obstacles: tuple[str, ...]
    remarks: tuple[str, ...]


def reproduce(
    record: Record, options: Options | None = None, watcher: Watcher | None = None
) -> Attempted:
    """Run an experiment again, as a new numbered one, and compare what comes out.

    What stands in the way of it becomes the verdict CANNOT; the new folder says so.

    Args:
        record: The experiment.
        options: How.
        watcher: Who looks on.

    Raises:
        NothingToReproduceError: It still runs, or has not begun.
        ExperimentsDirectoryError: Nothing can be recorded.
        GitError: The repository that was named is none.
    """
    options, watcher = options or Options(), watcher or Watcher()
    check_reproducible(record)
    if options.repository is not None:
        find_source(options.repository)
    attempt = claim(record, options.experiments_directory)
    try:
        found = _attempt(record, options, watcher, attempt)
    except _OBSTACLES as error:
        found = _cannot(record, attempt, error, watcher)
    except BaseException as error:
        reason = f"`meticulous reproduce` ended before the comparison: {type(error).__name__}"
        is_bug = isinstance(error, Exception)
        _write_end(attempt, status.ERROR if is_bug else status.INTERRUPTED, reason)
        raise
    attempt.write(found)
    return Attempted(record, Path(attempt.directory), found, watcher.is_stopped())


def look_ahead(record: Record, options: Options) -> Outlook:
    """Say what reproducing an experiment would do, and what stands in its way.

    Raises:
        NothingToReproduceError: It still runs, or has not begun.
    """
    check_reproducible(record)
    obstacles: list[str] = []
    command, code, interpreter = None, None, None
    try:
        command = recorded_command(record)
        with_secrets(command.words, options.values)
        _refuse_cut_short(record)
    except CannotReproduceError as error:
        obstacles.append(str(error))
    environment, _ = read_environment(record)
    try:
        code = find_code_for(record, options, environment)
    except (CannotReproduceError, GitError) as error:
        obstacles.append(str(error))
    root = code.source.root if code is not None and code.source is not None else None
    kept: Container[str] = ()
    if code is not None and code.has_it and code.source is not None:
        kept = list_files(code.source.directory, code.commit)
    inputs = check_inputs(record, root, kept=kept)
    written = written_outside(record, root, lambda path: path in kept)
    if written and not options.allow_outside:
        obstacles.append(refusal_of_writing(written))
    remarks = [*remarks_before(record), *inputs.remarks]
    if written and options.allow_outside:
        remarks.append(f"It would write over what it wrote then: {few_text(written)}.")
    if code is not None and not code.has_it:
        places = ", ".join(remote.name for remote in code.remotes)
        remarks.append(
            f"The commit {code.commit[:10]} is not here and would be fetched from {places}."
            if places
            else f"The commit {code.commit[:10]} is not here, and no remote is known."
        )
    if options.environment != "recreate":
        try:
            python = python_for(record, options)
            interpreter = prepare_environment(options.environment, record, python=python)
            remarks += interpreter.remarks
        except _OBSTACLES as error:
            obstacles.append(str(error))
    return Outlook(
        record,
        command,
        code,
        interpreter,
        tuple(inputs.changes),
        tuple(obstacles),
        tuple(remarks),
    )


def check_reproducible(record: Record) -> None:
    """Refuse an experiment that has not come to any end.

    Raises:
        NothingToReproduceError: It still runs, or has not begun.
    """
    if record.status == status.RUNNING:
        raise NothingToReproduceError(
            f"Experiment {record.id} is still running, so there is nothing to compare with yet. "
            "Wait for its end."
        )
    if record.status == status.REGISTERED:
        raise NothingToReproduceError(
            f"Experiment {record.id} has not run, so there is nothing to reproduce."
        )


def _attempt(record: Record, options: Options, watcher: Watcher, attempt: Attempt) -> Reproduction:
    _refuse_cut_short(record)
    environment, _ = read_environment(record)
    code = find_code_for(record, options, environment)
    watcher.tell("preparing the environment")
    python = python_for(record, options)
    interpreter = prepare_environment(options.environment, record, python=python)
    try:
        variant = Variant(
            code,
            interpreter,
            options.variables,
            options.values,
            options.timeout,
            options.keep,
            options.tolerances,
            allow_outside=options.allow_outside,
        )
        carried = carry_out(record, variant, attempt, watcher)
    finally:
        interpreter.discard()
    return judge_rerun(record, carried, variant)


def _cannot(record: Record, attempt: Attempt, error: Exception, watcher: Watcher) -> Reproduction:
    reason = str(error)
    if watcher.is_stopped():
        reason = "It was interrupted before the program ran."
    if not attempt.is_recorded:
        attempt.write_unrecorded(f"it could not be run again: {reason}", {})
    if watcher.is_stopped():
        attempt.write_status(status.INTERRUPTED, reason)
    return Reproduction(verdict=CANNOT, reason=reason, reproduces=identity_of(record))


def _write_end(attempt: Attempt, word: str, reason: str) -> None:
    if not attempt.is_recorded:
        attempt.write_unrecorded(reason, {})
    attempt.write_status(word, reason)


def _refuse_cut_short(record: Record) -> None:
    """Refuse a run that something outside the program has ended: no second run does the same."""
    if record.status in _ENDS:
        return
    raise CannotReproduceError(
        f"Experiment {record.id} did not come to an end of its own (its status is "
        f"{record.status}), so there is no result to reproduce."
    )


def python_for(record: Record, options: Options) -> str | None:
    """Return the interpreter to take; None for the one of this process.

    What `meticulous run` is told to run need not be the Python that meticulous is installed in.
    """
    if options.python is not None:
        found = shutil.which(options.python) or options.python
        # It is started in the worktree.
        return os.path.abspath(found) if os.sep in found else found
    command = recorded_command(record)
    if not command.through_run or not is_interpreter(command.words[0]):
        return None
    return shutil.which(command.words[0])


def find_code_for(record: Record, options: Options, environment: Mapping[str, Any]) -> Code:
    """Find the repository that holds the code of a record; see `find_code`."""
    root = recorded_root(environment, record.metadata)
    return find_code(record, options.repository, [root] if root else [])
