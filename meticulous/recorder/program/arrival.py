"""Learn at once that a program writes again after a silence.

Between two looks at a silent program a quarter of a second goes by, and a shell script can write a
megabyte in a tenth of that. Linux sends a signal when a file in a folder is next written to.
"""

from __future__ import annotations

import contextlib
import os
import sys

SIGNAL_NAME = "SIGIO"
"""What the system sends; by default a process would end of it, so it has to be waited for."""


class Arrival:
    """One signal for the next write to a file in a folder, each time it is asked for.

    Where the system cannot do it there is no signal.

    Args:
        directory: The folder.
    """

    def __init__(self, directory: str) -> None:
        self._folder = -1
        self._is_awaited = False
        self.has_come = False
        """Whether the signal has come since the last call of `ask`."""
        if sys.platform.startswith("linux"):
            with contextlib.suppress(OSError):
                self._folder = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)

    def ask(self) -> None:
        """Ask for the next signal, unless it is awaited still.

        Somebody who writes all the time, such as to the metrics, gets us to look at most once more
        often: after each signal one call of this is let pass.
        """
        if self.has_come:
            self.has_come = False
        elif self._folder >= 0 and not self._is_awaited:
            import fcntl

            try:
                fcntl.fcntl(self._folder, fcntl.F_NOTIFY, fcntl.DN_MODIFY)
                self._is_awaited = True
            except OSError:
                self.close()

    def come(self) -> None:
        """Know that the signal has come."""
        self._is_awaited = False
        self.has_come = True

    def close(self) -> None:
        """Ask for no more."""
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1
