"""Many runs: sets of registered experiments, and what carries them out."""

from __future__ import annotations

from meticulous.lazy import on_first_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.sweep.calls import any_of, launch, register
    from meticulous.sweep.launching import Outcome

__all__ = ["Outcome", "any_of", "launch", "register"]

_HOME = {
    "Outcome": "meticulous.sweep.launching",
    "any_of": "meticulous.sweep.calls",
    "launch": "meticulous.sweep.calls",
    "register": "meticulous.sweep.calls",
}

# So that commands start without what they do not use.
__getattr__, __dir__ = on_first_use(globals(), _HOME)
