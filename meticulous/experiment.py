"""Experiment: the object a script holds while it is recorded."""

from __future__ import annotations

import builtins
import os
import sys
from _collections_abc import Mapping  # the public name would load the whole of collections

from meticulous.errors import (
    DirtyRepoException,
    InvalidOptionError,
    MeticulousError,
    MismatchedArgsException,
    MismatchedCommitException,
)
from meticulous.recorder.arguments.values import Arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import IO, Any, Self

    import git

    from meticulous.recorder.ending.outcome import Ending
    from meticulous.recorder.program.attached import AttachedRecording
    from meticulous.recorder.recording import Recording

__all__ = [
    "DirtyRepoException",
    "Experiment",
    "MismatchedArgsException",
    "MismatchedCommitException",
]

ON_ERROR_CHOICES = ("raise", "continue")


class Experiment:
    """One execution of a program, recorded in one numbered folder from now to its end.

    Making the object checks that the code is committed, claims the next folder, writes arguments
    and metadata, and begins to keep the output. The run ends with the process, with the `with`
    block, or with `finish()`, whichever comes first; STATUS then says how.

    Args:
        args: The arguments of the program, a mapping or a namespace.
        default_args: What they would have been by default; lists show only what differs.
        project_directory: A folder in the git repository of the program's code; the repository
            is searched upwards from here. The working directory by default.
        experiments_directory: Holds the numbered folders; relative to the project directory, made
            with its parents when missing. An absolute one may lie outside the repository. From
            inside an experiments directory the same name means that one.
        experiment_id: A chosen name instead of the next number. A folder of that name is resumed
            if its arguments and commit are the same.
        description: Free text about the run.
        norecord: Do nothing: no disk, no git, no capture; every method still works.
        dirty: With uncommitted changes, "refuse" to start, or keep a "snapshot" of the working
            tree that no branch shows.
        capture: Keep the output of the process and its children at the file descriptors ("fd"),
            of Python's `sys.stdout` and `sys.stderr` only ("sys"), or not at all ("none"). None
            chooses "fd" where the descriptors are the real output, and "sys" elsewhere.
        on_error: What the end of a `with` block does with an exception once it is recorded:
            "raise" lets it go on its way, "continue" ends it there, so that a loop proceeds.
            KeyboardInterrupt and SystemExit always go on their way.
        tags: Words to find the run by.

    Raises:
        DirtyRepoException: There are uncommitted changes; lists them and the ways out.
        GitError: No repository, no commit, or git refuses it; each case has its own class.
        ExperimentsDirectoryError: The folder cannot be made or written; nothing is left behind.
        InvalidExperimentIdError: `experiment_id` cannot name a folder.
        InvalidOptionError: An option has a value that is not known.
        MismatchedArgsException: The experiment to resume had other arguments.
        MismatchedCommitException: The experiment to resume ran from another commit or snapshot.
        ExperimentRunningError: The experiment to resume is still running.
    """

    def __init__(
        self,
        args: Mapping[str, Any] | argparse.Namespace,
        default_args: Mapping[str, Any] | argparse.Namespace | None = None,
        project_directory: str | os.PathLike[str] = "",
        experiments_directory: str | os.PathLike[str] = "experiments",
        experiment_id: str | int | None = None,
        description: str = "",
        norecord: bool = False,
        *,
        dirty: str = "refuse",
        capture: str | None = None,
        on_error: str = "raise",
        tags: Sequence[str] = (),
    ) -> None:
        if on_error not in ON_ERROR_CHOICES:
            raise InvalidOptionError(
                f"on_error={on_error!r} is not known; choose 'raise' or 'continue'."
            )
        self.args = _as_arguments(args)
        self.default_args = _as_arguments(default_args if default_args is not None else {})
        self.norecord = norecord
        self.curexpdir = "."
        self.metadata: dict[str, Any] = {}
        self.project_directory = os.path.abspath(project_directory)
        self.experiments_directory = os.path.join(
            self.project_directory, os.path.expanduser(os.fspath(experiments_directory))
        )
        self.repo_directory: str | None = None
        self._on_error = on_error
        self._recording: Recording | AttachedRecording | None = None
        if norecord:
            return
        try:
            self._recording = self._begin(
                experiments_directory=os.fspath(experiments_directory),
                experiment_id=None if experiment_id in (None, "") else str(experiment_id),
                description=description,
                dirty=dirty,
                capture=capture,
                tags=(tags,) if isinstance(tags, str) else tags,
            )
        except MeticulousError as error:
            _show_only_the_message(error)
            raise
        self.curexpdir = self._recording.writer.paths.directory
        self.experiments_directory = os.path.dirname(self.curexpdir)
        self.metadata = self._recording.writer.metadata
        self.repo_directory = self._recording.repository

    def _begin(self, *, capture: str | None, **settings: Any) -> Recording | AttachedRecording:
        from meticulous.recorder.program.attached import attach
        from meticulous.recorder.reproduction import next_ordinal

        ordinal = next_ordinal()
        attached = attach(self.args, self.default_args, self.project_directory, settings)
        if attached is not None:
            return attached
        from meticulous.recorder.ending.signals import held
        from meticulous.recorder.opening import Plan, open_record
        from meticulous.recorder.output.capture import check_capture
        from meticulous.recorder.recording import Recording

        check_capture(capture)
        plan = Plan(
            self.args,
            self.default_args,
            project_directory=self.project_directory,
            command=sys.argv,
            original_command=sys.orig_argv,
            main_script=_main_script(),
            ordinal=ordinal,
            **settings,
        )
        with held():
            recording = Recording(open_record(plan), capture)
            recording.start()
        return recording

    @staticmethod
    def add_argument_group(
        parser: argparse.ArgumentParser,
        project_directory: str = "",
        experiments_directory: str = "experiments",
        experiment_id: str | None = None,
        description: str = "",
        norecord: bool = False,
        *,
        dirty: str = "refuse",
        capture: str | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        """Offer the recorder's options on a program's parser, as a group of their own.

        An option the parser has already stays the program's; ours is then offered as
        `--meticulous-NAME`. Ours are accepted after a subcommand too. Call it when the parser is
        complete; a second call only sets the defaults anew.

        Args:
            parser: The program's parser, any argparse parser.
            project_directory: Default of `--project-directory`.
            experiments_directory: Default of `--experiments-directory`.
            experiment_id: Default of `--experiment-id`.
            description: Default of `--description`.
            norecord: Default of `--norecord`.
            dirty: Default of `--dirty`.
            capture: Default of `--capture`.
            tags: Tags of every run; those given with `--tag` are added.
        """
        from meticulous.recorder.arguments.options import offer_options

        defaults = {
            "project_directory": project_directory,
            "experiments_directory": experiments_directory,
            "experiment_id": experiment_id,
            "description": description,
            "norecord": norecord,
            "dirty": dirty,
            "capture": capture,
            "tags": tags,
        }
        offer_options(parser, defaults)

    @staticmethod
    def extract_meticulous_args(
        parser: argparse.ArgumentParser, arg_list: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Parse the command line and return only the recorder's options, by parameter name.

        Args:
            parser: A parser that `add_argument_group` has seen.
            arg_list: The command line; `sys.argv[1:]` by default.
        """
        from meticulous.recorder.arguments.parsing import extract_meticulous_args

        return extract_meticulous_args(parser, arg_list)

    @classmethod
    def from_parser(
        cls,
        parser: argparse.ArgumentParser,
        arg_list: Sequence[str] | None = None,
        capture_defaults: bool = True,
        *,
        known_args: bool = False,
        **overrides: Any,
    ) -> Self:
        """Parse the command line and begin recording a run with these arguments.

        The parser and the namespaces it returns are not changed: the program may parse again.

        Args:
            parser: The program's parser; options of ours on it are obeyed.
            arg_list: The command line; `sys.argv[1:]` by default.
            capture_defaults: Whether to record the defaults of the parser's definition.
            known_args: Tolerate words the parser does not know, as `parse_known_args` does.
            **overrides: Parameters of the constructor. They take the place of the parser's
                defaults; what was given on the command line stands.

        Raises:
            The same errors as the constructor. A wrong command line ends the program as argparse
            does.
        """
        from meticulous.recorder.arguments.options import without_defaults
        from meticulous.recorder.arguments.parsing import read_parser

        parsed = read_parser(
            parser,
            arg_list,
            unknown="keep" if known_args else "error",
            capture_defaults=capture_defaults,
        )
        given = without_defaults(parser, parsed.options)
        try:
            return cls(parsed.args, parsed.default_args, **{**parsed.options, **overrides, **given})
        except MeticulousError as error:
            _show_only_the_message(error)
            raise

    @property
    def directory(self) -> Path:
        """The folder of this run; the working directory when nothing is recorded."""
        from pathlib import Path

        return Path(self.curexpdir)

    @property
    def repo(self) -> git.Repo | None:
        """The repository as a `git.Repo` of GitPython; None when nothing is recorded."""
        if self.repo_directory is None:
            return None
        from meticulous.git.repository import open_repository

        return open_repository(self.repo_directory)

    def summary(self, summary_dict: Mapping[str, Any] | None = None, /, **values: Any) -> None:
        """Merge results that stand for the run into summary.json.

        Args:
            summary_dict: Names and values; what was there under the same name is replaced.
            **values: The same, as keywords.
        """
        if self._recording is not None:
            self._recording.writer.add_summary({**(summary_dict or {}), **values})

    def log(
        self,
        values: Mapping[str, Any] | None = None,
        /,
        *,
        step: float | None = None,
        time: float | None = None,
        **metrics: Any,
    ) -> None:
        """Append one line of metrics to metrics.jsonl; it is on disk when this returns.

        Args:
            values: Names and values; "step" and "time" in it mean the same as the keywords.
            step: Where in the run this is; one more than the last step by default.
            time: When, in seconds since the epoch; now by default.
            **metrics: The same as `values`, as keywords.
        """
        if self._recording is not None:
            if values is not None:
                metrics = {**values, **metrics}
                step, time = metrics.pop("step", step), metrics.pop("time", time)
            self._recording.writer.log(metrics, step, time)

    def note(self, text: str) -> None:
        """Append a remark to notes.jsonl, with the time and your name."""
        if self._recording is not None:
            self._recording.writer.add_note(str(text))

    def add_input(self, path: str | os.PathLike[str]) -> None:
        """Declare a file, or all files of a folder, as inputs of this run.

        What Python opens is found without that; libraries that open files themselves are not seen.

        Args:
            path: Relative to the working directory.

        Raises:
            InputNotFoundError: There is no such file or folder.
        """
        if self._recording is not None:
            from meticulous.recorder.files.declaring import input_lines

            self._declare(input_lines(os.fsdecode(path)))

    def add_output(self, path: str | os.PathLike[str]) -> None:
        """Declare a file, or all files of a folder, as outputs of this run.

        Args:
            path: Relative to the working directory. It may appear later; where it is not there at
                the end, a warning says so.
        """
        if self._recording is not None:
            from meticulous.recorder.files.declaring import output_lines

            self._declare(output_lines(os.fsdecode(path)))

    def _declare(self, lines: list[bytes]) -> None:
        if self._recording is not None:
            from meticulous.recorder.files.tracker import append

            writer = self._recording.writer
            with writer.tolerating("a declared file"):
                append(writer.paths.directory, lines)

    def seed_everything(self, seed: int | None = None, *, deterministic: bool = False) -> int:
        """Seed `random`, numpy and torch (all devices), now or as soon as they are imported.

        Generators that the program makes for itself need the seed that is returned.

        Args:
            seed: From 0 to 4294967295; by default the operating system draws one.
            deterministic: Also ask torch for algorithms that give the same numbers each time.

        Returns:
            The seed, which is recorded.

        Raises:
            InvalidOptionError: `seed` is no such integer.
        """
        from meticulous.recorder.randomness.seeding import seed_everything

        return seed_everything(seed, deterministic, self._recording)

    def open(
        self, file: str | os.PathLike[str] | int, mode: str = "r", *args: Any, **kwargs: Any
    ) -> IO[Any]:
        """Open a file as the built-in `open` does, with relative paths in the run's folder.

        Folders in between are made when the file is to be written.
        """
        if self._recording is not None and not isinstance(file, int):
            file = self._recording.writer.paths.path(os.fspath(file))
            if mode[:1] in ("w", "a", "x"):
                os.makedirs(os.path.dirname(file), exist_ok=True)
        return builtins.open(file, mode, *args, **kwargs)

    def finish(self, status: str = "SUCCESS", reason: str = "") -> None:
        """End the recording now; the program goes on. Later calls do nothing.

        Args:
            status: The word for STATUS: SUCCESS, ERROR, INTERRUPTED, KILLED, TIMEOUT, REQUEUED.
            reason: What STATUS shall say besides.

        Raises:
            InvalidOptionError: `status` is none of these words.
        """
        from meticulous.folder.status import FINAL, UNKNOWN

        words = [word for word in FINAL if word != UNKNOWN]
        if status not in words:
            raise InvalidOptionError(
                f"status={status!r} does not end a run; choose one of {', '.join(words)}."
            )
        from meticulous.recorder.ending.outcome import Ending

        self._finish(Ending(status, reason))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        from meticulous.folder.status import SUCCESS
        from meticulous.recorder.ending.outcome import Ending, by_exception

        ending = Ending(SUCCESS) if exception is None else by_exception(exception)
        if not isinstance(exception, SystemExit):
            # The process goes on; how it ends is another matter.
            ending.exit_code = None
        self._finish(ending)
        return self._on_error == "continue" and isinstance(exception, Exception)

    def _finish(self, ending: Ending) -> None:
        if self._recording is not None:
            self._recording.finish(ending)

    def __repr__(self) -> str:
        if self._recording is None:
            return "<Experiment, not recorded>"
        return f"<Experiment {self.curexpdir} {self._recording.state}>"

    def _repr_html_(self) -> str:
        from meticulous.reader.display import recording_html

        return recording_html(repr(self), self.curexpdir if self._recording is not None else None)


def _as_arguments(args: Mapping[str, Any] | argparse.Namespace) -> Arguments:
    return Arguments(args if isinstance(args, Mapping) else vars(args))


def _show_only_the_message(error: MeticulousError) -> None:
    """Leave of a traceback what is the program's: a refusal is about that, not about our code."""
    if "METICULOUS_DEBUG" not in os.environ:
        error.__traceback__ = None
        error.__cause__ = None


def _main_script() -> str | None:
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return os.path.abspath(file) if isinstance(file, str) else None
