"""Carry out a registered experiment: the one way in which that is done.

It happens in the process that calls `execute`, which is to be one of its own: modules that are
loaded already stay as they are. `python -m meticulous execute FOLDER` is such a process, and
`run.sh` in the folder starts it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from meticulous.declare.tracebacks import behind
from meticulous.errors import TargetError, UnreadableRecordError
from meticulous.folder import claims, layout, states, status
from meticulous.git.worktree import find_root
from meticulous.recorder import registering
from meticulous.recorder.beginning import begin_in, plan_here
from meticulous.recorder.ending import requeue
from meticulous.recorder.ending.outcome import Ending, by_exception
from meticulous.recorder.opening import open_record
from meticulous.recorder.reproduction import find_order, next_ordinal
from meticulous.sweep.code_choices import CURRENT, RECORDED

if TYPE_CHECKING:
    from meticulous.experiment.experiment import Experiment
    from meticulous.recorder.opening import OpenRecord, Plan
    from meticulous.recorder.recording import Recording
    from meticulous.recorder.reproduction import Order


class Registered:
    """A registered experiment, as its folder tells of it.

    Attributes:
        directory: The folder, an absolute path.
        metadata: The content of metadata.json.
        args: The content of args.json.
        default_args: The content of default_args.json.
        target: What is carried out.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        """Read the folder.

        Raises:
            UnreadableRecordError: It is no record of a registered experiment.
        """
        self.directory = os.path.abspath(directory)
        self.metadata = self._read(layout.METADATA)
        self.args = self._read(layout.ARGS)
        self.default_args = self._read(layout.DEFAULT_ARGS)
        target = self.metadata.get("target")
        if not isinstance(target, dict) or target.get("kind") not in ("python", "program"):
            raise UnreadableRecordError(
                f"{self.directory} does not say what is to be carried out (target in "
                f"{layout.METADATA}). Only registered and declared experiments do."
            )
        self.target: dict[str, Any] = target

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"Experiment {os.path.basename(self.directory)}"

    def _read(self, name: str) -> dict[str, Any]:
        path = os.path.join(self.directory, name)
        try:
            with open(path, "rb") as file:
                found = json.loads(file.read())
        except FileNotFoundError:
            raise UnreadableRecordError(
                f"{self.directory} is no registered experiment: it has no {name}."
            ) from None
        except (OSError, ValueError) as error:
            raise UnreadableRecordError(f"{path} cannot be read: {error}.") from None
        if not isinstance(found, dict):
            raise UnreadableRecordError(f"{path} is not a JSON object.")
        return found


def execute(
    folder: str | os.PathLike[str], *, root: str | None = None, code: str = RECORDED
) -> Ending:
    """Carry out the registered experiment in a folder, recorded there, and return how it ended.

    The folder is claimed first, so that of any number of processes one carries it out. What was
    registered, or was cut short (REQUEUED, TIMEOUT, LOST), is carried out; what has ended is to be
    reset before. Under `meticulous reproduce` the run is recorded where that wants it.

    Args:
        folder: The folder of the experiment.
        root: The working tree to run from; by default what METICULOUS_CODE names, else the one
            that `CodeFinder` finds.
        code: Refuse code that is not the "recorded" one, or run the "current" one, and record it.

    Returns:
        The end of the program, which may be a failure. Exceptions are shown on standard error.

    Raises:
        UnreadableRecordError: The folder holds no registered experiment.
        IllegalMoveError: It runs, or has ended.
        ExperimentClaimedError: Another process carries it out.
        MismatchedCommitException: The code there is not what was registered.
        MeticulousError: Any other error of `open_registered`. Nothing has run then.
    """
    order = find_order()
    # It was meant for this experiment, and not for those that its program may carry out.
    os.environ.pop(layout.CODE_CHOICE_VARIABLE, None)
    registered = Registered(_original(folder, order))
    if order is None:
        _check_status(registered)
        claims.claim(registered.directory)
    try:
        tree = root or os.environ.pop(layout.CODE_VARIABLE, "") or _tree_of(registered, code)
        with _in_folder(_working_directory(registered, tree)):
            carry_out = _run_python if registered.target["kind"] == "python" else _run_program

            def open_folder(plan: Plan) -> OpenRecord:
                if order is not None:
                    return open_record(plan)
                return registering.open_registered(
                    plan, registered.directory, any_code=code == CURRENT
                )

            return carry_out(registered, tree, open_folder)
    finally:
        if order is None:
            claims.release(registered.directory)


def _check_status(registered: Registered) -> None:
    from meticulous.recorder.secrets.gate import Gate
    from meticulous.recorder.writer import RecordWriter

    writer = RecordWriter(registered.directory, Gate(), {})
    word, _ = registering.present_status(writer, registered.metadata)
    if word not in states.CARRIED_OUT:
        raise states.not_to_be_carried_out(registered.name, word)


