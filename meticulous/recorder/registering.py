"""Register experiments for a later run, and open the folder again when that run begins."""

from __future__ import annotations

import contextlib
import os
import time

from meticulous.errors import (
    MeticulousError,
    MismatchedArgsException,
    MismatchedCommitException,
    ParameterError,
)
from meticulous.folder import allocation, layout, states, status
from meticulous.folder.liveness import is_alive
from meticulous.folder.plain import plain
from meticulous.recorder import opening, resuming
from meticulous.recorder.place import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from meticulous.recorder.writer import RecordWriter

_OF_A_PROCESS = (
    *("start-time", "pid", "process-start-time", "boot-id", "pid-namespace"),
    *("ordinal", "stdin"),
)
"""Keys of the metadata that only a run has."""

_OF_THE_CODE = ("githead-sha", "githead-message", "git-branch", "git-remote", "git-snapshot")
"""Keys of the metadata that stay as they were registered while the code is the same."""


def register(
    plan: opening.Plan,
    *,
    name: str,
    interpreter: str,
    script: Callable[[str, str, str], bytes],
) -> str:
    """Claim a folder and write all that a later run needs; return the folder.

    Args:
        plan: What is to be run, and where it is recorded.
        name: A readable name.
        interpreter: The Python to run it with.
        script: Makes run.sh from the uid, the name and the folder.

    Raises:
        ParameterError: A value looks like a secret: the record would not hold it, and nobody could
            run it later.
        MeticulousError: Any error of `open_record`, but those about resuming.
    """
    code = opening.look_at_code(plan)
    place = opening.place_for(plan, code)
    was_missing = allocation.make_experiments_directory(place.directory)
    is_new, experiment_id = opening.claim_folder(place.directory, plan.experiment_id)
    directory = os.path.join(place.directory, experiment_id)
    if not is_new:
        raise MismatchedArgsException(
            f"Experiment {experiment_id} is there already. To begin it anew, restart it "
            "(register(restart=...)); for another one, choose another id."
        )
    try:
        writer = opening.new_writer(plan, code, directory, experiment_id)
        check_secrets(writer, plan)
        _describe(writer.metadata, name, interpreter, code.directory)
        opening.keep_out_of_git(directory, code, was_missing)
        writer.write_start(plan.args, plan.default_args)
        write_script(directory, script(writer.metadata["uid"], name, directory))
        writer.write_status(status.REGISTERED)
    except BaseException as error:
        opening.discard(directory)
        if isinstance(error, OSError) and not isinstance(error, MeticulousError):
            raise allocation.cannot_write(place.directory, error) from error
        raise
    if place.warning:
        writer.warn("the place", place.warning)
        writer.write_metadata()
    return directory


def check_secrets(writer: RecordWriter, plan: opening.Plan) -> None:
    """Make sure that the record holds every value that is not the default.

    Raises:
        ParameterError: It would leave one out as a secret.
    """
    defaults = plain(plan.default_args)
    for name, value in plain(plan.args).items():
        if writer.gate.clean({name: value}) != {name: value} and defaults.get(name) != value:
            raise ParameterError(
                f"The value of {name} looks like a secret, which no record holds, so the run could "
                "not be given it later. Leave it at its default, and let run() read it from the "
                "environment or a file."
            )


