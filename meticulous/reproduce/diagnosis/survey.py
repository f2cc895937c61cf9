"""Looks for what is not as it was when an experiment was recorded, and whether it can be again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meticulous.errors import GitError
from meticulous.folder.hashing import sha256_of
from meticulous.git.present import changed_since, places_of
from meticulous.reader.record import Record, as_texts
from meticulous.reader.wording import few_text
from meticulous.recorder.files.left_out import CODE as CODE_ENDINGS
from meticulous.reproduce.code import Code
from meticulous.reproduce.command import RecordedCommand
from meticulous.reproduce.diagnosis.arranging import spelled
from meticulous.reproduce.diagnosis.facts import (
    CODE,
    CORES,
    HASHES,
    INPUTS,
    KERNELS,
    PACKAGES,
    PATHS,
    SEEDS,
    THREADS,
    VARIABLES,
    Factor,
)
from meticulous.reproduce.environment.interpreter import RECREATE, Interpreter
from meticulous.reproduce.environment.places import recorded_root
from meticulous.reproduce.inputs import CHANGED, MISSING, UNVERIFIED, entries, read_files
from meticulous.reproduce.paths import below, spellings
from meticulous.reproduce.verdict import Drift, InputChange, Reproduction

_MOST_CANDIDATES = 100
"""Files of the same size that are hashed to find a copy of an input."""

_MOST_IMITATED = 4
"""How many times the present processors a program is told that it has, as it had then."""

_MOST_NAMED = 3
"""Files that are named where there are many."""

_CORE_KEYS = ("logical-cores", "affinity-cores")

_NOT_INSTALLED = "it could not be installed"
_MACHINE = {"cpu": "processor", "gpu": "GPU", "driver": "driver", "platform": "platform"}


@dataclass(frozen=True, slots=True)
class Cores:
    """Processors: how many there are, and on how many a program may run."""

    logical: int
    usable: int

    def __str__(self) -> str:
        return (
            f"{self.usable} of {self.logical}" if self.usable < self.logical else f"{self.usable}"
        )


@dataclass(slots=True)
class Scene:
    """What is not as it was, and what brings it back.

    Attributes:
        factors: What differs.
        holds: What may be held still to find where noise comes from.
        code: Files of the working tree to lay over the recorded code to have the present one.
        inputs: The same for inputs that the recorded commit holds.
        copies: Copies of recorded inputs, by the path in the worktree.
        cores: The recorded ones; None where they are as they were, or cannot be imitated.
        roots: How the program names the original checkout; empty where that is no matter.
        remarks: What else is to be said, one sentence each.
    """

    factors: list[Factor] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    code: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    cores: Cores | None = None
    roots: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before anything is varied.

    Attributes:
        record: The recorded experiment.
        environment: Its environment.json.
        command: How it was started.
        code: Where its code is.
        reproduction: What the reproduction found.
        reproduced: The record of the reproduction.
        present: The interpreter of now, with the recorded variables.
        restored: The one with the recorded packages; None where there is none.
        why_not: Why there is none; "" where none is needed.
        has_present: Whether the present code, inputs and variables are to be tried too.
    """

    record: Record
    environment: Mapping[str, Any]
    command: RecordedCommand
    code: Code
    reproduction: Reproduction
    reproduced: Record
    present: Interpreter
    restored: Interpreter | None
    why_not: str
    has_present: bool

    @property
    def root(self) -> str | None:
        """The root of the user's working tree."""
        return self.code.source.root if self.code.source is not None else None

    @property
    def roots(self) -> tuple[str, ...]:
        """The folders of the code then, in all spellings."""
        return spellings(recorded_root(self.environment, self.record.metadata), self.root)


def survey(known: Known) -> Scene:
    """Return what is not as it was."""
    scene = Scene()
    _look_at_inputs(known, scene)
    _look_at_paths(known, scene)
    _look_at_packages(known, scene)
    if known.has_present:
        _look_at_present(known, scene)
    _look_at_cores(known, scene)
    scene.factors += _of_machine(known.reproduction.drift)
    scene.holds += _holds(known)
    return scene


def changed_code(record: Record, code: Code) -> list[str]:
    """Return the files in which the user's working tree differs from the recorded code."""
    root = code.source.root if code.source is not None and code.has_it else None
    if root is None:
        return []
    try:
        return changed_since(root, code.commit)
    except GitError:
        return []


