"""One experiment, read back from its folder."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from meticulous.folder import layout, liveness, status
from meticulous.folder.encoding import revive_numbers
from meticulous.reader.files import Files
from meticulous.reader.table.sameness import is_same

_OURS = (layout.STATUS, layout.METADATA)

_OF_XMEN = "params.yml"

_FOREIGN = "xmen"
"""In the metadata of what xmen recorded, imported or not: what has no key of its own."""

_SIGNS_OF_LIFE = (layout.STATUS, layout.STDOUT, layout.STDERR, layout.METRICS)


@dataclass(frozen=True, slots=True)
class Record:
    """What a folder says about its experiment, at the moment it was read.

    Attributes:
        id: Name of the folder: a number, or a name its user chose.
        directory: The folder.
        status: One of the words of STATUS, or LOST (STATUS says that the experiment runs, and its
            process is gone), or UNKNOWN (there is no readable STATUS).
        reason: What STATUS says besides: a traceback, the exit code, the signal; "" when nothing.
        cause: What is known about why an experiment is LOST; None for all others.
        start: When it began, None when unknown. Times carry their offset from UTC; where the
            record has none, as in old ones, the present time zone of the reader is assumed.
        end: When it ended; None while it runs, and when nobody saw its end.
        duration: Seconds it took or has taken so far; for a lost one until its last sign of life.
            None when unknown.
        heartbeat: When STATUS was last touched, None when there is none.
        args: The arguments.
        default_args: What they would have been by default.
        summary: The results; NaN and the infinities are floats again.
        metadata: All of metadata.json.
        problems: What could not be read, one sentence each; empty for a sound folder.
    """

    id: str
    directory: Path
    status: str
    reason: str
    cause: str | None
    start: datetime | None
    end: datetime | None
    duration: float | None
    heartbeat: datetime | None
    args: dict[str, Any]
    default_args: dict[str, Any]
    summary: dict[str, Any]
    metadata: dict[str, Any]
    problems: list[str]

    @property
    def changed_args(self) -> dict[str, Any]:
        """The arguments that differ from their defaults, or have none."""
        return {
            name: value
            for name, value in self.args.items()
            if name not in self.default_args or not is_same(value, self.default_args[name])
        }

    @property
    def description(self) -> str:
        """What its user wrote about it; "" when nothing."""
        return as_text(self.metadata.get("description"))

    @property
    def tags(self) -> list[str]:
        """The words it was marked with."""
        return as_texts(self.metadata.get("tags"))

    @property
    def why_unknown(self) -> str:
        """Why it is not known what it was to carry out, nor anything else that the metadata say.

        "" where they can be read.
        """
        return "" if self.metadata else "; ".join(self.problems)

    @property
    def is_foreign(self) -> bool:
        """Whether another tool recorded it, which looked at less; it may have been imported."""
        return _FOREIGN in self.metadata

    @property
    def warnings(self) -> list[str]:
        """What the recorder had to warn about."""
        return as_texts(self.metadata.get("warnings"))


class _State(NamedTuple):
    """What must be read together: STATUS, and the metadata written just before it."""

    word: str
    reason: str
    touched: float | None
    metadata: dict[str, Any]


def read_record(directory: str | os.PathLike[str], now: float | None = None) -> Record:
    """Read the folder of one experiment, whatever state it is in.

    Folders of the original meticulous-ml, which have fewer files and keys, are read as well, and
    those of xmen. What cannot be read is named in `problems`. A folder in a newer format is not
    interpreted at all: its record has the status UNKNOWN and the one problem that says so.

    Args:
        directory: The folder.
        now: The present, in seconds since the epoch, for experiments that still run; by default
            the clock is asked.
    """
    now = time.time() if now is None else now
    files = Files(directory)
    state = _read_state(files)
    if state.touched is None and not state.metadata and is_foreign(files.directory):
        from meticulous.reader.xmen.records import read_xmen_record

        return read_xmen_record(files.directory, now)
    alive = _is_alive(state, now)
    if alive is False:
        # It may have ended between our two looks, at STATUS and at the process.
        files.problems.clear()
        state = _read_state(files)
        alive = _is_alive(state, now)
    path = Path(os.path.abspath(files.directory))
    newer = _newer_format(state.metadata)
    if newer is not None:
        return _sealed(path, newer)
    metadata = state.metadata
    heartbeat = from_epoch(state.touched)
    start = read_moment(files.problems, metadata, "start-time")
    end = None if alive else read_moment(files.problems, metadata, "end-time")
    word = status.LOST if alive is False else state.word
    sight = _last_sight(files, word, alive, now)
    return Record(
        id=path.name,
        directory=path,
        status=word,
        reason=state.reason,
        cause=_cause(metadata, sight) if word == status.LOST else None,
        start=start,
        end=end,
        duration=duration_between(metadata, start, end or sight),
        heartbeat=heartbeat,
        args=files.mapping(layout.ARGS, required=True),
        default_args=files.mapping(layout.DEFAULT_ARGS),
        summary=revive_numbers(files.mapping(layout.SUMMARY)),
        metadata=metadata,
        problems=files.problems,
    )


def is_foreign(directory: str) -> bool:
    """Say whether a folder is an experiment of xmen, and none of ours."""
    if not os.path.lexists(os.path.join(directory, _OF_XMEN)):
        return False
    if any(os.path.lexists(os.path.join(directory, name)) for name in _OURS):
        return False
    from meticulous.reader.xmen.finding import is_experiment

    return is_experiment(directory)


def _read_state(files: Files) -> _State:
    # In this order: the recorder writes the last metadata before the last STATUS.
    content = files.read(layout.STATUS, required=True)
    metadata = files.mapping(layout.METADATA, required=True)
    if content is None:
        return _State(status.UNKNOWN, "", None, metadata)
    word, reason = status.decode_status(content.data)
    first = content.data.decode("utf-8", "replace").partition("\n")[0].strip()
    if word == status.UNKNOWN and first != word:
        files.problems.append(f"{layout.STATUS} is empty" if not first else _no_status(first))
    return _State(word, reason, content.modified, metadata)


def _no_status(first: str) -> str:
    return f"{layout.STATUS} does not begin with a status but with {first[:40]!r}"


def _is_alive(state: _State, now: float) -> bool | None:
    if state.word not in status.UNFINISHED:
        return None
    return liveness.is_alive(state.metadata, state.touched or 0.0, now)


def _newer_format(metadata: Mapping[str, Any]) -> int | None:
    version = metadata.get("format")
    return version if isinstance(version, int) and version > layout.FORMAT else None


def _sealed(directory: Path, version: int) -> Record:
    problem = (
        f"written by a newer meticulous: its format is {version}, this one reads up to "
        f"{layout.FORMAT}; read it with the version of meticulous that wrote it, or a later one"
    )
    return Record(
        id=directory.name,
        directory=directory,
        status=status.UNKNOWN,
        reason="",
        cause=None,
        start=None,
        end=None,
        duration=None,
        heartbeat=None,
        args={},
        default_args={},
        summary={},
        metadata={},
        problems=[problem],
    )


def _cause(metadata: Mapping[str, Any], heartbeat: datetime | None) -> str:
    host = metadata.get("host") or "its host"
    if liveness.has_rebooted(metadata):
        return f"{host} was restarted while it ran"
    seen = f"; last sign of life {heartbeat:%Y-%m-%d %H:%M:%S}" if heartbeat else ""
    return (
        f"process {metadata.get('pid')} on {host} is gone without a word, "
        f"as after kill -9, a lack of memory or a power cut{seen}"
    )


def _last_sight(files: Files, word: str, alive: bool | None, now: float) -> datetime | None:
    """Return when a run that has not ended was last known to be at work."""
    if alive and word == status.RUNNING:
        return from_epoch(now)
    if word != status.LOST:
        return None
    # A run shorter than the pulse of STATUS has still written its output.
    touched = [files.modified(name) for name in _SIGNS_OF_LIFE]
    return from_epoch(max((time for time in touched if time is not None), default=None))


def duration_between(
    metadata: Mapping[str, Any], start: datetime | None, end: datetime | None
) -> float | None:
    """Return the seconds an experiment took: those it measured, else those between two moments."""
    measured = metadata.get("duration")
    if isinstance(measured, int | float) and not isinstance(measured, bool):
        return float(measured)
    if start is None or end is None:
        return None
    # A clock that was set back would give less than nothing.
    return max(0.0, (end - start).total_seconds())


def read_moment(problems: list[str], metadata: Mapping[str, Any], key: str) -> datetime | None:
    """Return a time of the metadata; what is none is added to the problems."""
    text = metadata.get(key)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        offset = metadata.get("utc-offset")
        if moment.tzinfo is None and isinstance(offset, str):
            moment = datetime.fromisoformat(moment.isoformat() + offset)
        return moment if moment.tzinfo is not None else moment.astimezone()
    except (TypeError, ValueError, OverflowError, OSError):
        problems.append(f"{layout.METADATA} has a {key} that is no time: {str(text)[:40]!r}")
        return None


def from_epoch(seconds: float | None) -> datetime | None:
    """Return a moment given in seconds since the epoch, in the time zone of the reader."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def as_text(value: Any) -> str:
    """Return a value of the metadata that should be text."""
    return value if isinstance(value, str) else "" if value is None else str(value)


def as_texts(value: Any) -> list[str]:
    """Return a value of the metadata that should be a list of texts."""
    if isinstance(value, str):
        return [value]
    return [as_text(item) for item in value] if isinstance(value, list) else []
