"""Tracebacks of the user's code, without the frames of this package that led to it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def behind(traceback: TracebackType | None, code: CodeType | None = None) -> TracebackType | None:
    """Return a traceback from the first frame on that is none of this package.

    Where there is no such frame the error is our own, and the whole traceback comes back.

    Args:
        traceback: It.
        code: Frames of others before the frame of this code are left out as well; a traceback
            that does not lead through it comes back as it is.
    """
    found = traceback
    while code is not None and found is not None and found.tb_frame.f_code is not code:
        found = found.tb_next
    while found is not None and is_machinery(found.tb_frame.f_code.co_filename):
        found = found.tb_next
    return traceback if found is None else found


def shown(error: BaseException) -> str:
    """Return the text that Python shows of an error, without any frames of this package."""
    import traceback

    whole = traceback.TracebackException.from_exception(error)
    waiting: list[traceback.TracebackException] = [whole]
    while waiting:
        one = waiting.pop()
        frames = [frame for frame in one.stack if not is_machinery(frame.filename)]
        one.stack = traceback.StackSummary.from_list(frames)
        waiting += [other for other in (one.__cause__, one.__context__) if other is not None]
    return "".join(whole.format())


def is_machinery(file: str) -> bool:
    """Say whether a file belongs to this package, or to what imports modules."""
    import importlib

    theirs = os.path.dirname(os.path.abspath(importlib.__file__))
    is_theirs = file.startswith("<frozen importlib") or os.path.dirname(file) == theirs
    return is_theirs or file.startswith(_PACKAGE + os.sep)
