"""Write the files of one record; after the start a failure costs one warning, never the program."""

from __future__ import annotations

import contextlib
import os
import sys
import time

from meticulous.folder import layout
from meticulous.folder.encoding import encode_document, encode_line
from meticulous.folder.plain import plain
from meticulous.folder.status import encode_status
from meticulous.folder.writing import (
    append_line,
    exclusively,
    open_lines,
    write_atomically,
    write_even_on_a_full_disk,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from meticulous.recorder.secrets.gate import Gate

_LONGEST_REASON = 100_000
"""Characters of a reason that are kept; of a longer one the middle is left out."""

_PATIENCE = 1.0
"""Seconds to wait for one who tags the experiment; that takes them a millisecond."""


class RecordWriter:
    """The writing side of one experiment folder.

    Everything that is written about the run passes the `gate`, which removes secrets.

    Args:
        directory: Absolute path of the folder, which exists.
        gate: Removes secrets.
        metadata: The content of metadata.json; changed in place, written when asked.
    """

    def __init__(self, directory: str, gate: Gate, metadata: dict[str, Any]) -> None:
        self.paths = layout.Layout(directory)
        self.gate = gate
        self.metadata = metadata
        self.announce: Callable[[str], None] = announce
        """Shows a warning to the user."""
        self.is_sealed = False
        """Whether the sums of the record are written; what changes a file then renews its line."""
        self._announced: set[str] = set()
        self._has_told_of_disk = False
        self._metrics = -1
        self._metrics_end = -1
        self._metrics_inode = -1
        self._next_step = 0
        self._summary: dict[str, Any] = {}
        self._summary_stamp: tuple[int, int] | None = None
        self._metadata_stamp: tuple[int, int] | None = None
        self._written_tags: Any = None

    def write_start(self, args: Any, default_args: Any) -> None:
        """Write what is known at the start: arguments, defaults and metadata.

        Raises:
            OSError: A file could not be written.
        """
        self.write_args(args, default_args)
        self.write_metadata()

    def write_args(self, args: Any, default_args: Any) -> None:
        """Write the arguments and their defaults.

        Raises:
            OSError: A file could not be written.
        """
        self._write(layout.ARGS, self.gate.clean(plain(args)))
        self._write(layout.DEFAULT_ARGS, self.gate.clean(plain(default_args)))

    def write_metadata(self) -> None:
        """Write metadata.json as it is now, with the tags that others have given meanwhile.

        Raises:
            OSError: The file could not be written.
        """
        if self._metadata_stamp is None:
            self._replace_metadata()
            return
        with exclusively(self.paths.directory, _PATIENCE):
            if _stamp(self.paths.path(layout.METADATA)) != self._metadata_stamp:
                self._take_over_tags()
            self._replace_metadata()

    def write_status(self, word: str, reason: str = "") -> None:
        """Write STATUS.

        Raises:
            OSError: The file could not be written.
        """
        data = self.status_content(word, reason)
        write_even_on_a_full_disk(self.paths.path(layout.STATUS), data)

    def status_content(self, word: str, reason: str = "") -> bytes:
        """Return what `write_status` writes."""
        if len(reason) > _LONGEST_REASON:
            half = _LONGEST_REASON // 2
            reason = f"{reason[:half]}\n[...]\n{reason[-half:]}"
        return encode_status(word, self.gate.clean_text(reason))

    def beat(self) -> None:
        """Touch STATUS, the heartbeat for readers on other hosts."""
        with contextlib.suppress(OSError):
            os.utime(self.paths.path(layout.STATUS))

    def add_summary(
        self, values: Mapping[str, Any], keep: str = "latest", leader: str | None = None
    ) -> None:
        """Merge `values` into summary.json, over what this or another process put there.

        Args:
            values: Names and values.
            keep: What stays of two values of one name: the "latest", the "min" or the "max".
            leader: The name whose value decides for all.
        """
        path = self.paths.path(layout.SUMMARY)
        with self.tolerating("the summary"):
            current = self._current_summary(path)
            if keep != "latest":
                from meticulous.recorder.best import chosen

                values = chosen(current, values, keep, leader)
                if not values:
                    return
            current.update(self.gate.clean(plain(dict(values))))
            write_atomically(path, encode_document(current))
            self._summary, self._summary_stamp = current, _stamp(path)
            if self.is_sealed:
                from meticulous.folder.hashing import renew_sums

                renew_sums(self.paths.directory, [layout.SUMMARY])

    def log(self, values: dict[str, Any], step: Any, moment: float | None) -> None:
        """Append one line to metrics.jsonl; a missing step is one more than the last."""
        if step is None:
            step = self._step_after_last()
        if type(step) is int:
            self._next_step = step + 1
        line = {"step": step, "time": time.time() if moment is None else moment}
        for value in values.values():
            if type(value) is not float and type(value) is not int:
                values = self.gate.clean(values)
                break
        line.update(values)
        data = encode_line(line)
        try:
            descriptor = self._metrics
            # A program may close descriptors it knows nothing of, and get their numbers anew. The
            # offset tells at a quarter of what a look at the file costs.
            try:
                is_sound = os.lseek(descriptor, 0, os.SEEK_CUR) == self._metrics_end
            except OSError:
                is_sound = False
            if not is_sound:
                descriptor = self._sound_metrics()
            if os.write(descriptor, data) != len(data):
                raise OSError("only part of a line could be written")
            self._metrics_end += len(data)
        except OSError as error:
            # Opening the file again mends the line that was torn.
            self.close()
            message = f"the metrics could not be written: {error}"
            self.warn("the metrics", message, is_about_disk=True)

    def add_note(self, text: str) -> None:
        """Append a note with its time and author."""
        from meticulous.folder.annotation import note_line

        line = note_line(self.gate.clean_text(text), str(self.metadata.get("user")))
        with self.tolerating("a note"):
            append_line(self.paths.path(layout.NOTES), encode_line(line))

    def close(self) -> None:
        """Close what is open; the writer can still be used, as notes after the end are."""
        if self._has_metrics:
            os.close(self._metrics)
        self._metrics = -1

    @contextlib.contextmanager
    def tolerating(self, what: str) -> Iterator[None]:
        """Turn a failure to write `what` into one warning and a mark in the record."""
        try:
            yield
        except OSError as error:
            self.warn(what, f"{what} could not be written: {error}", is_about_disk=True)

    def warn(self, kind: str, message: str, is_about_disk: bool = False) -> None:
        """Tell the user once for each kind of trouble, and keep the message in the record.

        Args:
            kind: What the trouble is with.
            message: What happened, on what, and what follows from it.
            is_about_disk: Something cannot be written. A full disk meets everything in turn: only
                the first is told, the others are kept in the record.
        """
        if kind in self._announced:
            return
        self._announced.add(kind)
        message = self.gate.clean_text(message)
        self.metadata.setdefault("warnings", []).append(message)
        if not (is_about_disk and self._has_told_of_disk):
            self.announce(message)
        self._has_told_of_disk |= is_about_disk

    def _write(self, name: str, value: Any) -> None:
        write_atomically(self.paths.path(name), encode_document(value))

    def _replace_metadata(self) -> None:
        metadata = self.gate.clean(plain(self.metadata))
        self._write(layout.METADATA, metadata)
        self._metadata_stamp = _stamp(self.paths.path(layout.METADATA))
        self._written_tags = metadata.get("tags")

    def _take_over_tags(self) -> None:
        import json

        from meticulous.folder.annotation import merged_tags, texts

        try:
            with open(self.paths.path(layout.METADATA), "rb") as file:
                found = json.loads(file.read())
        except (OSError, ValueError):
            return  # what somebody broke is about to be written anew
        if isinstance(found, dict) and isinstance(found.get("tags"), list):
            versions = (self.metadata.get("tags"), self._written_tags, found.get("tags"))
            self.metadata["tags"] = merged_tags(*map(texts, versions))

    def _current_summary(self, path: str) -> dict[str, Any]:
        stamp = _stamp(path)
        if stamp is None:
            return {}
        if stamp == self._summary_stamp:
            return dict(self._summary)
        import json

        with open(path, "rb") as file:
            data = file.read()
        try:
            current = json.loads(data)
        except ValueError:
            current = None
        if not isinstance(current, dict):
            self.warn("a broken summary", f"{path} was not a JSON object; it has been moved aside")
            os.replace(path, f"{path}.broken")
            return {}
        return current

    @property
    def _has_metrics(self) -> bool:
        try:
            return self._metrics >= 0 and os.fstat(self._metrics).st_ino == self._metrics_inode
        except OSError:
            return False

    def _sound_metrics(self) -> int:
        """Return the descriptor of the metrics, its offset at the end of the file."""
        if not self._has_metrics:
            self._metrics = open_lines(self.paths.path(layout.METRICS))
            self._metrics_inode = os.fstat(self._metrics).st_ino
        self._metrics_end = os.lseek(self._metrics, 0, os.SEEK_END)
        return self._metrics

    def _step_after_last(self) -> int:
        if self._metrics < 0:
            with self.tolerating("the metrics"):
                last = _last_line(self._sound_metrics())
                if isinstance(last.get("step"), int):
                    self._next_step = last["step"] + 1
        return self._next_step


def announce(message: str) -> None:
    """Show a warning of the recorder on standard error, whatever state that is in."""
    say(f"warning: {message}")


def say(message: str) -> None:
    """Tell the user something on standard error, whatever state that is in."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"meticulous: {message}\n")
        sys.stderr.flush()


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _last_line(descriptor: int) -> dict[str, Any]:
    import json

    start = os.fstat(descriptor).st_size
    tail = b""
    while start > 0 and b"\n" not in tail[:-1]:
        step = min(start, 1 << 16)
        start -= step
        tail = os.pread(descriptor, step, start) + tail
    if not tail:
        return {}
    try:
        last = json.loads(tail[:-1].rpartition(b"\n")[2])
    except ValueError:
        return {}
    return last if isinstance(last, dict) else {}
