"""Open a record: look at the code, claim a folder, write what is known at the start."""

from __future__ import annotations

import os
import sys
import time

from meticulous.errors import (
    DirtyRepoException,
    InvalidOptionError,
    MeticulousError,
)
from meticulous.folder import allocation, clock, layout, liveness, status
from meticulous.recorder import resuming, spelling
from meticulous.recorder.files.standard_input import standard_input
from meticulous.recorder.place import USUAL, Place, absolute, choose_place, contains
from meticulous.recorder.reproduction import find_order
from meticulous.recorder.writer import RecordWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from meticulous.git.state import CodeState
    from meticulous.recorder.reproduction import Order

DIRTY_CHOICES = ("refuse", "snapshot")


class Plan:
    """What is to be recorded, and where.

    Args:
        args: The arguments of the program.
        default_args: What they would have been by default.
        project_directory: A folder in the repository of the program's code.
        experiments_directory: Where the folders are; relative to the project directory. None for
            the nearest one of the usual name that holds experiments, there or above; if there is
            none, the usual one in the project directory.
        experiment_id: A chosen id, or None for the next number.
        description: Free text.
        dirty: "refuse" or "snapshot": what to do about uncommitted changes.
        tags: Words to find the run by.
        command: The command line as the program saw it (`sys.argv`).
        original_command: The command line as the system saw it, with interpreter and its options.
        main_script: Path of the program's main file, None when there is none.
        resume_by: What must be the same to resume an experiment: its "args", or its "command"
            where the program itself will tell its arguments later.
        spell: How the user gives an option, for messages (see `spelling`).
        ordinal: The number of the experiment in its process, from 1; 0 where that process records
            another one.
        target: Where the declared experiment is found again, with absolute paths; None for others.
    """

    def __init__(
        self,
        args: Any,
        default_args: Any,
        *,
        project_directory: str = "",
        experiments_directory: str | None = USUAL,
        experiment_id: str | None = None,
        description: str = "",
        dirty: str = "refuse",
        tags: Sequence[str] = (),
        command: Sequence[str] = (),
        original_command: Sequence[str] = (),
        main_script: str | None = None,
        resume_by: str = "args",
        spell: Callable[[str, str | bool], str] = spelling.in_program,
        ordinal: int = 1,
        target: Mapping[str, Any] | None = None,
    ) -> None:
        self.args = args
        self.default_args = default_args
        self.project_directory = absolute(project_directory)
        self.experiments_directory = experiments_directory
        self.experiment_id = experiment_id
        self.description = description
        self.dirty = dirty
        self.tags = list(tags)
        self.command = list(command)
        self.original_command = list(original_command)
        self.main_script = main_script
        self.resume_by = resume_by
        self.spell = spell
        self.ordinal = ordinal
        self.target = target
        self.facts: dict[str, Any] = {}


class OpenRecord:
    """A record that has been opened: its writer and the state of the code.

    Attributes:
        writer: Writes the files of the folder.
        code: The state of the code at the start.
        place: The experiments directory.
        is_new: Whether the folder was made for this run, not resumed.
    """

    def __init__(
        self,
        writer: RecordWriter,
        code: CodeState,
        place: Place,
        is_new: bool,
        main_script: str | None = None,
    ) -> None:
        self.writer = writer
        self.code = code
        self.place = place
        self.is_new = is_new
        self._main_script = main_script

    @property
    def foreign_script(self) -> str | None:
        """The main script, if it is the user's own and lies outside the recorded repository."""
        if self._main_script is None or not os.path.isfile(self._main_script):
            return None
        path = os.path.realpath(self._main_script)
        installed = (sys.prefix, sys.base_prefix, "/usr", "/bin", "/sbin", "/lib", "/opt", "/nix")
        if any(contains(folder, path) for folder in (self.code.directory, *installed)):
            return None
        return None if "site-packages" in path else path

    @property
    def commit(self) -> str:
        """The commit that holds the code: the snapshot where there is one."""
        return self.code.snapshot or self.code.commit


