"""Carries a recorded program out once: with this code, environment and these variables.

A reproduction is one such variant; a diagnosis compares several that differ in one thing each.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meticulous.errors import CannotReproduceError
from meticulous.folder import layout, status
from meticulous.git.checkout import Checkout
from meticulous.reader.record import Record, as_text, as_texts, read_record
from meticulous.recorder.ending.outcome import by_exit_code, by_signal
from meticulous.reproduce.attempt import Attempt
from meticulous.reproduce.code import Code, checked_out, remarks_on
from meticulous.reproduce.command import recorded_command
from meticulous.reproduce.comparison import Comparison, Tolerances, compare_results
from meticulous.reproduce.environment.interpreter import Interpreter
from meticulous.reproduce.environment.prepare import read_environment
from meticulous.reproduce.inputs import Inputs, check_inputs, entries, provide_inputs, read_files
from meticulous.reproduce.launching import Prepared, prepare
from meticulous.reproduce.paths import below
from meticulous.reproduce.running import ENDED, STOPPED, TIMED_OUT, Outcome, run
from meticulous.reproduce.workplace import Workplace, workplace

_LAST_LINES = 12
"""Lines of what a program wrote last, in the reason of one that began no experiment."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What to carry out.

    Attributes:
        code: The code.
        interpreter: What it runs in.
        variables: Environment variables to set besides; None for one that must not be set.
        values: What was left out of the recorded command as a secret, by the name of the option.
        timeout: Seconds after which the program is ended; None for no limit.
        keep: Whether the private worktree stays.
        tolerances: How far numbers may be off.
    """

    code: Code
    interpreter: Interpreter
    variables: Mapping[str, str | None] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    keep: bool = False
    tolerances: Tolerances = field(default_factory=Tolerances)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who looks on.

    Attributes:
        is_stopped: Asked again and again; True ends everything.
        tell: Is told what is being done, in a few words.
        show: Is given what the program writes; None to hide it.
    """

    is_stopped: Callable[[], bool] = lambda: False
    tell: Callable[[str], None] = lambda text: None
    show: Callable[[bytes], None] | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """What came of a variant.

    Attributes:
        record: The record of it.
        outcome: How the process ended.
        inputs: How the inputs were found.
        checkout: The code that ran.
        remarks: What is noteworthy, one sentence each.
        comparison: The results, compared with those of the record; None where the program began
            no experiment, or did not come to its end.
    """

    record: Record
    outcome: Outcome
    inputs: Inputs
    checkout: Checkout
    remarks: tuple[str, ...]
    comparison: Comparison | None


def carry_out(
    record: Record, variant: Variant, attempt: Attempt, watcher: Watcher | None = None
) -> Carried:
    """Run the program of a record again, in a private worktree, and compare what comes out.

    Args:
        record: The record.
        variant: What it runs with.
        attempt: The folder that was claimed for it.
        watcher: Who looks on.

    Raises:
        CannotReproduceError: The program cannot be started.
        CommitNotFoundError: The code cannot be had.
        NoRoomError: The disk is too small.
        GitError: Git failed otherwise.
    """
    watcher = watcher or Watcher()
    command = recorded_command(record)
    environment, _ = read_environment(record)
    with workplace(variant.keep) as work:
        watcher.tell("checking out the code")
        with checked_out(variant.code, work, is_stopped=watcher.is_stopped) as checkout:
            _stop_if_told(watcher)
            watcher.tell("looking at the inputs")
            inputs = check_inputs(record, checkout.original_root, checkout.root, watcher.is_stopped)
            _stop_if_told(watcher)
            prepared = prepare(
                record,
                command,
                checkout,
                variant.interpreter,
                environment,
                attempt.directory,
                work,
                variables=variant.variables,
                values=variant.values,
            )
            directory = prepared.launch.directory
            provide_inputs(record, inputs, checkout.original_root, checkout.root, directory)
            watcher.tell("running")
            os.makedirs(work.elsewhere, exist_ok=True)
            outcome = run(
                prepared.launch,
                timeout=variant.timeout,
                is_stopped=watcher.is_stopped,
                show=watcher.show,
            )
            is_recorded = attempt.is_recorded
            _complete(attempt, outcome, work, variant.timeout)
            found = read_record(attempt.directory)
            remarks = [
                *remarks_on(variant.code, checkout),
                *prepared.remarks,
                *_about_original(record, environment),
                *_remarks_after(record, found, prepared, outcome, inputs, work),
            ]
            comparison = None
            if is_recorded and outcome.how == ENDED:
                watcher.tell("comparing")
                comparison = compare_results(
                    record.directory,
                    found.directory,
                    variant.tolerances,
                    recorded_root=Path(prepared.roots[0]) if prepared.roots else None,
                    reproduced_root=Path(checkout.root),
                )
            if variant.keep:
                remarks.append(f"The private worktree is kept: {checkout.root}")
    return Carried(found, outcome, inputs, checkout, tuple(remarks), comparison)


