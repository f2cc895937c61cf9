"""Import experiments of xmen: each whole or not at all, each once, and nothing of xmen changed."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from meticulous.errors import (
    ExperimentsDirectoryError,
    GitError,
    NoRoomError,
    UnreadableRecordError,
)
from meticulous.folder import allocation, layout, status
from meticulous.git.state import CodeState, read_code_state
from meticulous.reader.xmen.documents import Documents
from meticulous.reader.xmen.experiment import NOT_LOOKED, XmenExperiment, read_experiment
from meticulous.reader.xmen.finding import PARAMS, Found, find_experiments
from meticulous.reader.xmen.sets import Sets
from meticulous.recorder import opening
from meticulous.recorder.place import USUAL, absolute, choose_place, contains
from meticulous.sweep.importing.copying import measure
from meticulous.sweep.importing.known import Known
from meticulous.sweep.importing.writing import write_experiment
from meticulous.sweep.names import escaped, shortened, unique_name
from meticulous.sweep.staging import Staging

NEW, THERE, CHANGED, RUNNING, FAILED = "new", "there", "changed", "running", "failed"
"""What becomes of an experiment: it is imported; it was before, and is the same or has changed
since; it still runs; or it cannot be read."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Item:
    """An experiment of xmen, and what became of it.

    Attributes:
        name: Its path below the folder that is imported.
        what: One of the words above.
        status: Its status; "" where that is not known.
        id: Its number here; "" where it has none.
        files: How many files the program left.
        size: Their bytes.
        remark: What there is to say; "" when nothing.
    """

    name: str
    what: str
    status: str = ""
    id: str = ""
    files: int = 0
    size: int = 0
    remark: str = ""


