"""Decides, from runs that have been made, which run is wanted next and what follows from all.

Nothing is run here. The recorded state is run twice first: if these two differ, no factor needs to
have changed, and what the noise comes from is found by holding one source of it still at a time.
Otherwise one factor at a time is changed from its recorded state to the present one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from meticulous.reproduce.diagnosis.facts import (
    ALL_CHANGED,
    BASE,
    CHANGED,
    EVERYTHING,
    HAS_OTHERS,
    LOST,
    MOVED,
    NO_RESULT,
    NOISE,
    NOT_RUN,
    RANKS,
    RECORD,
    STILL,
    STOPPED,
    TOGETHER,
    UNMOVED,
    Decision,
    Evidence,
    Trial,
)

_BASES = 2
_BASES_BESIDE_THE_RECORD = 3
"""Runs of the recorded state; one more where they agree with each other but not with the record,
since noise that takes few values may agree by chance."""

_OTHER_VALUES = (1, 2)
_BASE = Trial(BASE)
_ALL = Trial(ALL_CHANGED)


def next_trial(evidence: Evidence) -> Trial | None:
    """Return the run that is wanted next; None when enough is known."""
    if evidence.is_stopped:
        return None
    bases = evidence.labels(_BASE)
    if NO_RESULT in bases:
        return None
    if is_noisy(bases):
        return _next_still(evidence)
    is_beside = bool(bases) and bases[0] != RECORD
    if len(bases) < (_BASES_BESIDE_THE_RECORD if is_beside else _BASES):
        return _BASE
    return _next_change(evidence)


def decide(evidence: Evidence) -> Decision:
    """Say what follows from the runs that were made."""
    bases = evidence.labels(_BASE)
    if NO_RESULT in bases:
        return Decision(NOT_RUN, _lost(evidence), is_sure=False)
    if is_noisy(bases):
        return _of_noise(evidence)
    if evidence.is_stopped or len(bases) < _BASES:
        return Decision(STOPPED, is_sure=False)
    if bases[0] != RECORD:
        back = [name for name in evidence.restored if _label(evidence, name) == RECORD]
        if back:
            # What was put back as recorded is what the recorded results were not made with.
            return Decision(MOVED, tuple(back))
        return Decision(LOST, _lost(evidence), is_sure=False)
    moved = [name for name in evidence.restored if _label(evidence, name) not in (None, RECORD)]
    if moved:
        return Decision(MOVED, tuple(moved))
    together = evidence.labels(_ALL)
    if together and together[0] != RECORD:
        return Decision(TOGETHER, evidence.restored)
    return Decision(UNMOVED, _lost(evidence), is_sure=False)


def most_runs(evidence: Evidence) -> tuple[int, int]:
    """Return how many runs are wanted at least and at most, beside those that were made."""
    bases = len(evidence.labels(_BASE))
    changes = len(evidence.restored)
    others = sum(len(_OTHER_VALUES) for name in evidence.holds if name in HAS_OTHERS)
    together = 2 if len(evidence.holds) > 1 else 0
    noise = 2 * len(evidence.holds) + max(others, together)
    change = changes + (1 if changes > 1 else 0) - (len(evidence.runs) - bases)
    # Of several parts, both halves of each half may have to be tried.
    change += sum(
        2 * math.ceil(math.log2(len(parts)))
        for parts in map(evidence.parts, evidence.restored)
        if parts
    )
    most = _BASES_BESIDE_THE_RECORD - bases + max(noise, change)
    return max(0, _BASES - bases), max(1, most)


def narrowed(evidence: Evidence, name: str) -> tuple[tuple[str, ...], Trial | None]:
    """Return which parts of a factor move the numbers, as far as is known, and the run to try next.

    The parts are halved as long as one half does what all of them do together.
    """
    parts = tuple(evidence.parts(name))
    effect, bases = _label(evidence, name), evidence.labels(_BASE)
    if effect in (None, NO_RESULT) or not bases or effect == bases[0]:
        return parts, None
    while len(parts) > 1:
        middle = len(parts) // 2
        for half in (parts[:middle], parts[middle:]):
            trial = Trial(CHANGED, name, only=half)
            labels = evidence.labels(trial)
            if not labels:
                return parts, trial
            if labels[0] == effect:
                parts = half
                break
        else:
            return parts, None
    return parts, None


def is_noisy(labels: Sequence[int]) -> bool:
    """Say whether runs of one and the same differ from each other."""
    return len(set(labels)) > 1


def quiets(evidence: Evidence, name: str) -> bool:
    """Say whether two runs agree with each other when this is held still."""
    labels = evidence.labels(Trial(STILL, name))
    return len(labels) > 1 and not is_noisy(labels) and NO_RESULT not in labels


def moves(evidence: Evidence, name: str) -> bool:
    """Say whether holding this still at another value gives other results."""
    first = evidence.labels(Trial(STILL, name))
    others = [evidence.labels(Trial(STILL, name, value)) for value in _OTHER_VALUES]
    return bool(first) and any(labels and labels[0] != first[0] for labels in others)


def _next_still(evidence: Evidence) -> Trial | None:
    for name in evidence.holds:
        trial = Trial(STILL, name)
        labels = evidence.labels(trial)
        if len(labels) < 2 and NO_RESULT not in labels:
            return trial
        if not quiets(evidence, name):
            continue
        if name not in HAS_OTHERS or moves(evidence, name):
            return None
        for value in _OTHER_VALUES:
            if not evidence.labels(Trial(STILL, name, value)):
                return Trial(STILL, name, value)
    if len(evidence.holds) < 2 or any(quiets(evidence, name) for name in evidence.holds):
        return None
    trial = Trial(STILL, EVERYTHING)
    return trial if len(evidence.labels(trial)) < 2 else None


def _next_change(evidence: Evidence) -> Trial | None:
    for name in evidence.restored:
        if _label(evidence, name) is None:
            return Trial(CHANGED, name)
    bases = evidence.labels(_BASE)
    has_moved = any(_label(evidence, name) != bases[0] for name in evidence.restored)
    if has_moved:
        trials = (narrowed(evidence, name)[1] for name in evidence.restored)
        return next((trial for trial in trials if trial is not None), None)
    if len(evidence.restored) < 2 or evidence.labels(_ALL):
        return None
    return _ALL


def _of_noise(evidence: Evidence) -> Decision:
    quiet = [name for name in evidence.holds if quiets(evidence, name)]
    shown = [name for name in quiet if name not in HAS_OTHERS or moves(evidence, name)]
    if shown:
        return Decision(NOISE, (shown[0],))
    if quiet:
        return Decision(NOISE, tuple(quiet), is_sure=False)
    if quiets(evidence, EVERYTHING):
        return Decision(NOISE, evidence.holds)
    return Decision(NOISE, (), is_sure=False)


def _lost(evidence: Evidence) -> tuple[str, ...]:
    lost = dict.fromkeys(factor.name for factor in evidence.factors if factor.obstacle)
    return tuple(sorted(lost, key=RANKS.index))


def _label(evidence: Evidence, name: str) -> int | None:
    labels = evidence.labels(Trial(CHANGED, name))
    return labels[0] if labels else None