def with_commit(code: Code, commit: str) -> Code:
    """Return other code of the same repository, for a variant."""
    return dataclasses.replace(code, commit=commit, is_snapshot=False)


def _stop_if_told(watcher: Watcher) -> None:
    if watcher.is_stopped():
        raise CannotReproduceError("It was interrupted before the program began.")


def _complete(attempt: Attempt, outcome: Outcome, work: Workplace, timeout: float | None) -> None:
    """See that the record is whole and says how the run ended."""
    outputs = {name: work.path(name) for name in (layout.STDOUT, layout.STDERR)}
    how = by_exit_code(outcome.code) if outcome.code >= 0 else by_signal(-outcome.code)
    if not attempt.is_recorded:
        last = _last_lines(outputs[layout.STDERR])
        reason = f"the program began no experiment; {how.reason or 'exit code 0'}"
        attempt.write_unrecorded(f"{reason}\n{last}".rstrip(), outputs, outcome.code)
    if outcome.how == TIMED_OUT:
        limit = f"ended by `meticulous reproduce` after {timeout:g} s (--timeout)"
        attempt.write_status(status.TIMEOUT, limit)
    elif outcome.how == STOPPED:
        attempt.write_status(status.INTERRUPTED, "`meticulous reproduce` was interrupted")
    elif read_record(attempt.directory).status == status.LOST:
        attempt.write_status(how.status, how.reason)


def _about_original(record: Record, environment: Mapping[str, Any]) -> Iterator[str]:
    """Say of the recorded run what a second one cannot repeat."""
    attempts = record.metadata.get("attempts")
    if isinstance(attempts, list) and len(attempts) > 1:
        yield f"The experiment was resumed ({len(attempts)} starts); its rerun has one start."
    variables = environment.get("variables")
    world = variables.get("WORLD_SIZE") if isinstance(variables, dict) else None
    if isinstance(world, str) and world.isdigit() and int(world) > 1:
        yield (
            f"The experiment was one of {world} processes of a distributed program (WORLD_SIZE); "
            "its rerun is one process. Record the launcher with `meticulous run` to rerun all."
        )


def _remarks_after(
    record: Record,
    found: Record,
    prepared: Prepared,
    outcome: Outcome,
    inputs: Inputs,
    work: Workplace,
) -> Iterator[str]:
    loaded = as_texts(found.metadata.get("loaded-from-original"))
    if loaded:
        yield (
            f"Code was loaded from the original checkout instead of the commit: {_named(loaded)}. "
            "Its path is written in the program, or in what is installed."
        )
    for kind, verb in (("inputs", "read"), ("outputs", "wrote")):
        old = [
            entry["path"]
            for entry in entries(read_files(found.directory), kind)
            if any(below(entry["path"], root) is not None for root in prepared.roots)
            and below(entry["path"], str(found.directory)) is None
            and entry["path"] not in loaded
        ]
        if old:
            yield f"The program {verb} in the original checkout: {_named(old)}."
    if touched := inputs.touched():
        yield f"The program changed inputs in the original checkout: {_named(touched)}."
    if outcome.left_behind:
        count = len(outcome.left_behind)
        what = "a process" if count == 1 else f"{count} processes"
        yield f"The program left {what} running, which was ended: {_named(outcome.left_behind)}."
    if outcome.how == ENDED and outcome.code != 0:
        yield from _about_stdin(record, work)


def _about_stdin(record: Record, work: Workplace) -> Iterator[str]:
    kind = as_text(record.metadata.get("stdin"))
    said = _last_lines(work.path(layout.STDERR))
    if kind in ("terminal", "pipe", "file") and (kind != "terminal" or "EOFError" in said):
        yield (
            f"The program had its standard input from a {kind} then, and has none now, since it "
            "is not recorded. Let it read a file of the repository instead."
        )
    elif not kind and "EOFError" in said:
        yield "The program reads standard input, which is not recorded and is empty now."


def _last_lines(path: str) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 8192))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_LAST_LINES:])


def _named(words: Sequence[str]) -> str:
    unique = list(dict.fromkeys(words))
    more = f" and {len(unique) - 5} more" if len(unique) > 5 else ""
    return f"{', '.join(unique[:5])}{more}"
