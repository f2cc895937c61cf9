"""Write the record before a signal ends the process, then let the signal do what it did before."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # names a handler where `signal` may its equal
import contextlib
import os
import signal
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any

_ENDING_SIGNALS = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGXCPU")
_HELD_SIGNALS = ("SIGINT", *_ENDING_SIGNALS)

_started: list[SignalWatch] = []
"""The watches of this process, the oldest first; one handler serves them all."""


class SignalWatch:
    """Tells the owner of a run when a signal is about to end this process.

    Only signals whose default action is still in force are watched: a handler of the program, or
    the wish to ignore a signal (as under nohup), stays as it is. Handlers can only be installed by
    the main thread; elsewhere nothing is watched, and such a death is seen by the reader as LOST.

    Args:
        ended: Called with the number of the signal, before the process dies of it.
    """

    def __init__(self, ended: Callable[[int], None]) -> None:
        self._ended = ended
        self._owner = os.getpid()

    def start(self) -> None:
        """Begin to watch."""
        _watch_forks()
        _started.append(self)
        _settle_handlers()

    def stop(self) -> None:
        """Watch no more; the last one puts back the default actions that are still ours."""
        if self in _started:
            _started.remove(self)
        _settle_handlers()

    def defers(self, number: int) -> bool:
        """Say whether the signal does not end the process now: the program is told of it later."""
        return False

    def tell(self, number: int) -> None:
        """Pass the signal on to the owner, unless this is a forked child of it."""
        if os.getpid() == self._owner:
            self._ended(number)


class _DefaultWithRecord:
    """The default action of a signal, with the record written first.

    Equal to `signal.SIG_DFL`, which is then what `signal.getsignal` answers. So a program that
    asks who handles a signal, before it installs a handler of its own or to call the one before,
    does the same with us as without.
    """

    _is_at_work = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if _signal.getsignal(number) is not self:
            # Called by the program's own handler as the one before; the default could not be.
            return
        if self._is_at_work:
            return  # the first signal ends the process as soon as the record is written
        if any(watch.defers(number) for watch in reversed(_started.copy())):
            return
        self._is_at_work = True
        try:
            for watch in reversed(_started.copy()):
                watch.tell(number)
        finally:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def __eq__(self, other: object) -> bool:
        return other is self or other == int(signal.SIG_DFL)

    def __hash__(self) -> int:
        return hash(int(signal.SIG_DFL))


default_with_record = _DefaultWithRecord()


def _settle_handlers() -> None:
    """Install our handler in place of default actions while a run goes on, and take it back."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _numbers(_ENDING_SIGNALS):
        if _signal.getsignal(number) in (default_with_record, int(signal.SIG_DFL)):
            signal.signal(number, default_with_record if _started else signal.SIG_DFL)


_forks_watched = False
_mask_before_fork: set[int] = set()


def _watch_forks() -> None:
    """Give forked children the default actions back; a fork hook stays for ever, so only once."""
    global _forks_watched
    if not _forks_watched:
        _forks_watched = True
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child
        )


def _before_fork() -> None:
    # A signal that reaches the child before Python is ready there would be forgotten.
    if _started:
        _mask_before_fork.clear()
        numbers = _numbers(_ENDING_SIGNALS)
        _mask_before_fork.update(signal.pthread_sigmask(signal.SIG_BLOCK, numbers))


def _after_fork() -> None:
    if _started:
        signal.pthread_sigmask(signal.SIG_SETMASK, _mask_before_fork)


def _in_child() -> None:
    if _started:
        _started.clear()
        with contextlib.suppress(ValueError):  # forked in another thread than the main one
            _settle_handlers()
        signal.pthread_sigmask(signal.SIG_SETMASK, _mask_before_fork)


@contextlib.contextmanager
def held() -> Iterator[list[int]]:
    """Hold back signals for the block, which is to be done whole, and deliver them after it.

    Elsewhere than in the main thread nothing is held: handlers run in the main thread only.

    Yields:
        The signals that have arrived so far.
    """
    arrived: list[int] = []
    previous: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in _numbers(_HELD_SIGNALS):
            handler = _signal.getsignal(number)
            if handler is not None and handler != int(signal.SIG_IGN):
                previous[number] = handler
                signal.signal(number, lambda number, _: arrived.append(number))
    try:
        yield arrived
    finally:
        for held_back, handler in previous.items():
            signal.signal(held_back, handler)
        # Runs that began or ended in the block could not settle this themselves.
        _settle_handlers()
        for late in arrived:
            os.kill(os.getpid(), late)


def _numbers(names: tuple[str, ...]) -> list[signal.Signals]:
    return [getattr(signal, name) for name in names if hasattr(signal, name)]