def cores_of(environment: Mapping[str, Any]) -> Cores | None:
    """Return the processors that a description of surroundings tells; None where it does not."""
    cpu = environment.get("cpu")
    counts = [cpu.get(key) if isinstance(cpu, dict) else None for key in _CORE_KEYS]
    logical, usable = (count if isinstance(count, int) else None for count in counts)
    return Cores(logical, usable or logical) if logical else None


def present_cores() -> Cores:
    """Return the processors of this machine."""
    logical = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    return Cores(logical, usable)


def _look_at_inputs(known: Known, scene: Scene) -> None:
    recorded = {
        entry["path"]: entry for entry in entries(read_files(known.record.directory), "inputs")
    }
    for change in known.reproduction.inputs:
        what = f"{change.path} ({change.detail})"
        if change.change == UNVERIFIED:
            if change.path in as_texts(known.record.metadata.get("git-untracked-sources")):
                scene.factors.append(
                    Factor(CODE, f"{change.path}, which is in no commit", "it is as it is now")
                )
            else:
                scene.remarks.append(f"Whether the input {what} is as it was is not known.")
        elif change.change in (CHANGED, MISSING):
            scene.factors.append(_of_input(known, scene, change, recorded.get(change.path), what))


def _of_input(
    known: Known, scene: Scene, change: InputChange, entry: dict[str, Any] | None, what: str
) -> Factor:
    is_inside = entry is not None and entry.get("in") == "repository"
    base = known.root if is_inside else os.sep
    copy = _find_copy(entry, base) if entry is not None and base is not None else None
    if copy is None:
        return Factor(INPUTS, what, "the recorded content is not here any more")
    if not is_inside:
        return Factor(
            INPUTS, what, f"a copy of the recorded content is {copy}; put it there and try again"
        )
    scene.copies[change.path] = copy
    return Factor(INPUTS, f"{what}, whose recorded content is in {copy}")


def _find_copy(entry: Mapping[str, Any], base: str) -> str | None:
    """Return a file beside the input that has its recorded content: one that was renamed."""
    digest, size = entry.get("sha256"), entry.get("size")
    folder = os.path.dirname(os.path.join(base, str(entry["path"])))
    if not isinstance(digest, str) or not isinstance(size, int):
        return None
    try:
        files = [one.path for one in os.scandir(folder) if one.is_file()]
        alike = [path for path in sorted(files) if os.path.getsize(path) == size]
        return next((p for p in alike[:_MOST_CANDIDATES] if sha256_of(p) == digest), None)
    except OSError:
        return None


def _look_at_paths(known: Known, scene: Scene) -> None:
    read = [
        inner
        for entry in entries(read_files(known.reproduced.directory), "inputs")
        if os.path.isabs(entry["path"])
        and below(entry["path"], str(known.reproduced.directory.parent)) is None
        and (inner := _inside(entry["path"], known.roots)) is not None
    ]
    loaded = as_texts(known.reproduced.metadata.get("loaded-from-original"))
    read += [_inside(path, known.roots) or path for path in loaded]
    if not read:
        return
    roots = spelled(known.roots)
    places: list[str] = []
    nowhere = "no file of the commit names that folder"
    if known.code.source is not None and known.code.has_it:
        try:
            places = places_of(known.code.source.directory, known.code.commit, roots)
        except GitError as error:
            nowhere = f"whether a file of the commit names that folder is not known: {error}"
    what = (
        f"{few_text(read, _MOST_NAMED)}, read from {known.roots[0]} instead of the private worktree"
    )
    if places:
        scene.roots += roots
        scene.factors.append(
            Factor(PATHS, f"{what}; the path stands in {few_text(places, _MOST_NAMED)}")
        )
    else:
        scene.factors.append(Factor(PATHS, what, nowhere))


