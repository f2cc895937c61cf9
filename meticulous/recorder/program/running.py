"""Record any program: start it with its output in the run's files, wait, and write how it ended."""

from __future__ import annotations

import os
import signal
import sys

from meticulous.errors import TIME_LIMIT_CODE, MeticulousError, ProgramNotFoundError
from meticulous.folder import allocation, layout, liveness, status
from meticulous.folder.liveness import HEARTBEAT_SECONDS
from meticulous.folder.writing import file_behind
from meticulous.recorder import opening, provenance, spelling
from meticulous.recorder.arguments.words import parse_words
from meticulous.recorder.attempt import Attempt
from meticulous.recorder.ending.out_of_memory import OutOfMemoryCounter
from meticulous.recorder.ending.outcome import (
    Ending,
    by_exit_code,
    by_signal,
    signal_number,
)
from meticulous.recorder.files import sealing
from meticulous.recorder.output.forks import fork_lock
from meticulous.recorder.output.watch import Watch
from meticulous.recorder.program import attached
from meticulous.recorder.program.command import Command
from meticulous.recorder.program.startable import check_startable
from meticulous.recorder.program.streams import ProgramStreams
from meticulous.recorder.reproduction import find_order
from meticulous.recorder.writer import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from meticulous.recorder.opening import OpenRecord

_PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT", "SIGXCPU")

_SENT_BY_KERNEL = 128
"""`si_code` of a signal that a terminal sent to the whole process group (SI_KERNEL)."""


