"""Take experiments out of the list, so that they can come back, or for ever."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from meticulous.errors import ExperimentNotFoundError, ExperimentsDirectoryError
from meticulous.folder.allocation import check_id, is_number, keep_number
from meticulous.folder.layout import IGNORE, TRASH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOMENT = "%Y-%m-%dT%H.%M.%S.%fZ"
"""When an experiment was removed, in UTC: the name of its place in the trash begins with it."""

_DELETING = ".deleting-"
"""Begins the name of a folder that is being deleted, or was when its deleter was killed."""

_CLAIM = 60.0
"""Seconds after which an empty folder is no experiment that is just beginning."""

_serial = itertools.count()


@dataclass(frozen=True, slots=True)
class Removed:
    """An experiment in the trash.

    Attributes:
        id: What it was called; several in the trash may have had the same name.
        folder: Where it lies now.
        moment: When it was removed.
    """

    id: str
    folder: str
    moment: datetime


def remove(folder: str) -> Removed:
    """Move an experiment to the trash of its experiments directory.

    One renaming does it: whatever happens, the experiment is in the one place or the other, whole.
    Its number is not given again. A symbolic link is moved itself, not what it leads to.

    Raises:
        ExperimentNotFoundError: It is gone already.
        ExperimentsDirectoryError: It cannot be moved.
    """
    directory, name = os.path.split(os.path.abspath(folder))
    with _explained(f"{folder} cannot be moved to the trash", folder):
        _keep(directory, name)
        moment, place = _make_place(directory)
        target = os.path.join(place, name)
        try:
            os.rename(os.path.join(directory, name), target)
        except BaseException:
            os.rmdir(place)
            raise
    return Removed(name, target, moment)


def delete(folder: str) -> None:
    """Delete an experiment for ever; its number is not given again.

    It is renamed first, so that no half-deleted experiment is ever listed. A symbolic link is
    deleted itself, not what it leads to.

    Raises:
        ExperimentNotFoundError: It is gone already.
        ExperimentsDirectoryError: It cannot be deleted, or not all of it.
    """
    directory, name = os.path.split(os.path.abspath(folder))
    with _explained(f"{folder} cannot be deleted", folder):
        _keep(directory, name)
    _delete(folder)


def list_removed(experiments_directory: str) -> list[Removed]:
    """Return what is in the trash, the latest last.

    Raises:
        ExperimentsDirectoryError: The trash cannot be read.
    """
    trash = os.path.join(experiments_directory, TRASH)
    found = []
    with _explained(f"The trash {trash} cannot be read", None):
        for place in sorted(_names(trash)):
            moment = _moment_of(place)
            if moment is None:
                continue
            for name in sorted(_names(os.path.join(trash, place))):
                found.append(Removed(name, os.path.join(trash, place, name), moment))
    return found


def choose(removed: Iterable[Removed], words: Iterable[str]) -> list[Removed]:
    """Return those of the trash that the words name, each once.

    Args:
        removed: What is in the trash, the latest last.
        words: Each is an id, a range of numbers such as "3-9" or, open, "3-", several of these
            separated by commas, or "-1" for what was removed last, "-2" for what was removed
            before. Of several with one id the latest is meant.

    Raises:
        ExperimentNotFoundError: There is nothing of that name in the trash.
    """
    removed = list(removed)
    latest = {entry.id: entry for entry in removed}
    chosen: dict[str, Removed] = {}
    for word in words:
        found = _named(word, latest, removed)
        if not found:
            names = ", ".join(list(latest)[-10:])
            there = f"In it: {names}. `meticulous restore --list` shows all."
            raise ExperimentNotFoundError(
                f"There is no {word!r} in the trash. {there if names else 'It is empty.'}"
            )
        chosen.update((entry.folder, entry) for entry in found)
    return list(chosen.values())


def _named(word: str, latest: dict[str, Removed], removed: list[Removed]) -> list[Removed]:
    if word in latest:
        return [latest[word]]
    if "," in word:
        parts = [_named(part.strip(), latest, removed) for part in word.split(",") if part.strip()]
        return [] if [] in parts else [entry for part in parts for entry in part]
    if word.startswith("-") and is_number(word[1:]):
        return removed[int(word) :][:1] if int(word[1:]) <= len(removed) else []
    first, dash, last = word.partition("-")
    if not dash or not is_number(first) or (last and not is_number(last)):
        return []
    most = int(last) if last else None
    numbers = [entry for entry in latest.values() if is_number(entry.id)]
    return [n for n in numbers if int(first) <= int(n.id) and (most is None or int(n.id) <= most)]


def restore(removed: Removed, experiment_id: str | None = None) -> str:
    """Move an experiment from the trash back, and return the path of its folder.

    Args:
        removed: Which.
        experiment_id: What to call it now; by default as before.

    Raises:
        ExperimentNotFoundError: It is in the trash no more.
        ExperimentsDirectoryError: There is something of that name, or it cannot be moved.
        InvalidExperimentIdError: The new id is not one plain path component.
    """
    place = os.path.dirname(removed.folder)
    directory = os.path.dirname(os.path.dirname(place))
    name = removed.id if experiment_id is None else check_id(experiment_id)
    target = os.path.join(directory, name)
    with _explained(f"{name} cannot be restored", removed.folder):
        _keep(directory, name)
        try:
            _move_to_free_name(removed.folder, target)
        except FileExistsError:
            raise ExperimentsDirectoryError(
                f"{removed.id} cannot be restored: there is another {name} in {directory}"
                f"{_remedy(target)}. Give it another name with --as."
            ) from None
        with contextlib.suppress(OSError):
            os.rmdir(place)
    return target


def empty(experiments_directory: str) -> None:
    """Delete what is in the trash for ever, and what is left of deletions that were interrupted.

    Raises:
        ExperimentsDirectoryError: Something cannot be deleted.
    """
    trash = os.path.join(experiments_directory, TRASH)
    with _explained(f"The trash {trash} cannot be emptied", None):
        for removed in list_removed(experiments_directory):
            with contextlib.suppress(ExperimentNotFoundError):  # restored or deleted meanwhile
                _delete(removed.folder)
        for parent in (experiments_directory, *_places(trash)):
            for name in _names(parent):
                if name.startswith(_DELETING):
                    _delete_tree(os.path.join(parent, name))
        for place in _places(trash):
            with contextlib.suppress(OSError):
                os.rmdir(place)


def _delete(folder: str) -> None:
    directory, name = os.path.split(os.path.abspath(folder))
    with _explained(f"{folder} cannot be deleted", folder):
        doomed = os.path.join(directory, f"{_DELETING}{os.getpid()}-{next(_serial)}")
        os.rename(os.path.join(directory, name), doomed)
        contents = _contents(doomed)
        try:
            _delete_tree(doomed)
        except OSError as error:
            rest = doomed
            if _contents(doomed) == contents != []:
                with contextlib.suppress(OSError):
                    os.rename(doomed, os.path.join(directory, name))
                    rest = ""
            failure = error
        else:
            return
    whole = f"{folder} cannot be deleted"
    what = f"{whole} in full, the rest is in {rest}" if rest else f"{whole}, nothing of it was"
    with _explained(what, rest or None):
        raise failure


def _contents(folder: str) -> list[str]:
    """Return the paths of all that is in a folder, as far as it may be looked into."""
    if os.path.islink(folder):
        return []
    found = []
    for parent, folders, files in os.walk(folder):
        found += [os.path.join(parent, name) for name in (*folders, *files)]
    return sorted(found)


def _keep(directory: str, name: str) -> None:
    if is_number(name):
        keep_number(directory, name)


def _make_place(directory: str) -> tuple[datetime, str]:
    trash = os.path.join(directory, TRASH)
    with contextlib.suppress(FileExistsError):
        os.mkdir(trash)
    with contextlib.suppress(FileExistsError):
        # The experiments directory may be one that git does not ignore as a whole.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(os.path.join(trash, IGNORE), flags, 0o666)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write("*\n")
    while True:
        moment = datetime.fromtimestamp(time.time(), UTC)
        place = os.path.join(trash, f"{moment.strftime(_MOMENT)}-{os.getpid()}")
        try:
            os.mkdir(place)
        except FileExistsError:
            continue
        return moment, place


def _moment_of(place: str) -> datetime | None:
    try:
        return datetime.strptime(place.partition("Z")[0] + "Z", _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None


def _names(directory: str) -> list[str]:
    """Return the folders in a directory, and links; none when the directory has gone."""
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries if entry.is_dir() or entry.is_symlink()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _places(trash: str) -> list[str]:
    return [os.path.join(trash, name) for name in _names(trash) if _moment_of(name)]


def _move_to_free_name(source: str, target: str) -> None:
    """Rename, but never over what another process has claimed.

    Raises:
        FileExistsError: The name is taken.
    """
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        os.unlink(source)
        return
    try:
        os.mkdir(target)  # the claim; what is renamed may take the place of an empty folder
    except FileExistsError:
        if not _is_left_over(target):
            raise
    try:
        os.rename(source, target)
    except BaseException:
        os.rmdir(target)
        raise


def _is_left_over(target: str) -> bool:
    """Say whether a claim is that of a process that was killed before it could fill the folder."""
    try:
        if os.path.islink(target) or os.listdir(target):
            return False
        # A number is given once only, and so it is not that of somebody who begins right now.
        is_old = time.time() - os.stat(target).st_mtime > _CLAIM
        return is_old or is_number(os.path.basename(target))
    except OSError:
        return False


def _remedy(target: str) -> str:
    """Return what can be done about a folder in the way besides choosing another name."""
    with contextlib.suppress(OSError):
        if not os.path.islink(target) and not os.listdir(target):
            return (
                ", an empty folder. Unless an experiment is about to begin there, remove it with "
                "rmdir and try again"
            )
    return ""


def _delete_tree(path: str) -> None:
    if os.path.islink(path):
        os.unlink(path)
        return
    with contextlib.suppress(FileNotFoundError):  # another process deletes it as well
        shutil.rmtree(path)


@contextlib.contextmanager
def _explained(what: str, folder: str | None) -> Iterator[None]:
    """Turn a failure of the file system into one that says what could not be done, and why.

    Args:
        what: What cannot be done, should it fail.
        folder: What is gone when it is not found; None when something else is.
    """
    try:
        yield
    except ExperimentsDirectoryError:
        raise
    except OSError as error:
        if isinstance(error, FileNotFoundError) and folder and not os.path.lexists(folder):
            raise ExperimentNotFoundError(
                f"{what}: it is gone; somebody else has moved or deleted it."
            ) from error
        reason = error.strerror or str(error)
        where = f" ({error.filename})" if error.filename else ""
        raised = ExperimentsDirectoryError(
            f"{what}: {reason}{where}. Make the folder writable, or free some space, "
            "then try again."
        )
        raised.errno = error.errno
        raise raised from error
