"""Spares a program Python's warning of a fork beside threads where the only thread is ours.

Python 3.12 and later count the threads of a process that forks, and warn of locks that may stay
locked in the child. Our own thread waits for the fork to be over. It cannot end for that moment:
3.13 counts only when everything that is to be called after the fork has been called.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading


class _ForkUnderWay:
    """Stands for a pattern in a filter of warnings, and fits what is said of one fork."""

    def __init__(self) -> None:
        self.is_awaited = False

    def match(self, message: str) -> bool:
        """Say whether `message` is about the fork under way, of which nothing shall be said."""
        if not self.is_awaited or "multi-threaded, use of fork" not in message:
            return False
        self.is_awaited = False
        return True


_fork = _ForkUnderWay()
_FILTER = ("ignore", _fork, DeprecationWarning, None, 0)
_has_filter = False


def expect_warning(own_threads: int) -> None:
    """Prepare for a fork.

    Args:
        own_threads: How many threads of ours there are.
    """
    global _has_filter
    drop_filter()
    _fork.is_awaited = sys.version_info >= (3, 12) and _count_threads() == 1 + own_threads
    if _fork.is_awaited:
        import warnings

        # Not with `filterwarnings`, after which Python repeats warnings that it gives once.
        warnings.filters.insert(0, _FILTER)  # type: ignore[attr-defined]
        _has_filter = True


def drop_filter_when_used() -> None:
    """Take the filter away if the warning has come."""
    if _has_filter and not _fork.is_awaited:
        drop_filter()


def drop_filter() -> None:
    """Take the filter away."""
    global _has_filter
    _fork.is_awaited = False
    if _has_filter:
        import warnings

        _has_filter = False
        # ValueError: the program has put its filters back to what they were before.
        with contextlib.suppress(ValueError):
            warnings.filters.remove(_FILTER)  # type: ignore[attr-defined]


def _count_threads() -> int:
    """Return how many threads this process has, also such as Python knows nothing of."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()