def open_record(plan: Plan) -> OpenRecord:
    """Check the code, claim a folder and write args, defaults and metadata; STATUS says REGISTERED.

    Raises:
        DirtyRepoException: There are uncommitted changes and `dirty` is "refuse".
        GitError: The code cannot be tied to a commit, or a snapshot cannot be made.
        ExperimentsDirectoryError: The folder cannot be made or written; nothing is left behind.
        InvalidExperimentIdError: The chosen id cannot name a folder.
        MismatchedArgsException: The experiment to resume had other arguments.
        MismatchedCommitException: The experiment to resume ran from another commit or snapshot.
        ExperimentRunningError: The experiment to resume is still running.
    """
    if plan.dirty not in DIRTY_CHOICES:
        raise InvalidOptionError(
            f"dirty={plan.dirty!r} is not known; choose one of {', '.join(DIRTY_CHOICES)}."
        )
    if plan.experiment_id is not None:
        allocation.check_id(plan.experiment_id)
    order = find_order()
    if order is not None:
        plan.project_directory = order.mapped(plan.project_directory)
    code = look_at_code(plan)
    claimed = None if order is None else _obey(order, plan)
    place = place_for(plan, code) if claimed is None else Place(os.path.dirname(claimed))
    was_missing = allocation.make_experiments_directory(place.directory)
    if claimed is not None:
        is_new, experiment_id = True, os.path.basename(claimed)
    else:
        is_new, experiment_id = claim_folder(place.directory, plan.experiment_id)
    directory = os.path.join(place.directory, experiment_id)
    try:
        writer = new_writer(plan, code, directory, experiment_id)
        record = OpenRecord(writer, code, place, is_new, plan.main_script)
        if is_new:
            keep_out_of_git(directory, code, was_missing)
            writer.write_start(plan.args, plan.default_args)
            writer.write_status(status.REGISTERED)
        else:
            args = plan.args if plan.resume_by == "args" else None
            resuming.resume(writer, args, record.commit)
    except BaseException as error:
        if is_new:
            discard(directory)
        if isinstance(error, OSError) and not isinstance(error, MeticulousError):
            raise allocation.cannot_write(place.directory, error) from error
        raise
    if place.warning:
        writer.warn("the place", place.warning)
    return record


def discard(directory: str) -> None:
    """Remove a folder that was claimed for a run that then did not start."""
    import shutil

    shutil.rmtree(directory, ignore_errors=True)


def look_at_code(plan: Plan) -> CodeState:
    """Return the state of the code, with a snapshot where the plan wants one.

    Raises:
        DirtyRepoException: There are uncommitted changes and `dirty` is "refuse".
        GitError: The code cannot be tied to a commit, or a snapshot cannot be made.
    """
    from meticulous.git.state import read_code_state, refusal

    code = read_code_state(plan.project_directory, plan.main_script)
    if plan.dirty == "snapshot":
        from meticulous.git.snapshot import take_snapshot

        return code._replace(snapshot=take_snapshot(code))
    message = refusal(code, plan.spell("dirty", "snapshot"), plan.spell("norecord", True))
    if message is not None:
        raise DirtyRepoException(message)
    return code


def place_for(plan: Plan, code: CodeState) -> Place:
    """Return the experiments directory that the plan means.

    Raises:
        InvalidOptionError: It holds the code itself.
    """
    project, given = plan.project_directory, plan.experiments_directory
    name = USUAL if given is None else given
    place = choose_place(project, name, code.directory, look_above=given is None)
    if place.is_found:
        return place
    real = os.path.realpath(place.directory)
    for what, folder in (("repository", code.directory), ("project", project)):
        if contains(real, os.path.realpath(folder)):
            raise InvalidOptionError(
                f"The experiments directory {place.directory} holds the {what} itself; "
                "git would have to ignore your code. Choose a folder of its own: "
                f"{plan.spell('experiments_directory', USUAL)}"
            )
    return place


def planned_place(project_directory: str, experiments_directory: str | None) -> str | None:
    """Return the experiments directory that would be used; None where there is no repository."""
    from meticulous.errors import GitError
    from meticulous.git.state import read_code_state

    plan = Plan(
        {}, {}, project_directory=project_directory, experiments_directory=experiments_directory
    )
    try:
        return place_for(plan, read_code_state(plan.project_directory)).directory
    except GitError:
        return None


def _obey(order: Order, plan: Plan) -> str | None:
    """Return the folder that was claimed for this experiment; others are sent elsewhere."""
    from meticulous.recorder.files import guarding

    guarding.begin(order)
    if not order.take(plan.ordinal, plan.original_command):
        plan.experiments_directory = order.elsewhere
        return None
    plan.facts.update(order.facts)
    plan.description = plan.description or order.description
    plan.tags = list(dict.fromkeys([*plan.tags, *order.tags]))
    return order.directory


