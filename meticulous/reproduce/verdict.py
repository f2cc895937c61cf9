"""What a reproduction found: each finding, the verdict that follows, and its form on disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

IDENTICAL = "IDENTICAL"
AGREES = "AGREES"
DIFFERS = "DIFFERS"
FAILED = "FAILED"
CANNOT = "CANNOT"

VERDICTS = (IDENTICAL, AGREES, DIFFERS, FAILED, CANNOT)
"""The words of a verdict, the best first.

IDENTICAL: every result has the same value, bit for bit. AGREES: every result is equal within the
tolerance, or was left out by its name or by you. DIFFERS: a result is not. FAILED: the program did
not end as it did before, so that its results say nothing. CANNOT: it could not be run at all, or a
result could not be compared.
"""

POSITIVE = (IDENTICAL, AGREES)
"""The verdicts that mean: it has been reproduced."""

SAME, WITHIN, OUTSIDE, UNKNOWN = "same", "within", "outside", "unknown"
"""What a finding may say; "unknown" is for what could not be compared."""

RESULTS = ("summary", "metrics", "outputs")
"""The parts of a run that are its results; what it printed is one only where there are none."""

TEMPORARY = "among temporary files"
"""What is said of a file that is no result because of where it lies."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One result on both sides.

    Attributes:
        part: "status", "args", "summary", "metrics", "outputs" or "text".
        name: Which result: a name of the summary, a series, a file and a place in it.
        outcome: `SAME`, `WITHIN` the tolerance, `OUTSIDE`, or `UNKNOWN`.
        recorded: The value then; None where there was none.
        reproduced: The value now; None where there is none.
        absolute: The greatest absolute difference of numbers, None for what is no number.
        relative: The greatest relative difference, by the recorded value; None likewise.
        tolerance: The tolerance that was applied, as the user would write it; "" for none.
        remark: What else is to be said, such as the first step that differs.
        decides: Whether the verdict heeds it; False for what is only informative.
    """

    part: str
    name: str
    outcome: str
    recorded: Any = None
    reproduced: Any = None
    absolute: float | None = None
    relative: float | None = None
    tolerance: str = ""
    remark: str = ""
    decides: bool = True


@dataclass(frozen=True, slots=True)
class Drift:
    """Something about the surroundings that is not what it was.

    Attributes:
        kind: "python", "packages", "cpu", "gpu", "driver", "platform", "variables", "determinism".
        name: What it is, such as the name of a package.
        recorded: What it was; None when it was not there.
        present: What it is now; None when it is not there.
        matters: Whether it is known to change numbers.
    """

    kind: str
    name: str
    recorded: Any
    present: Any
    matters: bool = True


@dataclass(frozen=True, slots=True)
class InputChange:
    """A file the recorded run read that is not what it was.

    Attributes:
        path: The file, as in files.json.
        change: "missing", "changed", or "unverified" when the record has no hash of it.
        detail: Size and hash then and now, or why nothing is known.
    """

    path: str
    change: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Everything that is known about one attempt to reproduce an experiment.

    Attributes:
        verdict: One of `VERDICTS`.
        reason: One sentence: why this verdict.
        reproduces: `id`, `uid`, `directory` and `commit` of the original.
        findings: The results, compared.
        drift: How the surroundings differ.
        inputs: Inputs that are not what they were.
        remarks: What else a reader should know, one sentence each.
        environment: `mode`, `python` and `not-installed` of the interpreter that was used.
        code: `commit`, `snapshot`, `fetched-from` of the code that was run.
        diagnosis: Why it does not agree, where that was asked for; see `Diagnosis`.
    """

    verdict: str
    reason: str
    reproduces: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    inputs: list[InputChange] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    code: dict[str, Any] = field(default_factory=dict)
    diagnosis: dict[str, Any] | None = None

    @property
    def is_positive(self) -> bool:
        """Whether the experiment has been reproduced."""
        return self.verdict in POSITIVE

    def as_document(self) -> dict[str, Any]:
        """Return the content of reproduction.json."""
        content = {"format": 1, **asdict(self)}
        if self.diagnosis is None:
            del content["diagnosis"]
        return content


def verdict_of(findings: Iterable[Finding]) -> str:
    """Return the verdict that findings give: IDENTICAL, AGREES, DIFFERS or CANNOT.

    What could not be compared may differ, and so forbids a positive verdict. What differs and was
    left out forbids IDENTICAL; the reason of the verdict is to name both.
    """
    findings = list(findings)
    outcomes = {finding.outcome for finding in findings if finding.decides}
    if OUTSIDE in outcomes:
        return DIFFERS
    if UNKNOWN in outcomes:
        return CANNOT
    return AGREES if WITHIN in outcomes or any(map(is_left_out, findings)) else IDENTICAL


def is_left_out(finding: Finding) -> bool:
    """Say whether a finding is a result that may differ, and that the verdict does not heed."""
    if finding.decides or finding.part not in RESULTS or TEMPORARY in finding.remark:
        return False
    # A log that says the same at another time is the same.
    is_close = finding.outcome == WITHIN and finding.part == "outputs"
    return finding.outcome != SAME and not is_close
