"""The one daemon thread of a run: it carries output on and keeps the heartbeat."""

from __future__ import annotations

import contextlib
import threading
import time

from meticulous.recorder.output.fork_warning import drop_filter_when_used
from meticulous.recorder.output.forks import watches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

THREAD_NAME = "meticulous-watch"

SHORTEST_PAUSE = 0.05
"""Seconds between two looks while there is output; gathered lines wait no longer than this."""

LONGEST_PAUSE = 0.25
"""Seconds between two looks while nothing happens."""

HASTY_PAUSE = 0.004
"""Seconds between two looks in haste."""


class Watch:
    """Calls `tick` a few times a second and `beat` at every heartbeat, until stopped.

    Args:
        tick: Told the seconds since it was last called; says whether there was anything to do.
        beat: The heartbeat.
        interval: Seconds between two heartbeats.
        guard: Gives the lock to hold while ticking.
    """

    def __init__(
        self,
        tick: Callable[[float], bool],
        beat: Callable[[], None],
        interval: float,
        guard: Callable[[], threading.Lock],
    ) -> None:
        self._tick = tick
        self._beat = beat
        self._interval = interval
        self._guard = guard
        # A lock that is released to wake the thread: an Event has a lock of its own inside, on
        # which a signal's handler would wait for the very code that it interrupted.
        self._bell = threading.Lock()
        self._bell.acquire()
        self._stopping = False
        self.is_in_haste = False
        """Whether the next look should come very soon."""
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._last_tick = self._last_beat = time.monotonic()
        self._thread.start()
        watches.append(self)

    def wake(self) -> None:
        """Ask for a tick soon; safe in a signal's handler."""
        with contextlib.suppress(RuntimeError):  # it has been rung already
            self._bell.release()

    def stop(self, may_wait: Callable[[], bool] = lambda: True) -> None:
        """End; waits for a tick under way, such as output to a slow reader, while `may_wait`."""
        self._stopping = True
        if self in watches:
            watches.remove(self)
        self.wake()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(1.0)
            while self._thread.is_alive() and may_wait():
                self._thread.join(0.2)

    def _run(self) -> None:
        pause = SHORTEST_PAUSE
        while True:
            self._bell.acquire(timeout=pause)
            if self._stopping:
                return
            now = time.monotonic()
            with self._guard():
                drop_filter_when_used()
                busy = self._tick(now - self._last_tick)
            self._last_tick = now
            if self.is_in_haste:
                pause = HASTY_PAUSE
            elif busy:
                # In a program that computes all the time each system call of a tick costs us 5 ms.
                pause = max(SHORTEST_PAUSE - (time.monotonic() - now), SHORTEST_PAUSE / 10)
            else:
                pause = min(2 * max(pause, SHORTEST_PAUSE), LONGEST_PAUSE)
            if now - self._last_beat >= self._interval:
                self._beat()
                self._last_beat = now
