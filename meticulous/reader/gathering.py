"""Which experiments there are, what is kept of them that still holds, and the others read anew."""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from meticulous.folder import status
from meticulous.reader import kept as keeping
from meticulous.reader.collection import is_record, list_folders, position_of
from meticulous.reader.kept import STAMP, Kept
from meticulous.reader.record import Record, read_record
from meticulous.reader.sound import FILES, Sound, read_sound
from meticulous.reader.stamps import read_stamps

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
    """

    directory: str
    ids: list[str] = field(default_factory=list)
    kept: Kept | None = None
    places: list[int] | None = None
    sounds: dict[int, Sound] = field(default_factory=dict)
    records: dict[int, Record] = field(default_factory=dict)


def gather(directory: str) -> Gathered:
    """Find all experiments of a directory; keep what was read for the next time.

    Raises:
        ExperimentsDirectoryError: The directory cannot be read.
    """
    directory = os.path.abspath(directory)
    gathered = Gathered(directory)
    started = time.time_ns()
    candidates = list_folders(directory)
    kept = gathered.kept = keeping.load(directory)
    holding: dict[str, int] = {}
    if kept is not None:
        holds = _holding(directory, kept)
        if holds is None and len(candidates) == len(kept.names) == len(
            candidates & set(kept.names)
        ):
            gathered.ids = kept.names
            return gathered
        holding = {
            name: row
            for row, name in enumerate(kept.names)
            if (holds is None or holds[row]) and name in candidates
        }
    rows: dict[int, int] = {}
    for name in sorted(candidates, key=position_of):
        number = len(gathered.ids)
        if name in holding:
            rows[holding[name]] = number
        elif not _read(gathered, name, number):
            continue
        gathered.ids.append(name)
    if kept is not None:
        gathered.places = [rows.get(row, -1) for row in range(len(kept.names))]
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
            gc.enable()


def _read(gathered: Gathered, name: str, number: int) -> bool:
    path = os.path.join(gathered.directory, name)
    sound = read_sound(path)
    if sound is not None:
        gathered.sounds[number] = sound
        return True
    if not is_record(path):
        return False
    record = read_record(path)
    if record.status == status.UNKNOWN and not os.path.lexists(path):
        return False  # deleted since the directory was listed
    gathered.records[number] = record
    return True


def _holding(directory: str, kept: Kept) -> list[bool] | None:
    """Say of each experiment that is kept whether its files are unchanged; None if all are."""
    stamps = read_stamps(directory, kept.names, FILES)
    if stamps == kept.stamps:
        return None
    return [
        stamps[first : first + STAMP] == kept.stamps[first : first + STAMP]
        for first in range(0, len(stamps), STAMP)
    ]


def _keep(gathered: Gathered, started: int) -> None:
    """Keep the experiments, unless too few have changed since that was last done."""
    kept, places = gathered.kept, gathered.places
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
    keeping.save(gathered.directory, names, [changed[number] for number in numbers])
