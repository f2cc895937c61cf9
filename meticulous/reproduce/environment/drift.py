"""Find what about the surroundings is not what it was when an experiment was recorded."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from meticulous.reader.comparing.causes import changes_numbers
from meticulous.reader.comparing.surroundings import lasting_facts, package_versions
from meticulous.recorder.secrets.shapes import MARKER
from meticulous.reproduce.environment.variables import PLACES
from meticulous.reproduce.verdict import Drift

KINDS = (*("python", "packages", "cpu", "gpu", "driver", "platform", "variables", "determinism"),)
"""What may drift, in the order of a report."""

_KIND_OF = (
    (re.compile(r"python\.(version|implementation)"), "python"),
    (re.compile(r"cpu\..*"), "cpu"),
    (re.compile(r"gpus\.\d+\.(name|memory-total|compute-capability|mig)"), "gpu"),
    (re.compile(r"driver-version|cuda-driver-version|torch-cuda-version"), "driver"),
    (
        re.compile(
            r"python\.byteorder|platform\.(system|release|machine|libc|distribution|timezone)"
            r"|container\.(kind|image)|memory\.limit"
        ),
        "platform",
    ),
    (re.compile(r"variables\..*"), "variables"),
)
"""The facts that are compared, by their flat names. What is left out tells machines apart, such as
a host name, or is compared elsewhere."""

_FEATURES = "cpu.features"

_OF_GPUS = ("driver-version", "cuda-driver-version", "torch-cuda-version")
"""Facts that are found out together with the cards, and unknown together."""

_NEVER_IMPORTED = frozenset({"pip", "uv", "wheel", "virtualenv", "pipx", "conda"})
"""Packages that install others."""

_CHOSEN_WHERE_PRESENT = frozenset(
    {"bottleneck", "numexpr", "numba", "scikit-learn-intelex", "opt-einsum", "mkl", "mkl-service"}
)
"""Packages that others compute with as soon as they are installed."""

RECORDER = "meticulous-ml"
"""The package that records, which changes no number."""


def find_drift(
    recorded: Mapping[str, Any],
    present: Mapping[str, Any],
    *,
    imported: Collection[str] | None = None,
    same: Collection[str] = (),
) -> list[Drift]:
    """Compare the surroundings of a recorded experiment with the present ones.

    A part that one side does not know gives no drift; `unknown_parts` names it.

    Args:
        recorded: The content of the experiment's environment.json.
        present: The same about the interpreter that is to run it now.
        imported: Names of the packages that the program imported; None where that is not known,
            and then every recorded package matters.
        same: Names of packages that are not looked at, because the reproduction itself sees to
            their code.

    Returns:
        What differs, in the order of `KINDS`, by name within one kind.
    """
    drifts = [
        *_fact_drifts(recorded, present),
        *_package_drifts(recorded, present, imported, {normalized(name) for name in same}),
    ]
    return sorted(drifts, key=lambda drift: (KINDS.index(drift.kind), drift.name))


def determinism_drift(recorded: Mapping[str, Any], present: Mapping[str, Any]) -> list[Drift]:
    """Compare the flags that make libraries deterministic, from the metadata of both runs.

    Args:
        recorded: The metadata of the recorded experiment.
        present: The metadata of the one that reproduces it, after its end.

    Returns:
        The flags that differ; none where a side does not know them.
    """
    then, now = _flags(recorded), _flags(present)
    if then is None or now is None:
        return []
    return [
        Drift("determinism", name, then.get(name), now.get(name))
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]


def unknown_parts(recorded: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """Say in a sentence each what could not be compared, because a side does not know it."""
    if not recorded:
        return ["The recorded surroundings are not known, so whether they drifted is not either."]
    parts = ("python", "packages", "cpu", "gpus", "platform", "variables")
    sentences = []
    for part in parts:
        for side, word in ((recorded, "recorded"), (present, "present")):
            if not _knows(side, part):
                sentences.append(f"Drift of {part} is not known: the {word} side does not tell.")
                break
    return sentences


def normalized(name: str) -> str:
    """Return the name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _fact_drifts(recorded: Mapping[str, Any], present: Mapping[str, Any]) -> Iterator[Drift]:
    # Metadata's facts are of no interest here; they tell runs apart.
    then, now = lasting_facts(recorded, {}), lasting_facts(present, {})
    for name in sorted({*then, *now}):
        kind = next((kind for names, kind in _KIND_OF if names.fullmatch(name)), None)
        if kind is None or _is_same(then.get(name), now.get(name)):
            continue
        if not _tells(recorded, name) or not _tells(present, name):
            continue
        if kind == "variables":
            yield from _variable_drift(name, then.get(name), now.get(name))
        elif name == _FEATURES:
            yield from _feature_drift(then.get(name), now.get(name))
        else:
            matters = _matters(name, then.get(name), now.get(name))
            yield Drift(kind, name, then.get(name), now.get(name), matters)


