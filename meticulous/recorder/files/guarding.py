"""Keeps a program that is being reproduced from writing into the checkout of the original run.

A path that is written in the program leads there, and not into the private worktree. What Python
itself would write, move or remove there is refused with `PermissionError`; reading is not.
"""

from __future__ import annotations

import errno
import os
import sys
import tempfile

from meticulous.recorder.files import opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from meticulous.recorder.reproduction import Order

REASON = (
    "a reproduction leaves the original checkout as it is "
    "(`meticulous reproduce --allow-outside` lets the program write there)"
)

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NOT_KEPT = ("/site-packages/", "/dist-packages/", "/__pycache__/")
"""Parts of paths of what an interpreter keeps for itself."""

_MOST_NAMED = 100


class Guard:
    """Refuses what would change the old checkout.

    Args:
        old: The folders of the code of the original run.
        new: Folders that may lie in these, and may be written.

    Attributes:
        refused: Which paths the program was kept from.
    """

    def __init__(self, old: Iterable[str], new: Iterable[str]) -> None:
        self._old = _folders(old)
        home = os.path.expanduser("~")
        inner = [tempfile.gettempdir(), sys.prefix, sys.base_prefix]
        # The repository may be the home directory itself.
        inner += [os.path.join(home, name) for name in (".cache", ".config", ".local")]
        inner += [os.environ.get("XDG_CACHE_HOME", "")]
        own = [place for place in _folders(inner) if place.startswith(self._old)]
        self._new = (*_folders(new), *own)
        self._free: set[str] = set()
        self.refused: list[str] = []

    def __repr__(self) -> str:
        return f"<Guard of {', '.join(self._old)}>"

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at what Python is about to do.

        Raises:
            PermissionError: It would change the old checkout.
        """
        try:
            paths = [path for path in EVENTS[event](*arguments) if self._is_kept(path)]
        except (OSError, ValueError, TypeError):
            return  # Python itself refuses such arguments
        if paths:
            if paths[0] not in self.refused and len(self.refused) < _MOST_NAMED:
                self.refused.append(paths[0])
            raise PermissionError(errno.EACCES, REASON, paths[0])

    def _is_kept(self, path: str) -> bool:
        if not path or path in self._free:
            return False
        above, name = os.path.split(path)
        for real in (path, os.path.join(os.path.realpath(above), name), os.path.realpath(path)):
            if not real.startswith(self._old) or real.startswith(self._new):
                continue
            if not any(part in real for part in _NOT_KEPT):
                return True
        self._free.add(path)
        return False


_guard: Guard | None = None


def begin(order: Order) -> None:
    """Guard the original checkout from now on, unless the order allows to write there."""
    global _guard
    if _guard is not None or order.may_write_outside or not order.roots:
        return
    old, new = zip(*order.roots, strict=True)
    guard = Guard(old, [*new, order.directory, order.elsewhere])
    if opened.guard_with(guard.check, frozenset(EVENTS)):
        _guard = guard


def refused() -> list[str]:
    """Return which paths the program was kept from writing, sorted."""
    return sorted(_guard.refused) if _guard is not None else []


def _folders(paths: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for path in paths:
        if os.path.isabs(path) and path != os.sep:
            found[os.path.normpath(path) + os.sep] = None
            found[os.path.realpath(path) + os.sep] = None
    return tuple(found)


def _opened(path: Any, mode: object, flags: int) -> list[str]:
    del mode
    return [] if type(path) is int or not flags & _WRITING else [opened.absolute(path)]


def _made(path: Any, mode: object = 0, folder: int = -1) -> list[str]:
    del mode
    found = opened.absolute(path, folder)
    # Python says so itself, and often that is well.
    return [] if os.path.lexists(found) else [found]


def _removed(path: Any, folder: int = -1) -> list[str]:
    return [opened.absolute(path, folder)]


def _moved(source: Any, target: Any, source_folder: int = -1, folder: int = -1) -> list[str]:
    return [opened.absolute(source, source_folder), opened.absolute(target, folder)]


def _linked(source: Any, target: Any, *folders: int) -> list[str]:
    del source
    return [opened.absolute(target, folders[-1] if folders else -1)]


def _altered(path: Any, *facts: object) -> list[str]:
    del facts
    return [] if type(path) is int else [opened.absolute(path)]


EVENTS: dict[str, Callable[..., list[str]]] = {
    "open": _opened,
    "os.mkdir": _made,
    "os.remove": _removed,
    "os.rmdir": _removed,
    "os.rename": _moved,
    "os.link": _linked,
    "os.symlink": _linked,
    "os.truncate": _altered,
    "os.chmod": _altered,
    "os.chown": _altered,
    "os.utime": _altered,
}
"""What each audit event of Python would change."""
