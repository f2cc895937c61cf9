"""Watch the generators of random numbers of this process, for the recordings that want to know.

Only what the program has loaded is looked at. For the rest a light finder waits: at the moment the
program imports one of the modules, its generator is looked at and, where a seed was given before,
seeded.
"""

from __future__ import annotations

import contextlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from meticulous.recorder.randomness.generators import Generator

MODULES = {"random": "random", "numpy.random": "numpy", "torch": "torch"}
"""The modules that hold a generator for the whole process, and what we call it.

`import numpy` alone loads no generator.
"""

_MOST_PLACES = 20
"""Places in the program of which a record tells that they made a generator without a seed."""

MOST_SEEDS = 100
"""Seeds that a record tells; of more, the first and the last one."""

known: dict[str, Generator] = {}
"""The generators that have been looked at, by their names."""

applied: dict[str, int] = {}
"""The seed that each generator was last given by us."""

_pending: tuple[int, bool] | None = None
_observations: list[Observation] = []


class Observation:
    """What one recording sees of the generators, from now on.

    Args:
        repository: Root of the working tree; places in the program are told relative to it.
    """

    def __init__(self, repository: str | None) -> None:
        self.repository = repository
        self.seeds: list[int] = []
        """The seeds that the program asked us for or gave us meanwhile, in their order."""
        self.is_determinism_wanted = False
        self.places: dict[str, dict[str, int]] = {}
        """Where generators of the program's own were made without a seed, and how many, by kind."""
        self.marks: dict[str, Any] = {}
        """The states of the generators at the start."""
        begin()
        for name, generator in list(known.items()):
            with contextlib.suppress(Exception):  # the program may have done anything to it
                self.marks[name] = generator.state()
        _observations.append(self)

    def note_seed(self, seed: int, deterministic: bool) -> None:
        """Note that the program had everything seeded, and whether it wanted determinism too."""
        self.is_determinism_wanted |= deterministic
        if len(self.seeds) == MOST_SEEDS:
            self.seeds.pop()
        self.seeds.append(seed)

    def end(self) -> None:
        """See no more; what was seen can still be asked for."""
        if self in _observations:
            _observations.remove(self)


def begin() -> None:
    """Look at the generators that are loaded, and wait for the others; again does no harm."""
    for module in MODULES:
        if module in sys.modules and MODULES[module] not in known:
            with contextlib.suppress(Exception):
                __import__(module)  # which waits for a thread that is in the middle of it
            _look(module, is_fresh=False)
    if len(known) < len(MODULES) and not any(type(f) is _Finder for f in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def seed_all(seed: int, deterministic: bool) -> None:
    """Seed the generators that are loaded, and the others when they are imported.

    Args:
        seed: The seed.
        deterministic: Also ask for algorithms that repeat their results; once asked for, they stay.
    """
    global _pending
    begin()
    _pending = (seed, deterministic or (_pending is not None and _pending[1]))
    for name in list(known):  # torch may load numpy meanwhile
        _seed(name, *_pending)


def _seed(name: str, seed: int, deterministic: bool) -> None:
    known[name].seed(seed)
    applied[name] = seed
    if deterministic:
        known[name].repeat_results()


def is_watched() -> bool:
    """Say whether a recording wants to know anything."""
    return bool(_observations)


def note_unseeded(kind: str, place: str) -> None:
    """Note that the program is just making a generator of its own without a seed.

    Args:
        kind: The name of its class.
        place: Where in the program, as "file:line".
    """
    for observation in list(_observations):
        places = observation.places.setdefault(kind, {})
        if place in places or len(places) < _MOST_PLACES:
            places[place] = places.get(place, 0) + 1


def forget_unseeded(kind: str, place: str) -> None:
    """Note that a generator that was made without a seed has got one after all."""
    for observation in list(_observations):
        places = observation.places.get(kind, {})
        if place in places:
            places[place] -= 1


def _look(module: str, is_fresh: bool) -> None:
    """Look at the generator of a module; whatever is odd about it costs only what we know of it."""
    try:
        from meticulous.recorder.randomness import generators

        name = MODULES[module]
        generator = generators.look(name, sys.modules[module], is_fresh)
        known[name] = generator
        if is_fresh and _pending is not None:
            _seed(name, *_pending)
    except Exception:  # noqa: S110 - a module of that name need not be the one we know
        pass


class _Finder:
    """Waits for one of the modules to be imported, and has its generator looked at then."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in MODULES:
            return None
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                _look_after_execution(spec)
                return spec
        return None


def _look_after_execution(spec: ModuleSpec) -> None:
    from importlib.machinery import SourceFileLoader, SourcelessFileLoader

    loader: Any = spec.loader
    # Only these are made anew for each module; others are shared, or load later than they say.
    if not isinstance(loader, (SourceFileLoader, SourcelessFileLoader)):
        return

    def execute_and_look(module: ModuleType) -> None:
        del loader.exec_module
        loader.exec_module(module)
        _look(module.__name__, is_fresh=True)

    loader.exec_module = execute_and_look  # type: ignore[method-assign]
