"""Hand registered experiments to another command, such as sbatch, and remember that it was done."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

from meticulous.errors import ExperimentsDirectoryError, InvalidOptionError
from meticulous.folder import clock, layout, status
from meticulous.folder.claims import claimant
from meticulous.folder.encoding import encode_line
from meticulous.folder.writing import append_line, exclusively
from meticulous.reader.record import Record, read_record

_PATIENCE = 10.0

_SHOWN_BYTES = 2000

_SBATCH_OUTPUT = "slurm.out"
_JOB = re.compile(r"(?:Submitted batch job )?(\d+)(?:;\S+)?\s*$", re.MULTILINE)


class Submission:
    """What came of handing an experiment to a command.

    Attributes:
        record: The experiment.
        words: The whole command line; empty where it was not begun.
        code: The exit code of the command; None where it was not begun.
        job: The number that the scheduler gave it; None where there is none.
        remark: Why it was not done, or what the command said as it failed.
    """

    __slots__ = ("code", "job", "record", "remark", "words")

    def __init__(
        self, record: Record, words: list[str], code: int | None, job: str | None, remark: str
    ) -> None:
        self.record = record
        self.words = words
        self.code = code
        self.job = job
        self.remark = remark


class Submitter:
    """Hands run.sh of experiments to a command.

    Args:
        command: The command line, as one writes it for a shell.

    Raises:
        InvalidOptionError: It is none, or its program is not here.
    """

    def __init__(self, command: str) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise InvalidOptionError(f"--with {command!r} is no command: {error}.") from None
        if not self._words:
            raise InvalidOptionError("--with is empty; name a command, such as sbatch.")
        if shutil.which(self._words[0]) is None:
            raise InvalidOptionError(
                f"--with {command!r}: there is no program {self._words[0]!r} here."
            )
        self._is_sbatch = os.path.basename(self._words[0]) == "sbatch"

    def command_for(self, record: Record) -> list[str]:
        """Return the command line for one experiment.

        The job of sbatch is called like the experiment and writes into its folder, unless the
        command says otherwise.
        """
        script = os.path.join(record.directory, layout.RUN_SCRIPT)
        words = list(self._words)
        if self._is_sbatch:
            name = record.metadata.get("name") or record.id
            if not _has_option(words, "--job-name", "-J"):
                words.append(f"--job-name={name}")
            if not _has_option(words, "--output", "-o"):
                # A percent sign stands for something in names of files.
                folder = str(record.directory).replace("%", "%%")
                words.append(f"--output={os.path.join(folder, _SBATCH_OUTPUT)}")
        return [*words, script]

    def submit(self, record: Record, code: str, *, take_up: bool = False) -> Submission:
        """Hand one experiment over, unless somebody has done so, and wait for the command's end.

        Args:
            record: The experiment.
            code: Which code is to be run.
            take_up: Whether to do it although it was done before.

        Raises:
            ExperimentsDirectoryError: The folder cannot be written.
        """
        folder = str(record.directory)
        words = self.command_for(record)
        with exclusively(folder, _PATIENCE):
            present = read_record(folder)
            if present.status != status.REGISTERED or claimant(folder) is not None:
                return Submission(record, [], None, None, "another launcher has taken it")
            if not take_up and is_submitted(folder):
                return Submission(record, [], None, None, "it has been handed over already")
            _note(folder, {"command": words, "state": _SUBMITTED})
        code_choice = {layout.CODE_CHOICE_VARIABLE: code}
        returned, output, errors = _run(words, {**os.environ, **code_choice})
        found = _JOB.search(output) if self._is_sbatch else None
        job = found[1] if found is not None else None
        facts: dict[str, Any] = {"command": words, "exit-code": returned}
        if job is not None:
            facts["job-id"] = job
        _note(folder, {**facts, "state": _FAILED if returned else _SUBMITTED})
        said = (errors.strip() or output.strip()) if returned else ""
        remark = said or (f"exit code {returned}" if returned else "")
        return Submission(record, words, returned, job, remark)


_SUBMITTED, _FAILED = "submitted", "failed"


def submit_all(
    submitter: Submitter,
    records: Sequence[Record],
    code: str,
    *,
    take_up: bool,
    tell: Callable[[Submission], None],
) -> list[Submission]:
    """Hand experiments over, one after the other, and return what came of it.

    After Ctrl-C the others stay as they are: KeyboardInterrupt is raised.
    """
    done = []
    for record in records:
        submission = submitter.submit(record, code, take_up=take_up)
        tell(submission)
        done.append(submission)
        if submission.code in (-signal.SIGINT, 128 + signal.SIGINT):
            raise KeyboardInterrupt
    return done


def is_submitted(folder: str) -> bool:
    """Say whether a registered experiment was handed to a command, and has not begun since."""
    last = last_launch(folder)
    return last is not None and last.get("state") == _SUBMITTED


def last_launch(folder: str) -> dict[str, Any] | None:
    """Return the last line of launches.jsonl; None where there is none of this attempt."""
    try:
        with open(os.path.join(folder, layout.LAUNCHES), "rb") as file:
            lines = file.read().splitlines()
        last = json.loads(lines[-1])
    except (OSError, ValueError, IndexError):
        return None
    return last if isinstance(last, dict) else None


def forget_launches(folder: str) -> None:
    """Note that the experiment is new again, whatever it was handed to before.

    Raises:
        ExperimentsDirectoryError: It cannot be written.
    """
    if last_launch(folder) is not None:
        _note(folder, {"state": "reset"})


def _run(words: Sequence[str], environment: dict[str, str]) -> tuple[int, str, str]:
    """Run a command; return its exit code and the ends of what it printed.

    A Ctrl-C of the terminal is the command's, too: it is given time to end by itself.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment
        )
        try:
            code = process.wait()
        except KeyboardInterrupt:
            try:
                code = process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.terminate()
                code = process.wait()
            code = code or -signal.SIGINT
        return code, _end_of(output), _end_of(errors)


def _end_of(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _SHOWN_BYTES))
    return file.read().decode("utf-8", "replace")


def _has_option(words: Sequence[str], long: str, short: str) -> bool:
    """Say whether sbatch is given an option, in any spelling: --output=x, -o x, -ox."""
    return any(
        word == long or word.startswith(f"{long}=") or (word.startswith(short) and word[1] != "-")
        for word in words[1:]
    )


def _note(folder: str, facts: dict[str, Any]) -> None:
    now = time.time()
    line = {
        "time": clock.local_time(now),
        "utc-offset": clock.utc_offset(now),
        "host": os.uname().nodename,
        **facts,
    }
    try:
        append_line(os.path.join(folder, layout.LAUNCHES), encode_line(line))
    except OSError as error:
        raise ExperimentsDirectoryError(
            f"{layout.LAUNCHES} in {folder} cannot be written: {error.strerror or error}."
        ) from error
