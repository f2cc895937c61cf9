"""Keep captured streams whole when the process forks.

What is buffered would be written by parent and child both, and a lock that a thread of the parent
holds would stay locked in the child for ever.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from meticulous.recorder.output.descriptor import DescriptorStream
    from meticulous.recorder.output.watch import Watch

watches: list[Watch] = []
"""The watches of this process that have a thread."""

active: list[DescriptorStream] = []
"""The streams that are capturing in this process, outermost first."""

structure = threading.RLock()
"""Held while `active` and what the descriptors mean are changed, for runs may end in any thread."""

_fork_lock = threading.Lock()
_forks_watched = False
_fork_lock_held = False


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
    global _fork_lock_held
    if not active:
        return
    # First, for their threads may want the lock before they end.
    for watch in watches:
        watch.pause_for_fork()
    _fork_lock_held = _fork_lock.acquire(timeout=1.0)
    # What is still buffered would otherwise be written by parent and child both.
    for stream in active:
        flush(getattr(sys, stream.name))
        stream.before_fork()


def _after_fork() -> None:
    global _fork_lock_held
    if _fork_lock_held:
        _fork_lock_held = False
        _fork_lock.release()
    for watch in watches:
        watch.resume()


def _in_child() -> None:
    global _fork_lock, _fork_lock_held
    _fork_lock = threading.Lock()
    _fork_lock_held = False
    watches.clear()
    for stream in active:
        stream.after_fork_in_child()


def flush(stream: Any) -> None:
    """Flush what can be flushed; what cannot is the business of whoever writes to it next."""
    # RuntimeError: this thread was interrupted by a signal in the middle of the same flush.
    with contextlib.suppress(OSError, ValueError, RuntimeError, AttributeError):
        stream.flush()
