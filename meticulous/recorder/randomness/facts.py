"""What a record says of random numbers: seeds, generators without one, flags that count."""

from __future__ import annotations

import os
import sys

from meticulous.recorder.randomness import watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_HASH_SEED = "PYTHONHASHSEED"


def metadata(observation: watch.Observation) -> dict[str, Any]:
    """Return the keys of metadata.json that tell what was seen of random numbers so far.

    Args:
        observation: What the recording has seen.
    """
    seeds = observation.seeds
    unseeded, unknown = _used_without_seed(observation)
    facts = {
        "seeded": dict(watch.applied) if seeds else {},
        "seeds": seeds,
        "unseeded": unseeded,
        "unknown": unknown,
        "unseeded-at": _places(observation),
        "determinism": _determinism(observation.is_determinism_wanted),
    }
    return {**({"seed": seeds[-1]} if seeds else {}), "randomness": facts}


def _used_without_seed(observation: watch.Observation) -> tuple[list[str], list[str]]:
    unseeded: list[str] = []
    unknown: list[str] = []
    for name, generator in list(watch.known.items()):
        try:
            if generator.state() == observation.marks.get(name, generator.first):
                continue
            was_seeded = generator.was_seeded()
        except Exception:  # noqa: S112 - the program may have done anything to it
            continue
        if not was_seeded:
            (unknown if was_seeded is None else unseeded).append(name)
    return [*unseeded, *_unseeded_gpus(), *_places(observation)], unknown


def _unseeded_gpus() -> list[str]:
    torch: Any = watch.known.get("torch")
    try:
        return torch.unseeded_gpus() if torch is not None else []
    except Exception:  # a driver or version of torch that answers otherwise
        return []


def _places(observation: watch.Observation) -> dict[str, list[str]]:
    root = os.path.join(os.path.realpath(observation.repository or os.sep), "")
    places = {
        kind: [_relative(place, root) for place, count in counts.items() if count > 0]
        for kind, counts in observation.places.items()
    }
    return {kind: found for kind, found in places.items() if found}


def _relative(place: str, root: str) -> str:
    real = os.path.realpath(place)
    return real[len(root) :] if len(root) > 1 and real.startswith(root) else place


def _determinism(is_wanted: bool) -> dict[str, Any]:
    hash_seed = _hash_seed()
    flags: dict[str, Any] = {
        "wanted": is_wanted,
        _HASH_SEED: hash_seed,
        "hash-randomization": hash_seed is None,
        "CUBLAS_WORKSPACE_CONFIG": os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
    }
    if "torch" not in watch.known:
        return flags
    for name, ask in TORCH_FLAGS:
        try:
            flags[name] = ask(watch.known["torch"].module)
        except Exception:  # noqa: S112 - other versions of torch have other flags
            continue
    return flags


TORCH_FLAGS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("torch.deterministic", lambda torch: torch.are_deterministic_algorithms_enabled()),
    ("torch.warn-only", lambda torch: torch.is_deterministic_algorithms_warn_only_enabled()),
    ("torch.threads", lambda torch: torch.get_num_threads()),
    ("torch.matmul-precision", lambda torch: torch.get_float32_matmul_precision()),
    ("cudnn.deterministic", lambda torch: torch.backends.cudnn.deterministic),
    ("cudnn.benchmark", lambda torch: torch.backends.cudnn.benchmark),
    ("cudnn.allow-tf32", lambda torch: torch.backends.cudnn.allow_tf32),
)


def _hash_seed() -> str | None:
    """Return the seed of hashes this interpreter was started with; None where it drew one.

    A program that sets the variable while it runs changes that of its children only.
    """
    if not sys.flags.hash_randomization:
        return "0"
    if sys.flags.ignore_environment:
        return None
    try:
        with open("/proc/self/environ", "rb") as file:
            variables = dict(
                line.split(b"=", 1) for line in file.read().split(b"\0") if b"=" in line
            )
        value = variables.get(_HASH_SEED.encode(), b"").decode("ascii", "replace")
    except OSError:
        value = os.environ.get(_HASH_SEED, "")
    return value if value not in ("", "random") else None
