"""Turn numpy and torch values into Python ones: small arrays whole, large ones described."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

MAX_ELEMENTS = 1000
"""Larger arrays are described by shape, type and hash instead of being written out."""

MAX_HASHED = 64 * 2**20
"""Bytes; arrays beyond this are described without a hash, which would cost the program seconds."""


def numpy_scalar(value: Any) -> Any:
    """Return a numpy scalar as the Python value that holds exactly the same, or as text.

    Dates become ISO text, durations seconds (text where the unit is months, years or none); a long
    double that no Python float equals becomes its digits.
    """
    kind = value.dtype.kind
    if kind == "M":
        return str(value)
    if kind == "m":
        return _seconds(value)
    inner = value.item()
    if type(inner) is not type(value):
        return inner
    if kind == "f":  # numpy has no Python type for a long double and returns it unchanged
        narrowed = float(inner)
        if narrowed == inner or inner != inner:
            return narrowed
    return str(inner)


def _seconds(value: Any) -> float | str:
    if value != value or value.dtype.str[-3:-1] in ("[M", "[Y") or "[" not in value.dtype.str:
        return str(value)
    return float(value / type(value)(1, "s"))


def array_values(value: Any) -> Any:
    """Return an array of numpy, or of a library that converts to it, as nested lists.

    One with more than `MAX_ELEMENTS` elements becomes `{"__array__": {...}}`; masked elements
    become None. An array without dimensions becomes its one element.
    """
    if hasattr(type(value), "mask") and _cells(value.shape) <= MAX_ELEMENTS:
        return value.tolist()
    # A numpy.matrix stays two-dimensional however often it is iterated; a plain array does not.
    array = sys.modules["numpy"].asarray(value)
    if _cells(array.shape) > MAX_ELEMENTS:
        return _described(array.shape, array.dtype, _array_hash(array))
    return _nested(array)


def _cells(shape: Iterable[int]) -> int:
    """Count the elements, and in an empty array the lists that would have to be written."""
    cells = 1
    for length in shape:
        cells *= max(int(length), 1)
    return cells


def _nested(array: Any) -> Any:
    if array.ndim == 0:
        return array[()]
    # tolist() turns fine-grained dates into bare integers, so those keep their numpy scalars.
    if array.dtype.kind in "biufSUO" and array.dtype.char != "g":
        return array.tolist()
    return list(array) if array.ndim == 1 else [_nested(part) for part in array]


def _array_hash(array: Any) -> str | None:
    if array.dtype.hasobject or array.nbytes > MAX_HASHED:
        return None
    from hashlib import sha256

    return sha256(array.tobytes()).hexdigest()


def tensor_values(value: Any) -> Any:
    """Return a torch tensor as nested lists, or described like a large array.

    Tensors on a device are fetched, which waits for it. Tensors without data (on "meta") are
    described.
    """
    tensor = value.detach()
    if tensor.device.type == "meta":
        return _described(tensor.shape, tensor.dtype, None)
    if _cells(tensor.shape) <= MAX_ELEMENTS:
        return tensor.tolist()
    return _described(tensor.shape, tensor.dtype, _tensor_hash(tensor))


def _tensor_hash(tensor: Any) -> str | None:
    if tensor.numel() * tensor.element_size() > MAX_HASHED:
        return None
    from hashlib import sha256

    try:
        dense = tensor.cpu().contiguous().flatten()
        return sha256(dense.view(sys.modules["torch"].uint8).numpy().tobytes()).hexdigest()
    except (RuntimeError, TypeError, NotImplementedError):  # sparse, quantized, or no numpy
        return None


def _described(shape: Iterable[int], dtype: Any, sha256: str | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"shape": [int(length) for length in shape], "dtype": str(dtype)}
    if sha256 is not None:
        facts["sha256"] = sha256
    return {"__array__": facts}
