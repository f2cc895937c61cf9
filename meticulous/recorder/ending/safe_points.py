"""End a run whose time is over where it can save what it has, and not in the middle of its work."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # names a handler where `signal` may its equal
import _thread
import os
import signal
import threading

from meticulous.errors import InvalidOptionError, TimeLimitReached
from meticulous.recorder.ending.signals import SignalWatch, default_with_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBER = getattr(signal, "SIGUSR1", None)

_PAUSE = 0.5
"""Seconds between the signals that we send to ourselves when the grace is over."""


class _TimeLimit:
    """What SIGUSR1 has announced to this process; it holds for every run in it.

    Attributes:
        has_come: Whether the signal has come.
        is_told: Whether the program was told, and ends by itself.
    """

    def __init__(self) -> None:
        self.has_come = False
        self.is_told = False
        self._is_forced = False

    def come(self, grace: float | None) -> bool:
        """Take the signal, and say whether it may wait for a safe point."""
        if self._is_forced:  # sent by ourselves, because the grace is over
            self._is_forced = False
            return self.is_told
        if self.has_come:
            return False
        if grace is not None:
            try:
                # Not a `threading.Thread`: the handler may have interrupted the making of one.
                _thread.start_new_thread(self._force, (grace,))
            except RuntimeError:
                return False
        self.has_come = True
        return True

    def _force(self, grace: float) -> None:
        import time

        time.sleep(grace)
        main = threading.main_thread().ident or 0
        self._is_forced = not self.is_told
        # Again and again: a signal that comes just before the main thread begins to wait for
        # something is seen only when it is interrupted.
        while self._is_forced and not self.is_told:
            signal.pthread_kill(main, signal.SIGUSR1)
            time.sleep(_PAUSE)


_limit = _TimeLimit()
_live: list[SafePoints] = []
"""The runs of this process that end at safe points, the oldest first."""


def _begin_anew() -> None:
    """Forget in a forked child what was announced to its parent."""
    global _limit
    _limit = _TimeLimit()
    _live.clear()


_forks_watched = False


class SafePoints(SignalWatch):
    """Holds SIGUSR1 back until the program is at a safe point, and tells it there.

    A second SIGUSR1 does what one does without us, and so does the end of the grace. The thread
    that makes the object is the one that is told.

    Args:
        grace: How many seconds the program has to come to a safe point; None for any time.
        told: Called before the program is told.

    Raises:
        InvalidOptionError: `grace` is no such number.
    """

    def __init__(self, grace: float | None, told: Callable[[], None]) -> None:
        super().__init__(_leave_to_others)
        self.set_grace(grace)
        self._told = told
        self._is_told = False
        self._thread = threading.get_ident()

    @property
    def is_live(self) -> bool:
        """Whether it has been started and not stopped, in this process."""
        return self in _live

    def set_grace(self, grace: float | None) -> None:
        """Give the program another time to come to a safe point."""
        is_number = isinstance(grace, int | float) and not isinstance(grace, bool)
        if grace is not None and not (is_number and 0 <= grace <= threading.TIMEOUT_MAX):
            raise InvalidOptionError(
                f"grace={grace!r} is no time to wait for a safe point; give seconds, such as 60, "
                "or None for any time."
            )
        self._grace = grace

    def start(self) -> None:
        """Begin to hold the signal back."""
        global _forks_watched
        if not _forks_watched:
            _forks_watched = True
            os.register_at_fork(after_in_child=_begin_anew)
        super().start()
        _live.append(self)

    def stop(self) -> None:
        """Hold it back no more."""
        if self in _live:
            _live.remove(self)
        super().stop()

    def defers(self, number: int) -> bool:
        """Say whether the signal waits for a safe point."""
        return number == _NUMBER and self.is_live and _limit.come(self._grace)

    def check(self) -> None:
        """Tell the program, if its time is over and it does not know.

        Raises:
            TimeLimitReached: It is.
        """
        if not _limit.has_come or self._is_told or not self.is_live:
            return
        if threading.get_ident() != self._thread:
            return
        _limit.is_told = True
        for one in _live:
            # Once for all of them: what is logged while the program saves must not raise again.
            one._is_told = True
            one._told()
        raise TimeLimitReached


def obstacle() -> str:
    """Return why SIGUSR1 cannot be held back, "" where it is."""
    if _NUMBER is None:
        return "this system has no SIGUSR1"
    if _signal.getsignal(_NUMBER) is default_with_record:
        return ""
    if _signal.getsignal(_NUMBER) == int(signal.SIG_DFL):
        return "only the main thread can watch signals, and this is another one"
    return "the program itself handles or ignores SIGUSR1"


def _leave_to_others(number: int) -> None:
    """Do nothing: the recording, if there is one, has a watch of its own for the end."""
