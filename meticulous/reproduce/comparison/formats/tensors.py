"""Tensors as they lie in a file: a type, a shape and bytes, made an array of numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from meticulous.reproduce.comparison.formats.arrays import load_numpy
from meticulous.reproduce.comparison.formats.choosing import NotComparableError

BFLOAT16 = "bfloat16"
"""The upper half of a float32, which numpy does not know."""

SIZES = {
    **dict.fromkeys(("float64", "int64", "uint64", "complex64"), 8),
    **dict.fromkeys(("float32", "int32", "uint32"), 4),
    **dict.fromkeys(("float16", BFLOAT16, "int16", "uint16"), 2),
    **dict.fromkeys(("int8", "uint8", "bool", "byte"), 1),
    "complex128": 16,
}
"""Bytes of an element of each type; "byte" stands for types of one byte that numpy lacks."""


_MOST_REPEATED = 2**24


def tensor(
    kind: str,
    shape: Sequence[int],
    data: Any,
    strides: Sequence[int] | None = None,
    offset: int = 0,
) -> Any:
    """Return a tensor as an array.

    Args:
        kind: One of `SIZES`.
        shape: Its lengths.
        data: Bytes, in little-endian order.
        strides: How many elements apart neighbours lie in each dimension; densely by default.
        offset: Elements before its first one.

    Raises:
        NotComparableError: It would reach beyond its bytes.
    """
    np = load_numpy()
    if min((*shape, *(strides or ()), offset), default=0) < 0:
        raise NotComparableError("one of the files has a tensor of an impossible shape")
    stored = {BFLOAT16: "<u2", "byte": "S1", "bool": "?"}.get(kind)
    flat = np.frombuffer(data, dtype=stored or np.dtype(kind).newbyteorder("<"))
    count = math.prod(shape)
    if strides is None:
        reach = offset + count
    else:
        pairs = zip(shape, strides, strict=True)
        reach = offset + 1 + sum((length - 1) * stride for length, stride in pairs) if count else 0
    # One element may stand for many, and by a forged shape for more than can be looked at.
    if reach > flat.size or (strides is not None and count > max(flat.size, _MOST_REPEATED)):
        raise NotComparableError("one of the files has a tensor that reaches beyond its end")
    if strides is None:
        array = flat[offset : offset + count].reshape(shape)
    elif not count:
        array = flat[:0].reshape(shape)
    else:
        steps = [stride * flat.itemsize for stride in strides]
        array = np.lib.stride_tricks.as_strided(flat[offset:], shape, steps, writeable=False)
    if kind == BFLOAT16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array