class RecordedProgram:
    """A program that runs as a child of this process and is recorded in a folder.

    Args:
        command: The program.
        record: The opened record.
        keeps_args: Whether the arguments are known already, and not to be had from the program.
    """

    def __init__(self, command: Command, record: OpenRecord, *, keeps_args: bool = False) -> None:
        self.command = command
        self.record = record
        self.writer = record.writer
        self.pid = -1
        self._keeps_args = keeps_args
        self._handed_over: dict[str, Any] = {}
        self._saw_interrupt = False
        self._watch = Watch(self._tick, self.writer.beat, HEARTBEAT_SECONDS, fork_lock)

    def start(self) -> None:
        """Start the program; STATUS says RUNNING.

        Raises:
            ExperimentsDirectoryError: A file of the record cannot be written.
            ProgramNotFoundError: The system cannot execute the program.
        """
        from meticulous.recorder.environment.collector import start_collecting

        directory = self.writer.paths.directory
        try:
            # Of a recorder that was killed; the program would be taken for the one of then.
            attached.remove_messages(directory)
            self._streams = ProgramStreams(self.writer)
            self._begin_to_see_files()
            self._memory = OutOfMemoryCounter()
            self._spawn()
        except OSError as error:
            if self.record.is_new:
                opening.discard(directory)
            if isinstance(error, MeticulousError):
                raise
            raise allocation.cannot_write(os.path.dirname(directory), error) from error
        self._note_start()
        self._collector = None
        if not self.command.takes_hook:
            self._collector = start_collecting(directory, self.writer.gate)
        self._watch.start()

    def _begin_to_see_files(self) -> None:
        from meticulous.recorder.files import declaring, standard_input, tracker

        directory = self.writer.paths.directory
        tracker.create(directory)
        standard_input.note_standard_input(directory)
        if not self.command.takes_hook and not self.command.is_isolated:
            # The script that an interpreter carries out is code.
            script = self.command.main_file
            words = [w for w in self.command.arguments if os.path.abspath(w) != script]
            declaring.note_arguments(directory, words)

    def wait(self) -> Ending:
        """Pass signals on until the program ends, write the end of the record and return it."""
        ending = self._wait_for_end()
        self._watch.stop()
        self._take_in()
        # First, for it makes room for the end of the record.
        self._streams.keep(_may_go_on)
        self._write_end(ending)
        # Last, for a reader may take any time, and the program has ended.
        self._streams.show(_may_go_on)
        self._describe_surroundings()
        return ending

    def _describe_surroundings(self) -> None:
        """See that the surroundings are described; a Python program does that itself."""
        from meticulous.recorder.environment.collector import start_collecting

        if self._collector is None and "python" not in self._handed_over:
            self._collector = start_collecting(self.writer.paths.directory, self.writer.gate)
        if self._collector is not None and self._collector.must_wait:
            self._collector.finished(10.0)

    def _spawn(self) -> None:
        # The program starts with the signals as we found them. Python ignores two that others do
        # not, and ignored signals would be inherited.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _waited_for())
        # Ignored, as some daemons leave it to us, the end of a child would tell nothing.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        default = [signal.SIGPIPE, signal.SIGXFSZ]
        actions = [(os.POSIX_SPAWN_DUP2, sink, n) for n, sink in enumerate(self._streams.sinks, 1)]
        try:
            self.pid = os.posix_spawn(
                self.command.executable,
                self.command.words,
                self._environment(),
                file_actions=actions,
                setsigmask=mask,
                setsigdef=default,
            )
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            raise _cannot_execute(self.command, error) from error
        self._streams.begin()

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        environment[layout.EXPERIMENT_VARIABLE] = self.writer.paths.directory
        environment[layout.RUN_VARIABLE] = self.writer.paths.directory
        environment[layout.RECORDER_VARIABLE] = attached.introduce_recorder()
        environment[layout.REPOSITORY_VARIABLE] = self.record.code.directory
        if self.command.is_isolated:
            return environment
        # The Python programs that another one starts tell which files they open.
        hook = os.path.join(os.path.dirname(os.path.abspath(__file__)), "on_start")
        before = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = hook if before is None else hook + os.pathsep + before
        if self.command.takes_hook:
            told = [name for n, name in ((1, "stdout"), (2, "stderr")) if os.isatty(n)]
            if _are_joined():
                told.append(attached.JOINED)
            environment[layout.TERMINALS_VARIABLE] = ",".join(told)
        return environment

    def _note_start(self) -> None:
        self.writer.metadata.update(liveness.identify(self.pid))
        self.writer.metadata.update(liveness.identify_recorder())
        self._attempt = Attempt(self.writer.metadata)
        # The program has begun: nothing may hold it up any more.
        with self.writer.tolerating("the metadata"):
            self.writer.write_metadata()
        with self.writer.tolerating("STATUS"):
            self.writer.write_status(status.RUNNING)

    def _wait_for_end(self) -> Ending:
        waited_for = _waited_for()
        while True:
            done, code = os.waitpid(self.pid, os.WNOHANG)
            if done:
                return self._ending(code)
            number, from_terminal = _next_signal(waited_for)
            if number == signal.SIGINT:
                self._saw_interrupt = True
            # What a terminal sends reaches the program as well.
            is_known = from_terminal and not (number == signal.SIGHUP and _leads_session())
            if number != signal.SIGCHLD and not is_known:
                os.kill(self.pid, number)

    def _ending(self, wait_status: int) -> Ending:
        code = os.waitstatus_to_exitcode(wait_status)
        if code < 0:
            ending = by_signal(-code)
            if ending.signal == "SIGKILL" and self._memory.has_grown():
                ending.reason += (
                    "\nthe memory limit of the control group was reached (out of memory)"
                )
            return ending
        if code == 128 + signal.SIGINT and self._saw_interrupt:
            return Ending(status.INTERRUPTED, f"exit code {code}", exit_code=code)
        return by_exit_code(code)

    def _write_end(self, ending: Ending) -> None:
        writer = self.writer
        declared = self._handed_over.get("ending")
        is_orderly = ending.exit_code == 0 or _is_time_over(ending, declared)
        if is_orderly and declared:
            ending.status, ending.reason = declared["status"], declared["reason"]
            if ending.status == status.TIMEOUT:
                ending.signal = declared.get("signal")
        for message in self._handed_over.get("warnings", []):
            # The program's account begins with what it found in the metadata.
            if message not in writer.metadata.get("warnings", ()):
                writer.metadata.setdefault("warnings", []).append(message)
        files = self._handed_over.get("loaded", [])
        provenance.note_loaded_code(writer, self.record, files, self._attempt.started)
        self._attempt.end(ending)
        repository = self.record.code.directory
        sealing.write_files(writer, repository, files, _may_go_on, ending.signal is not None)
        with writer.tolerating("the final metadata"):
            writer.write_metadata()
        sealing.write_sums(writer, writer.status_content(ending.status, ending.reason))
        with writer.tolerating("the final STATUS"):
            writer.write_status(ending.status, ending.reason)
        attached.remove_messages(writer.paths.directory)

    def _tick(self, elapsed: float) -> bool:
        self._take_in()
        self._streams.listen()
        return False

    def _take_in(self) -> None:
        """Take in what the program hands over about itself."""
        directory = self.writer.paths.directory
        try:
            handed_over = attached.take_in(directory)
        except (OSError, ValueError) as error:
            message = f"what the program tells in {directory} could not be read: {error}"
            self.writer.warn("the program's own account", message)
            return
        if handed_over is None:
            return
        news = {**self._handed_over, **handed_over}
        previous, self._handed_over = self._handed_over, news
        keys = ("args", "default_args", "description", "tags", "python", "seed", "randomness")
        if any(news.get(key) != previous.get(key) for key in keys):
            self._apply(news)

    def _apply(self, news: dict[str, Any]) -> None:
        writer = self.writer
        if news.get("python"):
            writer.metadata["python"] = news["python"]
        writer.metadata.update({k: news[k] for k in ("seed", "randomness") if k in news})
        if news.get("description"):
            writer.metadata["description"] = news["description"]
        tags = [*writer.metadata["tags"], *news.get("tags", [])]
        writer.metadata["tags"] = list(dict.fromkeys(tags))
        args, defaults = news.get("args"), news.get("default_args")
        with writer.tolerating("the program's arguments"):
            if args is not None and not self._keeps_args:
                writer.gate.learn(args)
                writer.write_args(args, defaults)
            writer.write_metadata()


