"""What JSON values are: whether two are the same, and whether one is a number."""

from __future__ import annotations

from typing import Any


def is_same(a: Any, b: Any) -> bool:
    """Say whether two JSON values are the same, nested ones included.

    1 and 1.0 are the same number, NaN is the same as NaN, and true is not 1.
    """
    kind = type(a)
    if kind is type(b) and kind is not list and kind is not dict:  # as in most of a long table
        return bool(a == b or (a != a and b != b))
    return kinship(a, b) is not None


def kinship(a: Any, b: Any) -> bool | None:
    """Return True for the same value, False for a number of another type, None for another."""
    if a is b:
        return True
    exact = True
    # Not recursive, since a value may be nested deeper than Python's stack.
    waiting = [(a, b)]
    while waiting:
        left, right = waiting.pop()
        if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
            waiting += zip(left, right, strict=True)
        elif isinstance(left, dict) and isinstance(right, dict) and left.keys() == right.keys():
            waiting += ((left[key], right[key]) for key in left)
        elif is_numeric(left) and is_numeric(right):
            if left != right and not (left != left and right != right):
                return None
            exact = exact and type(left) is type(right)
        elif type(left) is not type(right) or isinstance(left, list | dict) or left != right:
            return None
    return exact


def is_numeric(value: Any) -> bool:
    """Say whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
