"""Take up an experiment again: with the same arguments and code, when it no longer runs."""

from __future__ import annotations

import contextlib
import os
import time

from meticulous.errors import (
    ExperimentRunningError,
    MismatchedArgsException,
    MismatchedCommitException,
    UnreadableRecordError,
)
from meticulous.folder import layout, liveness, status
from meticulous.folder.encoding import encode_document
from meticulous.folder.plain import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from meticulous.recorder.writer import RecordWriter

_ABSENT = "(absent)"

KEPT = (
    *("uid", "git-untracked-sources", "target", "registered-time", "name", "repetition"),
    *("interpreter", "repository", "swept", "set", "requeues"),
)
"""Keys of the earlier metadata that a resumed run carries on."""


def resume(writer: RecordWriter, args: Any, commit: str) -> None:
    """Check that the record may be resumed and continue it; STATUS says REGISTERED afterwards.

    Args:
        writer: Holds the metadata of this start; the earlier history is put into it.
        args: The arguments of this start; None to compare the command lines instead.
        commit: The commit or snapshot of this start.

    Raises:
        ExperimentRunningError: The experiment is still running.
        MismatchedArgsException: The record has other arguments.
        MismatchedCommitException: The record has another commit or snapshot.
        UnreadableRecordError: The folder is not a record that can be understood.
    """
    name = os.path.basename(writer.paths.directory)
    with exclusively(writer.paths.directory):
        earlier = read(writer, layout.METADATA)
        word, reason, heartbeat = read_status(writer)
        if word in (status.RUNNING, status.REGISTERED):
            if liveness.is_alive(earlier, heartbeat, time.time()):
                raise ExperimentRunningError(
                    f"Experiment {name} is still running (process {earlier.get('pid')} on "
                    f"{earlier.get('host')}). Wait for it to end or stop it, "
                    "or choose another experiment id."
                )
            word = status.LOST if word == status.RUNNING else word
        if args is None:
            recorded, given = ({"command": m.get("command")} for m in (earlier, writer.metadata))
        else:
            recorded, given = read(writer, layout.ARGS), _recorded_form(writer, args)
        _compare_args(name, recorded, given)
        _compare_commit(name, earlier.get("git-snapshot") or earlier.get("githead-sha"), commit)
        carry_on(writer, earlier, word, reason)
        # The sums of the earlier end: a record that goes on is not sealed.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(writer.paths.path(layout.SUMS))
        writer.write_metadata()
        writer.write_status(status.REGISTERED)
        # As when a folder is added: a reader's index then looks at all of them again.
        with contextlib.suppress(OSError):
            os.utime(os.path.dirname(writer.paths.directory))


def _recorded_form(writer: RecordWriter, args: Any) -> Any:
    import json

    return json.loads(encode_document(writer.gate.clean(plain(args))))


def _compare_args(name: str, recorded: dict[str, Any], given: dict[str, Any]) -> None:
    differences = []
    for key in sorted({*recorded, *given}):
        before, now = (_show(args[key]) if key in args else _ABSENT for args in (recorded, given))
        if before != now:
            differences.append(f"  {key}: recorded {_cut(before)}, now {_cut(now)}")
    if differences:
        raise MismatchedArgsException(
            f"Experiment {name} cannot be resumed, its arguments differ:\n"
            + "\n".join(differences)
            + "\nGive the recorded values, or start a new experiment without an experiment id."
        )


def _show(value: Any) -> str:
    import json

    # As text, for Python takes 1, 1.0 and True for the same.
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"


def _compare_commit(name: str, recorded: Any, present: str) -> None:
    if recorded != present:
        raise MismatchedCommitException(
            f"Experiment {name} cannot be resumed, its code differs: it was recorded from "
            f"{recorded}, this is {present}. Check that one out (git checkout {recorded}), "
            "or start a new experiment without an experiment id."
        )


def carry_on(writer: RecordWriter, earlier: dict[str, Any], word: str, reason: str) -> None:
    """Put the history of a record into the metadata of its next attempt.

    Args:
        writer: Holds the metadata of the attempt that begins.
        earlier: What the record says.
        word: Its status; REGISTERED where nothing has run since.
        reason: What STATUS says besides.
    """
    for key in KEPT:
        if key in earlier:
            writer.metadata[key] = earlier[key]
    # People edit these files; what has another shape than ours is passed over.
    attempts = [entry for entry in _list(earlier, "attempts") if isinstance(entry, dict)]
    writer.metadata["attempts"] = attempts
    if not attempts and earlier.get("attempts") != []:
        # Records of older recorders have no history; what they say of themselves is its start.
        attempts.append({key: earlier[key] for key in ("start-time", "end-time") if key in earlier})
    # Of an experiment that was reset, the latest attempt is closed already.
    if attempts and not (word == status.REGISTERED and "status" in attempts[-1]):
        attempts[-1]["status"] = word
        if reason:
            attempts[-1]["reason"] = reason[:2000]
    writer.metadata["warnings"] = [str(warning) for warning in _list(earlier, "warnings")]
    if not writer.metadata["description"]:
        writer.metadata["description"] = earlier.get("description", "")
    tags = [str(tag) for tag in (*_list(earlier, "tags"), *writer.metadata["tags"])]
    writer.metadata["tags"] = list(dict.fromkeys(tags))


def _list(metadata: dict[str, Any], key: str) -> list[Any]:
    value = metadata.get(key)
    return value if isinstance(value, list) else []


def read(writer: RecordWriter, name: str) -> dict[str, Any]:
    """Return a JSON file of the record.

    Raises:
        UnreadableRecordError: It cannot be read, or is no JSON object.
    """
    import json

    path = writer.paths.path(name)
    problem: object
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read())
        if isinstance(value, dict):
            return value
        problem = "it is not a JSON object"
    except (OSError, ValueError) as error:
        problem = error
    raise UnreadableRecordError(
        f"The experiment in {writer.paths.directory} cannot be resumed: {name} cannot be read "
        f"({problem}). Mend the file or choose another experiment id."
    )


def read_status(writer: RecordWriter) -> tuple[str, str, float]:
    """Return the word of STATUS, the reason, and the heartbeat."""
    try:
        with open(writer.paths.path(layout.STATUS), "rb") as file:
            word, reason = status.decode_status(file.read())
            return word, reason, os.fstat(file.fileno()).st_mtime
    except OSError:
        return status.UNKNOWN, "", 0.0


@contextlib.contextmanager
def exclusively(directory: str) -> Iterator[None]:
    """Hold the folder's lock, so that of two who resume it at once the second sees the first."""
    import fcntl

    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Some network file systems have no locks; there the check of STATUS has to do.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
