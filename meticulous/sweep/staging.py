"""Make many experiment folders at once: all of them appear, or none, also when killed in between.

The folders are written in a hidden place of the experiments directory and renamed to their numbers
when all are complete. What a killed process has left there is finished or removed by the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from meticulous.errors import MeticulousError
from meticulous.folder import clock, layout, liveness
from meticulous.folder.allocation import cannot_write, claim_numbers, is_number
from meticulous.folder.writing import exclusively

_OWNER = "owner.json"
"""In the hidden place: the process that works there."""

_COMPLETE = "complete"
"""In the hidden place: all folders are written; only their renaming is left."""

_PATIENCE = 600.0
"""Seconds to wait for another set that is being registered; a thousand folders take one second."""

_SILENT_SECONDS = 86_400.0
"""A hidden place of another host is left alone for a day: its process cannot be seen from here."""


class Staging:
    """New folders of an experiments directory; a context manager, which removes them on failure.

    While it is open, no other set is registered in the same directory.

    Args:
        experiments_directory: Where they are to appear; exists.

    Attributes:
        directory: The hidden place.
    """

    def __init__(self, experiments_directory: str) -> None:
        self._place = experiments_directory
        parent = os.path.join(experiments_directory, layout.REGISTERING)
        self.directory = os.path.join(parent, clock.new_uid(time.time()))

    def __enter__(self) -> Self:
        """Wait for others, tidy up after killed ones, and make the hidden place.

        Raises:
            ExperimentsDirectoryError: It cannot be made.
        """
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(exclusively(self._place, _PATIENCE))
        try:
            _recover(self._place)
            os.makedirs(self.directory)
            with open(os.path.join(self.directory, _OWNER), "w", encoding="utf-8") as file:
                json.dump(liveness.identify(os.getpid()), file)
        except BaseException as error:
            self._remove()
            self._lock.close()
            raise self._explained(error) from error
        return self

    def folders(self, count: int) -> Iterator[tuple[str, str]]:
        """Yield, for each new experiment, its id and the empty folder to write its files into.

        Raises:
            ExperimentsDirectoryError: A folder cannot be made.
        """
        for number in claim_numbers(self._place, count, self.directory):
            yield number, os.path.join(self.directory, number)

    def publish(self) -> None:
        """Let all folders appear.

        Raises:
            OSError: They cannot: none of them, or only some, and `recover` lets the others appear.
        """
        os.close(os.open(os.path.join(self.directory, _COMPLETE), os.O_CREAT | os.O_WRONLY, 0o666))
        _finish(self._place, self.directory)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._remove()
        finally:
            self._lock.close()
        if isinstance(error, OSError):
            raise self._explained(error) from error

    def _remove(self) -> None:
        if not os.path.exists(os.path.join(self.directory, _COMPLETE)):
            _undo(self._place, self.directory)

    def _explained(self, error: BaseException) -> BaseException:
        if isinstance(error, OSError) and not isinstance(error, MeticulousError):
            return cannot_write(self._place, error)
        return error


def recover(experiments_directory: str) -> int:
    """Finish, or remove, what killed processes have left of sets; return how many that were.

    Raises:
        OSError: A folder cannot be moved or removed.
    """
    if not leftovers(experiments_directory):
        return 0
    # Without the lock, one that is just beginning could be taken for one that was left.
    with exclusively(experiments_directory, _PATIENCE):
        return _recover(experiments_directory)


def _recover(experiments_directory: str) -> int:
    """Do what `recover` does; the caller holds the lock of the directory."""
    found = 0
    for directory in leftovers(experiments_directory):
        found += 1
        if os.path.exists(os.path.join(directory, _COMPLETE)):
            _finish(experiments_directory, directory)
        else:
            _undo(experiments_directory, directory)
    return found


def leftovers(experiments_directory: str) -> list[str]:
    """Return the hidden places whose process is gone.

    For who does not hold the lock of the directory, one that is just beginning may be among them.
    """
    parent = os.path.join(experiments_directory, layout.REGISTERING)
    try:
        names = sorted(os.listdir(parent))
    except OSError:
        return []
    return [path for name in names if _is_abandoned(path := os.path.join(parent, name))]


def _is_abandoned(directory: str) -> bool:
    try:
        touched = os.stat(directory).st_mtime
        with open(os.path.join(directory, _OWNER), encoding="utf-8") as file:
            owner = json.load(file)
    except (FileNotFoundError, ValueError):
        # Whoever begins there holds the lock of the experiments directory.
        return os.path.isdir(directory)
    except OSError:
        return False
    return liveness.is_alive(owner, touched + _SILENT_SECONDS, time.time()) is False


def _finish(place: str, directory: str) -> None:
    for name in sorted(filter(is_number, os.listdir(directory)), key=int):
        # Over the empty folder that claims the number.
        os.rename(os.path.join(directory, name), os.path.join(place, name))
    _forget(directory)


def _undo(place: str, directory: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        for name in filter(is_number, os.listdir(directory)):
            with contextlib.suppress(OSError):
                os.rmdir(os.path.join(place, name))
    _forget(directory)


def _forget(directory: str) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(directory))
