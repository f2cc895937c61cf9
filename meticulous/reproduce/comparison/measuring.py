"""Which results measure how long or how fast something ran, by their names."""

from __future__ import annotations

import re

TIME, SPEED, MEMORY = "time", "speed", "memory"
"""What a result may measure that differs between any two runs."""

_PHASES = frozenset(
    {
        *("train", "training", "fit", "fitting", "eval", "evaluation", "val", "validation"),
        *("test", "testing", "epoch", "iter", "iteration", "batch", "inference", "load"),
        *("loading", "compile", "compilation", "compute", "computation", "execution", "exec"),
        *("run", "cpu", "gpu", "wall", "clock", "forward", "backward", "startup", "setup"),
        *("preprocessing", "checkpoint", "saving"),
    }
)
"""What a program does, or does it on: a time with one of these words is that of the program."""

_FILLERS = frozenset(
    {"total", "mean", "avg", "average", "max", "min", "median", "last", "data", "model", "step"}
)
"""What may stand beside such a word and says nothing of what is measured."""

_CERTAIN = frozenset({"elapsed", "walltime", "wallclock", "runtime"})
_ALONE = frozenset({"duration", "seconds", "secs"})
"""Certain where nothing else stands in the name: the duration of a stimulus is a result."""

_TIMES = frozenset({"time", "duration", "seconds", "secs", "sec", "ms", "minutes", "hours"})
_UNITS = frozenset({"s", "sec", "secs", "seconds", "ms", "us", "ns", "min", "minutes", "h"})
_SPEEDS = frozenset({"throughput", "fps"})

_MEMORIES = frozenset({"memory", "mem", "vram", "rss", "maxrss"})
_OF_MEMORY = frozenset(
    {"peak", "gpu", "cpu", "cuda", "used", "usage", "allocated", "reserved", "resident"}
)
_SIZES = frozenset({"b", "bytes", "kb", "mb", "gb", "kib", "mib", "gib"})

_COUNTED = (
    r"(?:it|its|iters?|iterations?|steps?|batch|batches|samples?|examples?|images?|imgs?|tok"
    r"|tokens?|rows?|records?|items?|epochs?|frames?|[kmg]i?b)"
)
_PER = r"(?:/|[_ -]per[_ -])"
_SECOND = r"(?:s|sec|second)"
_RATE = re.compile(
    rf"(?<![a-z])(?:{_COUNTED}{_PER}{_SECOND}"
    rf"|(?:{_SECOND}s?|ms|time){_PER}(?:it|iter|iteration|step|batch|epoch))$",
    re.IGNORECASE,
)
"""What a program handles in a second; spikes per second are a result."""

_SPLIT = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")


def measured_by(name: str) -> str:
    """Return what a value of the summary or a series measures by its name; "" for a result.

    Only the last of nested names tells, and only as a whole: `train_seconds`, `elapsed`,
    `epochTime`, `it/s`, `samples_per_second` and `peak_memory` differ between any two runs.
    What could be a result is one: `time`, `reaction_time`, `latency`, `memory_accuracy`.
    """
    last = name.rpartition(".")[2]
    if _RATE.search(last):
        return SPEED
    words = [word.lower() for word in _SPLIT.findall(last.rpartition("/")[2])]
    if _is_speed(words):
        return SPEED
    if _is_time(words):
        return TIME
    return MEMORY if _is_memory(words) else ""


def _is_time(words: list[str]) -> bool:
    measures = _TIMES | _CERTAIN
    if len(words) > 1 and words[-1] in _UNITS and words[-2] in measures:
        words = words[:-1]
    if not words or words[-1] not in measures:
        return False
    if not (_PHASES | _FILLERS | measures).issuperset(words):
        return False
    if len(words) == 1 and words[0] in _ALONE:
        return True
    return any(word in _CERTAIN or word in _PHASES for word in words)


def _is_speed(words: list[str]) -> bool:
    return bool(words) and words[-1] in _SPEEDS and (_PHASES | _FILLERS).issuperset(words[:-1])


def _is_memory(words: list[str]) -> bool:
    if not _MEMORIES.intersection(words):
        return False
    if not (_MEMORIES | _OF_MEMORY | _SIZES | _FILLERS).issuperset(words):
        return False
    # Without such a word it may be a score of memory, or a residual sum of squares.
    return any(word in _OF_MEMORY or word in _SIZES for word in words)