def run_program(words: Sequence[str], **settings: Any) -> Ending:
    """Run a command line to its end, recorded, and return how it ended.

    Args:
        words: The program and its arguments.
        **settings: Parameters of `Plan`: `experiments_directory`, `description`, `dirty`, ...

    Raises:
        ProgramNotFoundError: The program or its script cannot be started; nothing is recorded.
        MeticulousError: Any error of `open_record`.
    """
    command = Command(words)
    check_startable(command)
    order = find_order()
    registered = None if order is None else order.registered_args(command.words)
    plan = opening.Plan(
        *(registered or (parse_words(command.arguments), {})),
        command=command.words,
        original_command=sys.orig_argv,
        main_script=command.main_file,
        resume_by="command",
        ordinal=0,
        spell=spelling.before_command(command.words),
        **settings,
    )
    record = opening.open_record(plan)
    if record.place.remark:
        say(record.place.remark)
    program = RecordedProgram(command, record, keeps_args=registered is not None)
    if registered is not None:
        os.environ[layout.ARGS_VARIABLE] = record.writer.paths.path(layout.ARGS)
    program.start()
    ending = program.wait()
    if ending.status == status.TIMEOUT:
        from meticulous.recorder.ending import requeue

        if requeue.is_wanted(record.writer.paths.directory):
            requeue.requeue(record.writer.paths.directory)
    return ending


def replace_process(words: Sequence[str]) -> NoReturn:
    """Become the program, without a record.

    Raises:
        ProgramNotFoundError: There is no such program.
    """
    command = Command(words)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execv(command.executable, command.words)  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise _cannot_execute(command, error) from error


def leave_like(ending: Ending) -> int:
    """Return the exit code of the recorded program, or die of the signal that ended it."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        # Nothing can be told there. The interpreter would try again, and exit with another code.
        sys.stderr = None
    if ending.signal is None or ending.exit_code is not None:
        return ending.exit_code or 0
    import resource

    number = signal_number(ending.signal)
    # The program has left its core file, if it was to leave one; ours would say nothing.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    return 128 + number


def _cannot_execute(command: Command, error: OSError) -> ProgramNotFoundError:
    return ProgramNotFoundError(
        f"{command.words[0]!r} cannot be run: {error.strerror}. Is it a program for this machine, "
        "or a script with a first line such as `#!/bin/sh`?"
    )


def _is_time_over(ending: Ending, declared: dict[str, Any] | None) -> bool:
    """Say whether the program left because it was told at a safe point that its time is over."""
    is_told = declared is not None and declared["status"] == status.TIMEOUT
    return is_told and ending.exit_code == TIME_LIMIT_CODE


def _waited_for() -> list[signal.Signals]:
    names = (*_PASSED_ON, "SIGCHLD")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _are_joined() -> bool:
    """Say whether standard output and standard error lead to one place."""
    return file_behind(1) == file_behind(2) is not None


def _leads_session() -> bool:
    """Say whether we lead a session, and so are told alone that its terminal has been closed."""
    return os.getsid(0) == os.getpid()


def _may_go_on() -> bool:
    """Say whether nobody has sent a signal that is passed on, now that the program is gone."""
    passed_on = {getattr(signal, name) for name in _PASSED_ON if hasattr(signal, name)}
    return not passed_on & signal.sigpending()


def _next_signal(waited_for: list[signal.Signals]) -> tuple[int, bool]:
    """Wait for a signal; say which it is and whether a terminal sent it to all of us."""
    if hasattr(signal, "sigwaitinfo"):
        information = signal.sigwaitinfo(waited_for)
        return information.si_signo, information.si_code == _SENT_BY_KERNEL
    number = signal.sigwait(waited_for)
    return number, number in (signal.SIGINT, signal.SIGQUIT)
