"""See how this process ends, without changing how it ends.

A handler of `atexit` looks at three things, all of them left by the interpreter itself, so no hook
of the program is replaced:

- the outermost frame of the main thread: did it return, or was it left by an exception?
- `sys.last_traceback`, which holds every unhandled exception but SystemExit;
- for SystemExit, whose code nothing in Python can see any more, the C library is asked to hand it
  to another process after the interpreter is gone (see `exitcode`).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading

from meticulous.folder import status
from meticulous.folder.writing import file_behind
from meticulous.recorder.ending.outcome import (
    Ending,
    by_exception,
    by_exit_code,
    format_exception,
)
from meticulous.recorder.ending.signals import held

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

_SPARE_DESCRIPTORS = 4


class ExitWatch:
    """Tells the owner of a run when and how this process ends.

    Args:
        ended: Called once with the ending, or with None when the exit code of a SystemExit can
            only be seen from outside.
        thread_failed: Called with a description and the traceback of each unhandled exception in
            a thread.
        code_is_certain: Asked at the end whether a program that ran to its end leaves with 0.
    """

    def __init__(
        self,
        ended: Callable[[Ending | None], None],
        thread_failed: Callable[[str, str], None],
        code_is_certain: Callable[[], bool],
    ) -> None:
        self._ended = ended
        self._thread_failed = thread_failed
        self._code_is_certain = code_is_certain
        self.is_shutdown = False
        """Whether it is the interpreter that ends, and nobody who only calls what it would call."""
        self._owner = os.getpid()
        self._main_frame = _outermost_frame()
        self._finalizer: Any = None
        self._spare: list[int] = []

    def start(self) -> None:
        """Begin to watch."""
        import opcode

        self._returns = [opcode.opmap.get(name) for name in ("RETURN_VALUE", "RETURN_CONST")]
        # A program may end because it has used up all descriptors; the end needs a few itself.
        with contextlib.suppress(OSError):
            self._spare = [os.open(os.devnull, os.O_CLOEXEC) for _ in range(_SPARE_DESCRIPTORS)]
            self._spare_file = file_behind(self._spare[0])
        atexit.register(self._at_exit)
        self._previous_hook = threading.excepthook
        threading.excepthook = self._hook = self._in_thread
        self._watch_multiprocessing()
        from meticulous.recorder.ending import unwinding

        unwinding.start(self._main_frame)

    def stop(self) -> None:
        """Watch no more; hooks that others put over ours stay where they are."""
        # It holds the program's own objects, which the interpreter deletes before its streams.
        self._main_frame = None
        atexit.unregister(self._at_exit)
        self._close_spare()
        if threading.excepthook is self._hook:
            threading.excepthook = self._previous_hook
        if self._finalizer is not None:
            self._finalizer.cancel()

    def _at_exit(self) -> None:
        if os.getpid() != self._owner:
            return
        caller = sys._getframe().f_back
        self.is_shutdown = caller is None
        code = _code_of_child(caller)
        try:
            self._write_end(code)
        except KeyboardInterrupt:
            # A second Ctrl-C, before it could be held back; the first one is how the program ended.
            self._write_end(code)

    def _write_end(self, code: int | None) -> None:
        with held() as arrived:
            self._close_spare()
            ending = self._find_ending() if code is None else by_exit_code(code)
            self._ended(ending)
            if ending is not None and ending.status == status.INTERRUPTED:
                _remember_interrupt()
            # The program has ended; an interrupt this late would have changed nothing.
            arrived[:] = [number for number in arrived if number != signal.SIGINT]

    def _close_spare(self) -> None:
        while self._spare:
            descriptor = self._spare.pop()
            # A program may have closed it, and have another file under its number.
            if file_behind(descriptor) == self._spare_file:
                os.close(descriptor)

    def _find_ending(self) -> Ending | None:
        frame = self._main_frame
        if self._has_returned(frame):
            if not _is_interactive() and self._code_is_certain():
                return by_exit_code(0)
        else:
            exception = _last_exception()
            traceback = None if exception is None else exception.__traceback__
            if exception is not None and traceback is not None and traceback.tb_frame is frame:
                return by_exception(exception)
        from meticulous.recorder.ending import unwinding

        return unwinding.ending()

    def _has_returned(self, frame: FrameType | None) -> bool:
        if frame is None or frame.f_lasti < 0:
            return False
        return frame.f_code.co_code[frame.f_lasti] in self._returns

    def _in_thread(self, details: threading.ExceptHookArgs, /) -> None:
        self._previous_hook(details)
        if os.getpid() != self._owner or details.exc_value is None:
            return
        if isinstance(details.exc_value, SystemExit):
            return
        name = details.thread.name if details.thread is not None else "an unknown thread"
        summary = f"unhandled {type(details.exc_value).__name__} in thread {name!r}"
        self._thread_failed(summary, format_exception(details.exc_value))

    def _watch_multiprocessing(self) -> None:
        # A child of multiprocessing leaves through os._exit: only its own finalizers run.
        process = sys.modules.get("multiprocessing.process")
        if process is None or process.parent_process() is None:
            return
        from multiprocessing.util import Finalize

        self._finalizer = Finalize(None, self._at_end_of_child, exitpriority=0)

    def _at_end_of_child(self) -> None:
        if os.getpid() == self._owner:
            exception = sys.exc_info()[1]
            self._ended(by_exit_code(0) if exception is None else by_exception(exception))


def _outermost_frame() -> FrameType | None:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _code_of_child(caller: FrameType | None) -> int | None:
    """Return the exit code of a forked child of multiprocessing; None in any other process.

    From Python 3.13 on such a child runs the handlers of `atexit` itself, and then leaves through
    `os._exit(code)`, in one function (`Popen._launch`, and `main` of the fork server).
    """
    name = "" if caller is None else str(caller.f_globals.get("__name__"))
    if caller is None or not name.startswith("multiprocessing."):
        return None
    code = caller.f_locals.get("code")
    return code if isinstance(code, int) else None


def _remember_interrupt() -> None:
    """Have the interpreter end through SIGINT, as it does after an unhandled KeyboardInterrupt.

    CPython remembers that in a flag which running any source text clears (`run_eval_code_obj` in
    Python/pythonrun.c); imports at the end, such as of a module with named tuples, do that.
    """
    try:
        exec("raise KeyboardInterrupt")  # noqa: S102 - a constant
    except KeyboardInterrupt:
        return


def _last_exception() -> BaseException | None:
    exception = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return exception if isinstance(exception, BaseException) else None


def _is_interactive() -> bool:
    return hasattr(sys, "ps1") or bool(sys.flags.interactive)


def unknown_ending() -> Ending:
    """Return the ending of a process that left with SystemExit where its code cannot be seen."""
    return Ending(
        status.UNKNOWN,
        "The program ended with SystemExit, and its exit code cannot be seen on this platform. "
        "End the run with `with Experiment(...)` or `experiment.finish()`, "
        "or start it with `meticulous run`.",
    )