class XmenImport:
    """The import of what lies below a folder.

    Args:
        source: An experiment, the root of a set, or a folder with several of them.
        experiments_directory: Where the new folders go; by default the nearest `experiments`, or a
            new one here.
        link: Whether the program's files become hard links instead of copies.
        again: Whether those that were imported, and have changed since, are imported anew.

    Attributes:
        place: The experiments directory.

    Raises:
        ExperimentsDirectoryError: There is no such folder, or the experiments directory lies in it.
    """

    def __init__(
        self,
        source: str,
        experiments_directory: str | None = None,
        *,
        link: bool = False,
        again: bool = False,
    ) -> None:
        self.source = absolute(os.path.expanduser(source))
        if not os.path.isdir(self.source):
            raise ExperimentsDirectoryError(
                f"{self.source} is no folder. Name an experiment of xmen, or what holds some."
            )
        self._code = _code_here()
        root = self._code.directory if self._code else os.getcwd()
        given = USUAL if experiments_directory is None else experiments_directory
        chosen = choose_place(os.getcwd(), given, root, look_above=experiments_directory is None)
        self.place = chosen.directory
        if contains(os.path.realpath(self.source), os.path.realpath(self.place)):
            raise ExperimentsDirectoryError(
                f"The experiments directory {self.place} lies in {self.source}, in which nothing "
                "is to be changed. Name another one with --directory."
            )
        self._link, self._again = link, again
        self._known = Known(self.place)
        self._documents = Documents()
        self._sets = Sets(self._documents)
        self._following: dict[str, int] = {}

    def plan(self) -> Iterator[Item]:
        """Yield what would become of each experiment; nothing is written.

        Raises:
            ExperimentsDirectoryError: There is no experiment, or something cannot be read.
        """
        self._known.refresh()
        for found, experiment in self._found():
            yield self._planned(found, experiment)

    def carry_out(self, tell: Callable[[Item], None] = lambda item: None) -> Iterator[Item]:
        """Import the experiments one after the other, and yield what became of each.

        Args:
            tell: Called with each one that is about to be copied.

        Raises:
            ExperimentsDirectoryError: There is no experiment, or nothing can be written.
            NoRoomError: The disk is full. What was imported before is there.
        """
        self._known.refresh()
        was_missing: bool | None = None
        for found, experiment in self._found():
            item = self._planned(found, experiment)
            if item.what != NEW or experiment is None:
                yield item
                continue
            if was_missing is None:
                was_missing = allocation.make_experiments_directory(self.place)
                self._keep_out_of_git(was_missing)
            tell(item)
            yield self._imported(item, experiment)

    def _found(self) -> list[tuple[Found, XmenExperiment | None]]:
        """Return the experiments in the order in which they were started."""
        present: list[tuple[Found, XmenExperiment | None]] = []
        now = time.time()
        for found in find_experiments(self.source, self._sets):
            experiment = None
            if not found.problem:
                of = self._sets.of(found.directory)
                experiment = read_experiment(found.directory, of, now, self._documents)
            present.append((found, experiment))
        if not present:
            raise ExperimentsDirectoryError(
                f"There is no experiment of xmen in {self.source}: no folder with a params.yml "
                "that xmen wrote. Name the root of a set, or a folder above."
            )
        present.sort(key=_position)
        return present

    def _planned(self, found: Found, experiment: XmenExperiment | None) -> Item:
        if experiment is None or experiment.problems:
            problem = found.problem if experiment is None else "; ".join(experiment.problems)
            return Item(found.name, FAILED, remark=problem)
        item = Item(found.name, NEW, experiment.status)
        if experiment.status == status.RUNNING:
            return replace(
                item, what=RUNNING, remark="it still writes; import it when it has ended"
            )
        earlier = self._known.find(os.path.realpath(found.directory), experiment.digest)
        if earlier is not None and earlier.is_same:
            return replace(item, what=THERE, id=earlier.id)
        if earlier is not None and not self._again:
            remark = f"it has changed since it became {earlier.id}; --again imports it anew"
            return replace(item, what=CHANGED, id=earlier.id, remark=remark)
        try:
            files, size = measure(found.directory, frozenset((PARAMS,)))
        except UnreadableRecordError as error:
            return replace(item, what=FAILED, remark=str(error))
        return replace(item, files=files, size=size, remark=_remark(experiment))

    def _imported(self, item: Item, experiment: XmenExperiment) -> Item:
        """Import one experiment: its folder appears when it is complete."""
        self._check_room(item)
        path = os.path.realpath(experiment.directory)
        try:
            with Staging(self.place) as staging:
                # Somebody else may have imported the same in the meantime.
                self._known.refresh()
                earlier = self._known.find(path, experiment.digest)
                if earlier is not None and earlier.is_same:
                    return replace(item, what=THERE, id=earlier.id, remark="")
                name = unique_name(
                    self._name(experiment.directory), self._known.names, self._following
                )
                of = self._sets.of(experiment.directory)
                whole = read_experiment(experiment.directory, of)
                if whole.problems:
                    raise UnreadableRecordError("; ".join(whole.problems))
                for number, folder in staging.folders(1):
                    write_experiment(whole, folder, number, name, self._link)
                    item = replace(item, id=number)
                staging.publish()
        except UnreadableRecordError as error:
            return replace(item, what=FAILED, id="", remark=str(error))
        except ExperimentsDirectoryError as error:
            raise self._unwritable(error) from error
        self._known.refresh()
        return item

    def _name(self, experiment: str) -> str:
        """Return the readable name: where it lies in its set, `lr=0.1__s=a`, as one safe word."""
        of = self._sets.of(experiment)
        name = (
            os.path.basename(experiment)
            if of is None
            else os.path.relpath(experiment, of.directory)
        )
        return shortened("=".join(map(escaped, name.split("="))))

    def _check_room(self, item: Item) -> None:
        """Refuse at once what the disk has no room for."""
        if self._link:
            return
        found = os.statvfs(self.place)
        free = found.f_bavail * found.f_frsize
        if item.size > free:
            raise NoRoomError(
                f"{item.name} has {item.size:,} bytes, and the disk of {self.place} has room for "
                f"{free:,}. Free some, name a --directory on another disk, or --link the files "
                "where it is the same one; then go on with the same command."
            )

    def _unwritable(self, error: ExperimentsDirectoryError) -> Exception:
        if error.errno in _FULL:
            return NoRoomError(
                f"The disk of {self.place} is full. What was imported so far is complete; free "
                "some space, then go on with the same command."
            )
        reason = os.strerror(error.errno) if error.errno else str(error)
        return ExperimentsDirectoryError(
            f"Nothing can be imported into {self.place}: {reason}. Make it writable, or name "
            "another one with --directory."
        )

    def _keep_out_of_git(self, was_missing: bool) -> None:
        if self._code is None:
            return
        inside = os.path.join(self.place, "imported")
        path = opening.ignoring_file(inside, self._code, was_missing)
        if path == os.path.join(self.place, layout.IGNORE):
            opening.write_ignoring(path)


def _code_here() -> CodeState | None:
    """Return the repository of the working directory, only to keep the records out of it."""
    try:
        return read_code_state(os.getcwd())
    except GitError:
        return None


def _position(entry: tuple[Found, XmenExperiment | None]) -> tuple[str, str]:
    """Return what experiments are sorted by; those that have not begun come last."""
    found, experiment = entry
    metadata = {} if experiment is None else experiment.metadata
    start = metadata.get("start-time") or f"~{metadata.get('registered-time', '~')}"
    return str(start), found.name


def _remark(experiment: XmenExperiment) -> str:
    if layout.UNLINKED in experiment.metadata.get("tags", []):
        return "it was unlinked; `list --all` shows it"
    warnings = experiment.metadata.get("warnings", [])
    return next((text for text in warnings if text != NOT_LOOKED), "")