def _look_at_packages(known: Known, scene: Scene) -> None:
    is_recreated = known.reproduction.environment.get("mode") == RECREATE
    if is_recreated and not known.has_present:
        drift = [one for one in known.reproduction.drift if is_of_packages(one)]
        scene.factors += [Factor(PACKAGES, _arrow(one), _NOT_INSTALLED) for one in drift]
        return
    drift = [one for one in known.present.drift if is_of_packages(one)]
    left: list[Drift] = []
    if known.restored is not None:
        left = [one for one in known.restored.drift if is_of_packages(one)]
        names = {one.name for one in left}
        changed = [_arrow(one) for one in drift if one.name not in names]
        if changed:
            scene.factors.append(Factor(PACKAGES, ", ".join(changed), "", not is_recreated))
        drift = left
    why = known.why_not or _NOT_INSTALLED
    scene.factors += [Factor(PACKAGES, _arrow(one), why) for one in drift]


def _look_at_present(known: Known, scene: Scene) -> None:
    written = {entry["path"] for entry in entries(read_files(known.record.directory), "outputs")}
    inputs = {
        entry["path"]
        for entry in entries(read_files(known.record.directory), "inputs")
        if entry.get("in") == "repository" and not entry["path"].endswith(CODE_ENDINGS)
    }
    for path in changed_code(known.record, known.code):
        if path not in written:
            (scene.inputs if path in inputs else scene.code)[path] = os.path.join(
                str(known.root), path
            )
    commit = known.code.commit[:10]
    if scene.code:
        what = f"{few_text(list(scene.code), _MOST_NAMED)} changed since {commit}"
        scene.factors.append(Factor(CODE, what, is_in_reproduction=False))
    if scene.inputs:
        what = f"{few_text(list(scene.inputs), _MOST_NAMED)} changed since {commit}"
        scene.factors.append(Factor(INPUTS, what, is_in_reproduction=False))
    changes = tuple(
        (name, f"{name} {_or_none(value)} -> {_or_none(os.environ.get(name))}")
        for name, value in known.present.variables.items()
    )
    if changes:
        what = ", ".join(text for _, text in changes)
        scene.factors.append(Factor(VARIABLES, what, is_in_reproduction=False, parts=changes))


def _look_at_cores(known: Known, scene: Scene) -> None:
    then, now = cores_of(known.environment), present_cores()
    if then is None or then == now:
        return
    what = f"{then} -> {now}"
    if then.usable > _MOST_IMITATED * now.usable:
        scene.factors.append(Factor(CORES, what, "so many are not imitated"))
        return
    scene.cores = then
    scene.factors.append(Factor(CORES, what))


def _of_machine(drift: Sequence[Drift]) -> Iterator[Factor]:
    for one in drift:
        if not one.matters or one.name.endswith("-cores"):
            continue
        if one.kind in _MACHINE:
            yield Factor(_MACHINE[one.kind], _arrow(one), "it is that of this machine")
        elif one.kind == "variables":
            yield Factor(VARIABLES, _arrow(one), "it belongs to a machine, or was a secret")


def _holds(known: Known) -> Iterator[str]:
    """Yield what may be the source of noise, the likeliest first."""
    is_python = known.command.is_python or any("python" in word for word in known.command.words[:1])
    randomness = [_mapping(one.metadata, "randomness") for one in (known.record, known.reproduced)]
    is_unseeded = any(facts.get("unseeded") or facts.get("unknown") for facts in randomness)
    flags = [_mapping(facts, "determinism") for facts in randomness]
    if is_unseeded:
        yield SEEDS
    if is_python and not any(each.get("hash-randomization") is False for each in flags):
        yield HASHES
    yield THREADS
    if any("torch.deterministic" in each for each in flags) and known.environment.get("gpus"):
        yield KERNELS
    if is_python and not is_unseeded:
        # A program may ask the system for random bytes, or draw before it is watched.
        yield SEEDS


def is_of_packages(drift: Drift) -> bool:
    """Say whether what drifted is Python or a package that the program uses."""
    return drift.kind in ("packages", "python") and drift.matters


def _inside(path: str, roots: Sequence[str]) -> str | None:
    return next((inner for root in roots if (inner := below(path, root)) is not None), None)


def _arrow(drift: Drift) -> str:
    name = drift.name.removeprefix("cpu.").removeprefix("gpus.")
    return f"{name} {_or_none(drift.recorded)} -> {_or_none(drift.present)}"


def _or_none(value: object) -> str:
    return "none" if value is None else str(value)


def _mapping(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = values.get(key)
    return found if isinstance(found, dict) else {}
