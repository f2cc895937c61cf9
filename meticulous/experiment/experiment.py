"""Experiment: the object a script holds while it is recorded."""

from __future__ import annotations

import os
from _collections_abc import Mapping  # the public name would load the whole of collections

from meticulous.errors import InvalidOptionError, MeticulousError
from meticulous.experiment.lifecycle import Lifecycle
from meticulous.experiment.refusals import show_only_the_message
from meticulous.experiment.writing import Writing
from meticulous.recorder.arguments.values import Arguments
from meticulous.recorder.place import absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any, Self

    import git

    from meticulous.experiment.declared import Declared
    from meticulous.recorder.program.attached import AttachedRecording
    from meticulous.recorder.recording import Recording

ON_ERROR_CHOICES = ("raise", "continue")


class Experiment(Lifecycle, Writing):
    """One execution of a program, recorded in one numbered folder from now to its end.

    Making the object checks that the code is committed, claims the next folder, writes arguments
    and metadata, and begins to keep the output. The run ends with the process, with the `with`
    block, or with `finish()`, whichever comes first; STATUS then says how.

    A subclass with parameters and a `run` is a declared experiment. It is made from its parameters
    (`Train(lr=0.2)`), and recorded when it is called, by `main()`, or by a `with` block.

    Args:
        args: The arguments of the program, a mapping or a namespace; none for a declared
            experiment, whose arguments are its parameters.
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
        parameters: Of a declared experiment: values that are not to be the defaults. `purpose` is
            another word for `description` here.

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

    __module__ = "meticulous.experiment"

    def __init__(
        self,
        args: Mapping[str, Any] | argparse.Namespace | None = None,
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
        **parameters: Any,
    ) -> None:
        if on_error not in ON_ERROR_CHOICES:
            raise InvalidOptionError(
                f"on_error={on_error!r} is not known; choose 'raise' or 'continue'."
            )
        self._declared: Declared | None = None
        self._recording: Recording | AttachedRecording | None = None
        self._on_error = on_error
        self._settings: dict[str, Any] = {
            "experiments_directory": os.fspath(experiments_directory),
            "experiment_id": None if experiment_id in (None, "") else str(experiment_id),
            "description": description,
            "dirty": dirty,
            "capture": capture,
            "tags": tags,
        }
        self.args = _as_arguments(args if args is not None else {})
        self.default_args = _as_arguments(default_args if default_args is not None else {})
        self.norecord = norecord
        self.curexpdir = "."
        self.metadata: dict[str, Any] = {}
        try:
            self.project_directory = absolute(project_directory)
        except MeticulousError as error:
            show_only_the_message(error)
            raise
        self.experiments_directory = os.path.join(
            self.project_directory, os.path.expanduser(os.fspath(experiments_directory))
        )
        self.repo_directory: str | None = None
        if self._make_declared(args, parameters) or norecord:
            return
        self._settings["tags"] = (tags,) if isinstance(tags, str) else tags
        try:
            self._take(self._begin())
        except MeticulousError as error:
            show_only_the_message(error)
            raise

    def _begin(self) -> Recording | AttachedRecording:
        from meticulous.recorder.beginning import begin

        return begin(
            self.args,
            self.default_args,
            project_directory=self.project_directory,
            **self._settings,
        )

    def _take(self, recording: Recording | AttachedRecording) -> None:
        """Hold a recording that has begun."""
        self._recording = recording
        self.curexpdir = self._recording.writer.paths.directory
        self.experiments_directory = os.path.dirname(self.curexpdir)
        self.metadata = self._recording.writer.metadata
        self.repo_directory = self._recording.repository

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
            show_only_the_message(error)
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

    def __repr__(self) -> str:
        name = type(self).__name__
        if self._recording is None:
            return f"<{name}, not recorded>" if self._declared is None else self._declared.shown
        return f"<{name} {self.curexpdir} {self._recording.state}>"

    def _repr_html_(self) -> str:
        from meticulous.reader.display import recording_html

        return recording_html(repr(self), self.curexpdir if self._recording is not None else None)


def _as_arguments(args: Mapping[str, Any] | argparse.Namespace) -> Arguments:
    return Arguments(args if isinstance(args, Mapping) else vars(args))
