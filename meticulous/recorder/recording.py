"""One run while it is recorded: what starts with it, and what its end writes."""

from __future__ import annotations

import os
import signal
import sys

from meticulous.folder import allocation, layout, status
from meticulous.folder.liveness import HEARTBEAT_SECONDS
from meticulous.recorder import opening
from meticulous.recorder.attempt import Attempt
from meticulous.recorder.ending import exitcode
from meticulous.recorder.ending.exits import ExitWatch, unknown_ending
from meticulous.recorder.ending.outcome import Ending, by_signal, by_time_limit
from meticulous.recorder.ending.signals import SignalWatch, held
from meticulous.recorder.environment.collector import start_collecting
from meticulous.recorder.files import opened
from meticulous.recorder.files.standard_input import note_standard_input
from meticulous.recorder.files.tracker import Tracker
from meticulous.recorder.output.capture import capture_stream, check_capture
from meticulous.recorder.output.descriptor import DescriptorStream
from meticulous.recorder.output.forks import fork_lock
from meticulous.recorder.output.watch import Watch
from meticulous.recorder.provenance import loaded_files, note_loaded_code
from meticulous.recorder.randomness.watch import Observation
from meticulous.recorder.writer import announce

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from meticulous.recorder.opening import OpenRecord

_STREAMS = (("stdout", layout.STDOUT), ("stderr", layout.STDERR))

_ENVIRONMENT_SECONDS = 10.0
"""How long the end waits for the environment where our exit would end its collection."""