def claim_folder(place: str, experiment_id: str | None) -> tuple[bool, str]:
    """Claim a folder; return whether it is new, and its id."""
    if experiment_id is None:
        return True, allocation.claim_number(place)
    return allocation.claim_name(place, experiment_id), experiment_id


def keep_out_of_git(directory: str, code: CodeState, was_missing: bool) -> None:
    """Make the experiments directory ignore itself, or only this folder where others use it too."""
    path = ignoring_file(directory, code, was_missing)
    if path is not None:
        write_ignoring(path)


def ignoring_file(directory: str, code: CodeState, was_missing: bool) -> str | None:
    """Return which file has to be written for git to ignore an experiment; None when it does."""
    experiments_directory = os.path.dirname(directory)
    place = os.path.realpath(experiments_directory)
    own = os.path.join(experiments_directory, layout.IGNORE)
    if not contains(code.directory, place) or _is_ours(own):
        return None
    if not was_missing:
        from meticulous.git.ignore import ignores

        if ignores(code.directory, os.path.join(place, os.path.basename(directory), layout.STATUS)):
            return None
        if _is_shared(experiments_directory, directory):
            return os.path.join(directory, layout.IGNORE)
    return own


def write_ignoring(path: str) -> None:
    """Write the file that makes git ignore the folder it lies in."""
    with open(path, "w", encoding="ascii") as file:
        file.write(_IGNORE_ALL)


_IGNORE_ALL = "*\n"


def _is_ours(path: str) -> bool:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read() == _IGNORE_ALL
    except (OSError, ValueError):
        return False


def _is_shared(experiments_directory: str, directory: str) -> bool:
    """Say whether the experiments directory holds anything that is not a record."""
    ours = {layout.NUMBERS, layout.TRASH, layout.REGISTERING, os.path.basename(directory)}
    with os.scandir(experiments_directory) as entries:
        for entry in entries:
            if entry.name in ours or allocation.is_number(entry.name):
                continue
            if not os.path.exists(os.path.join(entry.path, layout.STATUS)):
                return True
    return False


def new_writer(plan: Plan, code: CodeState, directory: str, experiment_id: str) -> RecordWriter:
    """Return the writer for a folder, its metadata those of a run that begins now."""
    from meticulous.recorder.secrets.gate import Gate

    gate = Gate()
    for arguments in (plan.args, plan.default_args):
        gate.learn(arguments)
    gate.learn_words(plan.command)
    metadata = start_metadata(plan, code, experiment_id)
    for key in ("command", "original-command"):
        metadata[key] = gate.clean_words(metadata[key])
    return RecordWriter(directory, gate, metadata)


def start_metadata(plan: Plan, code: CodeState, experiment_id: str) -> dict[str, Any]:
    """Return what the metadata say of a run that starts now, in this process."""
    now = time.time()
    target = {} if plan.target is None else {"target": placed(plan.target, code.directory)}
    return {
        "githead-sha": code.commit,
        "githead-message": code.message,
        "description": plan.description,
        "start-time": clock.local_time(now),
        "command": plan.command,
        "format": layout.FORMAT,
        "uid": clock.new_uid(now),
        "utc-offset": clock.utc_offset(now),
        "experiment-id": experiment_id,
        "git-branch": code.branch,
        "git-remote": code.remote,
        "git-snapshot": code.snapshot,
        "project-directory": relative_inside(plan.project_directory, code.directory),
        "working-directory": relative_inside(os.getcwd(), code.directory),
        "original-command": plan.original_command,
        "python": sys.version.split()[0],
        "user": _user(),
        **liveness.identify(os.getpid()),
        "ordinal": plan.ordinal,
        "stdin": standard_input(),
        "tags": plan.tags,
        **target,
        **plan.facts,
    }


def placed(target: Mapping[str, Any], repository: str) -> dict[str, Any]:
    """Return a target with its paths relative to the repository where they lie inside."""
    return {
        key: relative_inside(value, repository) if key in ("file", "import-path") else value
        for key, value in target.items()
    }


def relative_inside(path: str, repository: str) -> str:
    """Return `path` relative to the repository where it lies inside, else as it is, absolute."""
    real = os.path.realpath(path)
    return os.path.relpath(real, repository) if contains(repository, real) else path


def _user() -> str | None:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return os.environ.get("LOGNAME") or os.environ.get("USER")
