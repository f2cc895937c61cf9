"""Which files are neither input nor output: the interpreter, libraries, the system, caches."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import FrameType

_SYSTEM = (
    *("/usr/", "/lib/", "/lib32/", "/lib64/", "/bin/", "/sbin/", "/etc/", "/proc/", "/sys/"),
    *("/dev/", "/run/", "/nix/", "/snap/", "/var/lib/", "/var/cache/", "/System/", "/Library/"),
)
_DATA_ALL_THE_SAME = ("/dev/shm/", "/run/media/")  # noqa: S108 - for reading names only
_IN_HOME = (
    *(".cache/matplotlib/", ".config/matplotlib/", ".matplotlib/", ".cache/fontconfig/"),
    *(".fonts/", ".local/share/fonts/", ".cache/meticulous/", ".cache/pip/", ".nv/", ".triton/"),
)
_PARTS = (
    *("/site-packages/", "/dist-packages/", "/__pycache__/", "/.git/", ".egg-info/"),
    ".dist-info/",
)
CODE = (".py", ".pyw", ".pyx", ".pyi", ".so", ".pyd", ".zip", ".egg", ".pth")
_COMPILED = (".pyc", ".pyo")
_LOADERS = frozenset(
    {
        *("importlib", "importlib._bootstrap", "importlib._bootstrap_external", "zipimport"),
        *("_frozen_importlib", "_frozen_importlib_external", "runpy", "linecache", "tokenize"),
        *("inspect", "site", "importlib.metadata", "importlib.machinery", "traceback"),
    }
)


class LeftOut:
    """What is left out, seen from runs whose folders may lie inside such places.

    Args:
        folders: The folders of the runs and of their code, each with a slash at its end.
    """

    __slots__ = ("_inside", "_kept", "_outside")

    def __init__(self, folders: Sequence[str]) -> None:
        roots = [getattr(sys, name, None) for name in ("prefix", "base_prefix", "exec_prefix")]
        roots.append(os.path.dirname(os.__file__))
        own = {root.rstrip("/") + "/" for root in roots if root and root != "/"}
        own |= {os.path.realpath(root).rstrip("/") + "/" for root in own}
        home = os.path.expanduser("~").rstrip("/") + "/"
        self._kept = (*folders, *_DATA_ALL_THE_SAME)
        # A virtual environment in the repository.
        self._inside = tuple(root for root in own if root.startswith(tuple(folders)))
        self._outside = (*_SYSTEM, *own, *(home + name for name in _IN_HOME))

    def holds(self, path: str) -> bool:
        """Say whether the file at an absolute path is left out."""
        if path.startswith(self._outside) and not path.startswith(self._kept):
            return True
        if self._inside and path.startswith(self._inside):
            return True
        if path.endswith(_COMPILED):
            return True
        # Not with any(): this is asked of every new file, and a loop takes half the time.
        for part in _PARTS:  # noqa: SIM110
            if part in path:
                return True
        return False


def foreign_code(files: Iterable[str], folders: Sequence[str]) -> list[str]:
    """Return which files of loaded code neither the commit nor an installed package holds.

    Args:
        files: The files of the modules that a program has loaded.
        folders: The folder of the run and the working tree of its code.
    """
    known = tuple(f"{os.path.realpath(folder)}/" for folder in folders)
    left_out = LeftOut(known)
    # A checkout of this package, with all that lies beside it.
    ours = f"{os.path.realpath(__file__).rsplit(os.sep, 4)[0]}/"
    paths = {os.path.abspath(file) for file in files}
    return sorted(
        path
        for path in paths
        if not left_out.holds(path)
        and not (real := os.path.realpath(path)).startswith((*known, ours))
        and not left_out.holds(real)
        and os.path.isfile(real)
    )


def is_loading(frame: FrameType | None) -> bool:
    """Say whether the code of a frame opens a file as code: to import it, or to show its lines."""
    for _ in range(4):
        if frame is None:
            return False
        name = frame.f_globals.get("__name__")
        if name in _LOADERS:
            return True
        if name not in ("io", "_pyio", "codecs", "pathlib"):
            return False
        frame = frame.f_back
    return False