class Recording:
    """A run of this process, from the moment its folder is there to its end.

    States: new, then running after `start`, then finished after `finish` (which may be called
    again). A forked child that inherits the object can neither finish nor disturb the run.

    Args:
        record: The opened record.
        capture: How the output is captured: "fd", "sys", "none", or None to choose by looking.
    """

    def __init__(self, record: OpenRecord, capture: str | None = None) -> None:
        check_capture(capture)
        self.record = record
        self.writer = record.writer
        self.state = "new"
        self.last_looks: list[Callable[[], None]] = []
        """Called before the metadata are written for the last time, to add to them."""
        self.was_told = False
        """Whether the program was told at a safe point that its time is over."""
        self._owner = os.getpid()
        self._streams = [
            capture_stream(name, self.writer.paths.path(file), capture, self._stream_failed)
            for name, file in _STREAMS
        ]
        self.writer.announce = self._announce
        self._watch = Watch(self._tick, self.writer.beat, HEARTBEAT_SECONDS, fork_lock)
        self._signals = SignalWatch(self._killed)
        self._exits = ExitWatch(self._process_ends, self._thread_failed, self._output_is_whole)
        self._thread_failures: list[str] = []

    def __repr__(self) -> str:
        return f"<Recording {self.writer.paths.directory} {self.state}>"

    @property
    def repository(self) -> str | None:
        """Root of the working tree whose code runs."""
        return self.record.code.directory

    @property
    def is_running(self) -> bool:
        """Whether the run goes on and belongs to this process, not to the parent it forked from."""
        return self.state == "running" and os.getpid() == self._owner

    def start(self) -> None:
        """Begin to capture and to watch; STATUS says RUNNING.

        Raises:
            ExperimentsDirectoryError: A file cannot be written; a folder that was made for this
                run is removed again.
        """
        directory = self.writer.paths.directory
        self._attempt = Attempt(self.writer.metadata)
        self._tracker = Tracker(directory, self.repository)
        try:
            self.writer.write_metadata()
            for stream in self._streams:
                if stream is not None:
                    stream.start(self._watch.wake)
            self.writer.write_status(status.RUNNING)
        except BaseException as error:
            self._stop_streams()
            if self.record.is_new:
                opening.discard(directory)
            if isinstance(error, OSError):
                raise allocation.cannot_write(os.path.dirname(directory), error) from error
            raise
        self.randomness = Observation(self.repository)
        self._begin_to_see_files()
        self.state = "running"
        self._outer_folder = os.environ.get(layout.EXPERIMENT_VARIABLE)
        os.environ[layout.EXPERIMENT_VARIABLE] = directory
        self._collector = start_collecting(directory, self.writer.gate)
        try:
            self._watch.start()
        except RuntimeError as error:
            self.writer.warn("the watch", f"output of child processes is shown late: {error}")
        self._signals.start()
        self._exits.start()

    def finish(self, ending: Ending, at_exit: bool = False, patient: bool = True) -> None:
        """Write the end of the run; only the first call, by the process that owns it, counts.

        Args:
            ending: How the run ended.
            at_exit: The interpreter is about to end.
            patient: Wait for a slow reader of the output, as the program itself would.
        """
        if not self.is_running:
            return
        if self.was_told and ending.status == status.SUCCESS:
            ending = by_time_limit(ending.exit_code)  # cut short, however orderly
        with held() as arrived:
            self._write_end(ending, at_exit, lambda: patient and not arrived)
            if at_exit:
                # The program has ended; where an interrupt comes too late it did without us too.
                arrived[:] = [number for number in arrived if number != signal.SIGINT]
            if at_exit and arrived:
                ending = by_signal(arrived[0])
            self._write_status(ending)
            self._clean_up()
        if ending.status == status.TIMEOUT and ending.signal is not None:
            self._give_back(at_once=at_exit or not patient)

    def tell_time_limit(self) -> None:
        """Note that the program is told, at a safe point, that its time is over."""
        self.was_told = True

    def _killed(self, number: int) -> None:
        """Write the end before a signal ends the process."""
        self.finish(by_signal(number), patient=False)

    def _give_back(self, at_once: bool) -> None:
        """Give the job of Slurm back, where that is wanted, as the last thing of this process."""
        from meticulous.recorder.ending import requeue

        directory = self.writer.paths.directory
        if not requeue.is_wanted(directory):
            return
        if at_once:
            requeue.requeue(directory)
        else:
            import atexit

            atexit.register(requeue.requeue, directory)

    def _begin_to_see_files(self) -> None:
        if self._tracker.open() and opened.watch(self._tracker):
            note_standard_input(self.writer.paths.directory)
        else:
            self.writer.warn("the files", f"the files are not noted: {self._tracker.failure}")

    def _write_end(self, ending: Ending, at_exit: bool, may_wait: Callable[[], bool]) -> None:
        """Write all of the end but STATUS; whatever fails here, STATUS is written all the same."""
        try:
            self._stop(at_exit, may_wait)
            self._complete_metadata(ending, may_wait)
        except Exception as error:  # a bug of ours or an exhausted system must not cost STATUS
            self.writer.warn("the end", f"the end is not recorded in full: {error!r}")

    def _clean_up(self) -> None:
        self._signals.stop()
        self._exits.stop()
        self.writer.close()

    def _stop(self, at_exit: bool, may_wait: Callable[[], bool]) -> None:
        self.state = "finished"
        opened.unwatch(self._tracker)
        self._watch.stop(may_wait)
        if not (at_exit and self._exits.is_shutdown and self._awaits_last_words(may_wait)):
            self._stop_streams(at_exit, may_wait)
        if os.environ.get(layout.EXPERIMENT_VARIABLE) == self.writer.paths.directory:
            if self._outer_folder is None:
                del os.environ[layout.EXPERIMENT_VARIABLE]
            else:
                os.environ[layout.EXPERIMENT_VARIABLE] = self._outer_folder
        self._collector.finished(_ENVIRONMENT_SECONDS if self._collector.must_wait else 0.0)

    def _complete_metadata(self, ending: Ending, may_wait: Callable[[], bool]) -> None:
        code = loaded_files()
        note_loaded_code(self.writer, self.record, code, self._attempt.started)
        self._note_randomness()
        self.randomness.end()
        for look in self.last_looks:
            look()
        self._attempt.end(ending)
        if self._tracker.failure:
            self.writer.warn("the files", self._tracker.failure, is_about_disk=True)
        from meticulous.recorder.files import sealing

        is_hurried = ending.signal is not None
        sealing.write_files(self.writer, self.repository, code, may_wait, is_hurried)
        with self.writer.tolerating("the final metadata"):
            self.writer.write_metadata()

    def write_randomness(self) -> None:
        """Write what is seen of random numbers now: a seed that was drawn stands nowhere else."""
        self._note_randomness()
        with self.writer.tolerating("the seed"):
            self.writer.write_metadata()

    def _note_randomness(self) -> None:
        from meticulous.recorder.randomness import facts

        self.writer.metadata.update(facts.metadata(self.randomness))

    def _reason(self, ending: Ending) -> str:
        return "\n".join(part for part in (ending.reason, *self._thread_failures) if part)

    def _process_ends(self, ending: Ending | None) -> None:
        if ending is not None:
            self.finish(ending, at_exit=True)
            return
        if not self.is_running:
            return
        stream = self._streams[1]
        with held() as arrived:
            farewell = stream.farewell if isinstance(stream, DescriptorStream) else ""
            farewell = self.writer.gate.clean_text(farewell)
            self._write_end(Ending(status.RUNNING), True, lambda: not arrived)
            from meticulous.recorder.files import sealing

            sealing.write_sums(self.writer, None)
            reason, folder = self._reason(Ending("")), self.writer.paths.directory
            if not exitcode.hand_over(folder, reason, self.was_told, farewell):
                self._write_status(by_time_limit() if self.was_told else unknown_ending())
            self._clean_up()

    def _write_status(self, ending: Ending) -> None:
        from meticulous.recorder.files import sealing

        reason = self._reason(ending)
        sealing.write_sums(self.writer, self.writer.status_content(ending.status, reason))
        with self.writer.tolerating("the final STATUS"):
            self.writer.write_status(ending.status, reason)

    def _awaits_last_words(self, may_wait: Callable[[], bool]) -> bool:
        from meticulous.recorder.output.last_words import await_last_words

        streams = [stream for stream in self._streams if stream is not None]
        return await_last_words(streams, self.writer.paths.directory, may_wait)

    def _stop_streams(
        self, at_exit: bool = False, may_wait: Callable[[], bool] = lambda: True
    ) -> None:
        for stream in self._streams:
            if stream is not None:
                stream.stop(at_exit, may_wait)

    def _tick(self, elapsed: float) -> bool:
        streams = [stream for stream in self._streams if stream is not None]
        busy = [stream.tick(elapsed) for stream in streams]
        self._watch.is_in_haste = any(stream.is_in_haste for stream in streams)
        return any(busy)

    def _output_is_whole(self) -> bool:
        self._tick(0.0)
        if any(stream.last_flush_fails for stream in self._streams if stream is not None):
            return False
        try:
            # The interpreter does the same as the last thing, and its exit code follows from it.
            sys.stdout.flush()
        except AttributeError:
            return True
        except (OSError, ValueError, RuntimeError):
            return False
        return True

    def _announce(self, message: str) -> None:
        # Not through sys.stderr: that would be kept as if the program had written it.
        stream = self._streams[1]
        if stream is None or not stream.show(f"meticulous: warning: {message}\n"):
            announce(message)

    def _stream_failed(self, message: str) -> None:
        self.writer.warn(message, message, is_about_disk=True)

    def _thread_failed(self, summary: str, traceback: str) -> None:
        self._thread_failures.append(f"{summary}\n{traceback}")
        self.writer.metadata.setdefault("warnings", []).append(summary)