def write_script(directory: str, content: bytes) -> None:
    """Write run.sh, executable.

    Raises:
        OSError: It cannot be written.
    """
    path = os.path.join(directory, layout.RUN_SCRIPT)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o777)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def open_registered(
    plan: opening.Plan, directory: str, *, any_code: bool = False
) -> opening.OpenRecord:
    """Open a folder that is registered, or was cut short, for its next attempt.

    It keeps what was registered: arguments, name, time, target. The caller has claimed it.

    Args:
        plan: How it is to be run; its arguments are those of the record.
        directory: The folder, an absolute path.
        any_code: Whether to run code that is not what was registered, and record that.

    Raises:
        DirtyRepoException: There are uncommitted changes.
        MismatchedCommitException: The code is not what was registered.
        IllegalMoveError: The experiment runs or has ended.
    """
    code = opening.look_at_code(plan)
    name = os.path.basename(directory)
    writer = opening.new_writer(plan, code, directory, name)
    record = opening.OpenRecord(
        writer, code, Place(os.path.dirname(directory)), False, plan.main_script
    )
    with resuming.exclusively(directory):
        earlier = resuming.read(writer, layout.METADATA)
        word, reason = present_status(writer, earlier)
        if word not in states.CARRIED_OUT:
            raise states.not_to_be_carried_out(f"Experiment {name}", word)
        recorded = earlier.get("git-snapshot") or earlier.get("githead-sha")
        if recorded != record.commit and not any_code:
            raise MismatchedCommitException(
                f"Experiment {name} was registered with the code of {recorded}, this is "
                f"{record.commit}. Check that one out (git checkout {recorded}), or run the "
                "present code on purpose (meticulous launch --code current)."
            )
        if recorded == record.commit:
            # A worktree is on no branch, and that of a snapshot does not know what it stands for.
            writer.metadata.update({key: earlier[key] for key in _OF_THE_CODE if key in earlier})
        if recorded != record.commit:
            writer.metadata["registered-commit"] = recorded
        resuming.carry_on(writer, earlier, word, reason)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(writer.paths.path(layout.SUMS))
        with contextlib.suppress(OSError):
            os.utime(record.place.directory)
    return record


def reset(directory: str) -> None:
    """Register an experiment that has ended for a new attempt; the history is kept.

    Results, metrics and output of the earlier attempts stay, and the new one adds to them.

    Raises:
        IllegalMoveError: It runs.
        UnreadableRecordError: The folder is not a record that can be understood.
        ExperimentsDirectoryError: The folder cannot be written.
    """
    from meticulous.recorder.secrets.gate import Gate
    from meticulous.recorder.writer import RecordWriter

    writer = RecordWriter(directory, Gate(), {"tags": [], "description": ""})
    try:
        with resuming.exclusively(directory):
            earlier = resuming.read(writer, layout.METADATA)
            word, reason = present_status(writer, earlier)
            if word == status.REGISTERED:
                return
            states.check_move(f"Experiment {os.path.basename(directory)}", word, status.REGISTERED)
            resuming.carry_on(writer, earlier, word, reason)
            kept = {key: value for key, value in earlier.items() if key not in _OF_AN_END}
            writer.metadata = {**kept, **writer.metadata}
            with contextlib.suppress(FileNotFoundError):
                os.unlink(writer.paths.path(layout.SUMS))
            writer.write_metadata()
            _see_to_script(directory, writer.metadata)
            writer.write_status(status.REGISTERED)
            os.utime(os.path.dirname(directory))
    except OSError as error:
        if isinstance(error, MeticulousError):
            raise
        raise allocation.cannot_change(directory, error) from error


def _see_to_script(directory: str, metadata: dict[str, Any]) -> None:
    """Write run.sh for what ran without having been registered, if anybody could carry it out."""
    if "target" not in metadata or os.path.exists(os.path.join(directory, layout.RUN_SCRIPT)):
        return
    import sys

    from meticulous.recorder.run_script import RunScript

    script = RunScript("", str(metadata.get("interpreter") or sys.executable))
    name = str(metadata.get("name") or os.path.basename(directory))
    write_script(directory, script.content(str(metadata["uid"]), name, directory))


_OF_AN_END = (
    *("end-time", "duration", "exit-code", "signal"),
    *("pid", "process-start-time", "boot-id", "pid-namespace", "recorder"),
)
"""Keys of the metadata that an experiment which is to be run has not."""


def present_status(writer: RecordWriter, metadata: dict[str, Any]) -> tuple[str, str]:
    """Return the status and its reason; LOST where it says RUNNING and nobody does."""
    word, reason, heartbeat = resuming.read_status(writer)
    if word == status.RUNNING and is_alive(metadata, heartbeat, time.time()) is not True:
        word = status.LOST
    return word, reason


def _describe(metadata: dict[str, Any], name: str, interpreter: str, repository: str) -> None:
    """Say of the metadata of a run that it is yet to come."""
    metadata["registered-time"] = metadata["start-time"]
    for key in _OF_A_PROCESS:
        metadata.pop(key, None)
    metadata.update(
        {"name": name, "interpreter": interpreter, "repository": repository, "attempts": []}
    )
