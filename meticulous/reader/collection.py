"""Find experiments: all of a directory, one by its id, and the directory itself."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable

from meticulous.errors import ExperimentNotFoundError, ExperimentsDirectoryError
from meticulous.folder import layout, status
from meticulous.folder.allocation import is_number
from meticulous.reader.record import Record, is_foreign, read_record

_LONGEST_NAME = 255
"""Characters that the name of a folder may have."""

_MARKS = (layout.STATUS, layout.METADATA, layout.ARGS)


def locate(directory: str | os.PathLike[str] | None = None) -> str:
    """Return the experiments directory that is meant.

    Args:
        directory: It, or a folder whose subfolder `experiments` is it. By default `experiments`
            is looked for in the working directory and the folders above it, the first with
            experiments in it; inside of an experiment, its directory is meant; then the working
            directory may itself be one.

    Raises:
        ExperimentsDirectoryError: There is no such directory, or it is a single experiment.
    """
    if directory is not None:
        return _given(os.fspath(directory))
    here = os.getcwd()
    found = None
    for folder in _upwards(here):
        candidate = os.path.join(folder, layout.USUAL_DIRECTORY)
        if os.path.isdir(candidate) and (_is_closed(candidate) or not is_record(candidate)):
            if _holds_records(candidate):
                return candidate
            found = found or candidate
            if _is_closed(candidate):
                break  # those of another project are not meant
        if _is_certainly_record(folder):
            return os.path.dirname(folder)
    if _holds_records(here):
        return here
    if found is not None:
        return found
    if is_foreign(here):
        return os.path.dirname(here)
    if _is_place_of_xmen(here):
        return here
    raise ExperimentsDirectoryError(
        f"There is no folder {layout.USUAL_DIRECTORY!r} with experiments in {here} or above it. "
        "Record a first run with `meticulous run -- python train.py`, or name the folder where "
        "yours are."
    )


def find_records(directory: str | os.PathLike[str]) -> list[Record]:
    """Read all experiments of a directory: numbers in numeric order, then names.

    Hidden entries, files, and folders that hold none of STATUS, metadata.json and args.json are
    passed over. A broken experiment is a record that says what is wrong with it.

    Raises:
        ExperimentsDirectoryError: The directory cannot be read.
    """
    directory = os.fspath(directory)
    now = time.time()
    records = []
    for name in list_ids(directory):
        record = read_record(os.path.join(directory, name), now)
        if record.status == status.UNKNOWN and not os.path.lexists(record.directory):
            continue  # deleted since the directory was listed
        records.append(record)
    return records


def find_record(directory: str | os.PathLike[str], experiment_id: str) -> Record:
    """Read one experiment.

    Args:
        directory: The experiments directory.
        experiment_id: Its number or name; or "-1" for the one started last, "-2" for the one
            before, and so on.

    Raises:
        ExperimentNotFoundError: There is none with this id.
        ExperimentsDirectoryError: The directory cannot be read.
    """
    directory = os.fspath(directory)
    if experiment_id.startswith("-") and is_number(experiment_id[1:]):
        latest = by_start(find_records(directory))
        if int(experiment_id[1:]) <= len(latest):
            return latest[int(experiment_id)]
    elif _is_component(experiment_id):
        path = os.path.join(directory, experiment_id)
        if os.path.isdir(path) and (is_record(path) or is_foreign(path)):
            return read_record(path)
    raise ExperimentNotFoundError(not_found(directory, experiment_id))


def by_start(records: Iterable[Record]) -> list[Record]:
    """Return the records in the order they were started, the latest last.

    Where the start is unknown, the last sign of life counts; where there is none, they come first.
    """
    return sorted(records, key=start_of)


def list_ids(directory: str | os.PathLike[str]) -> list[str]:
    """Return the ids of all experiments of a directory: numbers in numeric order, then names.

    Raises:
        ExperimentsDirectoryError: The directory cannot be read.
    """
    directory = os.fspath(directory)
    try:
        _look_into(directory)
        with os.scandir(directory) as entries:
            names = [entry.name for entry in entries if is_listed(entry)]
    except OSError as error:
        raise _unreadable(directory, error) from error
    return sorted(names, key=position_of)


def list_folders(directory: str) -> set[str]:
    """Return the names of the folders that may be experiments: all that are not hidden.

    Raises:
        ExperimentsDirectoryError: The directory cannot be read.
    """
    names = set()
    try:
        _look_into(directory)
        with os.scandir(directory) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if not entry.name.startswith(".") and entry.is_dir():
                        names.add(entry.name)
    except OSError as error:
        raise _unreadable(directory, error) from error
    return names


def not_found(directory: str, experiment_id: str) -> str:
    """Return the message for an id that no experiment of the directory has."""
    ids = list_ids(directory)
    message = f"There is no experiment {experiment_id!r} in {directory}. "
    way_back = _way_back(directory, experiment_id)
    if way_back:
        return f"{message}{way_back}"
    if not ids and _is_place_of_xmen(directory):
        return f"{message}It holds experiments of xmen; `meticulous list {directory}` lists them."
    if not ids:
        return f"{message}It holds no experiments yet; record one with `meticulous run`."
    count = "one experiment" if len(ids) == 1 else f"{len(ids)} experiments"
    nearest = _nearest(experiment_id, ids)
    named = f"; the nearest: {', '.join(nearest)}" if nearest else ""
    return f"{message}It holds {count}{named}. `meticulous list {directory} --all` shows all."


def _way_back(directory: str, words: str) -> str:
    """Return how to bring experiments back from the trash; "" where they do not lie there."""
    import shlex

    from meticulous.folder import trash

    if words.startswith("-") or len(words) > _LONGEST_NAME:
        return ""  # in the trash, -1 is what was removed last
    try:
        removed = trash.choose(trash.list_removed(directory), [words])
    except (ExperimentNotFoundError, ExperimentsDirectoryError):
        return ""
    usual = None
    with contextlib.suppress(ExperimentsDirectoryError):
        usual = os.path.realpath(locate())
    command = f"meticulous restore {shlex.quote(words)}"
    if os.path.realpath(directory) != usual:
        command += f" --directory {shlex.quote(directory)}"
    what, them = ("It lies", "it") if len(removed) == 1 else ("They lie", "them")
    return f"{what} in the trash; `{command}` brings {them} back."


def is_record(directory: str) -> bool:
    """Say whether a folder is an experiment; one that may not be looked into counts as one."""
    for name in _MARKS:
        try:
            os.stat(os.path.join(directory, name))
        except PermissionError:
            return True
        except OSError:
            continue
        return True
    return False


def _is_certainly_record(directory: str) -> bool:
    # Not only one of the marks: a project may well have an args.json of its own.
    return all(
        os.path.isfile(os.path.join(directory, name)) for name in (layout.STATUS, layout.METADATA)
    )


def _given(directory: str) -> str:
    if not os.path.isdir(directory):
        what = "is a file, not a folder" if os.path.lexists(directory) else "does not exist"
        raise ExperimentsDirectoryError(
            f"The experiments directory {directory} {what}. Name the folder that holds the "
            "numbered experiment folders."
        )
    if _is_closed(directory) or _holds_records(directory):
        return directory
    if is_record(directory) or is_foreign(directory):
        raise ExperimentsDirectoryError(
            f"{directory} is one experiment, not a folder of experiments. "
            f"`meticulous show {directory}` shows it."
        )
    inner = os.path.normpath(os.path.join(directory, layout.USUAL_DIRECTORY))
    return inner if _is_closed(inner) or _holds_records(inner) else directory


def _upwards(folder: str) -> Iterable[str]:
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def _holds_records(directory: str) -> bool:
    try:
        with os.scandir(directory) as entries:
            # A closed folder, such as lost+found or the home of another user, may be anything.
            return any(
                is_listed(entry) and (is_number(entry.name) or not _is_closed(entry.path))
                for entry in entries
            )
    except OSError:
        return False


def _is_place_of_xmen(directory: str) -> bool:
    from meticulous.reader.xmen.finding import is_root

    return is_root(directory)


def _is_closed(directory: str) -> bool:
    """Say whether there is a folder that may not be looked into."""
    try:
        _look_into(directory)
    except PermissionError:
        return os.path.isdir(directory)
    except OSError:
        return False
    return not os.access(directory, os.R_OK)


def _look_into(directory: str) -> None:
    """Raise OSError where what is in a folder cannot be reached, though its names may be read."""
    os.stat(os.path.join(directory, os.curdir))


def is_listed(entry: os.DirEntry[str]) -> bool:
    """Say whether an entry of an experiments directory is an experiment."""
    try:
        return not entry.name.startswith(".") and entry.is_dir() and is_record(entry.path)
    except OSError:
        return False


def _unreadable(directory: str, error: OSError) -> ExperimentsDirectoryError:
    return ExperimentsDirectoryError(
        f"The experiments directory {directory} cannot be read: {error.strerror or error}. "
        "Make it readable, or name another."
    )


def position_of(name: str) -> tuple[int, int, str]:
    """Return what ids are sorted by: numbers in numeric order, then names."""
    return (0, int(name), name) if is_number(name) else (1, 0, name)


def start_of(record: Record) -> float:
    """Return what records are sorted by: their start in seconds since the epoch, 0 if unknown."""
    moment = record.start or record.heartbeat
    return moment.timestamp() if moment else 0.0


def _is_component(name: str) -> bool:
    return name not in ("", ".", "..") and not {os.sep, "\0"} & set(name)


def _nearest(experiment_id: str, ids: list[str]) -> list[str]:
    import difflib

    if is_number(experiment_id.removeprefix("-")):
        wanted = int(experiment_id)
        numbers = [name for name in ids if is_number(name)]
        if wanted < 0:
            return []
        nearest = sorted(numbers, key=lambda name: abs(int(name) - wanted))[:3]
        return sorted(nearest, key=int)
    return difflib.get_close_matches(experiment_id, ids, n=3, cutoff=0.5)
