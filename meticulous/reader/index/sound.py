"""Folders of finished experiments in which nothing is unusual, read in the fewest steps."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from meticulous.folder import layout, status
from meticulous.folder.encoding import decode_document, revive_numbers
from meticulous.reader.index.stamps import ABSENT, stamp_of
from meticulous.reader.record import Record, as_text, as_texts, duration_between, from_epoch

FILES = (
    layout.STATUS,
    layout.METADATA,
    layout.ARGS,
    layout.DEFAULT_ARGS,
    layout.SUMMARY,
)
"""What a record is read from, STATUS first: the recorder writes the last metadata before it."""

FRESH = 2_000_000_000
"""Nanoseconds for which a file may change once more without a trace in its times."""

LOCAL = "local"
"""Stands for a time that is known only together with the time zone of the reader."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FINISHED = frozenset(status.FINAL) - {status.UNKNOWN}

_MANY_DIGITS = b"0" * 19

_DIGITS = re.compile(rb"0+")

_DIGITS_AS_ZERO = bytes.maketrans(b"123456789", b"0" * 9)

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class Sound(NamedTuple):
    """What the folder of a finished experiment holds, as far as a `Record` tells it.

    Attributes:
        facts: `status`, `reason`, `touched` (when STATUS was last written, in seconds since the
            epoch), `description` and `tags` as a `Record` has them; `start` and `end` in
            microseconds since the epoch and `duration` in seconds, None when unknown. Instead of
            these three `LOCAL` is said where they depend on the time zone of the reader.
        args: All of args.json.
        default_args: All of default_args.json; empty when it is missing.
        summary: All of summary.json, its numbers not yet revived; empty when it is missing.
        metadata: All of metadata.json.
        stamps: One for each of `FILES`.
        newest: When the last of them changed, in nanoseconds since the epoch.
    """

    facts: dict[str, Any]
    args: dict[str, Any]
    default_args: dict[str, Any]
    summary: dict[str, Any]
    metadata: dict[str, Any]
    stamps: tuple[tuple[int, int], ...]
    newest: int

    def is_fresh(self, now: int) -> bool:
        """Say whether one of the files is so new that another change could leave no trace.

        Args:
            now: A moment before they were read, in nanoseconds since the epoch.
        """
        return self.newest > now - FRESH

    def record(self, directory: str) -> Record:
        """Return the record of the folder, as `read_record` reads it.

        Args:
            directory: The path of the folder, absolute.
        """
        start, end = _moments(self.metadata)
        facts = self.facts
        path = Path(directory)
        return Record(
            id=path.name,
            directory=path,
            status=facts["status"],
            reason=facts["reason"],
            cause=None,
            start=start,
            end=end,
            duration=duration_between(self.metadata, start, end),
            heartbeat=from_epoch(facts["touched"]),
            args=self.args,
            default_args=self.default_args,
            summary=revive_numbers(self.summary),
            metadata=self.metadata,
            problems=[],
        )


def read_sound(directory: str) -> Sound | None:
    """Read the folder of an experiment; None when it has to be read with more care.

    That is when it has not finished, when anything is missing that each experiment has, and when
    anything cannot be read: `read_record` knows what is then to be said.
    """
    prefix = directory + os.sep
    try:
        state, found = _content(prefix + layout.STATUS)
        word, reason = status.decode_status(state)
        if word not in _FINISHED:
            return None
        metadata, metadata_found = _mapping(prefix + layout.METADATA)
        version = metadata.get("format")
        if isinstance(version, int) and version > layout.FORMAT:
            return None
        start, end = _moments(metadata)
        args, args_found = _mapping(prefix + layout.ARGS)
        default_args, default_args_found = _optional(prefix + layout.DEFAULT_ARGS)
        summary, summary_found = _optional(prefix + layout.SUMMARY)
    except (OSError, ValueError, OverflowError, UnusualError):
        return None
    facts = {"status": word, "reason": reason, "touched": found.st_mtime}
    facts.update(facts_of(metadata, start, end, isinstance(metadata.get("utc-offset"), str)))
    all_found = (found, metadata_found, args_found, default_args_found, summary_found)
    return Sound(
        facts,
        args,
        default_args,
        summary,
        metadata,
        tuple([ABSENT if found is None else stamp_of(found) for found in all_found]),
        max([max(found.st_mtime_ns, found.st_ctime_ns) for found in all_found if found]),
    )


def facts_of(
    metadata: Mapping[str, Any], start: datetime | None, end: datetime | None, absolute: bool
) -> dict[str, Any]:
    """Return the facts of a `Sound` that follow from the metadata.

    Args:
        metadata: All of metadata.json.
        start: When it began.
        end: When it ended.
        absolute: Whether the metadata say how far these times are from UTC.
    """
    duration = duration_between(metadata, start, end)
    is_measured = "duration" in metadata and duration is not None
    return {
        "start": start and (microseconds(start) if absolute else LOCAL),
        "end": end and (microseconds(end) if absolute else LOCAL),
        "duration": duration if absolute or is_measured or duration is None else LOCAL,
        "description": as_text(metadata.get("description")),
        "tags": as_texts(metadata.get("tags")),
    }


def _moments(metadata: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    offset = metadata.get("utc-offset")
    return moment(metadata.get("start-time"), offset), moment(metadata.get("end-time"), offset)


def microseconds(moment: datetime) -> int:
    """Return the microseconds from the epoch to a moment."""
    since = moment - _EPOCH
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def moment(text: Any, offset: Any) -> datetime | None:
    """Return one of the times in the metadata; None when it is not there.

    Args:
        text: What stands under its key, None if nothing.
        offset: What stands under `utc-offset`.

    Raises:
        UnusualError: It has to be read with more care.
        ValueError: It is no time.
        OverflowError: It lies outside the years that can be reckoned with.
    """
    if text is None:
        return None
    if type(text) is not str:
        raise UnusualError
    if not isinstance(offset, str):
        return datetime.fromisoformat(text).astimezone()
    found = datetime.fromisoformat(text + offset)
    if found.tzinfo is None:
        raise UnusualError
    return found


class UnusualError(Exception):
    """A folder holds something that needs more care."""


def _content(path: str) -> tuple[bytes, os.stat_result]:
    descriptor = os.open(path, _FLAGS)
    try:
        found = os.fstat(descriptor)
        data = os.read(descriptor, found.st_size + 1)
    finally:
        os.close(descriptor)
    if len(data) != found.st_size or not stat.S_ISREG(found.st_mode):
        raise UnusualError
    return data, found


def _mapping(path: str) -> tuple[dict[str, Any], os.stat_result]:
    data, found = _content(path)
    try:
        value = orjson.loads(data)
        if _may_hold_long_integers(data):
            value = decode_document(data)
    except orjson.JSONDecodeError:
        value = decode_document(data)
    if type(value) is not dict:
        raise UnusualError
    return value, found


def _may_hold_long_integers(data: bytes) -> bool:
    """Say whether orjson may have made a rounded float of an integer beyond 64 bits."""
    zeros = data.translate(_DIGITS_AS_ZERO)
    place = zeros.find(_MANY_DIGITS)
    while place >= 0:
        if zeros[place - 1 : place] != b".":
            return True
        # The digits of a fraction may be many.
        digits = _DIGITS.match(zeros, place)
        place = zeros.find(_MANY_DIGITS, digits.end() if digits else len(zeros))
    return False


def _optional(path: str) -> tuple[dict[str, Any], os.stat_result | None]:
    try:
        return _mapping(path)
    except FileNotFoundError:
        return {}, None
