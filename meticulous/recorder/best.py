"""Which of the values given to `summary` replace those that are there: the latest, or the best."""

from __future__ import annotations

from _collections_abc import Mapping

from meticulous.errors import InvalidOptionError
from meticulous.folder.encoding import SPECIAL_NUMBERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEEP_CHOICES = ("latest", "min", "max")


def check_choice(
    keep: str, leader: str | None, values: Mapping[str, Any], more: Mapping[str, Any]
) -> None:
    """Make sure that what `summary` is asked for has a meaning.

    Raises:
        InvalidOptionError: `keep` is not known; the leader is not among the values, or no number.
    """
    if keep not in KEEP_CHOICES:
        raise InvalidOptionError(
            f"keep={keep!r} is not known; choose one of {', '.join(map(repr, KEEP_CHOICES))}."
        )
    if leader is None:
        return
    if leader not in values and leader not in more:
        names = ", ".join(map(str, (*values, *more))) or "nothing"
        raise InvalidOptionError(
            f"The leader {leader!r} is not among the values of this call, which has {names}; give "
            "its value too."
        )
    value = more[leader] if leader in more else values[leader]
    if keep != "latest" and number(value) is None:
        raise InvalidOptionError(
            f"The leader {leader!r} decides by its value, and {value!r} is no number."
        )


def chosen(
    current: Mapping[str, Any], values: Mapping[str, Any], keep: str, leader: str | None
) -> Mapping[str, Any]:
    """Return those of the new values that are to be stored.

    Args:
        current: The summary as it stands.
        values: The new values.
        keep: "latest", "min" or "max".
        leader: The name that decides for all; None to have each decide for itself.
    """
    if keep == "latest":
        return values
    if leader is not None:
        # A tie counts: what goes with the leader is then that of the later step.
        return values if replaces(current, leader, values[leader], keep, True) else {}
    return {
        name: value for name, value in values.items() if replaces(current, name, value, keep, False)
    }


def replaces(
    current: Mapping[str, Any], name: str, value: Any, keep: str, is_tie_enough: bool
) -> bool:
    """Say whether a value is stored in place of what is there under its name."""
    if name not in current:
        return True
    present, new = number(current[name]), number(value)
    if present is None or new is None:
        return True
    if new != new:
        return False
    if present != present:
        return True
    if new == present:
        return is_tie_enough
    return new < present if keep == "min" else new > present


def number(value: Any) -> float | None:
    """Return the number that a value is, also as JSON holds it; None where it is none."""
    if isinstance(value, str):
        # After a run was resumed.
        return SPECIAL_NUMBERS.get(value)
    if isinstance(value, (int, float)):
        return value
    # Scalars of numpy and torch; anything else that has no float is no number.
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None
