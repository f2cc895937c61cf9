"""Run by Python itself at the start of a program under diagnosis, and of its children.

It holds still what makes two runs differ, as METICULOUS_TRIAL says: random numbers, GPU kernels,
and how many processors the program sees. The environment's own sitecustomize follows. Nothing that
goes wrong here may disturb the program, nor any Python that it starts, however old: hence no
annotations.
"""

import os
import sys


def _step_aside():  # type: ignore[no-untyped-def]
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    ourselves = sys.modules.pop("sitecustomize")
    try:
        __import__("sitecustomize")
    except ImportError:
        sys.modules["sitecustomize"] = ourselves


def _hold_still(settings):  # type: ignore[no-untyped-def]
    if settings.get("seed") is not None:
        _fix_entropy(settings["seed"])  # type: ignore[no-untyped-call]
        _fix_random(settings["seed"])  # type: ignore[no-untyped-call]
    if settings.get("cores"):
        _show_cores(*settings["cores"])  # type: ignore[no-untyped-call]
    if settings.get("seed") is not None or settings.get("kernels"):
        sys.meta_path.insert(0, _Torch(settings))  # type: ignore[no-untyped-call]


def _fix_entropy(seed):  # type: ignore[no-untyped-def]
    """Give numpy's generators, `uuid` and `secrets` the same bytes each time."""
    import itertools
    from hashlib import sha256

    numbers = itertools.count()

    def urandom(size):  # type: ignore[no-untyped-def]
        found = b""
        while len(found) < size:
            found += sha256(b"%d %d" % (seed, next(numbers))).digest()
        return found[:size]

    os.urandom = urandom


def _fix_random(seed):  # type: ignore[no-untyped-def]
    import itertools
    import random
    from types import FunctionType

    method = random.Random.seed
    random._urandom = os.urandom  # type: ignore[attr-defined]
    random._trial_seed = FunctionType(  # type: ignore[attr-defined]
        method.__code__, method.__globals__, "seed", method.__defaults__, method.__closure__
    )
    random._trial_numbers = itertools.count(seed * 1000003)  # type: ignore[attr-defined]
    # Whoever holds the method has the new code as well.
    method.__code__ = _seed(object).__code__  # type: ignore[no-untyped-call]
    random.seed()


def _seed(__class__):  # type: ignore[no-untyped-def]
    def seed(self, a=None, version=2):  # type: ignore[no-untyped-def]
        __class__  # noqa: B018
        _trial_seed(self, next(_trial_numbers) if a is None else a, version)  # type: ignore[name-defined] # noqa: F821

    return seed


def _show_cores(logical, usable):  # type: ignore[no-untyped-def]
    os.cpu_count = lambda: logical
    if hasattr(os, "process_cpu_count"):
        os.process_cpu_count = lambda: usable
    if not hasattr(os, "sched_getaffinity"):
        return
    original = os.sched_getaffinity

    def sched_getaffinity(pid):  # type: ignore[no-untyped-def]
        return set(range(usable)) if pid in (0, os.getpid()) else original(pid)

    os.sched_getaffinity = sched_getaffinity


class _Torch:
    """Waits for torch to be imported."""

    def __init__(self, settings):  # type: ignore[no-untyped-def]
        self.settings = settings

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        for finder in list(sys.meta_path):
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                self.follow(spec.loader)  # type: ignore[no-untyped-call]
                return spec
        return None

    def follow(self, loader):  # type: ignore[no-untyped-def]
        settings = self.settings

        class Following(type(loader)):  # type: ignore[misc]
            def exec_module(self, module):  # type: ignore[no-untyped-def]
                super().exec_module(module)
                _steady(module, settings)  # type: ignore[no-untyped-call]

        loader.__class__ = Following


def _steady(torch, settings):  # type: ignore[no-untyped-def]
    try:
        if settings.get("seed") is not None:
            torch.manual_seed(settings["seed"])
        if settings.get("kernels"):
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.benchmark = False
    except Exception:  # noqa: S110 - another version of torch
        pass


def _begin():  # type: ignore[no-untyped-def]
    words = getattr(sys, "orig_argv", [])
    if any(word == "meticulous" or word.startswith("meticulous.") for word in words[1:4]):
        return  # the recorder itself
    try:
        import json

        _hold_still(json.loads(os.environ["METICULOUS_TRIAL"]))  # type: ignore[no-untyped-call]
    except Exception:  # told, for the trial does not show then what it is made for
        error = sys.exc_info()[1]
        sys.stderr.write("meticulous: nothing is held still: {!r}\n".format(error))  # noqa: UP032


_step_aside()  # type: ignore[no-untyped-call]
if "METICULOUS_TRIAL" in os.environ:
    _begin()  # type: ignore[no-untyped-call]
