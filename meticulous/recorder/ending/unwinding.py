"""See the SystemExit that leaves the main program where the C library cannot tell its code.

From Python 3.12 on `sys.monitoring` reports every frame that an exception leaves. It is used only
where `exitcode` is not available (other C libraries than glibc), for it costs a call for each such
frame.
"""

from __future__ import annotations

import sys

from meticulous.recorder.ending import exitcode
from meticulous.recorder.ending.outcome import Ending, by_exception

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType

_TOOL_NAME = "meticulous"
_seen: dict[CodeType, BaseException] = {}
_main_code: CodeType | None = None


def start(main_frame: FrameType | None) -> None:
    """Begin to watch the outermost frame, where that is needed and possible; safe to repeat."""
    global _main_code
    if main_frame is None or exitcode.is_available() or sys.version_info < (3, 12):
        return
    _main_code = main_frame.f_code
    monitoring = sys.monitoring
    for tool in range(5, -1, -1):
        if monitoring.get_tool(tool) == _TOOL_NAME:
            return
        if monitoring.get_tool(tool) is None:
            monitoring.use_tool_id(tool, _TOOL_NAME)
            monitoring.register_callback(tool, monitoring.events.PY_UNWIND, _unwound)
            monitoring.set_events(tool, monitoring.events.PY_UNWIND)
            return


def ending() -> Ending | None:
    """Return how the exception that left the outermost frame ends the process; None if unseen."""
    exception = _seen.get(_main_code) if _main_code is not None else None
    return None if exception is None else by_exception(exception)


def _unwound(code: CodeType, offset: int, exception: BaseException) -> None:
    if code is _main_code:
        _seen[code] = exception
