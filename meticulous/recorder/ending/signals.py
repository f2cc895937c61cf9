"""Write the record before a signal ends the process, then let the signal do what it did before."""

from __future__ import annotations

import os
import signal
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_ENDING_SIGNALS = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGXCPU")

_started: list[SignalWatch] = []
"""The watches of this process, the oldest first; one handler serves them all."""

_handled: set[int] = set()
"""The signals whose default action has been replaced by our handler."""


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
        _started.append(self)
        if threading.current_thread() is not threading.main_thread():
            return
        for name in _ENDING_SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _arrived)
                _handled.add(number)

    def stop(self) -> None:
        """Watch no more; the last one puts back the default actions that are still ours."""
        if self in _started:
            _started.remove(self)
        if _started or threading.current_thread() is not threading.main_thread():
            return
        for number in _handled:
            if signal.getsignal(number) is _arrived:
                signal.signal(number, signal.SIG_DFL)
        _handled.clear()

    def tell(self, number: int) -> None:
        """Pass the signal on to the owner, unless this is a forked child of it."""
        if os.getpid() == self._owner:
            self._ended(number)


def _arrived(number: int, frame: FrameType | None) -> None:
    del frame
    signal.signal(number, signal.SIG_DFL)
    try:
        for watch in reversed(_started.copy()):
            watch.tell(number)
    finally:
        os.kill(os.getpid(), number)
