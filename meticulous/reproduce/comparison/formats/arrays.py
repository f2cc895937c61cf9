"""Arrays of numpy, compared element by element in pieces; the only module that imports numpy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from meticulous.reproduce.comparison.formats.choosing import NotComparableError
from meticulous.reproduce.comparison.tally import Tally
from meticulous.reproduce.comparison.tolerance import Tolerance

if TYPE_CHECKING:
    import numpy as np

PIECE = 2**20
"""Elements that are compared at a time."""

_EXACT = 2.0**53
"""Beyond it not every integer is a float."""


def load_numpy() -> Any:
    """Return numpy.

    Raises:
        NotComparableError: It is not installed.
    """
    try:
        import numpy
    except ImportError:
        raise NotComparableError(
            "its values cannot be compared, since numpy is not installed"
        ) from None
    return numpy


def compare_arrays(one: Any, other: Any, tally: Tally, place: str = "") -> None:
    """Compare two arrays, of whatever shapes and types, and count their elements.

    Args:
        one: The array then.
        other: The array now.
        tally: What counts the elements.
        place: What is said before the index of an element.
    """
    if one.shape != other.shape:
        tally.remark("another shape")
        tally.unequal(_description(one), _description(other), place)
        return
    if one.dtype.names or other.dtype.names:
        _compare_fields(one, other, tally, place)
        return
    if one.dtype.newbyteorder("=") != other.dtype.newbyteorder("="):
        if _kind(one.dtype) != _kind(other.dtype):
            tally.remark("another type")
            tally.unequal(_description(one), _description(other), place)
            return
        # Equal values of another precision agree, and are not identical.
        tally.almost(f"{other.dtype} instead of {one.dtype}")
    if one.flags.f_contiguous and other.flags.f_contiguous and one.ndim > 1:
        # The order of the elements is of no weight, and this way nothing is copied.
        one, other = one.T, other.T
        shape = one.shape[::-1]
        is_turned = True
    else:
        shape, is_turned = one.shape, False
    flat, other_flat = one.reshape(-1), other.reshape(-1)
    for start in range(0, flat.size, PIECE):
        piece, other_piece = flat[start : start + PIECE], other_flat[start : start + PIECE]
        _compare_pieces(piece, other_piece, tally, _Index(place, shape, is_turned, start))


class _Index:
    """Where an element of a piece stands in its array."""

    def __init__(self, place: str, shape: tuple[int, ...], is_turned: bool, start: int) -> None:
        self._place = place
        self._shape = shape
        self._is_turned = is_turned
        self._start = start

    def text(self, at: int) -> str:
        np = load_numpy()
        if not self._shape:
            return self._place
        order = "F" if self._is_turned else "C"
        indices = np.unravel_index(self._start + at, self._shape, order=order)
        return f"{self._place}[{', '.join(str(int(index)) for index in indices)}]"


def _compare_fields(one: Any, other: Any, tally: Tally, place: str) -> None:
    if one.dtype.names != other.dtype.names:
        tally.remark("other fields")
        tally.unequal(_description(one), _description(other), place)
        return
    for name in one.dtype.names:
        compare_arrays(one[name], other[name], tally, f"{place}.{name}" if place else name)


def _compare_pieces(one: Any, other: Any, tally: Tally, index: _Index) -> None:
    np = load_numpy()
    kind = one.dtype.kind
    if kind not in "iufc" or other.dtype.kind not in "iufc":
        differs = one != other
        if kind in "mM":
            differs &= ~(np.isnat(one) & np.isnat(other))
        count = int(np.count_nonzero(differs))
        tally.same(one.size - count)
        if count:
            at = int(np.argmax(differs))
            values = _value(one[at]), _value(other[at])
            tally.unequal(*values, index.text(at), count)
        return
    with np.errstate(all="ignore"):
        same = (one == other) | ((one != one) & (other != other))
        same &= ~_are_rounded(one, other) & ~_are_rounded(other, one)
        _compare_zeros(one, other, same, tally)
        if same.all():
            tally.same(one.size)
            return
        where = np.flatnonzero(~same)
        tally.same(one.size - where.size)
        _count_differences(one[where], other[where], where, tally, index)


def _are_rounded(one: Any, other: Any) -> Any:
    """Say where an integer equals a float only since it was rounded to be compared."""
    np = load_numpy()
    if one.dtype.kind not in "iu" or other.dtype.kind not in "fc":
        return np.zeros(one.shape, dtype=bool)
    return (np.abs(other) >= _EXACT) & (other.real.astype(one.dtype) != one)


def _compare_zeros(one: Any, other: Any, same: Any, tally: Tally) -> None:
    np = load_numpy()
    if one.dtype.kind != other.dtype.kind or one.dtype.kind not in "fc":
        return
    for part, other_part in ((one.real, other.real), (one.imag, other.imag)):
        zeros = same & (part == 0) & (np.signbit(part) != np.signbit(other_part))
        if zeros.any():
            tally.almost("the sign of a zero differs")
            return


def _count_differences(one: Any, other: Any, where: Any, tally: Tally, index: _Index) -> None:
    np = load_numpy()
    absolute = _distance(one, other)
    size = np.abs(one.astype(_wide(one.dtype)))
    relative = np.where(size == 0, np.inf, absolute / np.where(size == 0, 1, size))
    is_finite = np.isfinite(one) & np.isfinite(other)
    absolute = np.where(is_finite, absolute, np.nan)
    relative = np.where(is_finite, relative, np.nan)
    within = _within(tally.applied.tolerance, absolute, relative)
    groups = (within, ~within & is_finite, ~within & ~is_finite)
    for number, chosen in enumerate(groups):
        count = int(np.count_nonzero(chosen))
        if not count:
            continue
        severity = np.where(chosen, np.where(np.isnan(absolute), np.inf, absolute), -1.0)
        at = int(np.argmax(severity))
        greatest = (
            [math.nan] * 2
            if number == 2
            else [float(np.max(v[chosen])) for v in (absolute, relative)]
        )
        tally.difference(
            _value(one[at]),
            _value(other[at]),
            greatest[0],
            greatest[1],
            index.text(int(where[at])),
            inside=count if number == 0 else 0,
            outside=0 if number == 0 else count,
        )


def _within(tolerance: Tolerance, absolute: Any, relative: Any) -> Any:
    np = load_numpy()
    within = np.zeros(absolute.shape, dtype=bool)
    if tolerance.absolute is not None:
        within |= absolute <= tolerance.absolute
    if tolerance.relative is not None:
        within |= relative <= tolerance.relative
    return within


def _distance(one: Any, other: Any) -> Any:
    np = load_numpy()
    if one.dtype.kind in "iu" and other.dtype.kind in "iu" and one.dtype == other.dtype:
        # The difference of two integers of 64 bits does not fit in one, unless unsigned.
        unsigned = np.dtype(f"u{one.dtype.itemsize}")
        larger, smaller = np.maximum(one, other), np.minimum(one, other)
        difference = larger.astype(unsigned) - smaller.astype(unsigned)
        return difference.astype(np.float64)
    return np.abs(one.astype(_wide(one.dtype)) - other.astype(_wide(other.dtype)))


def _wide(dtype: np.dtype[Any]) -> Any:
    np = load_numpy()
    if dtype.kind == "c":
        return np.clongdouble if dtype.itemsize > 16 else np.complex128
    return np.longdouble if dtype.kind == "f" and dtype.itemsize > 8 else np.float64


def _value(element: Any) -> Any:
    value = element.item() if hasattr(element, "item") else element
    return value if isinstance(value, bool | int | float | str) else str(value)


def _kind(dtype: np.dtype[Any]) -> str:
    return "number" if dtype.kind in "iufc" else dtype.kind


def _description(array: Any) -> str:
    return f"{array.dtype} of shape {tuple(array.shape)}"
