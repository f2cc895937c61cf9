"""Keep captured streams whole when the process forks.

What is buffered would be written by parent and child both, and a lock that a thread of the parent
holds would stay locked in the child for ever.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading

from meticulous.recorder.output.fork_warning import (
    drop_filter,
    drop_filter_when_used,
    expect_warning,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from meticulous.recorder.output.descriptor import DescriptorStream
    from meticulous.recorder.output.watch import Watch

watches: list[Watch] = []
"""The watches of this process that have a thread."""

active: list[DescriptorStream] = []
"""The streams that are capturing in this process, outermost first."""

_structure_lock = threading.RLock()
_fork_lock = threading.Lock()
_held = threading.local()
_forks_watched = False

_PATIENCE = 1.0
"""Seconds that a fork waits at most for each of the locks."""


def structure_lock() -> threading.RLock:
    """Return the lock for changing `active` and what the descriptors mean, as any thread may."""
    return _structure_lock


def fork_lock() -> threading.Lock:
    """Return the lock that a thread holds while it works on streams, so that no fork meets it."""
    return _fork_lock


def watch_forks() -> None:
    """Begin to watch; the interpreter keeps such hooks for ever, so it happens once a process."""
    global _forks_watched
    if _forks_watched:
        return
    _forks_watched = True
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


def _before_fork() -> None:
    drop_filter()
    if not active:
        return
    # A stream that another thread is about to stop is neither ours any more nor usable yet.
    locks = (_structure_lock, _fork_lock)
    _held.locks = [lock for lock in locks if lock.acquire(timeout=_PATIENCE)]
    # What is still buffered would otherwise be written by parent and child both.
    for stream in active:
        flush(getattr(sys, stream.name, None))
        stream.before_fork()
    expect_warning(own_threads=len(watches))


def _after_fork() -> None:
    drop_filter_when_used()
    for lock in vars(_held).pop("locks", ()):
        lock.release()


def _in_child() -> None:
    global _fork_lock, _structure_lock
    _fork_lock = threading.Lock()
    _structure_lock = threading.RLock()
    vars(_held).clear()
    drop_filter()
    watches.clear()
    for stream in active:
        stream.after_fork_in_child()


def flush(stream: Any) -> None:
    """Flush what can be flushed; what cannot is the business of whoever writes to it next."""
    # RuntimeError: this thread was interrupted by a signal in the middle of the same flush.
    with contextlib.suppress(OSError, ValueError, RuntimeError, AttributeError):
        stream.flush()
