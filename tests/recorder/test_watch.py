"""The one daemon thread of a run ticks, beats and stops."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from meticulous.recorder.output.watch import LONGEST_PAUSE, SHORTEST_PAUSE, Watch

LONG = 30.0


class Watched:
    """A watch whose ticks and beats can be waited for."""

    def __init__(self, interval: float = 1e9, busy: bool = False) -> None:
        self.lock = threading.Lock()
        self.ticks = threading.Semaphore(0)
        self.beats = threading.Semaphore(0)
        self.elapsed: list[float] = []
        self.was_locked: list[bool] = []
        self.threads: set[threading.Thread] = set()
        self.busy = busy
        self.watch = Watch(self._tick, self._beat, interval, lambda: self.lock)

    def _tick(self, elapsed: float) -> bool:
        self.elapsed.append(elapsed)
        self.was_locked.append(self.lock.locked())
        self.threads.add(threading.current_thread())
        self.ticks.release()
        return self.busy

    def _beat(self) -> None:
        self.beats.release()


@pytest.fixture
def started() -> Iterator[Watched]:
    watched = Watched()
    watched.watch.start()
    yield watched
    watched.watch.stop()


def test_it_ticks_by_itself(started):
    for _ in range(3):
        assert started.ticks.acquire(timeout=LONG)


def test_it_is_one_daemon_thread_of_ours(started):
    assert started.ticks.acquire(timeout=LONG)
    assert started.ticks.acquire(timeout=LONG)
    assert [(thread.name, thread.daemon) for thread in started.threads] == [
        ("meticulous-watch", True)
    ]
    assert threading.current_thread() not in started.threads


def test_it_holds_the_lock_while_it_ticks(started):
    assert started.ticks.acquire(timeout=LONG)
    assert all(started.was_locked)
    with started.lock:
        before = len(started.elapsed)
        for _ in range(5):
            started.watch.wake()
            assert len(started.elapsed) == before
    assert started.ticks.acquire(timeout=LONG)


def test_a_tick_is_told_how_long_the_last_one_is_ago(started):
    for _ in range(3):
        assert started.ticks.acquire(timeout=LONG)
    assert all(elapsed >= 0 for elapsed in started.elapsed)


def test_waking_it_brings_a_tick_however_long_it_would_have_waited(started):
    for _ in range(20):
        started.watch.wake()
        assert started.ticks.acquire(timeout=LONG)


def test_the_heartbeat_comes_with_its_own_interval():
    often, never = Watched(interval=0.0), Watched(interval=1e9)
    for watched in (often, never):
        watched.watch.start()
    for _ in range(3):
        assert often.beats.acquire(timeout=LONG)
        assert never.ticks.acquire(timeout=LONG)
    for watched in (often, never):
        watched.watch.stop()
    assert not never.beats.acquire(blocking=False)


def test_gathered_lines_wait_no_longer_than_promised():
    assert SHORTEST_PAUSE <= 0.05 < LONGEST_PAUSE < 1.0


def test_after_the_stop_nothing_is_called_any_more(started):
    assert started.ticks.acquire(timeout=LONG)
    started.watch.stop()
    ticks = len(started.elapsed)
    assert not any(thread.is_alive() for thread in started.threads)
    started.watch.wake()
    started.watch.stop()
    assert len(started.elapsed) == ticks


def test_one_that_never_started_can_be_stopped():
    Watched().watch.stop()


def test_it_can_be_stopped_from_within_a_tick():
    stopped = threading.Event()

    def tick(elapsed: float) -> bool:
        watch.stop()
        stopped.set()
        return False

    watch = Watch(tick, lambda: None, 1e9, threading.Lock)
    watch.start()
    assert stopped.wait(LONG)
    watch.stop()


def test_the_stop_does_not_wait_for_ever_for_a_tick_that_hangs():
    inside, released = threading.Event(), threading.Event()

    def tick(elapsed: float) -> bool:
        inside.set()
        released.wait(LONG)
        return False

    watch = Watch(tick, lambda: None, 1e9, threading.Lock)
    watch.start()
    assert inside.wait(LONG)
    watch.stop(lambda: False)
    released.set()
    watch.stop()


def test_a_lock_that_is_replaced_after_a_fork_is_asked_for_each_time():
    locks: list[threading.Lock] = []

    def guard() -> threading.Lock:
        locks.append(threading.Lock())
        return locks[-1]

    ticks = threading.Semaphore(0)
    watch = Watch(lambda elapsed: ticks.release() or False, lambda: None, 1e9, guard)
    watch.start()
    for _ in range(3):
        assert ticks.acquire(timeout=LONG)
    watch.stop()
    assert len(locks) >= 3
    assert not any(lock.locked() for lock in locks)


def test_a_process_ends_though_its_watch_is_running():
    program = (
        "import threading\nfrom meticulous.recorder.output.watch import Watch\n"
        "Watch(lambda elapsed: True, lambda: None, 0.0, threading.Lock).start()\nprint('end')"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONDEVMODE": "1"},
    )
    assert (done.stdout, done.stderr) == ("end\n", "")
