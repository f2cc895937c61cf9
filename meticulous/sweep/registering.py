"""Register sets of experiments: all of them checked first, then all of them made, or none."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meticulous.errors import ConfirmationNeededError, ParameterError
from meticulous.folder import allocation, clock, layout, status
from meticulous.folder.encoding import encode_document
from meticulous.folder.plain import plain
from meticulous.folder.writing import write_all
from meticulous.recorder import opening, spelling
from meticulous.recorder.run_script import RunScript
from meticulous.recorder.secrets.gate import Gate
from meticulous.sweep.names import unique_name
from meticulous.sweep.points import Point, Points
from meticulous.sweep.staging import Staging
from meticulous.sweep.subjects import Subject

if TYPE_CHECKING:
    from meticulous.declare.declaration import Declaration
    from meticulous.git.state import CodeState
    from meticulous.recorder.place import Place
    from meticulous.sweep.tree import Sweep

MANY = 1000
"""Sets of more experiments than this have to be confirmed."""


KEPT = 10_000
"""Points of larger sets are computed twice, to be checked and to be written, but never kept."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered experiment.

    Attributes:
        id: Its number.
        directory: Its folder.
        name: Its readable name, which no other has.
    """

    id: str
    directory: str
    name: str


class Set:
    """Experiments that are to be registered together.

    Args:
        subject: What they carry out.
        sweeps: What is to be varied; see `points.read_sweeps`.
        repeats: How many are made of each point.
        name: What to call them instead of after their values.
    """

    def __init__(
        self,
        subject: Subject,
        sweeps: Sequence[str | Sweep] = (),
        repeats: int = 1,
        name: str | None = None,
    ) -> None:
        self.subject = subject
        self.points = Points(subject.declaration, sweeps, repeats, name)
        self._kept: list[tuple[Point, dict[str, Any]]] | None = None

    @property
    def count(self) -> int:
        """How many experiments there are, known without enumerating them."""
        return self.points.count

    def check(self) -> None:
        """Check every point.

        Raises:
            ParameterError: A value does not fit, or is missing, or is a secret.
        """
        gate = Gate()
        points = self._checked_points(gate)
        if self.count > KEPT:
            for _ in points:
                pass
        else:
            self._kept = list(points)

    def preview(self, experiments_directory: str | None = None) -> Iterator[tuple[str, Point]]:
        """Yield each point with the name that it would have.

        Raises:
            ParameterError: A value does not fit, or is missing, or is a secret.
        """
        taken = _names_in(experiments_directory)
        following: dict[str, int] = {}
        for point, _ in self._checked_points(Gate()):
            name = unique_name(point.name, taken, following)
            taken.add(name)
            yield name, point

    def confirm(
        self, is_confirmed: bool, ways: str = "--yes, or look at them first with --dry-run"
    ) -> None:
        """Refuse more than `MANY` experiments that nobody has confirmed.

        Args:
            is_confirmed: Whether somebody has.
            ways: How it is done, for the message.

        Raises:
            ConfirmationNeededError: It is so.
        """
        if self.count > MANY and not is_confirmed:
            raise ConfirmationNeededError(
                f"These are {self.count:,} experiments; nothing was registered. Confirm it with "
                f"{ways}."
            )

    def register(
        self,
        *,
        purpose: str = "",
        tags: Sequence[str] = (),
        header: str = "",
        project_directory: str = "",
        experiments_directory: str | None = None,
        dirty: str = "refuse",
        spell: Callable[[str, str | bool], str] = spelling.in_program,
        interpreter: str | None = None,
    ) -> list[Registered]:
        """Make the folders of all experiments, or none.

        Every point is checked first, and git is asked once for all of them.

        Args:
            purpose: What they are about: their description.
            tags: Words to find them by.
            header: Lines for run.sh, after its first one.
            project_directory: A folder in the repository of the code.
            experiments_directory: Where the folders are made; see `opening.Plan`.
            dirty: "refuse" or "snapshot": what to do about uncommitted changes.
            spell: How the user gives an option, for messages.
            interpreter: The Python that is to carry them out; this one by default.

        Raises:
            ParameterError: A value does not fit, or is missing, or is a secret.
            DirtyRepoException: There are uncommitted changes, and they are to be refused.
            GitError: The code cannot be tied to a commit.
            ExperimentsDirectoryError: A folder cannot be made; none is left behind.
        """
        self.check()
        plan = opening.Plan(
            {},
            {},
            project_directory=project_directory,
            experiments_directory=experiments_directory,
            description=purpose,
            tags=tags,
            dirty=dirty,
            command=[],
            main_script=self.subject.main_script,
            spell=spell,
        )
        code = opening.look_at_code(plan)
        place = opening.place_for(plan, code)
        interpreter = interpreter or sys.executable
        facts = _common_facts(opening.start_metadata(plan, code, ""), self.subject, code)
        facts["interpreter"] = interpreter
        writer = _Writer(facts, RunScript(header, interpreter), self.subject.declaration)
        return self._make(writer, code, place)

    def _make(self, writer: _Writer, code: CodeState, place: Place) -> list[Registered]:
        was_missing = allocation.make_experiments_directory(place.directory)
        made: list[Registered] = []
        with Staging(place.directory) as staging:
            writer.prepare(place.directory, code, was_missing)
            points = self._checked_points(writer.gate)
            taken = _names_in(place.directory)
            following: dict[str, int] = {}
            for experiment_id, folder in staging.folders(self.count):
                point, args = next(points)
                name = unique_name(point.name, taken, following)
                taken.add(name)
                directory = os.path.join(place.directory, experiment_id)
                writer.write(folder, directory, name, point, args)
                made.append(Registered(experiment_id, directory, name))
            staging.publish()
        return made

    def _checked_points(self, gate: Gate) -> Iterator[tuple[Point, dict[str, Any]]]:
        """Yield each point and its arguments in the form of the record."""
        if self._kept is not None:
            yield from self._kept
            return
        defaults = plain(self.subject.declaration.defaults())
        for point in self.points:
            args: dict[str, Any] = plain(dict(point.args))
            cleaned = gate.clean(args)
            if cleaned != args:
                _refuse_secrets(args, cleaned, defaults)
            yield point, cleaned


class _Writer:
    """Writes the files of registered experiments into folders that nobody sees yet.

    Args:
        facts: What the metadata of all of them say.
        script: Their run.sh.
        declaration: Has their defaults.
    """

    def __init__(self, facts: dict[str, Any], script: RunScript, declaration: Declaration) -> None:
        self.gate = Gate()
        self._facts = self.gate.clean(plain(facts))
        self._script = script
        self._defaults = encode_document(self.gate.clean(plain(declaration.defaults())))
        self._ignores_each = False
        # Not the uid of an experiment, by which run.sh knows its own folder.
        self._set = clock.new_uid(time.time())

    def prepare(self, place: str, code: CodeState, was_missing: bool) -> None:
        """Keep the experiments out of git, all at once where that is possible."""
        path = opening.ignoring_file(os.path.join(place, "set"), code, was_missing)
        self._ignores_each = path is not None and os.path.dirname(path) != place
        if path is not None and not self._ignores_each:
            opening.write_ignoring(path)

    def write(
        self, folder: str, directory: str, name: str, point: Point, args: dict[str, Any]
    ) -> None:
        """Write all files of one experiment, which is going to lie in `directory`."""
        now = time.time()
        uid = clock.new_uid(now)
        metadata = {
            **self._facts,
            "uid": uid,
            "set": self._set,
            "experiment-id": os.path.basename(directory),
            "registered-time": clock.local_time(now),
            "name": self.gate.clean_text(name),
            "swept": self.gate.clean(plain(dict(point.values))),
            "repetition": point.repetition,
        }
        script = self._script.content(uid, name, directory)
        _write(folder, layout.ARGS, encode_document(args))
        _write(folder, layout.DEFAULT_ARGS, self._defaults)
        _write(folder, layout.METADATA, encode_document(metadata))
        _write(folder, layout.RUN_SCRIPT, script, 0o777)
        if self._ignores_each:
            opening.write_ignoring(os.path.join(folder, layout.IGNORE))
        _write(folder, layout.STATUS, status.encode_status(status.REGISTERED))


def _write(folder: str, name: str, data: bytes, mode: int = 0o666) -> None:
    # Straight into place: what is half written here is seen by nobody.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(os.path.join(folder, name), flags, mode)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


def _common_facts(metadata: dict[str, Any], subject: Subject, code: CodeState) -> dict[str, Any]:
    """Return what is the same in the metadata of all; what only a run has is left out."""
    of_a_run = ("start-time", "pid", "process-start-time", "boot-id", "pid-namespace", "ordinal")
    facts = {key: value for key, value in metadata.items() if key not in (*of_a_run, "stdin")}
    target = dict(subject.target)
    for key in ("file", "import-path"):
        if key in target:
            target[key] = opening.relative_inside(target[key], code.directory)
    return {**facts, "attempts": [], "repository": code.directory, "target": target}


def _names_in(experiments_directory: str | None) -> set[str]:
    """Return the readable names that experiments of a directory have."""
    if experiments_directory is None or not os.path.isdir(experiments_directory):
        return set()
    from meticulous.reader.index import read_records

    names = (record.metadata.get("name") for record in read_records(experiments_directory))
    return {name for name in names if isinstance(name, str)}


def _refuse_secrets(
    args: Mapping[str, Any], cleaned: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    """Refuse a secret that somebody gave: it is not written, and so could not be used later."""
    for name, value in args.items():
        if cleaned.get(name) != value and defaults.get(name) != value:
            raise ParameterError(
                f"{name} looks like a secret, which is written into no record; a registered "
                "experiment could not be run with it. Let the program read it from an environment "
                "variable or a file."
            )
