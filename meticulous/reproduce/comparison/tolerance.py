"""How far a result may be off: what `--tolerance` says, and which of several counts."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from meticulous.errors import InvalidToleranceError

PARTS = ("summary", "metrics", "outputs", "text")
"""The parts of the results whose numbers may be off; a name may begin with one and a dot."""

FORMS = (
    "1e-6 (every number, absolute), loss=1e-6, '*=rel:1e-3', "
    "'summary.loss=abs:1e-6,rel:1e-3' (one of the two suffices), 'outputs.log.csv=ignore'"
)
"""What a tolerance can look like, for messages."""

_IGNORED = "ignore"
_KINDS = ("abs", "rel")
_WILDCARDS = re.compile(r"[*?]|\[[^\]]*\]")
_ROUNDED_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far numbers may be off; one of the limits suffices, as with `math.isclose`.

    Attributes:
        absolute: The greatest difference; None when there is no such limit.
        relative: The greatest difference as a fraction of the size of the recorded number.
        is_ignored: Whether the result is left out of the verdict altogether.
    """

    absolute: float | None = None
    relative: float | None = None
    is_ignored: bool = False

    def __str__(self) -> str:
        if self.is_ignored:
            return _IGNORED
        limits = zip(_KINDS, (self.absolute, self.relative), strict=True)
        return ",".join(f"{kind}:{limit!r}" for kind, limit in limits if limit is not None)

    def accepts(self, absolute: float, relative: float) -> bool:
        """Say whether a difference of numbers lies within.

        Args:
            absolute: The size of the difference; NaN where numbers cannot be subtracted.
            relative: The same as a fraction of the size of the recorded number.
        """
        if self.absolute is not None and absolute <= self.absolute:
            return True
        return self.relative is not None and relative <= self.relative


NONE = Tolerance()
"""Where nothing is said: only what is identical is the same."""

IGNORED = Tolerance(is_ignored=True)
"""Where a result is left out of the verdict."""


@dataclass(frozen=True, slots=True)
class Specification:
    """One tolerance and the results it is for.

    Attributes:
        pattern: A name, in which `*`, `?` and `[...]` are wildcards; "*" is every result.
        tolerance: How far these may be off.
    """

    pattern: str
    tolerance: Tolerance

    def __str__(self) -> str:
        return f"{self.pattern}={self.tolerance}"


@dataclass(frozen=True, slots=True)
class Applied:
    """The tolerance that counts for one result.

    Attributes:
        tolerance: How far it may be off.
        is_explicit: Whether somebody named this result, and did not only mean all of them.
    """

    tolerance: Tolerance = NONE
    is_explicit: bool = False

    def __str__(self) -> str:
        return str(self.tolerance)


@dataclass(frozen=True, slots=True)
class Tolerances:
    """All that was said about how far results may be off.

    A name given in full goes before one with wildcards, of those the one with more letters goes
    before the others, and of equal ones the last. So `--tolerance loss=1e-6 --tolerance
    '*=rel:1e-3'` means the same in either order.
    """

    specifications: tuple[Specification, ...] = ()

    def applied_to(self, part: str, name: str, place: str = "") -> Applied:
        """Return what counts for a result; identity where nothing was said about it.

        Args:
            part: One of `PARTS`.
            name: The name of the value or series; for a file its path.
            place: Where in the file: a column, a key, an array. The file's name stands for all
                its places, and the name of a place for that place in any file.
        """
        own = {name, f"{part}.{name}"}
        whole: set[str] = set()
        if place:
            own, whole = {place, f"{name}:{place}", f"{part}.{name}:{place}"}, own
        best, found = (-1, -1), None
        for specification in self.specifications:
            rank = _rank(specification.pattern, own, whole)
            if rank is not None and rank >= best:
                best, found = rank, specification
        if found is None:
            return Applied()
        return Applied(found.tolerance, _names(found.pattern, part, name, place))


def parse_tolerances(texts: Iterable[str]) -> Tolerances:
    """Return the tolerances that were given as texts, each in one of the forms of `FORMS`.

    Raises:
        InvalidToleranceError: One of them has no such form.
    """
    return Tolerances(tuple(parse_specification(text) for text in texts))


def parse_specification(text: str) -> Specification:
    """Return one tolerance; the name is all before the last "=", and without any it is "*".

    Raises:
        InvalidToleranceError: The text has none of the forms.
    """
    pattern, equals, limits = text.rpartition("=")
    if equals and not pattern.strip():
        raise _invalid(text, "nothing stands before the '='")
    return Specification(pattern.strip() if equals else "*", _parse_limits(text, limits.strip()))


def _parse_limits(text: str, limits: str) -> Tolerance:
    if limits == _IGNORED:
        return Tolerance(is_ignored=True)
    found: dict[str, float] = {}
    for limit in limits.split(","):
        kind, colon, number = limit.strip().rpartition(":")
        kind = kind.strip() if colon else "abs"
        if kind not in _KINDS:
            raise _invalid(text, f"{kind!r} is neither 'abs' nor 'rel'")
        if kind in found:
            raise _invalid(text, f"it has two limits of the kind {kind!r}")
        found[kind] = _parse_number(text, number)
    return Tolerance(found.get("abs"), found.get("rel"))


def _parse_number(text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        what = f"{number.strip()!r} is no number" if number.strip() else "a number is missing"
        raise _invalid(text, what) from None
    if not math.isfinite(value) or value < 0:
        hint = "; to leave a result out, say 'ignore'" if value > 0 else ""
        raise _invalid(text, f"{number.strip()} is no finite number from 0 on{hint}")
    return abs(value)


def _invalid(text: str, what: str) -> InvalidToleranceError:
    return InvalidToleranceError(
        f"The tolerance {text!r} cannot be understood: {what}. A tolerance looks like: {FORMS}."
    )


def _rank(pattern: str, own: set[str], whole: set[str]) -> tuple[int, int] | None:
    """Return how closely a pattern names a result, the greater the closer; None for not at all."""
    letters = len(_WILDCARDS.sub("", pattern))
    if pattern in own:
        return 1, letters
    if pattern in whole or any(fnmatch.fnmatchcase(name, pattern) for name in (*own, *whole)):
        return 0, letters
    return None


def _names(pattern: str, part: str, name: str, place: str) -> bool:
    """Say whether a pattern names the result itself, not only its part, its file or everything."""
    rest = pattern.removeprefix(f"{part}.")
    if place:
        rest = rest.removeprefix(f"{name}:")
    target = place or name
    return rest == target or (bool(_WILDCARDS.sub("", rest)) and fnmatch.fnmatchcase(target, rest))


def rounded_up(value: float) -> Iterator[str]:
    """Yield texts of numbers that are no less than `value`, the shortest first, the last exact."""
    for digits in range(_ROUNDED_DIGITS):
        text = f"{value:.{digits}e}"
        if float(text) < value:
            mantissa, _, exponent = text.partition("e")
            raised = float(mantissa) + 10.0**-digits
            text = f"{raised:.{digits}f}e{exponent}"
        # One digit would often be twice what is needed; it is taken where it is nearly exact.
        near = digits == _ROUNDED_DIGITS - 1 or float(text) <= value * 1.02
        if near and value <= float(text) < math.inf:
            yield repr(float(text))
    yield repr(value)
