"""Count what is the same in one result and keep the worst of what is not."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from meticulous.reader.wording import count_text, short_value
from meticulous.reproduce.comparison.measuring import measured_by
from meticulous.reproduce.comparison.tolerance import IGNORED, Applied, Tolerances
from meticulous.reproduce.verdict import OUTSIDE, SAME, WITHIN, Finding

MEASURES = "it measures "
"""How a remark begins that says what a result measures by its name."""

A_LOG = "a log"
"""What is said of a file that is one by its name."""

MARKS = "the same but for the time, process or temporary folder of each run"
"""What is said of values that differ in nothing else."""

A_CACHE = "in the cache directory of the user"
"""What is said of a file that is no result because of where it lies."""

_TEXT_LIMIT = 500
"""Characters of a long text that a finding quotes."""


@dataclass(frozen=True, slots=True)
class Worst:
    """The pair of values that is furthest apart, and where it stands in the result."""

    recorded: Any
    reproduced: Any
    place: str
    severity: float


class Tally:
    """Pairs of values of one result, counted as they come.

    Attributes:
        applied: The tolerance.
        compared: How many pairs there were.
        within: How many differ, and lie within the tolerance.
        outside: How many differ by more.
        absolute: The greatest absolute difference of numbers.
        relative: The greatest relative difference of numbers.
        is_bridgeable: Whether some tolerance would accept all differences.
        worst: The pair furthest apart; None while all are the same.
        first: Where the first pair that is not the same stands; None while there is none.
        remarks: What else is to be said, each once.
        alike: The last pair that is the same; None where it was not kept.
    """

    __slots__ = (
        *("absolute", "alike", "applied", "compared", "first", "is_bridgeable", "outside"),
        *("relative", "remarks", "within", "worst"),
    )

    def __init__(self, applied: Applied | None = None) -> None:
        self.applied = applied or Applied()
        self.compared = self.within = self.outside = 0
        self.absolute = self.relative = 0.0
        self.is_bridgeable = True
        self.worst: Worst | None = None
        self.first: str | None = None
        self.remarks: dict[str, None] = {}
        self.alike: tuple[Any, Any] | None = None

    @property
    def outcome(self) -> str:
        """What a finding says of all pairs together."""
        if self.outside:
            return OUTSIDE
        return WITHIN if self.within else SAME

    def same(self, count: int = 1, alike: tuple[Any, Any] | None = None) -> None:
        """Count pairs of one and the same value; a single one is kept to be shown."""
        self.compared += count
        self.alike = alike

    def numbers(self, recorded: float, reproduced: float, place: str = "") -> None:
        """Count a pair of numbers; NaN is the same as NaN, and 1 the same as 1.0."""
        if recorded == reproduced:
            if recorded == 0 and _is_negative(recorded) != _is_negative(reproduced):
                self.remark("the sign of a zero differs")
                self.difference(recorded, reproduced, 0.0, 0.0, place)
                return
            if type(recorded) is not type(reproduced):
                self.remark("the same number, once with and once without a decimal point")
            self.same(alike=(recorded, reproduced))
        elif recorded != recorded and reproduced != reproduced:
            self.same(alike=(recorded, reproduced))
        else:
            self.difference(recorded, reproduced, *distance(recorded, reproduced), place)

    def difference(
        self,
        recorded: Any,
        reproduced: Any,
        absolute: float,
        relative: float,
        place: str = "",
        *,
        inside: int = 0,
        outside: int = 0,
    ) -> None:
        """Count numbers that differ.

        Args:
            recorded: The number then.
            reproduced: The number now.
            absolute: The size of the difference; NaN where an infinity or NaN is involved.
            relative: The difference as a fraction of the recorded number's size.
            place: Where the numbers stand.
            inside: How many lie within the tolerance, where many are counted at once.
            outside: How many do not; both 0 for one pair, which is judged here.
        """
        if not inside and not outside:
            is_within = absolute == 0 or self.applied.tolerance.accepts(absolute, relative)
            inside, outside = (1, 0) if is_within else (0, 1)
        self.compared += inside + outside
        self.within += inside
        self.outside += outside
        if math.isnan(absolute) or (math.isinf(absolute) and math.isinf(relative)):
            self.is_bridgeable = False
        else:
            self.absolute = max(self.absolute, absolute)
            self.relative = max(self.relative, relative)
        # Numbers of one result are of one kind: the absolute difference tells which is worst.
        self._note(recorded, reproduced, place, math.inf if math.isnan(absolute) else absolute)

    def unequal(self, recorded: Any, reproduced: Any, place: str = "", count: int = 1) -> None:
        """Count values that differ and are no numbers, or that only one side has."""
        self.compared += count
        self.outside += count
        self.is_bridgeable = False
        self._note(recorded, reproduced, place, math.inf)

    def mark(self, recorded: Any, reproduced: Any, place: str = "") -> None:
        """Count a pair that differs only in what each value says of its own run."""
        self.remark(MARKS)
        self.compared += 1
        self.within += 1
        self._note(recorded, reproduced, place, 0.0)

    def almost(self, remark: str) -> None:
        """Note that all is the same but for something of no weight, which a remark names."""
        self.within += 1
        self.remark(remark)

    def remark(self, text: str) -> None:
        """Add a remark, once."""
        self.remarks.setdefault(text)

    def add(self, other: Tally) -> None:
        """Count all that another tally counted."""
        self.compared += other.compared
        self.within += other.within
        self.outside += other.outside
        self.absolute = max(self.absolute, other.absolute)
        self.relative = max(self.relative, other.relative)
        self.is_bridgeable = self.is_bridgeable and other.is_bridgeable
        self.first = other.first if self.first is None else self.first
        if other.worst and (self.worst is None or other.worst.severity > self.worst.severity):
            self.worst = other.worst
        self.remarks |= other.remarks

    def _note(self, recorded: Any, reproduced: Any, place: str, severity: float) -> None:
        if self.first is None:
            self.first = place
        if self.worst is None or severity > self.worst.severity:
            self.worst = Worst(recorded, reproduced, place, severity)

    def finding(self, part: str, name: str, noun: str = "value") -> Finding:
        """Return what is to be said of the result.

        Args:
            part: The part it belongs to.
            name: Its name.
            noun: What was compared, in the singular.
        """
        differing = self.within + self.outside
        remarks = list(self.remarks)
        worst = self.worst
        if worst is not None and self.compared > 1:
            count = min(differing, self.compared)
            verb = "differs" if count == 1 else "differ"
            what = f"{count:,} of {count_text(self.compared, noun)} {verb}"
            where = f", the first at {self.first}" if self.first else ""
            at = f", the greatest at {worst.place}" if worst.place not in ("", self.first) else ""
            remarks.insert(0, f"{what}{where}{at}")
        elif worst is not None and worst.place:
            remarks.insert(0, f"at {worst.place}")
        has_numbers = bool(differing) and self.is_bridgeable and worst is not None
        pair = (worst.recorded, worst.reproduced) if worst else (None, None)
        if worst is None and self.compared == 1 and self.alike is not None:
            pair = self.alike
        return Finding(
            part,
            name,
            self.outcome,
            quoted(pair[0]),
            quoted(pair[1]),
            self.absolute if has_numbers else None,
            self.relative if has_numbers else None,
            str(self.applied),
            "; ".join(remarks),
        )


class Tallies:
    """The tallies of one part or one file, by the names of its results.

    Attributes:
        part: The part.
        file: The path of the file; "" for the summary and the metrics.
        by_name: Each tally by its name, for a file by the place in it.
    """

    __slots__ = ("_tolerances", "by_name", "file", "part")

    def __init__(self, part: str, tolerances: Tolerances, file: str = "") -> None:
        self.part = part
        self.file = file
        self.by_name: dict[str, Tally] = {}
        self._tolerances = tolerances

    def __getitem__(self, name: str) -> Tally:
        """Return the tally of a name, a new one when there is none yet."""
        tally = self.by_name.get(name)
        if tally is None:
            tally = self.by_name[name] = Tally(self.applied_to(name))
        return tally

    def applied_to(self, name: str) -> Applied:
        """Return the tolerance of a name."""
        if self.file:
            return self._tolerances.applied_to(self.part, self.file, name)
        return self._tolerances.applied_to(self.part, name)


def weighed(finding: Finding, applied: Applied, name: str) -> Finding:
    """Return the finding, only informative where its result is ignored or measures time.

    Args:
        finding: The finding.
        applied: The tolerance of its result; one that names the result makes it decide.
        name: The name by which a value of the summary or a series may be seen to measure time.
    """
    if applied.tolerance.is_ignored:
        return replace(finding, decides=False, tolerance=str(applied))
    is_measurable = finding.part in ("summary", "metrics") and not applied.is_explicit
    measured = measured_by(name) if is_measurable else ""
    if not measured:
        return finding
    remark = f"{MEASURES}{measured}, by its name, and so decides nothing"
    remark = f"{finding.remark}; {remark}" if finding.remark else remark
    return replace(finding, decides=False, remark=remark)


def why_ignored(finding: Finding) -> str:
    """Return why a result was left out, in a word or two; "" where it cannot be compared."""
    if finding.tolerance == str(IGNORED):
        return "ignored"
    found = re.search(rf"{MEASURES}\w+", finding.remark)
    if found:
        return found[0].removeprefix("it ")
    return next((why for why in (A_LOG, A_CACHE) if why in finding.remark), "")


def distance(recorded: float, reproduced: float) -> tuple[float, float]:
    """Return the absolute and the relative difference of two numbers, of whatever size.

    The relative one is infinite where the recorded number is 0. Both are NaN where one of the
    numbers is infinite or none, since no difference can be told.
    """
    for number in (recorded, reproduced):
        if isinstance(number, float) and not math.isfinite(number):
            return math.nan, math.nan
    if isinstance(recorded, float) and isinstance(reproduced, float):
        absolute = abs(recorded - reproduced)
        if math.isfinite(absolute):
            return absolute, absolute / abs(recorded) if recorded else math.inf
    exact = abs(Fraction(recorded) - Fraction(reproduced))
    return _as_float(exact), _as_float(exact / abs(Fraction(recorded))) if recorded else math.inf


def _as_float(value: Fraction) -> float:
    try:
        number = float(value)
    except OverflowError:
        return math.inf
    # A difference too small for a float is still one.
    return number or (5e-324 if value else 0.0)


def _is_negative(number: float) -> bool:
    return math.copysign(1.0, number) < 0


def quoted(value: Any) -> Any:
    """Return a value as a finding holds it: what is long or nested cut to a few words."""
    if isinstance(value, str):
        return value if len(value) <= _TEXT_LIMIT else f"{value[:_TEXT_LIMIT]}..."
    if isinstance(value, list | dict):
        return short_value(value, 200)
    return value


def percent(relative: float) -> str:
    """Return a relative difference for a sentence, such as "7 %"; "" for a huge one."""
    value = relative * 100
    if value >= 10_000:
        return ""
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"
