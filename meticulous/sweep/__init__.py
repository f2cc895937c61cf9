"""Many runs: sets of registered experiments, and what carries them out."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from meticulous.sweep.calls import any_of, launch, register
    from meticulous.sweep.launching import Outcome

__all__ = ["Outcome", "any_of", "launch", "register"]

_HOME = {
    "Outcome": "meticulous.sweep.launching",
    "any_of": "meticulous.sweep.calls",
    "launch": "meticulous.sweep.calls",
    "register": "meticulous.sweep.calls",
}


def __getattr__(name: str) -> Any:
    """Load a public name on its first use, so that commands start without what they do not use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
