"""Which experiments there are, what is kept of them that still holds, and the others read anew."""

from __future__ import annotations

import contextlib
import gc
import os
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from meticulous.folder import status
from meticulous.reader.collection import is_record, list_folders, position_of
from meticulous.reader.index import kept as keeping
from meticulous.reader.index.columnar import Columns
from meticulous.reader.index.kept import STAMP, Kept
from meticulous.reader.index.sound import FILES, Sound, read_sound
from meticulous.reader.index.stamps import read_stamps
from meticulous.reader.record import Record, read_record

_PATIENCE = 256
"""So many changed experiments, and a 64th of those kept, are read anew rather than kept."""


@dataclass(slots=True)
class Gathered:
    """All experiments of a directory, each in the form in which it could be had fastest.

    Attributes:
        directory: The experiments directory, as an absolute path.
        ids: The ids in the order of `find_records`.
        kept: What was kept; None when nothing was.
        places: For each experiment that was kept its number in `ids`, -1 if it does not hold any
            more; None when all hold and are all there are.
        sounds: Experiments that were read anew, under their number in `ids`.
        records: The same for those that had to be read with more care.
        apart: The parts of `sounds`, taken apart, when that had to be done to keep them.
    """

    directory: str
    ids: list[str]
    kept: Kept | None
    places: array[int] | None = None
    sounds: dict[int, Sound] = field(default_factory=dict)
    records: dict[int, Record] = field(default_factory=dict)
    apart: dict[str, Columns] | None = None


def gather(directory: str) -> Gathered:
    """Find all experiments of a directory; keep what was read for the next time.

    Raises:
        ExperimentsDirectoryError: The directory cannot be read.
    """
    directory = os.path.abspath(directory)
    started = time.time_ns()
    candidates = list_folders(directory)
    kept = keeping.load(directory)
    holding = [] if kept is None else _holding(directory, kept, candidates)
    read = _read(directory, candidates.difference(holding))
    ids = _merged(holding, read)
    gathered = Gathered(directory, ids, kept)
    if read or kept is None or len(holding) < len(kept.names):
        numbers = {name: number for number, name in enumerate(ids)}
        for name, found in read.items():
            if isinstance(found, Sound):
                gathered.sounds[numbers[name]] = found
            else:
                gathered.records[numbers[name]] = found
        if kept is not None:
            held = {name: numbers[name] for name in holding}
            gathered.places = array("q", [held.get(name, -1) for name in kept.names])
    _keep(gathered, started)
    return gathered


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Create many objects without looking for garbage among them, which would take most time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            # What was created stays, so it need not be looked through at once: freezing and
            # thawing makes old objects of all young ones.
            if gc.get_freeze_count() == 0:
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _holding(directory: str, kept: Kept, candidates: set[str]) -> list[str]:
    """Return the names of the experiments that are there and unchanged, in their order."""
    stamps = read_stamps(directory, kept.names, FILES)
    if stamps == kept.stamps and candidates.issuperset(kept.names):
        return kept.names
    return [
        name
        for row, name in enumerate(kept.names)
        if name in candidates
        and stamps[STAMP * row : STAMP * (row + 1)] == kept.stamps[STAMP * row : STAMP * (row + 1)]
    ]


def _read(directory: str, names: Iterable[str]) -> dict[str, Sound | Record]:
    """Read the folders that are experiments, in the order of their ids."""
    read: dict[str, Sound | Record] = {}
    for name in sorted(names, key=position_of):
        path = os.path.join(directory, name)
        found = read_sound(path)
        if found is not None:
            read[name] = found
        elif is_record(path):
            record = read_record(path)
            # Else it was deleted since the directory was listed.
            if record.status != status.UNKNOWN or os.path.lexists(path):
                read[name] = record
    return read


def _merged(holding: list[str], read: Iterable[str]) -> list[str]:
    """Return names in order from two lists in order, fast where the second is short."""
    added = list(read)
    if len(added) > _PATIENCE:
        return sorted([*holding, *added], key=position_of)
    names = list(holding)
    for name in added:
        names.insert(bisect_left(names, position_of(name), key=position_of), name)
    return names


def _keep(gathered: Gathered, started: int) -> None:
    """Keep the experiments, unless too few have changed since that was last done."""
    kept, places = gathered.kept, gathered.places
    if kept is not None and places is None:
        return
    changed = {
        number: sound for number, sound in gathered.sounds.items() if not sound.is_fresh(started)
    }
    count = len(kept.names) if kept else 0
    gone = places.count(-1) if places else 0
    if kept is not None and max(len(changed), gone) <= max(_PATIENCE, count // 64):
        return
    if kept is not None and places is not None:
        rows = [row for row, place in enumerate(places) if place >= 0]
        changed.update(zip((places[row] for row in rows), kept.sounds(rows), strict=True))
    numbers = sorted(changed)
    names = [gathered.ids[number] for number in numbers]
    parts = keeping.save(gathered.directory, names, [changed[number] for number in numbers])
    if numbers == list(gathered.sounds):
        gathered.apart = parts
