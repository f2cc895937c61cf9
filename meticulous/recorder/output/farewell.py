"""Finds what the interpreter itself writes at its end, as it does with the text of `sys.exit`."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from meticulous.recorder.output.mirror import Mirror

_LONGEST = 10_000
"""Bytes that are worth a place in STATUS."""

_PACKAGE = __name__.rpartition(".")[0]
_OWN_MODULES = (__name__, f"{_PACKAGE}.carrier", f"{_PACKAGE}.text")


class Farewell:
    """Where in a run's file the words of the interpreter begin."""

    __slots__ = ("_start",)

    def __init__(self) -> None:
        self._start = -1

    def look_who_writes(self, mirror: Mirror) -> None:
        """Remember the place where `mirror` has come to if the interpreter writes there now."""
        if self._start < 0 and _is_called_by_interpreter():
            self._start = mirror.position

    def read(self, mirror: Mirror) -> str:
        """Return what the interpreter has written to the file behind `mirror`, "" for nothing."""
        if self._start < 0 or not mirror.has_source:
            return ""
        data = os.pread(mirror.source, _LONGEST, self._start)
        return data.decode("utf-8", "replace").rstrip("\n")


def _is_called_by_interpreter() -> bool:
    """Say whether a stream is written to with no code of the program under way."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in _OWN_MODULES:
        frame = frame.f_back
    return frame is None
