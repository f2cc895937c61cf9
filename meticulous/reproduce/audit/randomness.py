"""The items of an audit about seeds, unseeded generators and repetitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meticulous.reproduce.answers import Answer, no, some_of, unknown, yes
from meticulous.reproduce.audit.subject import Subject, seed_argument, seed_of

_GENERATOR = "numpy.random.Generator"
_SEED = "call experiment.seed_everything(SEED)"

_ENOUGH = 2
"""Runs with different seeds from which a spread can be computed at all."""


def seed(subject: Subject) -> Answer:
    """Say whether the seed is known."""
    record = subject.record
    found = seed_of(record)
    if found is None:
        randomness = record.metadata.get("randomness")
        if isinstance(randomness, dict) and not _was_random(randomness):
            return yes("no random generator was seen at work")
        return no("no seed is recorded, and no argument is one", _SEED)
    if record.metadata.get("seed") is not None:
        return yes(f"the seed {found}")
    return yes(f"the argument {seed_argument(record)} is {found}")


def _was_random(randomness: Mapping[str, Any]) -> bool:
    return any(randomness.get(key) for key in ("seeded", "seeds", "unseeded", "unknown"))


def seeded(subject: Subject) -> Answer:
    """Say whether every generator that was used was seeded before."""
    found = subject.record.metadata.get("randomness")
    if not isinstance(found, dict):
        return unknown("the record does not say which generators were used", _SEED)
    names = found.get("unseeded")
    if not isinstance(names, list):
        return unknown("the record does not say which generators were seeded", _SEED)
    doubtful = found.get("unknown")
    if not names and isinstance(doubtful, list) and doubtful:
        return unknown(f"perhaps used without a seed: {some_of([str(n) for n in doubtful])}", _SEED)
    if names:
        return no(f"used without a seed: {some_of([str(name) for name in names])}", _remedy(names))
    return yes("no generator was seen that was used without a seed")


def _remedy(names: list[Any]) -> str:
    """Return what to do; `seed_everything` does not reach generators that are objects."""
    others = [name for name in names if name != _GENERATOR]
    ways = [_SEED] if others else []
    if _GENERATOR in names:
        ways.append("pass the seed: numpy.random.default_rng(seed)")
    return "; ".join(ways)


def repetitions(subject: Subject) -> Answer:
    """Say whether runs differ in nothing but the seed, so that a spread can be told."""
    runs, seeds = subject.relatives.seeds(subject.record)
    if seeds >= _ENOUGH:
        return yes(f"{runs} successful runs with its code and arguments, {seeds} different seeds")
    evidence = "no other successful run has its code and arguments"
    if runs > 1:
        evidence = f"{runs} successful runs have its code and arguments, all with one seed"
    name = seed_argument(subject.record)
    how = f"with other values of {name}" if name else "with other seeds"
    return no(evidence, f"run it again {how}, three times or more")
