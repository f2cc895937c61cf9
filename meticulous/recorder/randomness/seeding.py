"""Seed every generator of random numbers of a program with one number."""

from __future__ import annotations

import contextlib
import operator
import os

from meticulous.errors import InvalidOptionError
from meticulous.folder import layout
from meticulous.recorder.randomness import watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from meticulous.recorder.program.attached import AttachedRecording
    from meticulous.recorder.recording import Recording

LARGEST_SEED = 2**32 - 1
"""The largest number that all generators take; numpy's takes none that is larger."""

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
_WORKSPACE = ":4096:8"
"""The setting with which cuBLAS repeats its results, as its documentation gives it."""


def seed_everything(
    seed: Any, deterministic: bool, recording: Recording | AttachedRecording | None
) -> int:
    """Seed `random`, numpy and torch, now or at the moment they are imported.

    Args:
        seed: The seed; None for one that the operating system draws, or that was drawn then, where
            an experiment is being reproduced.
        deterministic: Also ask torch for algorithms that repeat their results.
        recording: The recording that is to know; None where there is none.

    Returns:
        The seed.

    Raises:
        InvalidOptionError: The seed is no integer from 0 to `LARGEST_SEED`.
    """
    number = _draw(recording) if seed is None else check_seed(seed)
    if deterministic:
        # cuBLAS reads it when it is used first, and so do children.
        os.environ.setdefault(_CUBLAS, _WORKSPACE)
    watch.seed_all(number, deterministic)
    if recording is not None and recording.is_running:
        recording.randomness.note_seed(number, deterministic)
        # Of so many, only the last counts: the end writes it.
        if len(recording.randomness.seeds) < watch.MOST_SEEDS:
            recording.write_randomness()
    return number


def check_seed(seed: Any) -> int:
    """Return the seed as an integer.

    Raises:
        InvalidOptionError: It is none from 0 to `LARGEST_SEED`.
    """
    number: int = -1
    if not isinstance(seed, bool):
        with contextlib.suppress(TypeError):
            number = operator.index(seed)
    if not 0 <= number <= LARGEST_SEED:
        raise InvalidOptionError(
            f"seed={seed!r} is not a seed that all generators take; give an integer from 0 to "
            f"{LARGEST_SEED}, or none to have one drawn."
        )
    return number


def _draw(recording: Recording | AttachedRecording | None) -> int:
    if recording is not None and layout.REPRODUCTION_VARIABLE in os.environ:
        from meticulous.recorder.reproduction import find_order

        order, call = find_order(), len(recording.randomness.seeds)
        is_original = order is not None and order.directory == recording.writer.paths.directory
        if order is not None and is_original and call < len(order.seeds):
            return check_seed(order.seeds[call])
    return int.from_bytes(os.urandom(4), "little")
