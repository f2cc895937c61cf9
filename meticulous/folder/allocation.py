"""Give an experiment its folder: the next number, or an id chosen by the user, exactly once."""

from __future__ import annotations

import contextlib
import os

from meticulous.errors import ExperimentsDirectoryError, InvalidExperimentIdError
from meticulous.folder.layout import NUMBERS
from meticulous.folder.writing import append_whole

_TAIL = 4096
"""Bytes at the end of the list of numbers that are read: hundreds of the latest numbers."""


def check_id(experiment_id: str) -> str:
    """Return the id when it can be the name of a folder here.

    Raises:
        InvalidExperimentIdError: The id is not one plain path component.
    """
    problem = None
    if not experiment_id:
        problem = "it is empty"
    elif "/" in experiment_id or "\\" in experiment_id:
        problem = "it contains a slash, and an id is one folder, not a path"
    elif experiment_id.startswith("."):
        problem = "it starts with a dot, and such names are kept for the recorder's own files"
    elif any(ord(character) < 32 or ord(character) == 127 for character in experiment_id):
        problem = "it contains a control character"
    elif experiment_id != experiment_id.strip():
        problem = "it starts or ends with white space"
    elif (length := _encoded_length(experiment_id)) is None:
        problem = "it contains a character that no file name can hold here"
    elif length > 200:
        problem = "it is longer than 200 bytes"
    if problem:
        raise InvalidExperimentIdError(
            f"{experiment_id[:80]!r} cannot be an experiment id: {problem}. "
            "Choose a plain name such as 'baseline-2', or leave it out to get the next number."
        )
    return experiment_id


def _encoded_length(name: str) -> int | None:
    try:
        return len(os.fsencode(name))
    except UnicodeEncodeError:
        return None


def make_experiments_directory(path: str) -> bool:
    """Create the experiments directory, with parents, and say whether it was missing.

    Raises:
        ExperimentsDirectoryError: It cannot be created, or a file is in its place.
    """
    try:
        os.makedirs(path)
    except FileExistsError:
        if os.path.isdir(path):
            return False
        raise ExperimentsDirectoryError(
            f"The experiments directory {path} cannot be created: a file of that name is there. "
            "Move it away or choose another with --experiments-directory."
        ) from None
    except OSError as error:
        raise cannot_write(path, error) from error
    return True


def claim_number(experiments_directory: str) -> str:
    """Create the folder of the next number and return the number.

    Making the folder is the claim: of any number of processes, on any number of hosts, exactly one
    succeeds. Taken numbers are passed over one by one without listing the directory again, for on
    network disks a listing may be old. A number is never given twice, even when its folder has
    been deleted since: every number given is kept in a list beside the folders.

    Raises:
        ExperimentsDirectoryError: The folder cannot be created, for a reason other than that its
            number is taken.
    """
    number = _last_number(experiments_directory) + 1
    while True:
        try:
            os.mkdir(os.path.join(experiments_directory, str(number)))
        except FileExistsError:
            number += 1
            continue
        except OSError as error:
            raise cannot_write(experiments_directory, error) from error
        return _remember(experiments_directory, str(number))


def claim_numbers(experiments_directory: str, count: int, beside: str) -> list[str]:
    """Create the folders of the next numbers, `count` of them, and return the numbers.

    They follow each other unless another process claims one in between. None is left behind where
    not all can be had.

    Args:
        experiments_directory: Where they are made.
        count: How many.
        beside: A folder in which one of the same name is made before each: should this process be
            killed, these tell which numbers it had.

    Raises:
        ExperimentsDirectoryError: A folder cannot be created.
    """
    claimed: list[str] = []
    number = _last_number(experiments_directory)
    try:
        while len(claimed) < count:
            number += 1
            mark = os.path.join(beside, str(number))
            os.mkdir(mark)
            try:
                os.mkdir(os.path.join(experiments_directory, str(number)))
            except FileExistsError:
                os.rmdir(mark)
                continue
            claimed.append(str(number))
        # The largest is the last, in the part of the list that is read.
        _append_numbers(experiments_directory, claimed)
    except BaseException as error:
        for name in claimed:
            with contextlib.suppress(OSError):
                os.rmdir(os.path.join(experiments_directory, name))
        if isinstance(error, OSError):
            raise cannot_write(experiments_directory, error) from error
        raise
    return claimed


