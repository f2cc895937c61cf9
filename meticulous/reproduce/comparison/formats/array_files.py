"""The files of numpy, .npy and .npz, compared array by array; pickled objects are not loaded."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from typing import Any

from meticulous.reproduce.comparison.formats.arrays import compare_arrays, load_numpy
from meticulous.reproduce.comparison.formats.choosing import NotComparableError
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tallies

LARGEST = 4 * 2**30
"""Unpacked bytes of an .npz; one that unpacks to more is compared by digest only."""


def compare(recorded: str, reproduced: str, tallies: Tallies, places: Places) -> None:
    """Compare two .npy files, or two .npz files with arrays of the same names."""
    np = load_numpy()
    try:
        if recorded.lower().endswith(".npz"):
            for path in (recorded, reproduced):
                with zipfile.ZipFile(path) as archive:
                    if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
                        raise NotComparableError("it unpacks to more than is read")
            with _open(np, recorded) as one, _open(np, reproduced) as other:
                compare_named_arrays(one, other, tallies)
        else:
            compare_arrays(_map(np, recorded), _map(np, reproduced), tallies[""])
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise NotComparableError(f"one of the files cannot be read as arrays: {error}") from None


def _open(np: Any, path: str) -> Any:
    return np.load(path, allow_pickle=False)


def _map(np: Any, path: str) -> Any:
    with open(path, "rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise ValueError("it does not begin as an .npy file does")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        end = array.offset + array.nbytes
    except ValueError:  # an array without elements, which cannot be mapped; or a broken file
        with open(path, "rb") as file:
            array, end = np.load(file, allow_pickle=False), file.tell()
    if end != os.path.getsize(path):
        raise NotComparableError("one of the files holds more than its first array")
    return array


def compare_named_arrays(
    one: Mapping[str, Any], other: Mapping[str, Any], tallies: Tallies
) -> None:
    """Compare arrays by their names; each name is a place of its own."""
    for name in dict.fromkeys([*one, *other]):
        tally = tallies[name]
        if name in one and name in other:
            compare_arrays(one[name], other[name], tally)
        else:
            tally.remark(
                "the reproduction does not have the array"
                if name in one
                else "only the reproduction has the array"
            )
            tally.unequal(None, None)
