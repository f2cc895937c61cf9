"""Look after sets: begin experiments anew, take them out of a set and back, tidy up."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

from meticulous.errors import ExperimentRunningError
from meticulous.folder import status, trash
from meticulous.folder.allocation import is_number, keep_number
from meticulous.folder.annotation import change_tags
from meticulous.folder.layout import UNLINKED
from meticulous.reader.index import read_records
from meticulous.reader.record import Record, read_record
from meticulous.recorder import registering
from meticulous.sweep import staging
from meticulous.sweep.submitting import forget_launches

_BEGINNING_SECONDS = 60.0
"""An empty folder that is younger than this may be an experiment that is about to begin."""


def reset(folder: str) -> None:
    """Register an experiment for a new attempt; the history is kept.

    Raises:
        IllegalMoveError: It runs.
        UnreadableRecordError: The folder is not a record that can be understood.
        ExperimentsDirectoryError: The folder cannot be written.
    """
    registering.reset(folder)
    forget_launches(folder)


def make_registered(records: Iterable[Record]) -> None:
    """Reset those of the experiments that are to be launched and are not registered."""
    for record in records:
        if record.status != status.REGISTERED:
            reset(str(record.directory))


def unlink(records: Iterable[Record]) -> list[Record]:
    """Take experiments out of their set: they are neither listed nor launched. Their folders stay.

    Returns:
        Those that were in it before.

    Raises:
        ExperimentRunningError: One of them runs; then all stay.
        ExperimentsDirectoryError: A folder cannot be written.
    """
    present = [read_record(record.directory) for record in records]
    for record in present:
        if record.status == status.RUNNING:
            raise ExperimentRunningError(
                f"Experiment {record.id} runs. Stop it, or wait for its end. Nothing was unlinked."
            )
    linked = [record for record in present if UNLINKED not in record.tags]
    for record in linked:
        change_tags(str(record.directory), [UNLINKED])
    return linked


def relink(folder: str) -> bool:
    """Put an experiment back into its set; say whether it was out of it.

    Raises:
        ExperimentsDirectoryError: The folder cannot be written.
    """
    is_out = UNLINKED in read_record(folder).tags
    change_tags(folder, (), [UNLINKED])
    return is_out


@dataclass(frozen=True, slots=True)
class Litter:
    """What `clean` would remove of an experiments directory.

    Attributes:
        unlinked: Experiments that were unlinked; they go to the trash.
        leftovers: What killed processes have left of sets that were being registered.
        empty: Folders with a number and nothing in them.
    """

    unlinked: list[Record]
    leftovers: list[str]
    empty: list[str]

    @property
    def paths(self) -> list[str]:
        """All of it, as absolute paths."""
        return [*(str(record.directory) for record in self.unlinked), *self.leftovers, *self.empty]


def find_litter(experiments_directory: str) -> Litter:
    """Return what `clean` would remove; nothing is changed.

    Raises:
        ExperimentsDirectoryError: The directory cannot be read.
    """
    place = os.path.abspath(experiments_directory)
    records = [
        record
        for record in read_records(place)
        if UNLINKED in record.tags and record.status != status.RUNNING
    ]
    return Litter(records, staging.leftovers(place), _empty_folders(place))


def clean(experiments_directory: str, litter: Litter) -> None:
    """Remove what `find_litter` found, and nothing else; experiments go to the trash.

    Raises:
        ExperimentsDirectoryError: Something cannot be moved or removed.
    """
    place = os.path.abspath(experiments_directory)
    for record in litter.unlinked:
        # Somebody may have taken it back meanwhile.
        if UNLINKED in read_record(record.directory).tags:
            trash.remove(str(record.directory))
    if litter.leftovers:
        staging.recover(place)
    for folder in litter.empty:
        with contextlib.suppress(OSError):
            keep_number(place, os.path.basename(folder))
            os.rmdir(folder)


def _empty_folders(place: str) -> list[str]:
    found = []
    with os.scandir(place) as entries:
        for entry in entries:
            if is_number(entry.name) and entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    is_old = time.time() - entry.stat().st_mtime > _BEGINNING_SECONDS
                    if is_old and not os.listdir(entry.path):
                        found.append(entry.path)
    return sorted(found, key=lambda path: int(os.path.basename(path)))
