"""Says what a diagnosis found: the cause in a sentence, then a row for each thing tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meticulous.reproduce.diagnosis.deciding import is_noisy, moves, narrowed, quiets
from meticulous.reproduce.diagnosis.facts import (
    ALL_CHANGED,
    BASE,
    CHANGED,
    CODE,
    CORES,
    EVERYTHING,
    HAS_OTHERS,
    HASHES,
    INPUTS,
    KERNELS,
    LOST,
    MOVED,
    NO_RESULT,
    NOISE,
    NOT_RUN,
    PACKAGES,
    PATHS,
    RECORD,
    SEEDS,
    STILL,
    STOPPED,
    THREADS,
    TOGETHER,
    VARIABLES,
    Decision,
    Evidence,
    Row,
    Run,
    Trial,
)

_OF_NOISE = {
    SEEDS: (
        "Random numbers that nobody seeded",
        "with fixed seeds they do not",
        "Seed them, for instance with experiment.seed_everything().",
    ),
    HASHES: (
        "The order of sets, which Python draws anew at each start",
        "with a fixed PYTHONHASHSEED they do not",
        "Sort what is gone through, or set PYTHONHASHSEED for every run.",
    ),
    THREADS: (
        "Threads that share a sum or race",
        "with one thread on one processor they do not",
        "Set the number of threads to 1 (OMP_NUM_THREADS=1), or give a tolerance.",
    ),
    KERNELS: (
        "GPU kernels that add in an order of chance",
        "with deterministic ones they do not",
        "Ask for these: experiment.seed_everything(deterministic=True).",
    ),
}

_SUBJECTS = {
    CODE: "The code moves the numbers",
    PACKAGES: "Packages move the numbers",
    INPUTS: "Inputs move the numbers",
    VARIABLES: "Environment variables move the numbers",
    CORES: "The number of processors moves the numbers",
    PATHS: "An absolute path into the original checkout moves the numbers",
}

_ADVICE = {
    PACKAGES: "Reproduce with the recorded ones: --environment recreate.",
    VARIABLES: "Set them in the program, or keep them as recorded.",
    CORES: "Give the number of threads or parts as an argument, so that it is recorded.",
    PATHS: "Write it relative to the file of the program, or make it an argument.",
}

_HELD = {
    SEEDS: "seeds of random, numpy, torch and the system fixed",
    HASHES: "PYTHONHASHSEED fixed",
    THREADS: "one thread, one processor",
    KERNELS: "deterministic GPU kernels",
    EVERYTHING: "all of the above at once",
}

_MOST_OF_EFFECT = 300


def sentence_of(
    decision: Decision, evidence: Evidence, randomness: Mapping[str, Any] | None = None
) -> str:
    """Return the cause in one sentence, and what to do about it in another.

    Args:
        decision: What follows from the evidence.
        evidence: What was run.
        randomness: What the record says of random numbers.
    """
    if decision.kind == NOISE:
        return _of_noise(decision, evidence, randomness or {})
    if decision.kind == MOVED:
        return " ".join(_of_moved(name, evidence) for name in decision.causes)
    if decision.kind == TOGETHER:
        effect = _short(_run(evidence, Trial(ALL_CHANGED)))
        return (
            f"No factor moves the numbers alone, but all together do ({effect}): "
            f"{', '.join(decision.causes)}."
        )
    if decision.kind == LOST:
        return _of_lost(decision, evidence)
    if decision.kind == NOT_RUN:
        run = next(run for run in evidence.runs if run.label == NO_RESULT)
        return (
            f"The recorded state does not come to a result here: {run.effect.rstrip('.')}."
            f"{_about_lost(decision, evidence)}"
        )
    if decision.kind == STOPPED:
        return "It was stopped before the cause was found."
    return (
        "The recorded state gives the recorded results here each time, and nothing that could be "
        f"varied moves them.{_about_lost(decision, evidence)}"
    )


def rows_of(evidence: Evidence) -> Iterator[Row]:
    """Yield what was tried, in the order of the trials, then what could not be."""
    bases = [run for run in evidence.runs if run.trial.kind == BASE]
    if bases:
        count = {1: "once", 2: "twice"}.get(len(bases), f"{len(bases)} times")
        yield Row("recorded state", f"run {count}", _effect_of_bases(bases))
    is_quiet = not is_noisy([run.label for run in bases])
    for name in (*evidence.holds, EVERYTHING):
        if evidence.labels(Trial(STILL, name)):
            yield Row(name, _HELD[name], _effect_of_still(evidence, name))
    if is_quiet:
        for name in evidence.restored:
            yield Row(name, _whats(evidence, name), _effect_of_change(evidence, name, bases))
            for run in evidence.runs:
                if run.trial.name == name and run.trial.only:
                    yield Row(name, f"only {', '.join(run.trial.only)}", _effect_of_run(run, bases))
        if everything := _run(evidence, Trial(ALL_CHANGED)):
            yield Row(
                "all together", ", ".join(evidence.restored), _effect_of_run(everything, bases)
            )
    for factor in evidence.factors:
        if factor.obstacle:
            yield Row(factor.name, factor.what, f"could not be restored: {factor.obstacle}")


def _of_noise(decision: Decision, evidence: Evidence, randomness: Mapping[str, Any]) -> str:
    differ = f"two runs of the recorded state differ ({_noise(evidence)})"
    if not decision.causes:
        tried = ", ".join(_HELD[name] for name in evidence.holds)
        if evidence.is_stopped:
            return f"Noise: {differ}. It was stopped before its source was found."
        return (
            f"Noise whose source was not found: {differ}, also with {tried}. What is left are the "
            "time of day, the network, other processes, and how those of the program take turns."
        )
    if len(decision.causes) > 1 and decision.is_sure:
        return f"Noise of several sources ({', '.join(decision.causes)}): {differ}."
    subject, without, advice = _OF_NOISE[decision.causes[0]]
    if not decision.is_sure:
        subject = f"Most likely: {subject[0].lower()}{subject[1:]}"
    return f"{subject}: {differ}, and {without}.{_unseeded(decision, randomness)} {advice}"


def _unseeded(decision: Decision, randomness: Mapping[str, Any]) -> str:
    if decision.causes[0] != SEEDS:
        return ""
    names, places = randomness.get("unseeded"), randomness.get("unseeded-at")
    if not isinstance(names, list) or not names:
        return ""
    found = places if isinstance(places, dict) else {}
    told = [
        f"{name} ({', '.join(map(str, found[name][:3]))})"
        if isinstance(found.get(name), list)
        else str(name)
        for name in names
    ]
    return f" Without a seed: {', '.join(told)}."


def _of_moved(name: str, evidence: Evidence) -> str:
    run = _run(evidence, Trial(CHANGED, name))
    whats = _whats_narrowed(evidence, name)
    bases = evidence.labels(Trial(BASE))
    if bases and bases[0] != RECORD:
        return (
            f"The recorded results come out with the present {name}, and not with the recorded "
            f"ones: {whats}."
        )
    advice = f" {_ADVICE[name]}" if name in _ADVICE else ""
    return f"{_SUBJECTS.get(name, name)} ({_short(run)}): {whats}.{advice}"


def _of_lost(decision: Decision, evidence: Evidence) -> str:
    bases = [run for run in evidence.runs if run.trial.kind == BASE]
    same = f"the same other results come out each time ({_short(bases[0])})"
    if not decision.causes:
        return (
            f"Not found: {same}, and nothing that the record knows is otherwise than it was. What "
            "it does not know are the time, the network, and files that are not listed or hashed."
        )
    first, *rest = decision.causes
    more = f" Also not restored: {', '.join(rest)}." if rest else ""
    subject = _SUBJECTS.get(first, f"The {first} moves the numbers")
    return (
        f"Most likely: {subject[0].lower()}{subject[1:]}, and could not be restored: "
        f"{_whats(evidence, first, is_lost=True)}. With all else as recorded, {same}.{more}"
    )


def _about_lost(decision: Decision, evidence: Evidence) -> str:
    if not decision.causes:
        return ""
    named = "; ".join(f"{name}: {_whats(evidence, name, is_lost=True)}" for name in decision.causes)
    return f" What could not be restored: {named}."


def _effect_of_bases(bases: Sequence[Run]) -> str:
    if any(run.label == NO_RESULT for run in bases):
        return "no result: " + next(run.effect for run in bases if run.label == NO_RESULT)
    if is_noisy([run.label for run in bases]):
        unlike = next((run.unlike_first for run in bases if run.unlike_first), "")
        return f"the runs differ from each other: {unlike}"
    if bases[0].label == RECORD:
        return "as recorded"
    told = "each time the same, but " if len(bases) > 1 else ""
    return f"{told}not as recorded: {bases[0].effect}"


def _effect_of_still(evidence: Evidence, name: str) -> str:
    runs = [run for run in evidence.runs if run.trial == Trial(STILL, name)]
    if any(run.label == NO_RESULT for run in runs):
        return "no result: " + next(run.effect for run in runs if run.label == NO_RESULT)
    if len(runs) < 2:
        return "run once only"
    if not quiets(evidence, name):
        unlike = next((run.unlike_first for run in runs if run.unlike_first), "")
        return f"the runs still differ: {unlike}"
    if name not in HAS_OTHERS:
        return "the noise disappears"
    if moves(evidence, name):
        return "the noise disappears, and another value gives other results"
    return "the noise disappears, but other values give the same results"


def _effect_of_change(evidence: Evidence, name: str, bases: Sequence[Run]) -> str:
    run = _run(evidence, Trial(CHANGED, name))
    return "not tried" if run is None else _effect_of_run(run, bases)


def _effect_of_run(run: Run, bases: Sequence[Run]) -> str:
    if run.label == NO_RESULT:
        return f"no result: {run.effect}"
    if bases and run.label == bases[0].label:
        return "does not move the numbers"
    if run.label == RECORD:
        return "brings the recorded results back"
    return f"moves the numbers: {run.effect}"


def _noise(evidence: Evidence) -> str:
    unlike = [run.unlike_first for run in evidence.runs if run.trial.kind == BASE]
    return next((text for text in unlike if text), "in their results")


def _whats(evidence: Evidence, name: str, is_lost: bool = False) -> str:
    found = [
        factor.what
        for factor in evidence.factors
        if factor.name == name and bool(factor.obstacle) == is_lost
    ]
    return "; ".join(found)


def _whats_narrowed(evidence: Evidence, name: str) -> str:
    """Return what differs in those parts of a factor that move the numbers."""
    parts = evidence.parts(name)
    moving, _ = narrowed(evidence, name)
    if len(moving) == len(parts):
        return _whats(evidence, name)
    return ", ".join(parts[part] for part in moving)


def _run(evidence: Evidence, trial: Trial) -> Run | None:
    return next((run for run in evidence.runs if run.trial == trial), None)


def _short(run: Run | None) -> str:
    text = run.effect.rstrip(".") if run is not None else ""
    return text if len(text) <= _MOST_OF_EFFECT else f"{text[: _MOST_OF_EFFECT - 3]}..."
