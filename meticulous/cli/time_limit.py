"""A limit for computations that a user's words can make endless, such as regular expressions."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from meticulous.errors import InvalidQueryError


class _TooLong(BaseException):
    """Ends a computation; no Exception, since pandas takes some of those for an answer."""


@contextlib.contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """Stop what is computed inside when it takes too long; without effect outside the main thread.

    Args:
        seconds: Of the processor's time, so that a slow disk does not count.
        what: What takes long, for the message.

    Raises:
        InvalidQueryError: It took longer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooLong

    before = signal.getsignal(signal.SIGVTALRM)
    try:
        signal.signal(signal.SIGVTALRM, stop)
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except _TooLong:
        raise InvalidQueryError(
            f"{what} takes too long: more than {seconds:.0f} seconds. Write a simpler regular "
            "expression, without repetitions inside of repetitions."
        ) from None
    finally:
        signal.signal(signal.SIGVTALRM, before)
