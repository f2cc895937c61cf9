"""What a declared experiment can be told: run, register, begin anew, run without a record."""

from __future__ import annotations

import os
from _collections_abc import Mapping

from meticulous.errors import MeticulousError
from meticulous.experiment.facts import fact
from meticulous.experiment.refusals import show_only_the_message
from meticulous.experiment.signature import ShownSignature

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any, Self

    from meticulous.experiment.declared import Declared
    from meticulous.experiment.experiment import Experiment
    from meticulous.recorder.program.attached import AttachedRecording
    from meticulous.recorder.recording import Recording


class Lifecycle:
    """The part of `Experiment` that concerns subclasses with parameters and a `run`."""

    __module__ = "meticulous.experiment"

    _declared: Declared | None
    _recording: Recording | AttachedRecording | None
    curexpdir: str
    metadata: dict[str, Any]
    norecord: bool

    def __init_subclass__(cls, parameters: str | None = None, **options: Any) -> None:
        """Take up a subclass.

        Args:
            parameters: Which attributes are parameters: "marked" ones, as in the base classes, or
                all "annotated" ones.
            **options: Those of other base classes.
        """
        super().__init_subclass__(**options)
        if cls.__module__ == Lifecycle.__module__:
            return
        if parameters is not None:
            from meticulous.experiment.making import check_switch

            cls._parameters_from = check_switch(cls, parameters)
        from meticulous.experiment.docstring import Docstring

        # What it shows depends on the parameters, and to know them the source must be read.
        cls.__doc__ = Docstring(vars(cls).get("__doc__"))  # type: ignore[assignment]

    _parameters_from = "marked"
    __signature__ = ShownSignature()

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Do the work; subclasses implement it. To have it recorded, call the experiment itself.

        Raises:
            NotRunnableError: The subclass does not implement it.
        """
        from meticulous.experiment.declared import not_runnable

        raise not_runnable(type(self))

    def debug(self) -> None:
        """Prepare for a look at what goes wrong; called by `--debug` before parameters are set.

        Subclasses may, say, choose fewer epochs. It does nothing by default.
        """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the experiment, recorded, and return what `run` returns.

        A second call is a new attempt in the same folder, with the history kept.

        Args:
            *args: Those of `run`, which are not recorded.
            **kwargs: The same.

        Raises:
            NotRunnableError: There is no `run`; nothing is recorded.
            IllegalMoveError: The experiment is running.
            The same errors as the constructor of `Experiment` for an undeclared one.
        """
        from meticulous.experiment.declared import call

        return call(self._itself, args, kwargs)

    def __enter__(self) -> Self:
        if self._declared is not None:
            try:
                self._declared.enter()
            except MeticulousError as error:
                show_only_the_message(error)
                raise
        return self

    @classmethod
    def main(cls, argv: Sequence[str] | None = None) -> Any:
        """Run the experiment as a program: its parameters and our options are on the command line.

        A wrong command line, and what keeps the run from beginning, end the program with one
        message and exit code 2.

        Args:
            argv: The words of the command line; `sys.argv[1:]` by default.

        Returns:
            What `run` returns; the folder with `--register`.
        """
        from meticulous.experiment.program import carry_out

        return carry_out(cls, argv)

    @classmethod
    def parser(cls) -> argparse.ArgumentParser:
        """Return a parser with an option for each parameter, and ours."""
        from meticulous.experiment.program import program_parser

        return program_parser(cls)

    @staticmethod
    def from_function(function: Callable[..., Any]) -> type[Any]:
        """Return the declared experiment that a function is; may be used as a decorator.

        Args:
            function: Its first argument receives the experiment, the others are parameters.

        Raises:
            DeclarationError: The function has no argument for the experiment, or takes `*args` or
                `**kwargs`.
        """
        from meticulous.experiment.functions import experiment_class

        return experiment_class(function)

    def update(self, values: Mapping[str, Any] | None = None, /, **parameters: Any) -> None:
        """Set parameters; dictionaries may be given in part.

        Args:
            values: Names and values.
            **parameters: The same, as keywords.

        Raises:
            UnknownParameterError: There is no such parameter; names the nearest.
            ParameterError: A value has the wrong type.
            FrozenParameterError: The experiment is registered, runs, or has run.
        """
        declared = self._require_declared("update")
        try:
            declared.update({**(values or {}), **parameters})
        except MeticulousError as error:
            show_only_the_message(error)
            raise

    def register(
        self,
        experiments_directory: str | os.PathLike[str] | None = None,
        name: str = "",
        *,
        description: str | None = None,
        tags: Sequence[str] = (),
        header: str = "",
        restart: str | int | None = None,
    ) -> Path:
        """Claim a folder for a later run, with everything that run needs, and return the folder.

        The parameters are frozen from now on. The folder holds `run.sh`, which any scheduler takes.

        Args:
            experiments_directory: Where the folder is made; that of the experiment by default.
            name: A readable name.
            description: What the run is about; that of the experiment by default.
            tags: Words to find it by, besides those of the experiment.
            header: Lines for the beginning of `run.sh`, such as `#SBATCH --time=1:00:00`.
            restart: The id of an experiment to begin anew with its recorded arguments. Without
                such an experiment, the id for the new folder.

        Raises:
            IllegalMoveError: The experiment has a folder already.
            MismatchedArgsException: The one to restart has other arguments than were given here.
            The same errors as `Experiment(args)`.
        """
        from meticulous.experiment.registration import register

        place = None if experiments_directory is None else os.fspath(experiments_directory)
        declared = self._require_declared("register")
        words = (tags,) if isinstance(tags, str) else tuple(tags)
        try:
            return register(
                declared,
                experiments_directory=place,
                name=name,
                description=description,
                tags=words,
                header=header,
                restart=None if restart is None else str(restart),
            )
        except MeticulousError as error:
            show_only_the_message(error)
            raise

    def reset(self) -> None:
        """Register an experiment that has ended for a new attempt; its history is kept.

        Raises:
            IllegalMoveError: It runs, or has no folder.
        """
        from meticulous.experiment.registration import reset

        reset(self._require_declared("reset"))

    def detach(self) -> Self:
        """Have the experiment run without a record, and return it.

        One that is registered runs here without a record, too; its folder stays REGISTERED.

        Raises:
            IllegalMoveError: It runs or has run.
        """
        self._require_declared("detach").detach()
        return self

    @fact
    def status(self) -> str:
        """The word of STATUS; DEFAULT before there is a folder, DETACHED without a record."""
        from meticulous.experiment.shown import status_of

        return status_of(self)

    @fact
    def description(self) -> str:
        """What the run is about."""
        from meticulous.experiment.shown import description_of

        return description_of(self)

    @fact
    def purpose(self) -> str:
        """The description, under the name that it has in xmen."""
        from meticulous.experiment.shown import description_of

        return description_of(self)

    @fact
    def notes(self) -> list[str]:
        """The texts of the notes, the oldest first."""
        from meticulous.experiment.shown import notes_of

        return notes_of(self)

    @fact
    def messages(self) -> dict[str, Any]:
        """The summary as it stands now."""
        from meticulous.experiment.shown import summary_of

        return summary_of(self)

    @fact
    def version(self) -> dict[str, Any]:
        """The code: commit, branch, remote and snapshot, and where the experiment is declared."""
        from meticulous.experiment.shown import version_of

        return version_of(self)

    @fact
    def user(self) -> str | None:
        """Who runs it."""
        return self.metadata.get("user")

    @fact
    def host(self) -> str | None:
        """The machine it runs on."""
        return self.metadata.get("host")

    @fact
    def registered(self) -> str | None:
        """When it was registered: ISO 8601 with offset; None where it was not."""
        from meticulous.experiment.shown import moment_of

        return moment_of(self, "registered-time")

    @fact
    def start(self) -> str | None:
        """When its latest attempt began: ISO 8601 with offset."""
        from meticulous.experiment.shown import moment_of

        return moment_of(self, "start-time")

    @fact
    def stopped(self) -> str | None:
        """When its latest attempt ended: ISO 8601 with offset."""
        from meticulous.experiment.shown import moment_of

        return moment_of(self, "end-time")

    @fact
    def is_debug(self) -> bool:
        """Whether it was started with `--debug`."""
        return self._declared is not None and self._declared.is_debug

    def __copy__(self) -> Self:
        made = type(self).__new__(type(self))
        own = vars(made)
        own.update(vars(self))
        if self._declared is not None:
            own["_declared"] = self._declared.copied_for(made._itself)
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        declared = self.__dict__.get("_declared")
        try:
            if declared is not None and declared.takes(name, value):
                return
        except MeticulousError as error:
            show_only_the_message(error)
            raise
        super().__setattr__(name, value)

    def __str__(self) -> str:
        if self._declared is None:
            return repr(self)
        from meticulous.experiment.shown import text_of

        return text_of(self)

    def _make_declared(self, args: Any, parameters: dict[str, Any]) -> bool:
        """Make this a declared experiment, where it is made without arguments, and say whether."""
        if args is None:
            from meticulous.experiment.making import declare

            try:
                self._declared = declare(self._itself, parameters)
            except MeticulousError as error:
                show_only_the_message(error)
                raise
            return True
        if parameters or type(self).run is not Lifecycle.run:
            from meticulous.experiment.making import check_arguments

            check_arguments(self._itself, parameters)
        return False

    @property
    def _itself(self) -> Experiment:
        from typing import cast

        return cast("Experiment", self)

    def _require_declared(self, what: str) -> Declared:
        if self._declared is None:
            from meticulous.errors import IllegalMoveError

            raise IllegalMoveError(
                f"{what}() is for declared experiments, subclasses with parameters and a run; this "
                "one was given its arguments when it was made, and is recorded since."
            )
        return self._declared
