"""One standard stream copied at Python's stream object, where its descriptor is not the output."""

from __future__ import annotations

import os
import sys

from meticulous.folder.writing import open_to_append, write_all
from meticulous.recorder.output.forks import flush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class PythonStream:
    """One of stdout and stderr, copied at the level of Python's stream objects.

    Args:
        name: "stdout" or "stderr".
        path: The file that takes the copy; it is appended to.
        failed: Called once, with a sentence, when the file can take no more.
    """

    last_flush_fails = False
    is_in_haste = False

    def __init__(self, name: str, path: str, failed: Callable[[str], None]) -> None:
        self.name = name
        self.path = path
        self.state = "new"
        self._failed = failed

    def __repr__(self) -> str:
        return f"<PythonStream {self.name} {self.state}>"

    def start(self, wake: Callable[[], None] = lambda: None) -> None:
        """Begin to copy.

        Raises:
            OSError: The file cannot be opened; nothing has changed then.
        """
        del wake  # every write is copied at once
        self._original = getattr(sys, self.name)
        self._file = open_to_append(self.path)
        self._tee = _Tee(self._original, self._keep)
        setattr(sys, self.name, self._tee)
        self.state = "capturing"

    def tick(self, elapsed: float) -> bool:
        """Do nothing: what Python writes is copied when it is written."""
        del elapsed
        return False

    def stop(self, at_exit: bool = False, may_wait: Callable[[], bool] = lambda: True) -> None:
        """Put the original stream back; what was replaced meanwhile by the program stays."""
        del at_exit, may_wait
        if self.state != "capturing":
            return
        self.state = "stopped"
        if getattr(sys, self.name, None) is self._tee:
            setattr(sys, self.name, self._original)
        flush(self._original)
        os.close(self._file)

    def show(self, text: str) -> bool:
        """Show a message of ours where the output goes, without keeping it; False if we cannot."""
        if self.state != "capturing":
            return False
        self._original.write(text)
        return True

    def _keep(self, data: bytes) -> None:
        if self.state != "capturing":
            return
        try:
            write_all(self._file, data)
        except OSError as error:
            self.stop()
            self._failed(
                f"{self.name} is recorded no further: {error.strerror or error} "
                f"({self.path}); the program goes on"
            )


class _Tee:
    """Stands for a text stream: keeps a copy of what is written, is the original in all else."""

    def __init__(self, original: Any, keep: Callable[[bytes], None]) -> None:
        self._original = original
        self._keep = keep

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            return _Tee(self._original.buffer, self._keep)
        return getattr(self._original, name)

    def __iter__(self) -> Any:
        return iter(self._original)

    def __enter__(self) -> _Tee:
        return self

    def __exit__(self, *exception: object) -> None:
        self._original.flush()

    def write(self, data: Any) -> Any:
        if isinstance(data, str):
            encoding = getattr(self._original, "encoding", None) or "utf-8"
            self._keep(data.encode(encoding, "backslashreplace"))
        else:
            self._keep(bytes(data))
        return self._original.write(data)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)
