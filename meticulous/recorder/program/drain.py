"""The process that takes a program's output out of its pipes, into the run's files and on.

It stands apart from `meticulous run`, in a session of its own: what ends the one does not end the
other, and children that outlive the program always find somebody who reads. The program writes to
pipes, so it never meets the trouble of the record's disk; and where its output is shown slowly, or
nobody reads it any more, it meets that as it would without us.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import os
import select
import signal
import sys
import termios
import time

from meticulous.folder.writing import write_all
from meticulous.recorder.output.outlet import Outlet
from meticulous.recorder.output.room import LOST, Reserve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT, SHOWN, DONE = "kept", "shown", "done"
"""Answers to the end: everything is in the files; everything has been shown as well, and children
may write on; or nobody can write any more, and the process ends."""

_CHUNK = 1 << 16
"""Bytes taken at once, what a pipe holds."""

_LOOK_BYTES = 1 << 16
"""Bytes after which the room on the disk is looked at; less than what is held ahead."""

_LOOK_SECONDS = 1.0

_DISK_TROUBLES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    **dict.fromkeys(LOST, "the file system takes nothing any more"),
}
"""What meets each file of the disk."""

_MOST_DESCRIPTORS = 1 << 16
"""Descriptors that are closed where the system does not tell which are open."""

_IGNORED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGXFSZ")


class Channel:
    """One stream of the program: the pipe, the run's file, and where the output is shown.

    Args:
        name: "stdout" or "stderr".
        source: Descriptor to read the program's output from.
        file: Descriptor of the run's file, open for reading and appending.
        target: Descriptor that the output is shown at, or None.
    """

    def __init__(self, name: str, source: int, file: int, target: int | None) -> None:
        self.name = name
        self.source = source
        self.file = file
        self.outlet = Outlet(target)
        self.reserve: Reserve | None = None
        self.is_kept = True
        """Whether the file takes the output still."""
        self.unshown = memoryview(b"")
        """What has been taken and has not found room at the target."""
        self.grown = 0
        """Bytes written since the last look at the disk."""

    @property
    def is_open(self) -> bool:
        """Whether anybody can still write to the pipe."""
        return self.source >= 0

    def close(self) -> None:
        """Take nothing more; whoever writes meets a closed pipe."""
        if self.is_open:
            os.close(self.source)
            self.source = -1

    def show(self) -> None:
        """Write to the target as much as it takes without waiting."""
        written: list[int] = []
        self.outlet.pass_on(self.unshown, written, _never, 0)
        is_of_use = self.outlet.target is not None and self.outlet.failure is None
        self.unshown = self.unshown[sum(written) :] if is_of_use else memoryview(b"")


class Drain:
    """Carries all channels until nobody can write to them any more.

    Args:
        channels: The streams.
        control: Descriptor to read from: a byte from the recorder asks for the end.
        report: Descriptor to write lines to that the recorder reads.
    """

    def __init__(self, channels: Iterable[Channel], control: int, report: int) -> None:
        self._channels = list(channels)
        self._control = control
        self._report = report
        self._is_alone = False
        self._is_ending = False
        self._last_look = time.monotonic()

    def run(self) -> None:
        """Carry until the last writer has closed its end and the recorder asks no more."""
        for channel in self._channels:
            self._hold_room(channel)
            channel.outlet.stop_waiting()
        while not self._is_alone or any(
            channel.is_open or channel.unshown for channel in self._channels
        ):
            self._serve(self._wait())
        self._give_room_back()

    def _hold_room(self, channel: Channel) -> None:
        try:
            channel.reserve = Reserve(channel.file)
            channel.reserve.begin()
        except OSError as error:
            self._give_up(channel, error)

    def _wait(self) -> set[int]:
        """Return the descriptors that something can be done with."""
        poll = select.poll()
        stopped = {channel.outlet.target_file for channel in self._channels if channel.unshown}
        for channel in self._channels:
            if channel.unshown and channel.outlet.target is not None:
                poll.register(channel.outlet.target, select.POLLOUT)
            # What is not shown holds the program up, as the slow reader would without us; and so
            # nothing that came later passes it on its way to the same place.
            elif channel.is_open and channel.outlet.target_file not in stopped:
                poll.register(channel.source, select.POLLIN)
        if not self._is_alone:
            poll.register(self._control, select.POLLIN)
        # Once the room is given back, nobody needs to look at the disk.
        is_looked_at = any(channel.reserve is not None for channel in self._channels)
        pause = _LOOK_SECONDS * 1000 if is_looked_at else None
        return {descriptor for descriptor, _ in poll.poll(pause)}

    def _serve(self, ready: set[int]) -> None:
        for channel in self._channels:
            if channel.unshown:
                if channel.outlet.target in ready:
                    self._show(channel)
            elif channel.source in ready:
                self._take(channel)
        if not self._is_alone and self._control in ready:
            self._obey()
        self._answer_when_shown()
        if time.monotonic() - self._last_look >= _LOOK_SECONDS:
            self._last_look = time.monotonic()
            for channel in self._channels:
                self._look_at_room(channel)

    def _take(self, channel: Channel, most: int = _CHUNK) -> int:
        """Take what has come, keep it and show it; return how many bytes it was."""
        data = os.read(channel.source, most)
        if not data:
            channel.close()
            return 0
        self._keep(channel, data)
        if channel.outlet.target is not None and channel.outlet.failure is None:
            unshown = bytes(channel.unshown) + data if channel.unshown else data
            channel.unshown = memoryview(unshown)
            self._show(channel)
        return len(data)

    def _keep(self, channel: Channel, data: bytes) -> None:
        if not channel.is_kept:
            return
        try:
            write_all(channel.file, data)
        except OSError as error:
            self._give_up(channel, error)
            return
        channel.grown += len(data)
        if channel.grown >= _LOOK_BYTES:
            self._look_at_room(channel)

    def _show(self, channel: Channel) -> None:
        had_failed = channel.outlet.failure is not None
        channel.show()
        failure = channel.outlet.failure
        if failure is None or had_failed:
            return
        if isinstance(failure, BrokenPipeError):
            channel.close()
        else:
            sentence = f"{channel.name} is shown no further: {failure.strerror}"
            self._say(f"what {channel.name} shows", sentence)

    def _look_at_room(self, channel: Channel) -> None:
        channel.grown = 0
        if channel.reserve is None or not channel.is_kept:
            return
        try:
            has_room = channel.reserve.top_up()
        except OSError as error:
            self._give_up(channel, error)
            return
        if channel.reserve.is_lost:
            self._give_up(channel, OSError(errno.EROFS, os.strerror(errno.EROFS)))
        elif channel.reserve.is_nearly_full:
            self._keep_no_more("the output", "the disk is nearly full", self._channels)
        elif not has_room:
            self._give_up(channel, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    def _give_up(self, channel: Channel, error: OSError) -> None:
        reason = _DISK_TROUBLES.get(error.errno or 0)
        if reason is not None:
            self._keep_no_more("the output", reason, self._channels)
        else:
            self._keep_no_more(channel.name, str(error.strerror or error), [channel])

    def _keep_no_more(self, subject: str, reason: str, channels: list[Channel]) -> None:
        for channel in channels:
            channel.is_kept = False
        self._say(subject, f"{subject} is recorded no further, for {reason}")

    def _obey(self) -> None:
        if os.read(self._control, 1):
            self._is_ending = True
            for channel in self._channels:
                self._take_waiting(channel)
            self._give_room_back()
            self._send(KEPT)
        else:
            self._let_go()
        if self._is_ending and self._is_alone:
            # Whoever waited for it does so no longer.
            self._stop_showing()

    def _take_waiting(self, channel: Channel) -> None:
        """Take what is in the pipe at this moment, and nothing of what others write from now on."""
        waiting = _bytes_in(channel.source) if channel.is_open else 0
        while waiting > 0 and channel.is_open:
            waiting -= self._take(channel, min(waiting, _CHUNK))
        if channel.is_open and _is_left_by_all(channel.source):
            while channel.is_open:
                self._take(channel)

    def _answer_when_shown(self) -> None:
        if not self._is_ending or self._is_alone:
            return
        if not any(channel.unshown for channel in self._channels):
            is_over = not any(channel.is_open for channel in self._channels)
            self._send(DONE if is_over else SHOWN)
            self._let_go()
            self._stop_showing()

    def _stop_showing(self) -> None:
        for channel in self._channels:
            channel.unshown = memoryview(b"")
            if channel.outlet.target is not None:
                with contextlib.suppress(OSError):
                    os.close(channel.outlet.target)
                channel.outlet.target = None

    def _give_room_back(self) -> None:
        for channel in self._channels:
            if channel.reserve is not None:
                file = channel.file
                with contextlib.suppress(OSError):
                    channel.file = _open_anew(file)
                    channel.reserve.close()
                channel.reserve = None

    def _say(self, kind: str, sentence: str) -> None:
        self._send(f"{kind}\t{sentence}")

    def _send(self, line: str) -> None:
        if not self._is_alone:
            try:
                write_all(self._report, line.encode() + b"\n")
            except OSError:
                self._let_go()

    def _let_go(self) -> None:
        """Go on without the recorder, which has ended or needs nothing more."""
        if not self._is_alone:
            self._is_alone = True
            os.close(self._control)
            os.close(self._report)


def start(channels: list[Channel], control: int, report: int) -> int:
    """Start the process and return its number.

    All descriptors stay open here.

    Args:
        channels: What it carries.
        control: Descriptor that it reads requests from.
        report: Descriptor that it writes answers to.

    Raises:
        OSError: There can be no more processes.
    """
    pid = os.fork()
    if pid == 0:
        try:
            _become_independent({control, report, *_descriptors_of(channels)})
            Drain(channels, control, report).run()
        finally:
            os._exit(0)
    return pid


def _become_independent(kept: set[int]) -> None:
    """Belong to no terminal, hold nothing that somebody waits for, and be stopped by nothing."""
    os.setsid()
    for name in _IGNORED:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    gc.disable()
    os.chdir("/")
    for descriptor in _open_descriptors() - kept:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _open_descriptors() -> set[int]:
    try:
        # Where the limit on open files is a billion, nobody can try them all.
        return {int(name) for name in os.listdir("/dev/fd")}
    except OSError:
        return set(range(min(os.sysconf("SC_OPEN_MAX"), _MOST_DESCRIPTORS)))


def _descriptors_of(channels: list[Channel]) -> set[int]:
    every = set()
    for channel in channels:
        every |= {channel.source, channel.file}
        if channel.outlet.target is not None:
            every.add(channel.outlet.target)
    return every


def _open_anew(file: int) -> int:
    """Return a descriptor of the same file that shares nothing with the first."""
    if sys.platform.startswith("linux"):
        return os.open(f"/proc/self/fd/{file}", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    return os.dup(file)


def _bytes_in(pipe: int) -> int:
    waiting = bytearray(4)
    fcntl.ioctl(pipe, termios.FIONREAD, waiting)
    return int.from_bytes(waiting, sys.byteorder)


def _is_left_by_all(pipe: int) -> bool:
    """Say whether nobody can write to the pipe any more."""
    poll = select.poll()
    poll.register(pipe, 0)
    return bool(poll.poll(0))


def _never() -> bool:
    return False
