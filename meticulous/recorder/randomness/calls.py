"""See the calls that seed a generator, and those that make one without a seed.

Nothing that a program can hold in its hands is exchanged where that can be avoided: a method of
`random.Random` stays the same object, also for those who have imported it by its name, and only
its code is another.
"""

from __future__ import annotations

import contextlib
import sys
from types import FunctionType

from meticulous.recorder.randomness import watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    _Method = Callable[..., Any]

_NAME = "_meticulous_calls"
"""Where the exchanged code finds `StandardCalls`: in its own module, which outlives ours."""

_RANDOM = "random.Random"


class StandardCalls:
    """What was called on the generators of the module `random`.

    Attributes:
        was_seeded: Whether the last call that set the state of the shared generator gave a seed or
            an earlier state; None when there was none.
        seed: `Random.seed` as it was.
        setstate: `Random.setstate` as it was.
    """

    def __init__(self, module: Any) -> None:
        from weakref import WeakKeyDictionary

        self.was_seeded: bool | None = None
        self._shared = module._inst
        self._unseeded: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self.seed = _copy(module.Random.seed)
        self.setstate = _copy(module.Random.setstate)

    def note(self, generator: Any, is_begun: bool) -> None:
        """Note that the state of a generator was set.

        Args:
            generator: An instance of `random.Random`.
            is_begun: Whether to something that was chosen, not by the system.
        """
        if generator is self._shared:
            self.was_seeded = is_begun
            return
        with contextlib.suppress(Exception):  # classes of the program's own can do anything
            if generator in self._unseeded:
                watch.forget_unseeded(_RANDOM, self._unseeded.pop(generator))
            if not is_begun and watch.is_watched():
                self._note_unseeded(generator)

    def _note_unseeded(self, generator: Any) -> None:
        from meticulous.recorder.randomness.callers import place_in_program

        place = place_in_program(sys._getframe())
        if place:
            watch.note_unseeded(_RANDOM, place)
            self._unseeded[generator] = place


class NumpyCalls:
    """What was called on the generators of numpy.

    Attributes:
        was_restored: Whether the shared generator was put into an earlier state.
    """

    def __init__(self, module: Any) -> None:
        self.was_restored = False
        self._see_restored(module)
        _see_unseeded(module.bit_generator)

    def _see_restored(self, module: Any) -> None:
        from functools import wraps

        original = module.set_state

        @wraps(original)
        def set_state(*args: Any, **kwargs: Any) -> None:
            original(*args, **kwargs)
            self.was_restored = True

        module.set_state = set_state
        module.mtrand.set_state = set_state


def watch_standard(module: Any) -> StandardCalls:
    """Begin to see the calls of `random.seed`, `random.setstate` and `random.Random()`."""
    calls: StandardCalls | None = getattr(module, _NAME, None)
    if calls is None or calls._shared is not module._inst:
        calls = StandardCalls(module)
        setattr(module, _NAME, calls)
        module.Random.seed.__code__ = _seed(object).__code__
        module.Random.setstate.__code__ = _setstate(object).__code__
    return calls


def watch_numpy(module: Any) -> NumpyCalls:
    """Begin to see the calls of `numpy.random.set_state`, and generators made without a seed."""
    return NumpyCalls(module)


def _see_unseeded(bit_generator: Any) -> None:
    """See each request for a seed from the system, as every generator without one makes it."""
    original = bit_generator.randbits

    def randbits(bits: int) -> int:
        if watch.is_watched():
            with contextlib.suppress(Exception):  # the frames of unusual interpreters
                _note_unseeded_numpy(sys._getframe(1))
        return original(bits)  # type: ignore[no-any-return]

    bit_generator.randbits = randbits


def _note_unseeded_numpy(frame: FrameType) -> None:
    from meticulous.recorder.randomness.callers import gives_no_seed, place_in_program

    place = place_in_program(frame) if gives_no_seed(frame) else ""
    if place:
        watch.note_unseeded("numpy.random.Generator", place)


def _copy(method: Any) -> _Method:
    return FunctionType(
        method.__code__,
        method.__globals__,
        method.__name__,
        method.__defaults__,
        method.__closure__,
    )


if TYPE_CHECKING:
    _meticulous_calls = StandardCalls(None)

# The code of these two is run in place of that of `Random.seed` and `Random.setstate`. It has their
# parameters, and the variable from outside that they have because of `super()`.


def _seed(__class__: type) -> _Method:
    def seed(self, a=None, version=2):  # type: ignore[no-untyped-def]
        __class__  # noqa: B018
        _meticulous_calls.seed(self, a, version)
        _meticulous_calls.note(self, a is not None)

    return seed


def _setstate(__class__: type) -> _Method:
    def setstate(self, state):  # type: ignore[no-untyped-def]
        __class__  # noqa: B018
        _meticulous_calls.setstate(self, state)
        _meticulous_calls.note(self, True)

    return setstate
