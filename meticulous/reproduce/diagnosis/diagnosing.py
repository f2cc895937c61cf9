"""Finds out why a reproduction does not agree: what is known, the runs, and the conclusion."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from meticulous.errors import (
    CannotReproduceError,
    EnvironmentUnavailableError,
    GitError,
    MeticulousError,
    NoRoomError,
)
from meticulous.reader.record import Record, read_record
from meticulous.reproduce.attempt import Attempt
from meticulous.reproduce.command import recorded_command
from meticulous.reproduce.comparison import compare_results
from meticulous.reproduce.diagnosis.deciding import decide, most_runs, next_trial
from meticulous.reproduce.diagnosis.facts import (
    ALL_CHANGED,
    BASE,
    CHANGED,
    NOT_RUN,
    NOTHING,
    PACKAGES,
    STILL,
    Diagnosis,
    Evidence,
    Run,
    Trial,
)
from meticulous.reproduce.diagnosis.laboratory import Laboratory, StoppedError
from meticulous.reproduce.diagnosis.report import rows_of, sentence_of
from meticulous.reproduce.diagnosis.survey import (
    Known,
    changed_code,
    is_of_packages,
    survey,
)
from meticulous.reproduce.environment.drift import normalized
from meticulous.reproduce.environment.interpreter import CURRENT, RECREATE, Interpreter
from meticulous.reproduce.environment.places import recorded_root
from meticulous.reproduce.environment.prepare import prepare_environment, read_environment
from meticulous.reproduce.reproduction import (
    Attempted,
    Options,
    find_code_for,
    python_for,
    reproduce,
)
from meticulous.reproduce.variant import Variant, Watcher
from meticulous.reproduce.verdict import CANNOT, DIFFERS, Reproduction
from meticulous.reproduce.workplace import workplace


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """What is to be diagnosed besides.

    Attributes:
        present: Whether the present code, inputs and variables are tried too.
    """

    present: bool = False


def reproduce_and_diagnose(
    record: Record,
    options: Options | None = None,
    watcher: Watcher | None = None,
    wanted: Diagnosed | None = None,
) -> Attempted:
    """Reproduce an experiment, and where it does not agree find out why; see `reproduce`.

    What is found is written into the folder of the reproduction.

    Args:
        record: The experiment.
        options: How to reproduce it.
        watcher: Who looks on.
        wanted: What to diagnose; None for nothing.

    Raises:
        NothingToReproduceError: It still runs, or has not begun.
        ExperimentsDirectoryError: Nothing can be recorded.
        GitError: The repository that was named is none.
    """
    options, watcher = options or Options(), watcher or Watcher()
    attempted = reproduce(record, options, watcher)
    if wanted is None or attempted.was_stopped:
        return attempted
    found = diagnose(attempted, options, watcher, wanted)
    reproduction = replace(attempted.reproduction, diagnosis=found.as_document())
    Attempt(str(attempted.directory), record).write(reproduction)
    return replace(attempted, reproduction=reproduction, was_stopped=watcher.is_stopped())


def diagnose(
    attempted: Attempted, options: Options, watcher: Watcher, wanted: Diagnosed | None = None
) -> Diagnosis:
    """Find out what moves the numbers of an experiment that was reproduced.

    Args:
        attempted: The reproduction.
        options: How it was made.
        watcher: Who looks on.
        wanted: What to diagnose.
    """
    started = time.monotonic()
    wanted = wanted or Diagnosed()
    reproduction = attempted.reproduction
    try:
        if reproduction.verdict == CANNOT:
            return Diagnosis(NOT_RUN, (), False, "It could not be run, so nothing can be varied.")
        if reproduction.is_positive and not wanted.present:
            return _nothing(attempted, options)
        with contextlib.ExitStack() as stack:
            known = _known(attempted, options, watcher, wanted, stack)
            found = _investigate(attempted, known, options, watcher)
    except (CannotReproduceError, EnvironmentUnavailableError, GitError, NoRoomError) as error:
        return Diagnosis(NOT_RUN, (), False, f"Nothing could be varied: {error}")
    return replace(found, seconds=round(time.monotonic() - started, 3))


def _nothing(attempted: Attempted, options: Options) -> Diagnosis:
    record = attempted.original
    environment, _ = read_environment(record)
    sentence = "It agrees, so there is nothing to diagnose."
    with contextlib.suppress(MeticulousError):
        changed = changed_code(record, find_code_for(record, options, environment))
        if changed:
            files = f"{changed[0]} and {len(changed) - 1} more" if changed[1:] else changed[0]
            sentence += (
                f" Your working tree is not the recorded code ({files}); --diagnose --present "
                "tells whether that moves the numbers."
            )
    return Diagnosis(NOTHING, (), True, sentence)


def _known(
    attempted: Attempted,
    options: Options,
    watcher: Watcher,
    wanted: Diagnosed,
    stack: contextlib.ExitStack,
) -> Known:
    record, reproduction = attempted.original, attempted.reproduction
    environment, _ = read_environment(record)
    watcher.tell("diagnosis: looking at what has changed")
    mode = CURRENT if options.environment == RECREATE else options.environment
    present = prepare_environment(mode, record, python=python_for(record, options))
    stack.callback(present.discard)
    restored: Interpreter | None = None
    why_not = ""
    if any(is_of_packages(one) for one in (*reproduction.drift, *present.drift)):
        watcher.tell("diagnosis: making an environment from the recorded packages")
        restored, why_not = _restored(record)
    if restored is not None:
        stack.callback(restored.discard)
    return Known(
        record,
        environment,
        recorded_command(record),
        find_code_for(record, options, environment),
        reproduction,
        read_record(attempted.directory),
        present,
        restored,
        why_not,
        wanted.present,
    )


def _restored(record: Record) -> tuple[Interpreter | None, str]:
    """Return an interpreter with the recorded packages, or None and why there is none."""
    try:
        made = prepare_environment(RECREATE, record)
    except EnvironmentUnavailableError as error:
        return None, " ".join(str(error).split())
    lacking = [one.name for one in made.drift if is_of_packages(one) and one.present is None]
    if not lacking:
        return made, ""
    # Without one of its packages a program does not even begin; the present ones are more like it.
    made.discard()
    reasons = {one.reason for one in made.not_installed if _is_among(one.requirement, lacking)}
    return None, "; ".join(sorted(reasons)) or f"{', '.join(lacking)} could not be installed"


def _is_among(requirement: str, names: list[str]) -> bool:
    found = re.match(r"[\w.-]+", requirement)
    return found is not None and normalized(found[0]) in map(normalized, names)


def _investigate(
    attempted: Attempted, known: Known, options: Options, watcher: Watcher
) -> Diagnosis:
    scene = survey(known)
    evidence = Evidence(tuple(scene.factors), tuple(scene.holds))
    made = 0
    variant = Variant(
        known.code,
        known.present,
        options.variables,
        options.values,
        options.timeout,
        tolerances=options.tolerances,
        allow_outside=options.allow_outside,
    )
    with workplace() as work:
        laboratory = Laboratory(known, scene, variant, watcher, work)
        already = _made_already(attempted, known, evidence, laboratory, options)
        evidence = replace(evidence, runs=tuple(already))
        watcher.tell(_announcement(evidence, known.record))
        while (trial := next_trial(evidence)) is not None:
            made += 1
            watcher.tell(f"diagnosis, run {made}: {_words(trial)}")
            try:
                run = laboratory.run(trial)
            except StoppedError:
                evidence = replace(evidence, is_stopped=True)
                break
            evidence = replace(evidence, runs=(*evidence.runs, run))
    decision = decide(evidence)
    randomness = known.reproduced.metadata.get("randomness")
    return Diagnosis(
        decision.kind,
        decision.causes,
        decision.is_sure,
        sentence_of(decision, evidence, randomness if isinstance(randomness, dict) else None),
        tuple(rows_of(evidence)),
        tuple(scene.remarks),
        made,
    )


def _made_already(
    attempted: Attempted,
    known: Known,
    evidence: Evidence,
    laboratory: Laboratory,
    options: Options,
) -> Iterator[Run]:
    """Yield the reproduction as a run, if it is one that would be wanted."""
    reproduction: Reproduction = attempted.reproduction
    if not reproduction.is_positive and reproduction.verdict != DIFFERS:
        return
    changed = {
        factor.name
        for factor in evidence.factors
        if not factor.obstacle and factor.is_in_reproduction
    }
    is_recreated = reproduction.environment.get("mode") == RECREATE
    if PACKAGES not in changed and is_recreated != (known.restored is not None):
        return
    trial = Trial(BASE)
    if len(changed) == 1:
        trial = Trial(CHANGED, changed.pop())
    elif changed and changed == set(evidence.restored):
        trial = Trial(ALL_CHANGED)
    elif changed:
        return
    record = read_record(attempted.directory)
    # The worktree is gone; what is left of its name stands in the record.
    root = _root_of(record)
    comparison = compare_results(
        attempted.original.directory,
        attempted.directory,
        options.tolerances,
        reproduced_root=root,
    )
    yield laboratory.take(trial, record, root, comparison)


def _root_of(record: Record) -> Path:
    environment, _ = read_environment(record)
    return Path(recorded_root(environment, record.metadata) or os.devnull)


def _announcement(evidence: Evidence, record: Record) -> str:
    least, most = most_runs(evidence)
    text = f"diagnosis: {least} to {most} runs" if least < most else f"diagnosis: {most} runs"
    seconds = record.metadata.get("duration")
    if isinstance(seconds, int | float) and seconds > 0:
        each, low, high = (_time(seconds * count) for count in (1, max(1, least), most))
        text += f", each as long as the recorded one ({each}): {low} to {high}"
    return text


def _words(trial: Trial) -> str:
    if trial.kind == STILL:
        value = f" (value {trial.value})" if trial.value else ""
        return f"the recorded state, with {trial.name} held still{value}"
    if trial.kind == CHANGED:
        what = ", ".join(trial.only) or trial.name
        return f"the recorded state, but {what} as at present"
    if trial.kind == ALL_CHANGED:
        return "all as at present"
    return "the recorded state"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