def _variable_drift(name: str, then: Any, now: Any) -> Iterator[Drift]:
    variable = name.removeprefix("variables.")
    is_place = PLACES.fullmatch(variable)
    if is_place and not variable.startswith(("LD_", "DYLD_")):
        return
    if any(isinstance(value, str) and MARKER in value for value in (then, now)):
        return
    yield Drift("variables", variable, then, now, changes_numbers(name) and not is_place)


def _feature_drift(then: Any, now: Any) -> Iterator[Drift]:
    """Yield one drift with the instruction sets that only one of the sides has."""
    # A kernel that lists none is no processor without any.
    if isinstance(then, list) and isinstance(now, list) and then and now:
        before = " ".join(str(feature) for feature in then if feature not in now)
        after = " ".join(str(feature) for feature in now if feature not in then)
        if before or after:
            yield Drift("cpu", _FEATURES, before or None, after or None)


def _package_drifts(
    recorded: Mapping[str, Any],
    present: Mapping[str, Any],
    imported: Collection[str] | None,
    same: Collection[str],
) -> Iterator[Drift]:
    then, now = package_versions(recorded), package_versions(present)
    if then is None or now is None:
        return
    used = None if imported is None else {normalized(name) for name in imported}
    for name in sorted({*then, *now}):
        if then.get(name) == now.get(name) or name in same:
            continue
        matters = name not in _NEVER_IMPORTED and name != RECORDER
        if matters and name.startswith("conda:"):
            matters = name in then and name in now
        elif matters and name not in then:
            # What was not there cannot have been imported, and seldom is without being asked for.
            matters = name in _CHOSEN_WHERE_PRESENT
        elif matters and used is not None:
            matters = name in used
        yield Drift("packages", name, then.get(name), now.get(name), matters)


def _matters(name: str, then: Any, now: Any) -> bool:
    if name == "python.version":
        return _series(then) != _series(now)
    return name in ("platform.system", "python.byteorder") or changes_numbers(name)


def _series(version: Any) -> tuple[str, ...]:
    return tuple(str(version).split(".")[:2])


def _is_same(then: Any, now: Any) -> bool:
    return type(then) is type(now) and bool(then == now)


def _knows(environment: Mapping[str, Any], part: str) -> bool:
    value = environment.get(part)
    if part in ("packages", "gpus"):
        return isinstance(value, list)
    return isinstance(value, dict) and "error" not in value


def _tells(environment: Mapping[str, Any], name: str) -> bool:
    """Say whether a side knows a fact or its absence; an older recorder looked at fewer."""
    words = name.split(".")
    if words[0] in ("variables", "gpus"):
        return _knows(environment, words[0])
    if words[0] in _OF_GPUS and not _knows(environment, "gpus"):
        return False
    if words[0] == "container" and environment.get("container", name) is None:
        return True
    place: Any = environment
    for word in words:
        if not isinstance(place, dict) or word not in place:
            return False
        place = place[word]
    return True


def _flags(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    randomness = metadata.get("randomness")
    flags = randomness.get("determinism") if isinstance(randomness, dict) else None
    if not isinstance(flags, dict):
        return None
    return dict(_flat(flags, ""))


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
