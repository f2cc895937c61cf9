"""Compressed files, compared by what they hold rather than by when they were packed."""

from __future__ import annotations

import gzip
import zipfile

from meticulous.reproduce.comparison.formats.choosing import NotComparableError
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tallies

LARGEST = 2**30
"""Unpacked bytes; what unpacks to more is compared by digest only."""

_STEP = 2**20


def compare(recorded: str, reproduced: str, tallies: Tallies, places: Places) -> None:
    """Compare two gzip files by their unpacked bytes, two zip files by their entries' checksums.

    What differs is only named, not compared by value.
    """
    if recorded.lower().endswith(".zip"):
        _compare_entries(recorded, reproduced, tallies)
    else:
        _compare_unpacked(recorded, reproduced, tallies)


def _compare_entries(recorded: str, reproduced: str, tallies: Tallies) -> None:
    entries = []
    for path in (recorded, reproduced):
        with zipfile.ZipFile(path) as archive:
            entries.append({one.filename: (one.CRC, one.file_size) for one in archive.infolist()})
    tally = tallies[""]
    for name in dict.fromkeys([*entries[0], *entries[1]]):
        one, other = entries[0].get(name), entries[1].get(name)
        if one == other:
            tally.same()
        else:
            tally.unequal(_size(one), _size(other), name)
    if not tally.outside:
        tally.remark("the entries' checksums were compared")


def _size(entry: tuple[int, int] | None) -> str | None:
    return None if entry is None else f"{entry[1]} bytes, CRC {entry[0]:08x}"


def _compare_unpacked(recorded: str, reproduced: str, tallies: Tallies) -> None:
    read = 0
    with gzip.open(recorded) as one, gzip.open(reproduced) as other:
        while read <= LARGEST:
            left, right = one.read(_STEP), other.read(_STEP)
            if left != right:
                tallies[""].unequal(None, None)
                tallies[""].remark("what it holds differs too, and is compared by digest only")
                return
            if not left:
                tallies[""].same()
                return
            read += len(left)
    raise NotComparableError("it unpacks to more than is read")
