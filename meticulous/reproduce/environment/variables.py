"""Which recorded environment variables a rerun is given, and which of the present ones it loses."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from meticulous.recorder.environment.variables import VARIABLE_PREFIXES, VARIABLES
from meticulous.recorder.secrets.shapes import MARKER

DEVICES = "CUDA_VISIBLE_DEVICES"

PLACES = re.compile(
    r"PATH|VIRTUAL_ENV|CONDA_.*|(LD|DYLD)_.*|PYTHONHOME|PYTHONPATH|NVIDIA_(?!TF32).*"
    r"|(CUDA|CUDNN|HIP|ROCR|MKL|TBB|DNNL|JAX|XLA|TORCH|HF|NUMBA|TRITON|MIOPEN)(_.*)?"
    r"_(HOME|PATH|ROOT|DIR|FILE|CACHE|BASE|CONFIG)",
)
"""Variables that say where something lies on a machine: they belong to it, not to the run."""

_JOB = re.compile(
    r"WORLD_SIZE|(LOCAL_|GROUP_|NODE_)?RANK|LOCAL_WORLD_SIZE|MASTER_(ADDR|PORT)|TF_CONFIG"
    r"|OMPI_.*|PMI_.*|GLOO_.*|NCCL_(SOCKET|IB|NET|TOPO|COMM|HOSTID|DEBUG).*"
    r"|HF_HUB_OFFLINE|HF_DATASETS_OFFLINE|TRANSFORMERS_OFFLINE"
)
"""Variables that a launcher or a network gives: set without it they would only hang the program."""


def is_restored(name: str) -> bool:
    """Say whether a rerun is given this variable as it was recorded."""
    is_recorded = name in VARIABLES or name.startswith(VARIABLE_PREFIXES)
    return is_recorded and not PLACES.fullmatch(name) and not _JOB.fullmatch(name)


def restored_variables(
    recorded: Mapping[str, Any],
    present: Mapping[str, str] | None = None,
    cards: int = 0,
) -> dict[str, str | None]:
    """Return what a rerun must change in its environment variables to have the recorded ones.

    Variables that change numbers, and those that rule Python and the locale, are as they were. Left
    alone are places on a machine (PATH), what a launcher gives (RANK), secrets, and a choice of
    graphics cards that are not here.

    Args:
        recorded: All of environment.json. Where it does not know the variables, nothing changes.
        present: The present variables; by default those of this process.
        cards: How many graphics cards there are now.

    Returns:
        The value of each variable that differs; None for one that must not be set.
    """
    present = os.environ if present is None else present
    then = recorded_variables(recorded)
    if then is None:
        return {}
    names = sorted(name for name in {*then, *present} if is_restored(name))
    return {
        name: then.get(name)
        for name in names
        if then.get(name) != present.get(name) and _can_be_given(name, then.get(name), cards)
    }


def recorded_variables(recorded: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the variables that environment.json holds; None where it does not know them."""
    variables = recorded.get("variables")
    if not isinstance(variables, dict) or "error" in variables:
        return None
    return {name: value for name, value in variables.items() if isinstance(value, str)}


def _can_be_given(name: str, value: str | None, cards: int) -> bool:
    if value is None:
        # To take away a present choice of cards would show the program cards it must not use.
        return name != DEVICES
    if MARKER in value or "\0" in value:
        return False
    if name != DEVICES:
        return True
    chosen = [word.strip() for word in value.split(",") if word.strip()]
    if not chosen or chosen[0] == "-1" or chosen[0].lower() == "nodevfiles":
        return True
    return all(word.isdigit() and int(word) < cards for word in chosen)
