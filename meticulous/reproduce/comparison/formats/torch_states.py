"""Checkpoints of torch, compared tensor by tensor without torch and without running what they hold.

Such a file is a zip archive with a pickle that names the tensors, and their bytes beside it. The
pickle is read by an unpickler that knows a short list of names and calls nothing else; where it
meets another one, the file is compared by digest only.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from meticulous.reader.table.flattening import MISSING
from meticulous.reproduce.comparison.formats.arrays import compare_arrays, load_numpy
from meticulous.reproduce.comparison.formats.choosing import NotComparableError
from meticulous.reproduce.comparison.formats.tensors import BFLOAT16, SIZES, tensor
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tallies
from meticulous.reproduce.comparison.values import compare_leaves

LARGEST = 8 * 2**30
"""Unpacked bytes; what unpacks to more is compared by digest only."""

_LARGEST_PICKLE = 64 * 2**20
_DEEPEST = 50
_LEAVES = 1_000_000

_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Entries(dict[Any, Any]):
    """Stands for an OrderedDict; what a module notes beside its weights is of no weight."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        pass


def _rebuild_tensor(
    storage: object, offset: object, shape: object, strides: object, *rest: object
) -> _Tensor:
    is_sound = (
        isinstance(storage, _Storage)
        and isinstance(offset, int)
        and isinstance(shape, Sequence)
        and isinstance(strides, Sequence)
        and len(shape) == len(strides)
        and all(isinstance(number, int) for number in (*shape, *strides))
    )
    if not is_sound:
        raise NotComparableError("one of the files has a tensor of an unknown form")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))  # type: ignore[arg-type]


def _rebuild_parameter(data: object, *rest: object) -> object:
    return data


def _as_text(*words: object) -> str:
    return " ".join(map(str, words))


def _as_tuple(values: Sequence[object] = ()) -> tuple[object, ...]:
    return tuple(values)


class _Unpickler(pickle.Unpickler):
    """Reads nothing but tensors, containers and plain values; every other name is refused."""

    _KNOWN: ClassVar[dict[tuple[str, str], object]] = {
        ("collections", "OrderedDict"): _Entries,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
        ("torch", "Size"): _as_tuple,
        ("torch", "device"): _as_text,
        **{("torch", name): kind for name, kind in _STORAGES.items()},
        **{("torch", kind): kind for kind in SIZES},
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._KNOWN[module, name]
        except KeyError:
            raise NotComparableError(
                f"it holds objects of {module}.{name}, and loading those could run code"
            ) from None

    def persistent_load(self, identity: Any) -> _Storage:
        match identity:
            case ("storage", str(kind), str(key), _, int()) if kind in SIZES:
                return _Storage(key, kind)
        raise NotComparableError("one of the files has a storage of an unknown form")


class _Checkpoint:
    """One file: its values by their places, and the bytes of its tensors."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        entries = {entry.filename: entry.file_size for entry in archive.infolist()}
        found = [name for name in entries if name.rpartition("/")[2] == "data.pkl"]
        if (
            len(found) != 1
            or entries[found[0]] > _LARGEST_PICKLE
            or sum(entries.values()) > LARGEST
        ):
            raise NotComparableError("one of the files is no checkpoint that can be read")
        self._root = found[0].removesuffix("data.pkl")
        order = f"{self._root}byteorder"
        if order in entries and archive.read(order) != b"little":
            raise NotComparableError("one of the files is in another byte order")
        value = _Unpickler(io.BytesIO(archive.read(found[0]))).load()
        leaves = list(_leaves(value))
        self.leaves = dict(leaves)
        if len(self.leaves) != len(leaves):
            raise NotComparableError("two of its values have one name")
        self._kept: tuple[str, bytes] = "", b""

    def array(self, found: _Tensor) -> Any:
        key = found.storage.key
        if self._kept[0] != key:
            self._kept = key, self._archive.read(f"{self._root}data/{key}")
        return tensor(found.storage.kind, found.shape, self._kept[1], found.strides, found.offset)


def compare(recorded: str, reproduced: str, tallies: Tallies, places: Places) -> None:
    """Compare two checkpoints; each tensor and each value is a place of its own."""
    load_numpy()
    try:
        with zipfile.ZipFile(recorded) as one, zipfile.ZipFile(reproduced) as other:
            _compare(_Checkpoint(one), _Checkpoint(other), tallies, places)
    except zipfile.BadZipFile:
        raise NotComparableError(
            "it is no archive as torch writes since 1.6, and older ones are not read"
        ) from None


def _compare(one: _Checkpoint, other: _Checkpoint, tallies: Tallies, places: Places) -> None:
    for name in dict.fromkeys([*one.leaves, *other.leaves]):
        left, right = one.leaves.get(name, MISSING), other.leaves.get(name, MISSING)
        if isinstance(left, _Tensor) and isinstance(right, _Tensor):
            compare_arrays(one.array(left), other.array(right), tallies[name])
        else:
            compare_leaves(_plain(left), _plain(right), tallies[name], "", places)


def _plain(leaf: Any) -> Any:
    if isinstance(leaf, _Tensor):
        return f"tensor of {leaf.storage.kind}, shape {leaf.shape}"
    is_plain = leaf is None or leaf is MISSING or isinstance(leaf, bool | int | float | str)
    return leaf if is_plain else repr(leaf)


def _leaves(value: Any) -> Iterator[tuple[str, Any]]:
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    count = 0
    while waiting:
        name, value, depth = waiting.pop()
        count += 1
        # What refers to itself has no end.
        if depth > _DEEPEST or count > _LEAVES:
            raise NotComparableError("it is nested too deeply")
        if isinstance(value, dict) and value:
            inner = [(str(key), item) for key, item in value.items()]
        elif isinstance(value, list | tuple) and value:
            inner = [(str(at), item) for at, item in enumerate(value)]
        else:
            yield name, value
            continue
        prefix = f"{name}." if name else ""
        waiting += reversed([(f"{prefix}{key}", item, depth + 1) for key, item in inner])
