"""Carry out registered experiments here: each in a process of its own, several at a time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO

from meticulous.errors import ExperimentClaimedError, MeticulousError
from meticulous.folder import claims, layout, status
from meticulous.reader.collection import position_of
from meticulous.reader.record import Record, read_record
from meticulous.sweep.choosing import name_of
from meticulous.sweep.code import CodeFinder

_STEP = 0.02
"""Seconds between two looks at the processes."""

_PATIENCE = 10.0
"""Seconds after which a process that was asked to end is asked more urgently."""

_URGENCY = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)

_OWN_VARIABLES = (layout.RUN_VARIABLE, layout.RECORDER_VARIABLE, layout.TERMINALS_VARIABLE)
"""What an outer recording says to its own program only."""

_SHOWN_LINES = 12

STARTED, ENDED = "started", "ended"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an experiment that was to be launched.

    Attributes:
        id: Its id.
        name: Its readable name.
        status: Its status now.
        seconds: How long it took; None where it was not carried out by us.
        remark: Why it was not carried out, or did not succeed; "" otherwise.
        is_ours: Whether we carried it out.
        has_failed: Whether it was carried out, or should have been, and did not succeed.
    """

    id: str
    name: str
    status: str
    seconds: float | None
    remark: str
    is_ours: bool
    has_failed: bool


@dataclass(slots=True)
class _Child:
    record: Record
    process: subprocess.Popen[bytes]
    errors: IO[bytes]
    started: float


class Launcher:
    """Carries out experiments in processes of their own.

    Args:
        jobs: How many at a time.
        code: Which code they run.
        tell: Called with `STARTED` or `ENDED`, the record, and for the latter the outcome.
    """

    def __init__(
        self,
        jobs: int,
        code: CodeFinder,
        tell: Callable[[str, Record, Outcome | None], None] = lambda what, record, outcome: None,
    ) -> None:
        self._jobs = jobs
        self._code = code
        self._tell = tell
        self._children: list[_Child] = []
        self._signals: list[int] = []
        self._urgency = 0
        self._asked = 0.0

    @property
    def signal(self) -> int | None:
        """The signal that ended the launching; None where it came to its end."""
        return self._signals[0] if self._signals else None

    def launch(self, records: Sequence[Record]) -> list[Outcome]:
        """Carry out the experiments in their order and return what became of each.

        SIGINT, SIGTERM and SIGHUP end those that run; the others stay registered.
        """
        waiting = list(reversed(in_order(records)))
        outcomes: dict[str, Outcome] = {}
        with self._listening():
            while waiting or self._children:
                while waiting and len(self._children) < self._jobs and not self._signals:
                    record = waiting.pop()
                    refused = self._start(record)
                    if refused is not None:
                        refused = _gone(record) or refused
                        outcomes[str(record.directory)] = refused
                        self._tell(ENDED, record, refused)
                if self._signals:
                    waiting.clear()
                    self._end_children()
                for child in [one for one in self._children if one.process.poll() is not None]:
                    self._children.remove(child)
                    outcome = _outcome(child)
                    outcomes[str(child.record.directory)] = outcome
                    self._tell(ENDED, child.record, outcome)
                if self._children:
                    time.sleep(_STEP)
        paths = [path for path in map(_path, in_order(records)) if path in outcomes]
        return [_up_to_date(outcomes[path], path) for path in paths]

    def _start(self, record: Record) -> Outcome | None:
        """Start an experiment; return why it could not be."""
        folder = str(record.directory)
        present = read_record(folder)
        if present.status != status.REGISTERED:
            return _taken(present)
        try:
            # For the process to come, which takes the claim over.
            claims.claim(folder)
        except ExperimentClaimedError:
            return _taken(read_record(folder))
        except MeticulousError as error:
            return Outcome(record.id, name_of(record), record.status, None, str(error), False, True)
        present = read_record(folder)
        if present.status != status.REGISTERED:
            claims.release(folder)
            return _taken(present)
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the outcome
        try:
            root = self._code.find(folder, present.metadata)
            process = subprocess.Popen(
                command_for(present, self._code.choice),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=_environment(root),
                # A Ctrl-C of the terminal is ours; we pass it on, once.
                process_group=0,
            )
        except (OSError, MeticulousError) as error:
            errors.close()
            claims.release(folder)
            reason = _not_started(present, error)
            return Outcome(record.id, name_of(record), present.status, None, reason, False, True)
        self._children.append(_Child(record, process, errors, time.monotonic()))
        self._tell(STARTED, record, None)
        return None

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        """Note the signals that end us, until the end."""
        before = {}
        with contextlib.suppress(ValueError):  # not the main thread, where no signals arrive
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                before[number] = signal.signal(number, lambda number, _: self._note(number))
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int) -> None:
        self._signals.append(number)
        # Whoever asks again is in a hurry.
        self._asked = 0.0

    def _end_children(self) -> None:
        if self._asked and time.monotonic() - self._asked < _PATIENCE:
            return
        number = _URGENCY[min(self._urgency, len(_URGENCY) - 1)]
        self._urgency += 1
        self._asked = time.monotonic()
        for child in self._children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, number)


