"""The generators of random numbers that a whole process shares: their states and seeds."""

from __future__ import annotations

from abc import ABC, abstractmethod

from meticulous.recorder.randomness import calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_LARGEST_CHOSEN = 2**32
"""A seed of torch below this was chosen by somebody; the system gives 64 bits."""


def look(name: str, module: ModuleType, is_fresh: bool) -> Generator:
    """Begin to look at a generator.

    Args:
        name: "random", "numpy" or "torch".
        module: The module that holds it.
        is_fresh: Whether the module has been loaded just now, so that nobody can have seeded it.
    """
    return _KINDS[name](module, is_fresh)


class Generator(ABC):
    """A generator that a module holds for everybody.

    Attributes:
        first: Its state when it was looked at first.
    """

    def __init__(self, module: ModuleType, is_fresh: bool) -> None:
        self.module: Any = module
        self.is_fresh = is_fresh
        self.first = self.state()

    @abstractmethod
    def state(self) -> Any:
        """Return what changes with each number that is drawn; states can be compared."""

    @abstractmethod
    def seed(self, seed: int) -> None:
        """Seed it."""

    def repeat_results(self) -> None:  # noqa: B027  most have no choice to make
        """Ask for algorithms that give the same numbers each time, where there is a choice."""

    @abstractmethod
    def was_seeded(self) -> bool | None:
        """Say whether somebody has chosen where its numbers begin; None if that cannot be seen."""


class Standard(Generator):
    """The generator behind the functions of the module `random`."""

    def __init__(self, module: ModuleType, is_fresh: bool) -> None:
        super().__init__(module, is_fresh)
        self._calls = calls.watch_standard(self.module)

    def state(self) -> Any:
        """Return what changes with each number that is drawn."""
        return self.module.getstate()

    def seed(self, seed: int) -> None:
        """Seed it."""
        self.module.seed(seed)

    def was_seeded(self) -> bool | None:
        """Say whether somebody has chosen where its numbers begin."""
        if self._calls.was_seeded is not None:
            return self._calls.was_seeded
        if self.is_fresh:
            return False
        from meticulous.recorder.randomness.mersenne import was_begun_from_seed

        return was_begun_from_seed(self.first[1])


class Numpy(Generator):
    """The generator behind the functions of the module `numpy.random`."""

    def __init__(self, module: ModuleType, is_fresh: bool) -> None:
        super().__init__(module, is_fresh)
        self._calls = calls.watch_numpy(self.module)
        self._first_entropy = self._entropy()

    def state(self) -> Any:
        """Return what changes with each number that is drawn."""
        state = self.module.get_state(legacy=False)
        inner = {
            key: value if isinstance(value, int) else value.tobytes()
            for key, value in state["state"].items()
        }
        return state["bit_generator"], inner

    def seed(self, seed: int) -> None:
        """Seed it."""
        self.module.seed(seed)

    def was_seeded(self) -> bool | None:
        """Say whether somebody has chosen where its numbers begin."""
        if self._calls.was_restored:
            return True
        entropy = self._entropy()
        # `numpy.random.seed` leaves none. What the system gives has 128 bits.
        if not isinstance(entropy, int) or entropy < 2**64:
            return True
        return bool(entropy != self._first_entropy)

    def _entropy(self) -> Any:
        generator = self.module.mtrand._rand._bit_generator
        sequence = getattr(generator, "seed_seq", None) or getattr(generator, "_seed_seq", None)
        return getattr(sequence, "entropy", None)


class Torch(Generator):
    """The generator of torch for the processor."""

    def __init__(self, module: ModuleType, is_fresh: bool) -> None:
        super().__init__(module, is_fresh)
        self._first_seed: int = self.module.initial_seed()

    def state(self) -> Any:
        """Return what changes with each number that is drawn."""
        return bytes(self.module.default_generator.get_state().tolist())

    def seed(self, seed: int) -> None:
        """Seed it, and those of all GPUs too, also when they are first used later."""
        self.module.manual_seed(seed)

    def repeat_results(self) -> None:
        """Ask for the algorithms that give the same numbers each time."""
        self.module.use_deterministic_algorithms(True)
        self.module.backends.cudnn.deterministic = True
        self.module.backends.cudnn.benchmark = False

    def was_seeded(self) -> bool | None:
        """Say whether somebody has chosen where its numbers begin."""
        seed = self.module.initial_seed()
        return bool(seed != self._first_seed or seed < _LARGEST_CHOSEN)

    def unseeded_gpus(self) -> list[str]:
        """Return the names of the GPUs whose generators have been used and never seeded."""
        cuda = self.module.cuda
        if not cuda.is_initialized():
            return []
        return [
            f"torch.cuda:{index}"
            for index, generator in enumerate(cuda.default_generators)
            if generator.get_offset() and not self._was_chosen(generator.initial_seed())
        ]

    def _was_chosen(self, seed: int) -> bool:
        # What the system gives to the generator of a GPU has 53 bits.
        if seed < _LARGEST_CHOSEN or seed >= 2**53:
            return True
        return bool(self.was_seeded() and seed == self.module.initial_seed())


_KINDS: dict[str, type[Generator]] = {"random": Standard, "numpy": Numpy, "torch": Torch}
