"""Every exception a caller may catch, under `MeticulousError`.

Each class is one situation. Its message says what happened, on what, and what to do now.
A class that a caller would expect to be a built-in exception also derives from it.
`TimeLimitReached` alone is no error.
"""

from __future__ import annotations

TIME_LIMIT_CODE = 138
"""Exit code of a program that ends because its time is over: 128 and 10, SIGUSR1 on Linux."""


class MeticulousError(Exception):
    """The root of all errors raised by this package on purpose."""


class GitError(MeticulousError, RuntimeError):
    """Git answered with an error that has no class of its own; the message quotes it."""


class GitNotInstalledError(GitError):
    """No `git` program can be found on PATH."""


class NoRepositoryError(GitError):
    """The project directory does not lie in a git repository."""


class BareRepositoryError(GitError):
    """The repository has no working tree, so there is no code to record."""


class NoCommitsError(GitError):
    """The repository has no commit yet, so there is nothing to tie an experiment to."""


class UnsafeRepositoryError(GitError):
    """Git refuses the repository because somebody else owns it (safe.directory)."""


class CommitNotFoundError(GitError, LookupError):
    """A recorded commit or snapshot is not in the repository (any more)."""


class DirtyRepoException(MeticulousError, RuntimeError):
    """The working tree differs from the commit; recording its sha would be a lie."""


class SnapshotError(GitError):
    """The working tree cannot be kept as a snapshot."""


class MismatchedArgsException(MeticulousError, ValueError):
    """An existing experiment was to be resumed with other arguments."""


class MismatchedCommitException(MeticulousError, ValueError):
    """An existing experiment was to be resumed from another commit or snapshot."""


class ExperimentRunningError(MeticulousError, RuntimeError):
    """An experiment that is still running was to be resumed or removed."""


class InvalidExperimentIdError(MeticulousError, ValueError):
    """An experiment id is not one plain path component."""


class InvalidOptionError(MeticulousError, ValueError):
    """A parameter of the recorder has a value it cannot take."""


class ExperimentsDirectoryError(MeticulousError, OSError):
    """The experiments directory, or a folder in it, cannot be created, read or written."""


class ExperimentNotFoundError(MeticulousError, LookupError):
    """No experiment has the requested id."""


class ExperimentFileNotFoundError(MeticulousError, FileNotFoundError):
    """The folder of an experiment holds no file of the requested name."""


class UnreadableRecordError(MeticulousError, ValueError):
    """A file of a record cannot be understood, or was written by a newer version."""


class InvalidQueryError(MeticulousError, ValueError):
    """A choice of experiments (a filter, a condition, a time, a status) cannot be understood."""


class InvalidToleranceError(MeticulousError, ValueError):
    """A text that is to say how far results may be off has none of the forms of a tolerance."""


class UnknownColumnError(MeticulousError, LookupError):
    """No experiment has a value of this name, or several values could be meant."""


class ExportError(MeticulousError, OSError):
    """A table, a plot or a crate cannot be written to where it was meant to be."""


class MissingExtraError(MeticulousError, ImportError):
    """A package that is only needed for this one thing is not installed."""


class InputNotFoundError(MeticulousError, FileNotFoundError):
    """A file or folder that was declared as an input does not exist."""


class ProgramNotFoundError(MeticulousError, FileNotFoundError):
    """The program that `meticulous run` was asked to record cannot be started."""


class EnvironmentMismatchError(MeticulousError, RuntimeError):
    """The present packages are not the recorded ones, and they were to match."""


class EnvironmentUnavailableError(MeticulousError, OSError):
    """The recorded surroundings cannot be made again, as far as was asked for."""


class CheckoutError(GitError):
    """The recorded code cannot be put into a private worktree."""


class NoRoomError(MeticulousError, OSError):
    """The disk has no room for a private worktree, the inputs in it, or what is imported."""


class NothingToReproduceError(MeticulousError, ValueError):
    """The experiment has no end that could be reproduced: it still runs, or has not begun."""


class CannotReproduceError(MeticulousError, RuntimeError):
    """The recorded program cannot be run again; the message says why and what would help."""


class InvalidYamlError(MeticulousError, ValueError):
    """A text is not YAML, or not the plain data that is asked for."""


class InvalidSweepError(MeticulousError, ValueError):
    """The text of a sweep does not say which experiments are meant."""


class DeclarationError(MeticulousError, TypeError):
    """A class or function does not say which parameters it has in a way that can be understood."""


class ParameterError(MeticulousError, ValueError):
    """A parameter has no value, or one that it cannot have."""


class UnknownParameterError(ParameterError, LookupError):
    """A value is given for a parameter that was not declared."""


class TargetError(MeticulousError, LookupError):
    """A text names nothing that can be loaded and carried out, or its module fails in loading."""


class FrozenParameterError(MeticulousError, AttributeError, ValueError):
    """A parameter was to change after registration, or a fact of the record was to be set."""


class IllegalMoveError(MeticulousError, RuntimeError):
    """An experiment was to pass from one status to another that cannot follow it."""


class ExperimentClaimedError(MeticulousError, RuntimeError):
    """A registered experiment is carried out by another process already."""


class NotRunnableError(MeticulousError, NotImplementedError):
    """A declared experiment without `run` was to be run."""


class TimeLimitReached(SystemExit):
    """The time of a run is over, and this is a safe point: save what there is, and let it pass.

    It is a request and no error, so neither `except Exception` nor `except MeticulousError` takes
    it. Where it leaves the program, the process ends with exit code 138, as a shell calls the end
    by SIGUSR1.
    """

    def __init__(self, code: int = TIME_LIMIT_CODE) -> None:
        super().__init__(code)

    def __str__(self) -> str:
        return "the time of the run is over (SIGUSR1)"


class HeaderError(MeticulousError, OSError):
    """The lines for the head of run.sh cannot be read."""


class ConfirmationNeededError(MeticulousError, ValueError):
    """So much was asked for that somebody has to say that it is meant."""


class NotRegisteredError(MeticulousError, ValueError):
    """An experiment is to be launched or changed as a registered one, and is none."""


class SettingError(MeticulousError, ValueError):
    """A setting does not exist, has a value it cannot have, or cannot be read or written."""