def claim_name(experiments_directory: str, experiment_id: str) -> bool:
    """Create the folder of a chosen id; say False when it exists already.

    Raises:
        ExperimentsDirectoryError: The folder cannot be created.
        InvalidExperimentIdError: The id is not one plain path component.
    """
    try:
        os.mkdir(os.path.join(experiments_directory, check_id(experiment_id)))
    except FileExistsError:
        return False
    except OSError as error:
        raise cannot_write(experiments_directory, error) from error
    if is_number(experiment_id):
        _remember(experiments_directory, experiment_id)
    return True


def keep_number(experiments_directory: str, number: str) -> None:
    """Make sure that a number is never given again, though its folder is about to go.

    Folders of the original meticulous-ml, and those that were copied, are in no list yet.

    Raises:
        OSError: The list of numbers cannot be read or written.
    """
    listed = _last_listed(experiments_directory)
    if listed is None:
        listed = 0
        number = str(max(int(number), _largest_folder(experiments_directory)))
    if int(number) > listed:
        _append_numbers(experiments_directory, [number])


def is_number(name: str) -> bool:
    """Say whether a folder name is a number as given here: no sign, no leading zero."""
    return name.isascii() and name.isdecimal() and name[0] != "0" and len(name) < 19


def cannot_write(path: str, error: OSError) -> ExperimentsDirectoryError:
    """Return the error that explains why no new experiment can be recorded below `path`."""
    return _unwritable(
        f"Nothing can be recorded in {path}",
        error,
        "choose another place with --experiments-directory, "
        "or run without a record with --norecord",
    )


def cannot_change(folder: str, error: OSError) -> ExperimentsDirectoryError:
    """Return the error that explains why the folder of an experiment cannot be written."""
    return _unwritable(f"The experiment in {folder} cannot be changed", error, "then try again")


def _unwritable(what: str, error: OSError, other_ways: str) -> ExperimentsDirectoryError:
    import errno

    remedy = {
        errno.ENOSPC: "The disk is full: free some space",
        errno.EDQUOT: "Your quota is used up: free some space",
        errno.EROFS: "The file system is read-only: make it writable",
        errno.EACCES: "You have no permission to write there: make the folder writable for you",
        errno.EPERM: "You have no permission to write there: make the folder writable for you",
        errno.ENOTDIR: "Part of that path is a file: move it away",
        errno.ENAMETOOLONG: "The path is too long: shorten it",
        errno.EMFILE: "There can be no more open files: raise the limit (ulimit -n)",
        errno.ENFILE: "There can be no more open files on this machine: close some",
        errno.EAGAIN: "There can be no more processes: raise the limit (ulimit -u)",
        errno.ENOMEM: "There is no memory left: free some",
    }.get(error.errno or 0, "Make the folder writable")
    raised = ExperimentsDirectoryError(
        f"{what}: {error.strerror or error}. {remedy}, {other_ways}."
    )
    raised.errno = error.errno
    return raised


def _last_number(experiments_directory: str) -> int:
    try:
        listed = _last_listed(experiments_directory)
    except OSError as error:
        raise cannot_write(experiments_directory, error) from error
    return _largest_folder(experiments_directory) if listed is None else listed


def _last_listed(experiments_directory: str) -> int | None:
    """Return the largest of the latest numbers in the list; None when it holds none."""
    try:
        with open(os.path.join(experiments_directory, NUMBERS), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _TAIL))
            words = file.read().split(b"\n")
    except FileNotFoundError:
        return None
    numbers = [int(word) for word in words if is_number(word.decode("ascii", "replace"))]
    return max(numbers, default=None)


def _largest_folder(experiments_directory: str) -> int:
    try:
        with os.scandir(experiments_directory) as entries:
            return max((int(entry.name) for entry in entries if is_number(entry.name)), default=0)
    except OSError as error:
        raise cannot_write(experiments_directory, error) from error


def _remember(experiments_directory: str, number: str) -> str:
    try:
        # The largest is written again after a smaller one, to stay in the part that is read.
        largest = _last_number(experiments_directory)
        numbers = [number, str(largest)] if largest > int(number) else [number]
        _append_numbers(experiments_directory, numbers)
    except OSError as error:
        os.rmdir(os.path.join(experiments_directory, number))
        raise cannot_write(experiments_directory, error) from error
    return number


def _append_numbers(experiments_directory: str, numbers: list[str]) -> None:
    path = os.path.join(experiments_directory, NUMBERS)
    is_new = not os.path.lexists(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    try:
        append_whole(descriptor, "".join(f"{entry}\n" for entry in numbers).encode("ascii"))
    except OSError:
        if is_new and os.fstat(descriptor).st_size == 0:
            os.unlink(path)
        raise
    finally:
        os.close(descriptor)
