"""Carries a recorded program out once: with this code, environment and these variables.

A reproduction is one such variant; a diagnosis compares several that differ in one thing each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meticulous.errors import CannotReproduceError
from meticulous.folder import layout, status
from meticulous.git.checkout import Checkout
from meticulous.reader.record import Record, read_record
from meticulous.reader.wording import few_text
from meticulous.recorder.ending.outcome import by_exit_code, by_signal
from meticulous.reproduce.attempt import Attempt
from meticulous.reproduce.code import Code, check_out_code, remarks_on
from meticulous.reproduce.command import recorded_command
from meticulous.reproduce.comparison import Comparison, Tolerances, compare_results
from meticulous.reproduce.environment.interpreter import Interpreter
from meticulous.reproduce.environment.prepare import read_environment
from meticulous.reproduce.inputs import CHANGED, MISSING, Inputs, check_inputs, provide_inputs
from meticulous.reproduce.launching import Prepared, prepare
from meticulous.reproduce.outside import (
    make_reachable,
    read_from_original,
    refusal_of_writing,
    written_outside,
)
from meticulous.reproduce.paths import spellings
from meticulous.reproduce.remarks import Rerun, last_lines, remarks_about, remarks_before
from meticulous.reproduce.running import ENDED, STOPPED, TIMED_OUT, Outcome, run
from meticulous.reproduce.unlisted import Stamps, find_unlisted, take_stamps
from meticulous.reproduce.workplace import Workplace, workplace


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
        arrange: Is given the root of the worktree before anything else looks at it.
        allow_outside: Whether it may write over what the recorded run wrote outside of the
            repository.
    """

    code: Code
    interpreter: Interpreter
    variables: Mapping[str, str | None] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    keep: bool = False
    tolerances: Tolerances = field(default_factory=Tolerances)
    arrange: Callable[[str], None] | None = None
    allow_outside: bool = False


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
        read_again: Files that it read, and that the recorded run had written.
    """

    record: Record
    outcome: Outcome
    inputs: Inputs
    checkout: Checkout
    remarks: tuple[str, ...]
    comparison: Comparison | None
    read_again: tuple[str, ...] = ()


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
        CannotReproduceError: The program cannot be started, or would write over results.
        CommitNotFoundError: The code cannot be had.
        NoRoomError: The disk is too small.
        GitError: Git failed otherwise.
    """
    watcher = watcher or Watcher()
    command = recorded_command(record)
    environment, _ = read_environment(record)
    with workplace(variant.keep) as work:
        checkout = _check_out(variant, watcher, work)
        said = [*_about_outside(record, variant, checkout), *remarks_before(record)]
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
            allow_outside=variant.allow_outside,
        )
        roots = spellings(checkout.original_root, *prepared.roots)
        directory = prepared.launch.directory
        make_reachable(record, roots, checkout.root, work.directory, directory)
        provide_inputs(record, inputs, checkout.original_root, checkout.root, directory)
        before = take_stamps(checkout.root)
        outcome, is_recorded = _run(prepared, variant, attempt, watcher, work)
        found = read_record(attempt.directory)
        rerun = Rerun(record, environment, found, prepared, outcome, inputs, work)
        remarks = [*said, *remarks_on(variant.code, checkout), *remarks_about(rerun)]
        read_again = read_from_original(record, found, roots, checkout.root)
        comparison = None
        if is_recorded and outcome.how == ENDED:
            watcher.tell("comparing")
            comparison = _compare(rerun, variant, checkout, before)
        if variant.keep:
            remarks.append(f"The private worktree is kept: {checkout.root}")
    return Carried(found, outcome, inputs, checkout, tuple(remarks), comparison, tuple(read_again))


def _check_out(variant: Variant, watcher: Watcher, work: Workplace) -> Checkout:
    watcher.tell("checking out the code")
    checkout = check_out_code(variant.code, work, is_stopped=watcher.is_stopped)
    _stop_if_told(watcher)
    if variant.arrange is not None:
        variant.arrange(checkout.root)
    return checkout


def _about_outside(record: Record, variant: Variant, checkout: Checkout) -> list[str]:
    """Refuse to write over what the recorded run wrote outside, or say that it may happen."""
    written = written_outside(
        record,
        checkout.original_root or checkout.root,
        lambda path: os.path.lexists(os.path.join(checkout.root, path)),
    )
    if written and not variant.allow_outside:
        raise CannotReproduceError(refusal_of_writing(written))
    if not written:
        return []
    return [f"Whatever was there may be written over now: {few_text(written)}."]


def _run(
    prepared: Prepared, variant: Variant, attempt: Attempt, watcher: Watcher, work: Workplace
) -> tuple[Outcome, bool]:
    """Run the program and complete its record; say also whether it began one."""
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
    return outcome, is_recorded


def _compare(rerun: Rerun, variant: Variant, checkout: Checkout, before: Stamps) -> Comparison:
    # Not where it may lie by now: what the program wrote names the place of then.
    roots = rerun.prepared.roots
    return compare_results(
        rerun.record.directory,
        rerun.found.directory,
        variant.tolerances,
        recorded_root=Path(roots[0]) if roots else None,
        reproduced_root=Path(checkout.root),
        unlisted=find_unlisted(checkout.root, before, str(rerun.found.directory)),
        changed_inputs=[
            one.path for one in rerun.inputs.changes if one.change in (CHANGED, MISSING)
        ],
    )


def _stop_if_told(watcher: Watcher) -> None:
    if watcher.is_stopped():
        raise CannotReproduceError("It was interrupted before the program began.")


def _complete(attempt: Attempt, outcome: Outcome, work: Workplace, timeout: float | None) -> None:
    """See that the record is whole and says how the run ended."""
    outputs = {name: work.path(name) for name in (layout.STDOUT, layout.STDERR)}
    how = by_exit_code(outcome.code) if outcome.code >= 0 else by_signal(-outcome.code)
    if not attempt.is_recorded:
        last = last_lines(outputs[layout.STDERR])
        reason = f"the program began no experiment; {how.reason or 'exit code 0'}"
        attempt.write_unrecorded(f"{reason}\n{last}".rstrip(), outputs, outcome.code)
    if outcome.how == TIMED_OUT:
        limit = f"ended by `meticulous reproduce` after {timeout:g} s (--timeout)"
        attempt.write_status(status.TIMEOUT, limit)
    elif outcome.how == STOPPED:
        attempt.write_status(status.INTERRUPTED, "`meticulous reproduce` was interrupted")
    elif read_record(attempt.directory).status == status.LOST:
        attempt.write_status(how.status, how.reason)
