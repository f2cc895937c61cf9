"""What a diagnosis knows: factors, runs and their outcomes, and what follows from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

CODE, PACKAGES, INPUTS, VARIABLES = "code", "packages", "inputs", "variables"
CORES, PATHS = "cores", "absolute paths"
MACHINE = ("processor", "GPU", "driver", "platform")

RANKS = (INPUTS, PATHS, CODE, PACKAGES, VARIABLES, CORES, *MACHINE)
"""Factors, by how likely one that cannot be restored explains other results."""

SEEDS, HASHES, THREADS, KERNELS = "random numbers", "hash order", "threads", "GPU kernels"
EVERYTHING = "all of these"
"""What can be held still to see whether noise disappears."""

HAS_OTHERS = (SEEDS, HASHES)
"""Of these, those that can be held at another value, which shows that they move the numbers."""

BASE, STILL, CHANGED, ALL_CHANGED = "recorded state", "held still", "changed", "all changed"

RECORD, NO_RESULT = 0, -1
"""Labels of runs: results as recorded; nothing that could be compared. Others are from 1."""


@dataclass(frozen=True, slots=True)
class Factor:
    """Something that is not as it was when the experiment was recorded.

    Attributes:
        name: One of `RANKS`.
        what: What differs, such as "numlib 1.0 -> 2.0".
        obstacle: Why its recorded state cannot be restored; "" where it can.
        is_in_reproduction: Whether the reproduction ran with it as it is now.
        parts: What it consists of and can be changed alone: names, each with what differs.
    """

    name: str
    what: str
    obstacle: str = ""
    is_in_reproduction: bool = True
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """A run that is wanted: the recorded state, but for one thing.

    Attributes:
        kind: `BASE`, `STILL`, `CHANGED` or `ALL_CHANGED`.
        name: What is held still, or the factor that is as it is now.
        value: At what it is held still: 0, 1, 2.
        only: The parts of the factor that are as they are now; empty for all.
    """

    kind: str
    name: str = ""
    value: int = 0
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A run and what came out.

    Attributes:
        trial: What was run.
        label: Runs with the same results have the same; `RECORD` for those of the record.
        effect: How the results differ from the recorded ones, in words; "" where they do not.
        unlike_first: How they differ from those of the first run of the same trial.
    """

    trial: Trial
    label: int
    effect: str = ""
    unlike_first: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known at one moment.

    Attributes:
        factors: What is not as it was.
        holds: What is to be held still if there is noise, in this order.
        runs: What was run.
        is_stopped: Whether nothing more may be run.
    """

    factors: tuple[Factor, ...] = ()
    holds: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()
    is_stopped: bool = False

    @property
    def restored(self) -> tuple[str, ...]:
        """The factors that are as recorded in the recorded state, and can be changed."""
        # Of packages, some may be restored and others not.
        return tuple(dict.fromkeys(one.name for one in self.factors if not one.obstacle))

    def parts(self, name: str) -> dict[str, str]:
        """Return the parts of a factor, and what differs in each."""
        return {
            part: what
            for factor in self.factors
            if factor.name == name and not factor.obstacle
            for part, what in factor.parts
        }

    def labels(self, trial: Trial) -> list[int]:
        """Return the labels of the runs of a trial."""
        return [run.label for run in self.runs if run.trial == trial]


NOTHING, NOISE, MOVED, TOGETHER = "nothing to diagnose", "noise", "moved", "together"
UNMOVED, LOST, NOT_RUN, STOPPED = "not moved", "not restored", "not run", "stopped"


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from the evidence.

    Attributes:
        kind: `NOTHING`, `NOISE` (two runs of the recorded state differ), `MOVED` (factors move the
            results), `TOGETHER` (they do so only all together), `UNMOVED` (the recorded state gives
            the recorded results, and no factor moves them), `LOST` (it gives others each time the
            same), `NOT_RUN` (it does not come to comparable results) or `STOPPED`.
        causes: The factors, or what noise comes from, the likeliest first; empty when not known.
        is_sure: Whether a run has shown it; False for what is only the likeliest.
    """

    kind: str
    causes: tuple[str, ...] = ()
    is_sure: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the report.

    Attributes:
        factor: What it is about.
        tried: What was done.
        effect: What came of it.
    """

    factor: str
    tried: str
    effect: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a reproduction does not agree.

    Attributes:
        kind: That of the decision.
        causes: Those of the decision.
        is_sure: That of the decision.
        sentence: The cause in one sentence, and what to do about it in another.
        rows: What was tried.
        remarks: What else is to be said, one sentence each.
        runs: How many runs it took, beside the reproduction.
        seconds: How long it took.
    """

    kind: str
    causes: tuple[str, ...]
    is_sure: bool
    sentence: str
    rows: tuple[Row, ...] = ()
    remarks: tuple[str, ...] = ()
    runs: int = 0
    seconds: float = 0.0

    def as_document(self) -> dict[str, Any]:
        """Return what stands under `diagnosis` in reproduction.json."""
        return asdict(self)
