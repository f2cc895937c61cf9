"""Copy and move whole experiments directories; records hold no path that would have to change."""

from __future__ import annotations

import os
import shutil

from meticulous.errors import ExperimentRunningError, ExperimentsDirectoryError
from meticulous.folder import layout, status
from meticulous.folder.allocation import is_number
from meticulous.reader.collection import find_records


def copy_directory(source: str, target: str) -> str:
    """Copy an experiments directory, trash and list of numbers included; return the new path.

    Args:
        source: The experiments directory.
        target: The new path; an existing folder is where it goes into, under its old name.

    Raises:
        ExperimentsDirectoryError: Something is in the way, or it cannot be read or written; then
            there is no half copy.
    """
    source, target = _places(source, target)
    temporary = f"{target}.{os.getpid()}.copying"
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copytree(
            source, temporary, symlinks=True, ignore=shutil.ignore_patterns(layout.REGISTERING)
        )
        os.rename(temporary, target)
    except (OSError, shutil.Error) as error:
        raise _failed("copied", source, target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def move_directory(source: str, target: str) -> str:
    """Move an experiments directory, across disks too, and return the new path.

    Raises:
        ExperimentRunningError: An experiment in it runs.
        ExperimentsDirectoryError: Something is in the way, or it cannot be moved; then it is as
            before.
    """
    running = [one.id for one in find_records(source) if one.status == status.RUNNING]
    if running:
        raise ExperimentRunningError(
            f"{source} is not moved, for these experiments run: {', '.join(running[:10])}. Stop "
            "them, or wait for their end."
        )
    source, target = _places(source, target)
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(source, target)
    except OSError as error:
        import errno

        if error.errno != errno.EXDEV:
            raise _failed("moved", source, target, error) from error
        copy_directory(source, target)
        shutil.rmtree(source, ignore_errors=True)
    return target


def _places(source: str, target: str) -> tuple[str, str]:
    source, target = os.path.abspath(source), os.path.abspath(os.path.expanduser(target))
    problem = None
    if os.path.isdir(target):
        # Among numbered folders, nobody would look for others.
        if _holds_experiments(target):
            problem = "it holds experiments already"
        else:
            target = os.path.join(target, os.path.basename(source))
    if problem is None and os.path.lexists(target):
        problem = "something of that name is there"
    elif os.path.realpath(target).startswith(os.path.realpath(source) + os.sep):
        problem = "it would lie within itself"
    if problem:
        raise ExperimentsDirectoryError(
            f"{source} cannot go to {target}: {problem}. Choose another path."
        )
    return source, target


def _holds_experiments(directory: str) -> bool:
    try:
        return any(map(is_number, os.listdir(directory)))
    except OSError:
        return False


def _failed(what: str, source: str, target: str, error: Exception) -> ExperimentsDirectoryError:
    reason = getattr(error, "strerror", None) or error
    return ExperimentsDirectoryError(f"{source} cannot be {what} to {target}: {reason}.")