def _plan(registered: Registered, tree: str, main_script: str | None) -> Plan:
    project = str(registered.metadata.get("project-directory") or ".")
    plan = plan_here(
        registered.args,
        registered.default_args,
        project_directory=os.path.join(tree, project),
        experiments_directory=os.path.dirname(registered.directory),
        description=str(registered.metadata.get("description") or ""),
        target=_placed(registered.target, tree),
    )
    plan.main_script = main_script
    return plan


def _run_python(
    registered: Registered, tree: str, open_folder: Callable[[Plan], OpenRecord]
) -> Ending:
    """Run a class or function in this process."""
    target = _placed(registered.target, tree)
    file = target.get("file")
    plan = _plan(registered, tree, file)
    plan.ordinal = next_ordinal()
    recording = begin_in(plan, None, open_folder)
    requeue.allow(recording.writer.paths.directory)
    words = sys.argv[:]
    sys.argv[:] = [str(file or target.get("module", ""))]
    try:
        ending = _ending_of(lambda: _run_loaded(registered, target, recording))
    finally:
        sys.argv[:] = words
    # The process that carries it out ends with it.
    recording.finish(ending)
    return ending


def _run_loaded(registered: Registered, target: dict[str, Any], recording: Recording) -> None:
    from meticulous.declare.targets import load_described
    from meticulous.experiment.functions import as_class

    kind = as_class(load_described(target))
    experiment = _make(kind, registered)
    declared = experiment._declared
    if declared is None:
        raise TargetError(f"{kind.__name__} is no declared experiment: it is made with arguments.")
    declared.adopt(recording)
    experiment.run()


def _make(kind: type[Experiment], registered: Registered) -> Experiment:
    """Return the experiment with the values of the record; redacted defaults are those of now."""
    from meticulous.experiment.making import made_with
    from meticulous.recorder.secrets.shapes import MARKER

    values = {name: value for name, value in registered.args.items() if value != MARKER}
    with made_with(kind, values, {}):
        return kind()


def _ending_of(run: Callable[[], None]) -> Ending:
    """Run, show what is raised as Python does, and return how a process of its own would end."""
    try:
        run()
    except SystemExit as leaving:
        if leaving.code is not None and not isinstance(leaving.code, int):
            print(leaving.code, file=sys.stderr)
        return by_exception(leaving)
    except KeyboardInterrupt as interrupt:
        interrupt.__traceback__ = behind(interrupt.__traceback__)
        return by_exception(interrupt)
    except TargetError as error:
        print(f"meticulous: error: {error}", file=sys.stderr)
        return Ending(status.ERROR, str(error), exit_code=1)
    except Exception as error:
        error.__traceback__ = behind(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        return by_exception(error)
    return Ending(status.SUCCESS, exit_code=0)


def _run_program(
    registered: Registered, tree: str, open_folder: Callable[[Plan], OpenRecord]
) -> Ending:
    """Run a program of any language as a child of this process."""
    from meticulous.recorder.program.command import Command
    from meticulous.recorder.program.running import RecordedProgram
    from meticulous.recorder.program.startable import check_startable
    from meticulous.sweep.program import command_of

    args_file = os.path.join(registered.directory, layout.ARGS)
    command = Command(command_of(registered.target, registered.args, args_file))
    check_startable(command)
    plan = _plan(registered, tree, command.main_file)
    plan.command = command.words
    plan.ordinal = 0
    record = open_folder(plan)
    with _variable(layout.ARGS_VARIABLE, args_file):
        program = RecordedProgram(command, record, keeps_args=True)
        program.start()
        ending = program.wait()
    directory = record.writer.paths.directory
    requeue.allow(directory)
    if ending.status == status.TIMEOUT and requeue.is_wanted(directory):
        requeue.requeue(directory)
    return ending


def _tree_of(registered: Registered, code: str) -> str:
    """Return the working tree to run from."""
    if find_order() is not None:
        return find_root(os.getcwd()) or os.getcwd()
    from meticulous.sweep.code import CodeFinder

    return CodeFinder(code).find(registered.directory, registered.metadata)


def _original(folder: str | os.PathLike[str], order: Order | None) -> str:
    """Return the folder that has the arguments.

    A command line that `meticulous reproduce` repeats names the new folder in place of the old one.
    """
    if order is not None and os.path.realpath(folder) == os.path.realpath(order.directory):
        return order.original
    return os.fspath(folder)


def _working_directory(registered: Registered, tree: str) -> str:
    recorded = str(registered.metadata.get("working-directory") or ".")
    directory = os.path.join(tree, recorded)
    return directory if os.path.isdir(directory) else tree


def _placed(target: Mapping[str, Any], tree: str) -> dict[str, Any]:
    """Return a target with the paths that lie in the repository as they are in this tree."""
    return {
        key: os.path.normpath(os.path.join(tree, value))
        if key in ("file", "import-path")
        else value
        for key, value in target.items()
    }


@contextlib.contextmanager
def _in_folder(directory: str) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(directory)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.chdir(before)


@contextlib.contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
