"""Sets from Python: `register` and `launch` do what the commands of these names do."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from meticulous.errors import InvalidOptionError
from meticulous.sweep import code_choices
from meticulous.sweep.tree import AnyOf, Sweep, sweep_of

if TYPE_CHECKING:
    from meticulous.reader.experiment_reader import ExperimentReader
    from meticulous.reader.record import Record
    from meticulous.sweep.choosing import Choice
    from meticulous.sweep.launching import Outcome
    from meticulous.sweep.submitting import Submitter

Alternatives = str | os.PathLike[str] | Mapping[str, Any]
"""A sweep: its text, the path of a YAML file, or names and values."""


def any_of(*values: Any) -> AnyOf:
    """Return what `|` means in the text of a sweep: one of several values.

    `{"lr": any_of(0.1, 0.2)}` stands for two experiments.

    Args:
        *values: At least one; they may be lists and mappings that hold alternatives themselves.

    Raises:
        ValueError: There is none.
    """
    if not values:
        raise ValueError("any_of() needs at least one value to choose from.")
    return AnyOf(values)


def register(
    target: str | Callable[..., Any],
    sweep: Alternatives | Sequence[Alternatives] = (),
    *,
    repeats: int = 1,
    purpose: str = "",
    tags: Sequence[str] = (),
    name: str | None = None,
    defaults: Mapping[str, Any] | None = None,
    words: Sequence[str] = (),
    header: str | None = None,
    project_directory: str | os.PathLike[str] = "",
    experiments_directory: str | os.PathLike[str] | None = None,
    dirty: str = "refuse",
    yes: bool = False,
) -> list[ExperimentReader]:
    """Register a set of experiments, one for each point of the sweep; `launch` runs them.

    All values are checked first, and either all experiments are made or none.

    Args:
        target: A declared experiment or a function; or the text `file.py:name`, `module:name`,
            `file.py`, or a name that `meticulous target` knows; or a program.
        sweep: What is to be varied: `"{lr: 0.1 | 0.2}"`, `"lr=0.1,0.2"`, the path of a YAML file,
            or names and values, `{"lr": any_of(0.1, 0.2), "steps": 5}`; or several of these, which
            are made one after the other. Without any, the defaults alone are registered.
        repeats: How many are made of each point.
        purpose: What they are about: their description.
        tags: Words to find them by.
        name: What to call them instead of after their values.
        defaults: The target is a program, and these are its parameters and their defaults.
        words: What the program is always told; `{name}` stands for the value of a parameter.
        header: Lines for the head of each run.sh; those of the setting `header` by default.
        project_directory: A folder in the repository of the code; the working directory by
            default.
        experiments_directory: Where the folders are made; by default the nearest folder
            `experiments` with experiments in it, here or above, else a new one here.
        dirty: With uncommitted changes, "refuse", or keep a "snapshot" for them to run from.
        yes: Whether more than 1,000 are meant.

    Returns:
        The registered experiments, in the order of their numbers.

    Raises:
        InvalidSweepError: The sweep cannot be read.
        ParameterError: A value does not fit, or is missing, or is a secret.
        TargetError: The target cannot be found or loaded.
        ConfirmationNeededError: They are more than 1,000, and `yes` is not given.
        DirtyRepoException: There are uncommitted changes.
        GitError: The code cannot be tied to a commit.
        ExperimentsDirectoryError: A folder cannot be made; none is left behind.
    """
    from meticulous.reader.experiment_reader import ExperimentReader
    from meticulous.sweep.registering import Set
    from meticulous.sweep.settings import header_lines
    from meticulous.sweep.subjects import subject_of

    sweeps = _sweeps(sweep)
    subject = subject_of(target, sweeps, defaults=defaults, words=words)
    experiments = Set(subject, sweeps, repeats, name)
    experiments.confirm(yes, "yes=True")
    made = experiments.register(
        purpose=purpose,
        tags=(tags,) if isinstance(tags, str) else tuple(tags),
        header=header_lines() if header is None else header,
        project_directory=os.fspath(project_directory) or subject.project,
        experiments_directory=_path(experiments_directory),
        dirty=dirty,
        spell=_spell,
    )
    return [ExperimentReader(one.directory) for one in made]


def launch(
    experiments: Iterable[Any] | None = None,
    *,
    experiments_directory: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    command: str | None = None,
    code: str | None = None,
    take_up: bool = False,
) -> list[Outcome]:
    """Run registered experiments, each in a process of its own, and return what became of each.

    What is not registered, as what has ended, is left alone. Ctrl-C ends those that run, and the
    others stay registered.

    Args:
        experiments: Which: what `register` returned, numbers, readable names, or globs that names
            fit; all that are registered by default.
        experiments_directory: Where they lie; by default the folder `experiments` that the other
            commands use.
        jobs: How many run at a time; as set by default, else 1.
        command: Hand each run.sh to this command, such as "sbatch --time 1:00:00", instead; as set
            by default, and "" for none.
        code: "recorded" runs the code of the registration, "current" what is checked out; as set
            by default, else "recorded".
        take_up: Whether to run those, too, whose process died, and those that were handed over
            and have not begun.

    Returns:
        An outcome for each that was run or handed over, by number: `id`, `name`, `status`,
        `seconds`, `remark`, `has_failed`; then one for each that was not, since its record cannot
        be read.

    Raises:
        ExperimentNotFoundError: One is named that is not there; has the nearest.
        ExperimentsDirectoryError: The directory cannot be read.
        InvalidOptionError: An option is not possible.
    """
    from meticulous.sweep.launching import in_order
    from meticulous.sweep.settings import setting
    from meticulous.sweep.submitting import Submitter
    from meticulous.sweep.upkeep import make_registered

    jobs = setting("jobs") if jobs is None else jobs
    code = setting("code") if code is None else code
    command = setting("with") if command is None else command
    if jobs < 1:
        raise InvalidOptionError(f"jobs={jobs} is not possible; choose 1 or more.")
    if code not in code_choices.CHOICES:
        known = " or ".join(map(repr, code_choices.CHOICES))
        raise InvalidOptionError(f"code={code!r} is not known; choose {known}.")
    submitter = Submitter(command) if command else None
    choice = _chosen(experiments, _path(experiments_directory), take_up)
    records = in_order(choice.runnable)
    make_registered(records)
    if submitter is not None:
        outcomes = _handed_over(submitter, records, code, take_up)
    else:
        outcomes = _run(records, jobs, code)
    return outcomes + [_of_unknown(record) for record in in_order(choice.unknown)]


def _chosen(experiments: Iterable[Any] | None, directory: str | None, take_up: bool) -> Choice:
    from meticulous.reader import by_start, locate, read_record
    from meticulous.reader.index import read_records
    from meticulous.sweep.choosing import named, sort_out
    from meticulous.sweep.staging import recover

    given = None if experiments is None else _listed(experiments)
    folders = [one for one in given or () if _has_folder(one)]
    words = [str(one) for one in given or () if not _has_folder(one)]
    records = [read_record(one.curexpdir) for one in folders]
    if given is None or words:
        place = locate(directory)
        recover(place)
        records += named(by_start(read_records(place)), words, place)
    unique = {str(record.directory): record for record in records}
    are_named = given is not None
    return sort_out(unique.values(), are_named=are_named, any_status=False, take_up=take_up)


def _of_unknown(record: Record) -> Outcome:
    from meticulous.sweep.launching import Outcome

    remark = f"its record cannot be read: {record.why_unknown}"
    return Outcome(record.id, "", record.status, None, remark, is_ours=False, has_failed=True)


def _listed(experiments: Iterable[Any]) -> list[Any]:
    is_one = isinstance(experiments, str | int) or _has_folder(experiments)
    return [experiments] if is_one else list(experiments)


def _has_folder(experiment: Any) -> bool:
    return isinstance(getattr(experiment, "curexpdir", None), str)


def _run(records: Sequence[Record], jobs: int, code: str) -> list[Outcome]:
    from meticulous.sweep.code import CodeFinder
    from meticulous.sweep.launching import Launcher

    launcher = Launcher(jobs, CodeFinder(code))
    outcomes = launcher.launch(records)
    if launcher.signal is not None:
        # What it would have done to the caller: KeyboardInterrupt, mostly.
        signal.raise_signal(launcher.signal)
    return outcomes


def _handed_over(
    submitter: Submitter, records: Sequence[Record], code: str, take_up: bool
) -> list[Outcome]:
    from meticulous.reader import read_record
    from meticulous.sweep.choosing import name_of
    from meticulous.sweep.launching import Outcome
    from meticulous.sweep.submitting import submit_all

    done = submit_all(submitter, records, code, take_up=take_up, tell=lambda submission: None)
    return [
        Outcome(
            one.record.id,
            name_of(one.record),
            read_record(one.record.directory).status,
            None,
            one.remark,
            one.code is not None,
            bool(one.code),
        )
        for one in done
    ]


def _sweeps(sweep: Alternatives | Sequence[Alternatives]) -> list[str | Sweep]:
    several = [sweep] if isinstance(sweep, str | os.PathLike | Mapping) else list(sweep)
    return [sweep_of(one) if isinstance(one, Mapping) else os.fspath(one) for one in several]


def _path(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)


def _spell(parameter: str, value: str | bool) -> str:
    if parameter == "norecord":
        return ""  # what is to be registered is to be recorded
    return f'register(..., {parameter}="{value}")'
