"""Files of safetensors, read as their published format says and compared tensor by tensor."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from meticulous.reproduce.comparison.formats.array_files import compare_named_arrays
from meticulous.reproduce.comparison.formats.arrays import load_numpy
from meticulous.reproduce.comparison.formats.choosing import NotComparableError
from meticulous.reproduce.comparison.formats.tensors import BFLOAT16, SIZES, tensor
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tallies
from meticulous.reproduce.comparison.values import compare_values

_METADATA = "__metadata__"
_LONGEST_HEADER = 100_000_000
_KINDS = {
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{
        f"{letter}{bits}": f"{name}{bits}"
        for letter, name in (("I", "int"), ("U", "uint"))
        for bits in (8, 16, 32, 64)
    },
    "BF16": BFLOAT16,
    "BOOL": "bool",
    "F8_E4M3": "byte",
    "F8_E5M2": "byte",
    "C64": "complex64",
}


class _File(Mapping[str, Any]):
    """The tensors of one file by their names, each read when it is asked for."""

    def __init__(self, path: str) -> None:
        np = load_numpy()
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > min(_LONGEST_HEADER, os.path.getsize(path)):
                raise NotComparableError("one of the files is no file of safetensors")
            try:
                self._entries = json.loads(file.read(length))
                self.metadata = self._entries.pop(_METADATA, {})
            except (ValueError, AttributeError, TypeError, RecursionError) as error:
                raise NotComparableError(f"one of the headers cannot be read: {error}") from None
        self._start = 8 + length
        self._data = np.memmap(path, dtype=np.uint8, mode="r")
        if self._start + self._size() != len(self._data):
            raise NotComparableError("one of the files holds more than its tensors")

    def _size(self) -> int:
        """Return how many bytes the tensors take; the format has no gaps between them."""
        try:
            return max(
                (int(entry["data_offsets"][1]) for entry in self._entries.values()), default=0
            )
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise NotComparableError(f"one of the headers cannot be read: {error}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, name: str) -> Any:
        try:
            entry = self._entries[name]
            kind, shape = _KINDS[entry["dtype"]], [int(length) for length in entry["shape"]]
            start, end = (int(at) + self._start for at in entry["data_offsets"])
        except (KeyError, ValueError, TypeError) as error:
            raise NotComparableError(f"a tensor is of a kind that is not known: {error}") from None
        end -= (end - start) % SIZES[kind]
        return tensor(kind, shape, self._data[start:end])


def compare(recorded: str, reproduced: str, tallies: Tallies, places: Places) -> None:
    """Compare two files tensor by tensor, and the texts of their metadata."""
    one, other = _File(recorded), _File(reproduced)
    compare_named_arrays(one, other, tallies)
    if one.metadata or other.metadata:
        compare_values({_METADATA: one.metadata}, {_METADATA: other.metadata}, tallies, places)
