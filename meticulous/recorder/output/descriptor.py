"""One standard stream captured at its descriptor, so that nothing can pass beside it.

The descriptors 1 and 2 are pointed at the run's own files. Output of C code, of subprocesses and
of children that outlive the run is captured; the order within a stream is exact; nothing is lost
when the process is killed, because the file is written first; and no pipe can fill up and block a
program that holds the interpreter lock.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time

from meticulous.recorder.output.carrier import Carrier
from meticulous.recorder.output.cstdio import flush_c_library
from meticulous.recorder.output.forks import active, flush, structure_lock, watch_forks
from meticulous.recorder.output.room import LOOK_SECONDS
from meticulous.recorder.output.text import set_line_buffering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

_GRACE_SECONDS = 1.0
"""How long the end of a run that may not wait gives to a reader who takes nothing."""


class DescriptorStream:
    """One of stdout and stderr, captured at the level of its descriptor: its beginning and end.

    States: new, then capturing after `start`, failed when the file takes no more, and stopped after
    `stop` (which may be called again). In a forked child it is inherited, and only writes to the
    file: mirroring is its parent's task.

    Args:
        name: "stdout" or "stderr".
        path: The file that takes the output; it is appended to.
        failed: Called once, with a sentence, when the file can take no more. The output then goes
            only to where it went before.
    """

    def __init__(self, name: str, path: str, failed: Callable[[str], None]) -> None:
        self.name = name
        self.carrier = Carrier(name, path, failed)
        self._owner = os.getpid()
        self._since_look = 0.0
        self._is_last_flush = False

    def __repr__(self) -> str:
        return f"<DescriptorStream {self.name} {self.state}>"

    @property
    def state(self) -> str:
        """Which of the states it is in."""
        return self.carrier.state

    @property
    def descriptor(self) -> int:
        """The number of the descriptor, 1 or 2."""
        return self.carrier.descriptor

    def start(self, wake: Callable[[], None] = lambda: None) -> None:
        """Begin to capture.

        Args:
            wake: Called when so many lines come that the next `tick` should come soon.

        Raises:
            OSError: The file cannot be opened; nothing has changed then.
        """
        with structure_lock():
            self._original: TextIO = getattr(sys, self.name)
            self.carrier.open(self._original, wake)
            active.append(self)
            self.carrier.begin()
            setattr(sys, self.name, self.carrier.text)
        # Whoever kept the stream from before writes to the same file, in the same order.
        set_line_buffering(self._original, True)
        watch_forks()

    def tick(self, elapsed: float) -> bool:
        """Carry on what others wrote, and decide between writing each line and gathering.

        Args:
            elapsed: Seconds since the last tick.

        Returns:
            Whether there was anything to do.
        """
        if os.getpid() != self._owner:
            return False
        carrier = self.carrier
        carrier.tell_trouble()
        if self.state == "failed" and carrier.pace.gathering:
            carrier.gather(False)
        if self.state == "failed":
            return carrier.serve_children()
        if self.state != "capturing":
            return False
        flush(self._original)
        busy = carrier.pace.gathering or carrier.pace.lagging
        count = carrier.catch_up(lambda: False)
        carrier.choose_pace(elapsed)
        self._since_look += elapsed
        if self._since_look >= LOOK_SECONDS or (count > 0 and carrier.reserve.is_scarce):
            self._since_look = 0.0
            carrier.look_at_room()
        return count > 0 or busy or carrier.reserve.is_scarce

    def stop(self, at_exit: bool = False, may_wait: Callable[[], bool] = lambda: True) -> None:
        """Carry on all that is left and put everything back as it was.

        Args:
            may_wait: Asked again and again whether a slow reader of the output is waited for.
            at_exit: The interpreter is about to end. When the reader of the output has gone and
                the program does not know yet, our object stays in place with something to write,
                so that the interpreter's own last flush fails just as it would have without us.
        """
        if self.state not in ("capturing", "failed") or os.getpid() != self._owner:
            return
        carrier = self.carrier
        end_of_grace = time.monotonic() + _GRACE_SECONDS

        def may_wait_still() -> bool:
            return time.monotonic() < end_of_grace or may_wait()

        self._flush_all()
        with structure_lock():
            # What the streams above have not carried on yet is to pass through ours.
            for stream in reversed(active):
                if stream.name == self.name:
                    stream.carrier.catch_up(may_wait_still)
                if stream is self:
                    break
            has_lock = carrier.lock_while(may_wait)
            carrier.pace.lagging = False
            self._release_descriptor(may_wait_still if has_lock else None)
            carrier.state = "stopped"
            if has_lock:
                carrier.unlock()
            if at_exit and self.last_flush_fails and not self._is_last_flush:
                carrier.gather(True)
                carrier.text.become_direct()
                carrier.text.write("\n")
            else:
                self._release_text(at_exit)
        if not self._is_last_flush:
            carrier.tell_all()

    def settle(self, may_wait: Callable[[], bool] = lambda: True) -> None:
        """Carry on all there is, and each line at once from now on: nobody calls `tick` any more.

        Args:
            may_wait: Asked again and again whether a slow reader of the output is waited for.
        """
        self.carrier.pace.lagging = False
        self.carrier.gather(False)
        self._flush_all()
        self.carrier.catch_up(may_wait)
        self.carrier.tell_all()

    def _flush_all(self) -> None:
        flush_c_library()
        # The program may have put a stream of its own over ours, with a buffer of its own.
        for stream in (self._original, self.carrier.text, getattr(sys, self.name, None)):
            flush(stream)

    def call_at_flush(self, call: Callable[[], None]) -> None:
        """Have `call` called after each flush of our object, also the interpreter's last."""
        self.carrier.text.call_at_flush(call)

    def stop_in_last_flush(self) -> OSError | None:
        """Stop within the interpreter's last flush, and return what that flush is to meet."""
        self.carrier.be_alone()
        failure = self.carrier.failure if self.last_flush_fails else None
        self._is_last_flush = True
        self.stop(at_exit=True)
        return failure

    def write_with(self, write: Callable[[bytes], int]) -> None:
        """Have our object, which has been stopped, write with `write` and stay to the very end."""
        text = self.carrier.text
        text.write_with(write)
        place = f"__{self.name}__"
        if getattr(sys, place, None) is self._original:
            # Python's own is flushed when it goes, which is to be no sooner than without us.
            self._original.successor = None
            text.predecessor = self._original
            setattr(sys, place, text)

    @property
    def farewell(self) -> str:
        """What the interpreter itself has written, as it does with the text of `sys.exit`."""
        return self.carrier.farewell

    @property
    def is_in_place(self) -> bool:
        """Whether the program has left our object where it was."""
        return getattr(sys, self.name, None) is self.carrier.text

    @property
    def is_sound(self) -> bool:
        """Whether all goes well: the file takes output, and somebody reads what is shown."""
        return self.state == "capturing" and self.carrier.failure is None

    @property
    def is_in_haste(self) -> bool:
        """Whether the next tick should come very soon, for children live on what is left."""
        return self.state in ("capturing", "failed") and self.carrier.reserve.is_in_haste

    @property
    def last_flush_fails(self) -> bool:
        """Whether the interpreter would end in vain to flush this stream, without us.

        So it is when the reader has gone (as in `program | head`) and the rest of the output is
        too short to have left Python's buffer: the process then exits with 120.
        """
        carrier = self.carrier
        return carrier.failure is not None and (carrier.was_line_buffered or not carrier.has_told)

    def show(self, text: str) -> bool:
        """Show a message of ours where the output goes, without keeping it; False if we cannot."""
        return self.carrier.show(text)

    def show_where(self, other: DescriptorStream) -> None:
        """Show from now on where `other`, which goes, has shown its output so far."""
        self.carrier.redirect(other.carrier.saved)
        self._original = other._original

    def before_fork(self) -> None:
        """Write what is gathered, which parent and child would both write otherwise."""
        self.carrier.gather(False)
        flush(self.carrier.text)
        flush(self._original)

    def after_fork_in_child(self) -> None:
        """Become usable in a forked child, which writes each line at once and mirrors nothing."""
        self.carrier.after_fork_in_child()

    def _release_text(self, at_exit: bool) -> None:
        # It may have been kept by somebody, and is used from now on without us.
        text = self.carrier.text
        self.carrier.gather(False)
        text.become_direct()
        set_line_buffering(self._original, self.carrier.was_line_buffered)
        if at_exit:
            # It lives as long as Python's own, whoever writes to it while the interpreter ends. And
            # it stays in place: a daemon thread that is stopped in the middle of a write to
            # Python's own leaves that locked, and the interpreter aborts.
            with contextlib.suppress(AttributeError):
                self._original.successor = text  # type: ignore[attr-defined]
        elif getattr(sys, self.name, None) is text:
            setattr(sys, self.name, self._original)

    def _release_descriptor(self, may_wait: Callable[[], bool] | None) -> None:
        carrier, mirror = self.carrier, self.carrier.mirror
        carrier.write_pieces(may_wait)
        index = active.index(self)
        above = [stream for stream in active[index + 1 :] if stream.name == self.name]
        active.remove(self)
        if mirror.has_target:
            if above:
                # One that began after us goes on: what it shows must now go where ours went.
                above[0].show_where(self)
            elif carrier.is_ours:
                os.dup2(carrier.saved, carrier.descriptor, inheritable=True)
            # Other threads may have written until this moment.
            if may_wait is not None:
                mirror.catch_up(may_wait)
            os.close(carrier.saved)
        if mirror.has_source:
            carrier.reserve.close()
