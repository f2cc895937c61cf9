"""Share an environment of the cache among those who use it, and keep others out of its making."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

_PATIENCE = 2.0
"""Seconds in which those who only look whether an environment is whole have done so."""


class Hold:
    """A lock on an environment, which ends with this process at the latest.

    Attributes:
        descriptor: Programs that inherit it keep the lock until they end as well.
    """

    __slots__ = ("descriptor",)

    def __init__(self, path: str) -> None:
        """Open the file of the lock, without locking.

        Raises:
            OSError: It cannot be made.
        """
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def share(self) -> None:
        """Hold it together with others, after waiting for one who has it alone.

        Raises:
            OSError: The file system knows no locks.
        """
        fcntl.flock(self.descriptor, fcntl.LOCK_SH)

    def take_alone(self, patience: float = _PATIENCE) -> bool:
        """Hold it alone; False when others hold it for longer than the patience, in seconds."""
        # From shared to alone there is no way without letting go.
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        end = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    return False
                time.sleep(0.02)
            else:
                return True

    def release(self) -> None:
        """Let go. May be called twice."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)
