"""How a run ended, in the words of the record."""

from __future__ import annotations

import contextlib
import signal

from meticulous.errors import TIME_LIMIT_CODE, TimeLimitReached
from meticulous.folder import status

_CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS", "SIGTRAP", "SIGPIPE")


class Ending:
    """The status a run ends with, and the facts behind it.

    Args:
        status: One of the final words of STATUS.
        reason: What follows in STATUS: a traceback, or a sentence.
        exit_code: The process's exit code, None when a signal ended it or it is not known.
        signal: The name of the signal that ended the process, such as "SIGTERM".
    """

    __slots__ = ("exit_code", "reason", "signal", "status")

    def __init__(
        self,
        status: str,
        reason: str = "",
        exit_code: int | None = None,
        signal: str | None = None,
    ) -> None:
        self.status = status
        self.reason = reason
        self.exit_code = exit_code
        self.signal = signal

    def __repr__(self) -> str:
        return f"Ending({self.status!r}, exit_code={self.exit_code!r}, signal={self.signal!r})"


def by_exit_code(code: int) -> Ending:
    """Return the ending of a process that left with `code`."""
    if code == 0:
        return Ending(status.SUCCESS, exit_code=0)
    return Ending(status.ERROR, f"exit code {code}", exit_code=code)


def by_signal(number: int) -> Ending:
    """Return the ending of a process that a signal ended."""
    name = signal_name(number)
    if name == "SIGINT":
        word = status.INTERRUPTED
    elif name == "SIGUSR1":
        word = status.TIMEOUT
    elif name in _CRASHES:
        word = status.ERROR
    else:
        word = status.KILLED
    return Ending(word, f"signal {name}", signal=name)


def by_system_exit(code: object) -> Ending:
    """Return the ending of a process that `SystemExit(code)` ends, as Python reads `code`."""
    if code is None:
        return by_exit_code(0)
    if isinstance(code, int):
        # What does not fit into a C long becomes -1 (Python/pythonrun.c).
        return by_exit_code(code & 0xFF if -(2**63) <= code < 2**63 else 0xFF)
    ending = by_exit_code(1)
    with contextlib.suppress(Exception):  # the object's own __str__ can fail in any way
        ending.reason = f"exit code 1\n{code}"
    return ending


def by_time_limit(exit_code: int | None = None) -> Ending:
    """Return the ending of a run that was told at a safe point that its time is over."""
    reason = "signal SIGUSR1, at a safe point"
    return Ending(status.TIMEOUT, reason, exit_code, signal="SIGUSR1")


def by_exception(exception: BaseException) -> Ending:
    """Return the ending of a process, or of a `with` block, that `exception` leaves."""
    if isinstance(exception, TimeLimitReached):
        return by_time_limit(TIME_LIMIT_CODE)
    if isinstance(exception, SystemExit):
        return by_system_exit(exception.code)
    text = format_exception(exception)
    if isinstance(exception, KeyboardInterrupt):
        return Ending(status.INTERRUPTED, text, signal="SIGINT")
    return Ending(status.ERROR, text, exit_code=1)


def format_exception(exception: BaseException) -> str:
    """Return the traceback as Python would print it."""
    try:
        import traceback

        return "".join(traceback.format_exception(exception))
    except Exception as failure:  # an exception's own __str__ can fail in any way
        return f"{type(exception).__qualname__} (its traceback cannot be formatted: {failure!r})"


def signal_name(number: int) -> str:
    """Return the name of a signal, such as "SIGTERM"."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def signal_number(name: str) -> int:
    """Return the number of a signal from what `signal_name` calls it."""
    try:
        return signal.Signals[name]
    except KeyError:
        return int(name.removeprefix("SIG"))
