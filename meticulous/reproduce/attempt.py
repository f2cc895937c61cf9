"""The folder of a reproduction: claimed before, and a readable record whatever happens."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any

from meticulous.errors import UnreadableRecordError
from meticulous.folder import allocation, clock, layout, liveness, status
from meticulous.folder.encoding import decode_document, encode_document
from meticulous.folder.hashing import append_sums, fits, renew_sums
from meticulous.folder.status import encode_status
from meticulous.folder.writing import write_atomically
from meticulous.git.worktree import find_root
from meticulous.reader.record import Record
from meticulous.recorder.writer import RecordWriter
from meticulous.reproduce.verdict import Reproduction

_KEPT = (
    *("githead-sha", "githead-message", "git-branch", "git-remote", "git-snapshot"),
    *("project-directory", "working-directory", "command", "original-command"),
)


class Attempt:
    """A folder that was claimed for a reproduction.

    Args:
        directory: The folder, in which nothing is recorded yet.
        original: What is to be reproduced.
    """

    def __init__(self, directory: str, original: Record) -> None:
        self.directory = directory
        self._original = original
        self._started = time.time()
        self._uid = clock.new_uid(self._started)
        self._has_ended = False

    @property
    def id(self) -> str:
        """The name of the folder."""
        return os.path.basename(self.directory)

    @property
    def is_recorded(self) -> bool:
        """Whether an experiment of the program has taken the folder, or the record is complete."""
        if self._has_ended:
            return True
        try:
            with open(os.path.join(self.directory, layout.METADATA), "rb") as file:
                return bool(decode_document(file.read()).get("uid") != self._uid)
        except FileNotFoundError:
            return False
        except (OSError, UnreadableRecordError, AttributeError):
            return True

    def begin(self) -> None:
        """Write a record that says RUNNING until an experiment of the program takes the folder.

        Where this process is killed before, the record is that of a run that was LOST.

        Raises:
            OSError: It cannot be written.
        """
        writer = self._writer(None)
        writer.write_start(self._original.args, self._original.default_args)
        writer.write_status(status.RUNNING)

    def write_unrecorded(
        self, reason: str, outputs: Mapping[str, str], exit_code: int | None = None
    ) -> None:
        """Write the record of a program that never began one: what it was to be, and the reason.

        Args:
            reason: What STATUS says.
            outputs: Files with what the program wrote, by their names in the folder.
            exit_code: That of the program, None where it did not start.
        """
        # A recorder that gives up before the start removes the folder; the number stays ours.
        os.makedirs(self.directory, exist_ok=True)
        for name, source in outputs.items():
            with contextlib.suppress(OSError):
                shutil.copyfile(source, os.path.join(self.directory, name))
        now = time.time()
        ending = {
            "end-time": clock.local_time(now),
            "duration": round(now - self._started, 6),
            "exit-code": exit_code,
            "signal": None,
        }
        writer = self._writer(ending)
        writer.write_start(self._original.args, self._original.default_args)
        writer.write_status(status.ERROR, reason)
        self._has_ended = True

    def _writer(self, ending: Mapping[str, Any] | None) -> RecordWriter:
        from meticulous.recorder.secrets.gate import Gate

        return RecordWriter(self.directory, Gate(), {**self._metadata(), **(ending or {})})

    def write_status(self, word: str, reason: str) -> None:
        """Say how the run ended where its recorder could not know, or was killed."""
        path = os.path.join(self.directory, layout.STATUS)
        write_atomically(path, encode_status(word, reason))
        with contextlib.suppress(OSError):
            renew_sums(self.directory, [layout.STATUS])

    def write(self, reproduction: Reproduction) -> None:
        """Write reproduction.json, for `list`, `show` and `diff`."""
        path = os.path.join(self.directory, layout.REPRODUCTION)
        write_atomically(path, encode_document(reproduction.as_document()))
        with contextlib.suppress(OSError):
            append_sums(self.directory, [layout.REPRODUCTION])
            self._note_verdict(reproduction.verdict)

    def _note_verdict(self, verdict: str) -> None:
        """Write the word into the metadata as well, where a list of many experiments finds it."""
        path = os.path.join(self.directory, layout.METADATA)
        with open(path, "rb") as file:
            metadata = decode_document(file.read())
        metadata["verdict"] = verdict
        is_sealed = fits(self.directory, layout.METADATA)
        write_atomically(path, encode_document(metadata))
        if is_sealed:
            renew_sums(self.directory, [layout.METADATA])

    def _metadata(self) -> dict[str, Any]:
        original = self._original
        return {
            **{key: original.metadata[key] for key in _KEPT if key in original.metadata},
            "description": original.description,
            "start-time": clock.local_time(self._started),
            "format": layout.FORMAT,
            "uid": self._uid,
            "utc-offset": clock.utc_offset(self._started),
            "experiment-id": self.id,
            "python": sys.version.split()[0],
            **liveness.identify(os.getpid()),
            "reproduces": original.id,
            "reproduces-uid": original.metadata.get("uid"),
            "tags": original.tags,
        }


def claim(original: Record, experiments_directory: str | None = None) -> Attempt:
    """Claim the next number for a reproduction, and say in its folder that it is under way.

    Args:
        original: What is to be reproduced.
        experiments_directory: Where; by default beside the original.

    Raises:
        ExperimentsDirectoryError: The folder cannot be made.
    """
    place = os.path.abspath(experiments_directory or original.directory.parent)
    was_missing = allocation.make_experiments_directory(place)
    if was_missing and find_root(os.path.realpath(place)) is not None:
        with open(os.path.join(place, layout.IGNORE), "w", encoding="ascii") as file:
            file.write("*\n")
    attempt = Attempt(os.path.join(place, allocation.claim_number(place)), original)
    try:
        attempt.begin()
    except OSError as error:
        shutil.rmtree(attempt.directory, ignore_errors=True)
        raise allocation.cannot_write(place, error) from error
    return attempt
