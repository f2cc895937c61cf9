"""What a script tells the record while it runs: results, metrics, notes, files, seeds, its end."""

from __future__ import annotations

import builtins
import os
from _collections_abc import Mapping  # the public name would load the whole of collections

from meticulous.errors import InvalidOptionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import IO, Any

    from meticulous.recorder.ending.outcome import Ending
    from meticulous.recorder.ending.safe_points import SafePoints
    from meticulous.recorder.program.attached import AttachedRecording
    from meticulous.recorder.recording import Recording


class Writing:
    """The part of `Experiment` that adds to its record, and ends it."""

    __module__ = "meticulous.experiment"

    _on_error: str
    _recording: Recording | AttachedRecording | None
    _safe_points: SafePoints | None = None

    def summary(
        self,
        summary_dict: Mapping[str, Any] | None = None,
        /,
        *,
        keep: str = "latest",
        leader: str | None = None,
        **values: Any,
    ) -> None:
        """Merge results that stand for the run into summary.json.

        Args:
            summary_dict: Names and values.
            keep: What stays of two values of the same name: the "latest", the smaller one ("min"),
                or the larger one ("max"). NaN never replaces a value and is always replaced; what
                is no number is always replaced.
            leader: The name that decides for all of this call: they are stored if its value is to
                be stored, an equal one included. By default each name decides for itself.
            **values: The same as `summary_dict`, as keywords.

        Raises:
            InvalidOptionError: `keep` is none of these words, or `leader` is not among the names,
                or has a value that cannot be compared.
        """
        if keep != "latest" or leader is not None:
            from meticulous.recorder.best import check_choice

            check_choice(keep, leader, summary_dict or {}, values)
        if self._recording is not None:
            writer = self._recording.writer
            writer.add_summary({**(summary_dict or {}), **values}, keep, leader)
        if self._safe_points is not None:
            self._safe_points.check()

    def message(
        self,
        messages: Mapping[str, Any] | None = None,
        /,
        keep: str = "latest",
        leader: str | None = None,
    ) -> None:
        """Do what `summary` does, under the name that it has in xmen."""
        self.summary(messages, keep=keep, leader=leader)

    def log(
        self,
        values: Mapping[str, Any] | None = None,
        /,
        *,
        step: float | None = None,
        time: float | None = None,
        **metrics: Any,
    ) -> None:
        """Append one line of metrics to metrics.jsonl; it is on disk when this returns.

        Args:
            values: Names and values; "step" and "time" in it mean the same as the keywords.
            step: Where in the run this is; one more than the last step by default.
            time: When, in seconds since the epoch; now by default.
            **metrics: The same as `values`, as keywords.
        """
        if self._recording is not None:
            if values is not None:
                metrics = {**values, **metrics}
                step, time = metrics.pop("step", step), metrics.pop("time", time)
            self._recording.writer.log(metrics, step, time)
        if self._safe_points is not None:
            self._safe_points.check()

    def note(self, text: str) -> None:
        """Append a remark to notes.jsonl, with the time and your name."""
        if self._recording is not None:
            self._recording.writer.add_note(str(text))

    def add_input(self, path: str | os.PathLike[str]) -> None:
        """Declare a file, or all files of a folder, as inputs of this run.

        What Python opens is found without that; libraries that open files themselves are not seen.

        Args:
            path: Relative to the working directory.

        Raises:
            InputNotFoundError: There is no such file or folder.
        """
        if self._recording is not None:
            from meticulous.recorder.files.declaring import input_lines

            self._declare(input_lines(os.fsdecode(path)))

    def add_output(self, path: str | os.PathLike[str]) -> None:
        """Declare a file, or all files of a folder, as outputs of this run.

        Args:
            path: Relative to the working directory. It may appear later; where it is not there at
                the end, a warning says so.
        """
        if self._recording is not None:
            from meticulous.recorder.files.declaring import output_lines

            self._declare(output_lines(os.fsdecode(path)))

    def _declare(self, lines: list[bytes]) -> None:
        if self._recording is not None:
            from meticulous.recorder.files.tracker import append

            writer = self._recording.writer
            with writer.tolerating("a declared file"):
                append(writer.paths.directory, lines)

    def seed_everything(self, seed: int | None = None, *, deterministic: bool = False) -> int:
        """Seed `random`, numpy and torch (all devices), now or as soon as they are imported.

        Generators that the program makes for itself need the seed that is returned.

        Args:
            seed: From 0 to 4294967295; by default the operating system draws one.
            deterministic: Also ask torch for algorithms that give the same numbers each time.

        Returns:
            The seed, which is recorded.

        Raises:
            InvalidOptionError: `seed` is no such integer.
        """
        from meticulous.recorder.randomness.seeding import seed_everything

        return seed_everything(seed, deterministic, self._recording)

    def open(
        self, file: str | os.PathLike[str] | int, mode: str = "r", *args: Any, **kwargs: Any
    ) -> IO[Any]:
        """Open a file as the built-in `open` does, with relative paths in the run's folder.

        Folders in between are made when the file is to be written.
        """
        if self._recording is not None and not isinstance(file, int):
            file = self._recording.writer.paths.path(os.fspath(file))
            if mode[:1] in ("w", "a", "x"):
                os.makedirs(os.path.dirname(file), exist_ok=True)
        return builtins.open(file, mode, *args, **kwargs)

    def end_at_safe_points(self, grace: float | None = 60.0) -> None:
        """Have SIGUSR1, the end of the time, raise `TimeLimitReached` where the run can be left.

        Safe points are the returns of `log`, `summary` and `message`, `safe_point()`, and this
        call. The first one after the signal raises, in the thread that has called this, once: what
        is logged while the program saves does not raise again. The run is then TIMEOUT, unless it
        fails or `finish` says otherwise. Without this call, the signal ends the process at once.

        Args:
            grace: How many seconds after the signal the run is ended as without this call, if it
                has come to no safe point; None for never. A second signal does the same.

        Raises:
            TimeLimitReached: The time of this process is over already.
            InvalidOptionError: `grace` is no such number.
        """
        from meticulous.experiment.time_limit import end_at_safe_points

        end_at_safe_points(self, grace)

    def safe_point(self) -> None:
        """Be a place where the run can be left, if `end_at_safe_points` was called.

        Raises:
            TimeLimitReached: The time is over, and this is the first safe point since.
        """
        if self._safe_points is not None:
            self._safe_points.check()

    def finish(self, status: str = "SUCCESS", reason: str = "") -> None:
        """End the recording now; the program goes on. Later calls do nothing.

        Args:
            status: The word for STATUS: SUCCESS, ERROR, INTERRUPTED, KILLED, TIMEOUT, REQUEUED.
            reason: What STATUS shall say besides.

        Raises:
            InvalidOptionError: `status` is none of these words.
        """
        from meticulous.folder.status import FINAL, UNKNOWN

        words = [word for word in FINAL if word != UNKNOWN]
        if status not in words:
            raise InvalidOptionError(
                f"status={status!r} does not end a run; choose one of {', '.join(words)}."
            )
        from meticulous.recorder.ending.outcome import Ending

        if self._recording is not None:
            self._recording.was_told = False  # who says how it ended knows it better
        self._finish(Ending(status, reason))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        from meticulous.folder.status import SUCCESS
        from meticulous.recorder.ending.outcome import Ending, by_exception

        ending = Ending(SUCCESS) if exception is None else by_exception(exception)
        if not isinstance(exception, SystemExit):
            # The process goes on; how it ends is another matter.
            ending.exit_code = None
        self._finish(ending)
        return self._on_error == "continue" and isinstance(exception, Exception)

    def _finish(self, ending: Ending) -> None:
        if self._recording is not None:
            self._recording.finish(ending)
        if self._safe_points is not None:
            self._safe_points.stop()
