"""Which results measure how long or how fast something ran, by their names."""

from __future__ import annotations

import re

REMARK = "it measures time, speed or memory, by its name, and so decides nothing"
"""What is said of such a result."""

_WORDS = frozenset(
    {
        *("time", "times", "timing", "timings", "timestamp", "timestamps", "walltime", "runtime"),
        *("duration", "durations", "elapsed", "seconds", "secs", "sec", "minutes", "hours"),
        *("milliseconds", "millis", "ms", "ns", "latency", "throughput", "fps", "datetime"),
        *("memory", "mem", "rss", "vram", "wallclock", "uptime"),
    }
)

_QUIET = frozenset({"step", "steps", "series", "constant", "constants", "embedding", "embeddings"})
"""What is called a time with one of these words behind it is none: time steps, a time constant."""

_RATE = re.compile(r"(?:/|[_. -]per[_. -])(?:s|sec|second|min|minute|h|hour)s?(?![a-z])", re.I)

_PHYSICAL = re.compile(r"(?<![a-zA-Z])(?:[kcm]?m|rad|deg|rev|k?mol|m?g|kg|k?J|k?Pa|l)/(?:s|min|h)")
"""Speeds in the world, which are results."""

_SPLIT = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")


def measures_time(name: str) -> bool:
    """Say whether a result measures time, speed or memory, which differ between any two runs.

    Examples of such names are `train_seconds`, `elapsed`, `timing.load`, `epochTime`, `it/s`,
    `samples_per_second` and `peak_memory`; `time_step` and `time_constant` are none.
    """
    if _RATE.search(name) and not _PHYSICAL.search(name):
        return True
    words = [word.lower() for word in _SPLIT.findall(name)]
    # "" follows the last word, and what has no words has none that tell.
    pairs = zip(words, [*words[1:], ""], strict=False)
    return any(word in _WORDS and after not in _QUIET for word, after in pairs)
