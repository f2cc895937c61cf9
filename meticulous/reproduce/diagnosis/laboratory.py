"""Carries trials out, each in a scratch folder of its own, and tells which runs came out alike."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from meticulous.errors import CannotReproduceError, GitError, NoRoomError
from meticulous.git.present import commit_all
from meticulous.reader.record import Record, read_record
from meticulous.reader.wording import short_value
from meticulous.reproduce.attempt import Attempt
from meticulous.reproduce.comparison import Comparison, Tolerances, compare_results
from meticulous.reproduce.diagnosis.arranging import lay_over, redirect_paths
from meticulous.reproduce.diagnosis.facts import (
    ALL_CHANGED,
    CHANGED,
    CODE,
    CORES,
    EVERYTHING,
    HASHES,
    INPUTS,
    KERNELS,
    NO_RESULT,
    PACKAGES,
    PATHS,
    RECORD,
    SEEDS,
    STILL,
    THREADS,
    VARIABLES,
    Run,
    Trial,
)
from meticulous.reproduce.diagnosis.survey import Cores, Known, Scene, present_cores
from meticulous.reproduce.judging import judge_endings
from meticulous.reproduce.running import ENDED, STOPPED
from meticulous.reproduce.variant import Variant, Watcher, carry_out
from meticulous.reproduce.verdict import CANNOT, FAILED, OUTSIDE, POSITIVE
from meticulous.reproduce.workplace import Workplace, remove_tree

TRIAL_VARIABLE = "METICULOUS_TRIAL"
"""Tells `on_start` what to hold still."""

THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"),
    *("POLARS_MAX_THREADS", "GOTO_NUM_THREADS"),
)

_ON_START = os.path.join(os.path.dirname(os.path.abspath(__file__)), "on_start")
_OBSTACLES = (CannotReproduceError, GitError, NoRoomError, OSError)


class StoppedError(Exception):
    """The user wants no more."""


class Laboratory:
    """Where the trials of one diagnosis are run.

    Args:
        known: What is known of the experiment.
        scene: What is not as it was.
        variant: How the reproduction ran: values, timeout, tolerances.
        watcher: Who looks on.
        work: Holds the folders of the runs.
    """

    def __init__(
        self, known: Known, scene: Scene, variant: Variant, watcher: Watcher, work: Workplace
    ) -> None:
        self._known = known
        self._scene = scene
        self._variant = variant
        self._watcher = watcher
        self._work = work
        self._kinds: list[tuple[int, Path, Path]] = []
        """One folder of each kind of results, with the root of the code that it ran."""
        self._firsts: dict[Trial, tuple[int, Path, Path]] = {}
        self._count = 0

    def take(self, trial: Trial, record: Record, root: Path, comparison: Comparison) -> Run:
        """Take a run that was made already as that of a trial."""
        return self._labelled(trial, record, root, comparison)

    def run(self, trial: Trial) -> Run:
        """Carry a trial out.

        Raises:
            StoppedError: The user has ended it.
        """
        self._count += 1
        folder = self._work.path("runs", str(self._count))
        os.makedirs(folder)
        attempt = Attempt(folder, self._known.record)
        is_changed = self._changed(trial)
        quiet = replace(self._watcher, tell=lambda text: None)
        try:
            with _confined(self._affinity(trial, is_changed)):
                made = self._made(trial, is_changed)
                carried = carry_out(self._known.record, made, attempt, quiet)
        except _OBSTACLES as error:
            if self._watcher.is_stopped():
                raise StoppedError from error
            return Run(trial, NO_RESULT, " ".join(str(error).split()))
        if carried.outcome.how == STOPPED:
            raise StoppedError
        if carried.comparison is None:
            how = carried.outcome.how if carried.outcome.how != ENDED else "began no experiment"
            last = carried.record.reason.strip().splitlines()[-1:]
            return Run(trial, NO_RESULT, ": ".join([how, *last]))
        return self._labelled(
            trial, carried.record, Path(carried.checkout.root), carried.comparison
        )

    def _changed(self, trial: Trial) -> set[str]:
        """Return the factors that are as they are now."""
        if trial.kind == CHANGED:
            return {trial.name}
        if trial.kind == ALL_CHANGED:
            return {factor.name for factor in self._scene.factors}
        return set()

    def _made(self, trial: Trial, changed: set[str]) -> Variant:
        known = self._known
        interpreter = known.present
        if known.restored is not None and PACKAGES not in changed:
            interpreter = known.restored
        if VARIABLES in changed:
            kept = interpreter.variables.items() if trial.only else ()
            interpreter = replace(
                interpreter, variables={name: v for name, v in kept if name not in trial.only}
            )
        variables = dict(self._variant.variables)
        settings: dict[str, object] = {}
        cores = self._scene.cores
        if cores is not None and CORES not in changed:
            settings["cores"] = [cores.logical, cores.usable]
            if cores.usable > present_cores().usable:
                given = interpreter.environment(os.sep, os.environ)
                missing = [name for name in THREAD_VARIABLES if name not in given]
                variables |= dict.fromkeys(missing, str(cores.usable))
        if trial.kind == STILL:
            self._hold_still(trial, variables, settings)
        if settings:
            variables[TRIAL_VARIABLE] = json.dumps(settings)
            interpreter = replace(interpreter, python_path=(_ON_START, *interpreter.python_path))
        return replace(
            self._variant,
            interpreter=interpreter,
            variables=variables,
            keep=False,
            arrange=lambda root: self._arrange(root, changed),
        )

    def _hold_still(
        self, trial: Trial, variables: dict[str, str | None], settings: dict[str, object]
    ) -> None:
        names = (SEEDS, HASHES, THREADS, KERNELS) if trial.name == EVERYTHING else (trial.name,)
        if SEEDS in names:
            settings["seed"] = trial.value
        if HASHES in names:
            variables["PYTHONHASHSEED"] = str(trial.value)
        if THREADS in names:
            variables |= dict.fromkeys(THREAD_VARIABLES, "1")
        if KERNELS in names:
            settings["kernels"] = True
            variables["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"

    def _affinity(self, trial: Trial, changed: set[str]) -> int | None:
        """Return on how many processors the program may run; None for all."""
        if trial.kind == STILL and trial.name in (THREADS, EVERYTHING):
            return 1
        cores: Cores | None = self._scene.cores
        return cores.usable if cores is not None and CORES not in changed else None

    def _arrange(self, root: str, changed: set[str]) -> None:
        scene = self._scene
        if CODE in changed:
            lay_over(root, scene.code)
        if INPUTS in changed:
            lay_over(root, scene.inputs)
        else:
            lay_over(root, scene.copies)
        if scene.roots and PATHS not in changed:
            redirect_paths(root, scene.roots)
        # A program that is recorded has to stand in a commit.
        commit_all(root)

    def _labelled(self, trial: Trial, record: Record, root: Path, comparison: Comparison) -> Run:
        """Say which earlier run this one is like."""
        original, tolerances = self._known.record, self._variant.tolerances
        is_alike, effect = _alike(original, record, comparison)
        folder = record.directory
        label = RECORD if is_alike else None
        for other, earlier, at in self._kinds if label is None else ():
            found = compare_results(
                earlier, folder, tolerances, recorded_root=at, reproduced_root=root
            )
            if _alike(read_record(earlier), record, found)[0]:
                label = other
                break
        if label is None:
            label = len(self._kinds) + 1
            self._kinds.append((label, folder, root))
        first = self._firsts.setdefault(trial, (label, folder, root))
        unlike = _difference(first, (label, folder, root), tolerances)
        is_needed = any(one[1] == folder for one in (*self._kinds, *self._firsts.values()))
        if not is_needed and Path(self._work.directory) in folder.parents:
            remove_tree(str(folder))
        return Run(trial, label, "" if label == RECORD else effect, unlike)


def effect_of(comparison: Comparison) -> str:
    """Return the most important result that differs, as "summary.loss 0.31 -> 0.29"."""
    outside = [one for one in comparison.findings if one.decides and one.outcome == OUTSIDE]
    if not outside:
        return ""
    first = outside[0]
    named = first.part in ("summary", "metrics", "status")
    label = f"{first.part}.{first.name}".rstrip(".") if named else first.name
    then, now = (_value(value) for value in (first.recorded, first.reproduced))
    if then == now and first.recorded != first.reproduced:
        then, now = repr(first.recorded), repr(first.reproduced)
    values = f"{then} -> {now}" if then != now else first.remark
    more = f" and {len(outside) - 1} more" if len(outside) > 1 else ""
    return f"{label} {values}{more}".replace("  ", " ")


def _value(value: object) -> str:
    return "none" if value is None else short_value(value, 40)


def _alike(first: Record, second: Record, comparison: Comparison) -> tuple[bool, str]:
    verdict, reason = judge_endings(first, second, comparison)
    if verdict in POSITIVE or comparison.is_incomplete:
        return True, ""
    return False, reason if verdict in (FAILED, CANNOT) else effect_of(comparison)


def _difference(
    first: tuple[int, Path, Path], second: tuple[int, Path, Path], tolerances: Tolerances
) -> str:
    if first[0] == second[0]:
        return ""
    comparison = compare_results(
        first[1], second[1], tolerances, recorded_root=first[2], reproduced_root=second[2]
    )
    return effect_of(comparison) or comparison.reason


@contextlib.contextmanager
def _confined(cores: int | None) -> Iterator[None]:
    """Let what this thread starts run on the first few of its processors only."""
    if cores is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