def in_order(records: Sequence[Record]) -> list[Record]:
    """Return the records by directory and number, the order in which they are launched."""
    return sorted(
        records, key=lambda record: (str(record.directory.parent), position_of(record.id))
    )


def command_for(record: Record, code: str) -> list[str]:
    """Return the command line that carries out a registered experiment with this choice of code."""
    interpreter = record.metadata.get("interpreter")
    python = interpreter if isinstance(interpreter, str) and interpreter else sys.executable
    # -P: what lies in the working directory is not imported in place of a library.
    return [python, "-P", "-m", "meticulous", "execute", "--code", code, str(record.directory)]


def _environment(root: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in _OWN_VARIABLES}
    return {**kept, layout.CODE_VARIABLE: root}


def _not_started(record: Record, error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, MeticulousError):
        python = command_for(record, "")[0]
        return f"{python} cannot be started: {error.strerror or error}. Is it still installed?"
    return str(error)


def _outcome(child: _Child) -> Outcome:
    folder = str(child.record.directory)
    seconds = time.monotonic() - child.started
    # One that ended before it could take our claim over has left it to us.
    claims.release(folder)
    is_claimed = claims.claimant(folder) is not None
    record = read_record(folder)
    with child.errors as errors:
        said = _last_lines(errors)
    if _is_by(record, child.process.pid):
        is_success = record.status == status.SUCCESS
        reason = record.reason.strip().splitlines()
        remark = "" if is_success else (reason[-1] if reason else said)
        return Outcome(
            record.id, name_of(record), record.status, seconds, remark, True, not is_success
        )
    gone = _gone(child.record, seconds)
    if gone is not None:
        return gone
    if is_claimed or record.status != status.REGISTERED:
        return _taken(record)
    remark = said or f"exit code {child.process.returncode}"
    return Outcome(record.id, name_of(record), record.status, None, remark, False, True)


def _gone(record: Record, seconds: float | None = None) -> Outcome | None:
    """Return what became of an experiment whose folder was deleted; None where it is there.

    Args:
        record: The experiment as it was.
        seconds: How long its process took; None where we have not started one.
    """
    try:
        os.stat(record.directory)
    except (FileNotFoundError, NotADirectoryError):
        remark, is_ours = f"its folder {record.directory} is gone", seconds is not None
        return Outcome(
            record.id, name_of(record), status.UNKNOWN, seconds, remark, is_ours, has_failed=True
        )
    except OSError:
        # Where we may not look, it may be there.
        return None
    return None


def _taken(record: Record) -> Outcome:
    remark = "another launcher has taken it"
    return Outcome(record.id, name_of(record), record.status, None, remark, False, False)


def _up_to_date(outcome: Outcome, folder: str) -> Outcome:
    """Return the outcome with the present status of what another launcher carries out."""
    if outcome.is_ours or outcome.has_failed:
        return outcome
    return replace(outcome, status=read_record(folder).status)


def _is_by(record: Record, pid: int) -> bool:
    """Say whether a process has carried out, or recorded, the latest attempt."""
    recorder = record.metadata.get("recorder")
    pids = [record.metadata.get("pid")]
    if isinstance(recorder, dict):
        pids.append(recorder.get("pid"))
    return pid in pids


def _last_lines(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - 10_000))
    lines = errors.read().decode("utf-8", "replace").splitlines()[-_SHOWN_LINES:]
    return "\n".join(line.removeprefix("meticulous: error: ") for line in lines)


def _path(record: Record) -> str:
    return str(record.directory)
