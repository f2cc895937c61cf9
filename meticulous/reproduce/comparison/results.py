"""Compare all that two runs left, and say in one sentence what follows."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from meticulous.folder import layout
from meticulous.folder.status import ERROR
from meticulous.reader.record import Record, read_record
from meticulous.reader.wording import count_text, few_text, short_value, visible
from meticulous.reproduce.comparison.arguments import compare_arguments
from meticulous.reproduce.comparison.ending import (
    EXCEPTION,
    compare_endings,
    ending_text,
)
from meticulous.reproduce.comparison.files import BUDGET, compare_outputs, unlisted_outputs
from meticulous.reproduce.comparison.fitting import warn_of_unfitting
from meticulous.reproduce.comparison.metrics import compare_metrics
from meticulous.reproduce.comparison.own_marks import own_marks
from meticulous.reproduce.comparison.places import Place, Places
from meticulous.reproduce.comparison.suggesting import suggest_tolerances, tolerance_for
from meticulous.reproduce.comparison.tally import distance, percent, why_ignored
from meticulous.reproduce.comparison.text import compare_streams
from meticulous.reproduce.comparison.tolerance import Specification, Tolerances
from meticulous.reproduce.comparison.values import compare_summaries, is_number
from meticulous.reproduce.verdict import (
    AGREES,
    CANNOT,
    DIFFERS,
    FAILED,
    OUTSIDE,
    RESULTS,
    SAME,
    UNKNOWN,
    WITHIN,
    Finding,
    is_left_out,
    verdict_of,
)

_NOUNS = {
    "summary": ("value of the summary", "values of the summary"),
    "metrics": ("series", "series"),
    "outputs": ("output", "outputs"),
    "text": ("text", "texts"),
}
_PARTS = ("status", "args", "summary", "metrics", "outputs", "text")
_RANKS = {OUTSIDE: 0, UNKNOWN: 1, WITHIN: 2, SAME: 4}
_INFORMATIVE = 3


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing a recorded run with its reproduction.

    Attributes:
        findings: Each result on both sides, the important first.
        verdict: One of the words of `meticulous.reproduce.verdict`.
        reason: One sentence: why this verdict.
        suggestions: Tolerances that, added to those given, would make the results agree; empty
            where they do, and where none would.
        warnings: What is to be said of the tolerances that were given, one sentence each.
    """

    findings: list[Finding]
    verdict: str
    reason: str
    suggestions: tuple[Specification, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def remarks(self) -> list[str]:
        """What else a reader should know, one sentence each."""
        silent = [one for one in self.findings if not one.decides and one.outcome == OUTSIDE]
        remarks = [*self.warnings]
        remarks += [f"{self.options} would make the results agree."] if self.suggestions else []
        if silent:
            remarks.append(f"What differs and was given no weight: {_named(silent)}.")
        return remarks

    @property
    def is_incomplete(self) -> bool:
        """Whether all that could be compared agrees, and something could not."""
        return self.verdict == CANNOT and any(
            _tells(one) for one in self.findings if one.part in RESULTS
        )

    @property
    def options(self) -> str:
        """The suggestions as options of the command line, quoted for a shell; "" for none."""
        return " ".join(f"--tolerance {shlex.quote(str(one))}" for one in self.suggestions)


def compare_results(
    recorded: Path,
    reproduced: Path,
    tolerances: Tolerances | None = None,
    *,
    recorded_root: Path | None = None,
    reproduced_root: Path | None = None,
    budget: int = BUDGET,
    unlisted: Sequence[str] = (),
    changed_inputs: Sequence[str] = (),
) -> Comparison:
    """Compare two runs by their folders: ending, summary, metrics, outputs, and what they printed.

    Nothing is raised for what is broken or missing in a folder; it becomes a finding. Where no
    tolerance is given, only what is identical is the same. Results that measure time, speed or
    memory by their names, and what was printed, are only informative; the print decides where
    nothing else can.

    Args:
        recorded: The folder of the recorded run.
        reproduced: The folder of its reproduction.
        tolerances: How far numbers may be off; not at all by default.
        recorded_root: The root of the checkout in which the recorded program ran; None when it
            is not known. Paths into it are equal to paths into the other, and what the program
            wrote into it is compared by value where it is still what was recorded.
        reproduced_root: The same of the reproduction.
        budget: Bytes of outputs that are read at most.
        unlisted: Files that the reproduction wrote, and of which neither record tells.
        changed_inputs: Files that the recorded run read and that the reproduction found otherwise.
            Where results differ they are named, and no tolerance is suggested: it would excuse
            what is no inaccuracy.
    """
    tolerances = tolerances or Tolerances()
    records = read_record(recorded), read_record(reproduced)
    folders = str(records[0].directory), str(records[1].directory)
    places = Places(_place(records[0], recorded_root), _place(records[1], reproduced_root))
    endings = compare_endings(*records, places)
    results = [
        *compare_arguments(*records, tolerances, places),
        *_summaries(*records, tolerances, places),
        *compare_metrics(*folders, tolerances, places),
        *compare_outputs(*folders, tolerances, places, budget),
        *unlisted_outputs(unlisted),
    ]
    needs_text = not any(_tells(finding) for finding in results)
    printed = compare_streams(*folders, tolerances, places, needs_text)
    if records[0].status == ERROR:
        # What ended a run is compared by itself; the frames of a traceback are no result.
        printed = [one if _is_asked_for(one, tolerances) else _silent(one) for one in printed]
    results += printed
    findings = sorted([*endings, *results], key=_importance)
    warnings = tuple(warn_of_unfitting(findings, tolerances))
    if any(finding.outcome == OUTSIDE for finding in endings):
        return Comparison(findings, FAILED, _failure(*records, endings), warnings=warnings)
    if not any(_tells(finding) for finding in results):
        return Comparison(findings, CANNOT, _nothing(records[1], findings), warnings=warnings)
    verdict = verdict_of(findings)
    suggestions = () if changed_inputs else suggest_tolerances(findings, tolerances)
    options = Comparison([], "", "", suggestions).options
    reason = _reason(verdict, findings, options, changed_inputs)
    if endings[0].recorded != "SUCCESS":
        reason = f"{reason[:-1]}; both ended with {ending_text(records[0])}."
    return Comparison(findings, verdict, reason, suggestions, warnings)


def _place(record: Record, root: Path | None) -> Place:
    return Place(record.directory, root, own_marks(record.metadata))


def _is_asked_for(finding: Finding, tolerances: Tolerances) -> bool:
    is_explicit = tolerances.applied_to(finding.part, finding.name).is_explicit
    return is_explicit or finding.name != layout.STDERR


def _silent(finding: Finding) -> Finding:
    return replace(finding, decides=False)


def _summaries(
    recorded: Record, reproduced: Record, tolerances: Tolerances, places: Places
) -> list[Finding]:
    broken = [
        problem
        for record in (recorded, reproduced)
        for problem in record.problems
        if problem.startswith(layout.SUMMARY)
    ]
    if broken:
        return [Finding("summary", layout.SUMMARY, UNKNOWN, remark="; ".join(broken))]
    if not (recorded.summary or reproduced.summary):
        return []
    return compare_summaries(recorded.summary, reproduced.summary, tolerances, places)


def _tells(finding: Finding) -> bool:
    """Say whether a finding is evidence: it decides, and something was compared."""
    return finding.decides and finding.outcome != UNKNOWN


def _importance(finding: Finding) -> tuple[float, int, float, str]:
    rank: float = _RANKS[finding.outcome]
    if not finding.decides and finding.outcome != SAME:
        rank = _INFORMATIVE + rank / 10
    elif not finding.decides:
        rank += 1
    # Where no number says how far off it is, it is far off.
    size = math.inf if finding.relative is None else finding.relative
    return rank, _PARTS.index(finding.part), -size, finding.name


def _failure(recorded: Record, reproduced: Record, endings: Sequence[Finding]) -> str:
    differing = [finding for finding in endings if finding.outcome == OUTSIDE]
    if [finding.name for finding in differing] == [EXCEPTION]:
        then, now = (
            visible(str(short_value(value or "no exception", 200)))
            for value in (differing[0].recorded, differing[0].reproduced)
        )
        return f"Both failed, but then with {then}, and now with {now}."
    then, now = ending_text(recorded), ending_text(reproduced)
    return f"It ended with {now}, and the recorded run with {then}."


def _nothing(reproduced: Record, findings: Sequence[Finding]) -> str:
    unknown = [finding for finding in findings if finding.outcome == UNKNOWN]
    ending = f"It ended with {ending_text(reproduced)} as the recorded run did"
    if unknown:
        return f"{ending}, but no result could be compared: {_named(unknown)}."
    if left_out := [one for one in findings if one.part in RESULTS]:
        return f"{ending}, but all that both left was left out: {_excused(left_out)}."
    return (
        f"{ending}, but neither left a result that could be compared: no summary, metrics or "
        "files, and no text that is a result."
    )


def _reason(
    verdict: str, findings: Sequence[Finding], options: str, changed_inputs: Sequence[str]
) -> str:
    deciding = [one for one in findings if one.decides and one.part != "status"]
    of = {
        outcome: [one for one in deciding if one.outcome == outcome]
        for outcome in (SAME, WITHIN, OUTSIDE, UNKNOWN)
    }
    total = len(deciding)
    if verdict == DIFFERS:
        text = _difference(of[OUTSIDE], total)
        if changed_inputs:
            text += f"; {_other_inputs(changed_inputs)}"
        elif options:
            text += f"; {options} would accept it"
        elif hopeless := [one for one in of[OUTSIDE] if tolerance_for(one) is None]:
            text += f"; no tolerance would accept {_named(hopeless)}"
    elif verdict == AGREES:
        text = _agreement(of[SAME], of[WITHIN], total)
    elif verdict == CANNOT:
        text = f"{_agreement(of[SAME], of[WITHIN], total)}, but {len(of[UNKNOWN])} could not be "
        text += f"compared: {_named(of[UNKNOWN])} ({of[UNKNOWN][0].remark})"
    else:
        text = f"{_subject(deciding)} identical"
    left_out = [one for one in findings if is_left_out(one) and verdict != DIFFERS]
    if excused := [one for one in left_out if why_ignored(one)]:
        text += f"; without {_excused(excused)}"
    if beyond := [one for one in left_out if not why_ignored(one)]:
        text += f"; {len(beyond)} could not be compared: {_named(beyond)}"
    if of[UNKNOWN] and verdict == DIFFERS:
        text += f"; {len(of[UNKNOWN])} could not be compared: {_named(of[UNKNOWN])}"
    if {one.part for one in deciding} == {"text"}:
        text += "; it is what was printed, for there is no summary, and no metrics or files decide"
    return f"{text}."


def _other_inputs(paths: Sequence[str]) -> str:
    is_one = len(set(paths)) == 1
    which = "its input {} is not what it was" if is_one else "its inputs {} are not what they were"
    return which.format(visible(few_text(paths)))


def _difference(outside: Sequence[Finding], total: int) -> str:
    sized = [one for one in outside if math.isfinite(_shown_relative(one))]
    worst = max(sized, key=_shown_relative) if sized else outside[0]
    pair = _pair(worst)
    if total == 1:
        return f"The only result differs: {_label(worst)}{pair}"
    verb = "differs" if len(outside) == 1 else "differ"
    most = "it is" if len(outside) == 1 else "the largest is" if sized else "the first is"
    return f"{len(outside)} of {count_text(total, 'result')} {verb}; {most} {_label(worst)}{pair}"


def _pair(finding: Finding) -> str:
    """Return the two values of a result for a sentence; what is said instead where none are."""
    if finding.recorded is None or finding.reproduced is None:
        return f" ({finding.remark})" if finding.remark else ""
    then, now = (short_value(value, 60) for value in (finding.recorded, finding.reproduced))
    if is_number(finding.recorded) and _is_one_text(then, now):
        then, now = (repr(value) for value in (finding.recorded, finding.reproduced))
    text = f": {now} instead of {then}"
    relative = _shown_relative(finding)
    shown = percent(relative) if math.isfinite(relative) else ""
    return f"{text} ({shown})" if shown else text


def _is_one_text(then: str, now: str) -> bool:
    """Say whether two numbers look the same, such as "2.0" and "2"."""
    try:
        return float(then) == float(now)
    except ValueError:
        return then == now


def _shown_relative(finding: Finding) -> float:
    """Return the relative difference of the two values that are shown; infinite for none."""
    if not (is_number(finding.recorded) and is_number(finding.reproduced)):
        return math.inf
    relative = distance(finding.recorded, finding.reproduced)[1]
    return math.inf if math.isnan(relative) else relative


def _agreement(same: Sequence[Finding], within: Sequence[Finding], total: int) -> str:
    known = f"{len(same)} of {count_text(total, 'result')} are identical"
    if not within:
        return known
    if not same:
        known = f"None of {count_text(total, 'result')} is identical"
    numbers = [one for one in within if one.absolute]
    numbers.sort(key=_shown_relative, reverse=True)
    rest = f"{len(within)} {'agrees' if len(within) == 1 else 'agree'}"
    if not numbers:
        return f"{known}, {rest}: {_label(within[0])} ({within[0].remark})"
    largest = f"{_label(numbers[0])}{_pair(numbers[0])}"
    return f"{known}, {rest} within the tolerance; the largest difference is in {largest}"


def _subject(deciding: Sequence[Finding]) -> str:
    counts = []
    for part, (singular, plural) in _NOUNS.items():
        count = sum(one.part == part for one in deciding)
        if count:
            counts.append(f"{count:,} {singular if count == 1 else plural}")
    verb = "is" if len(deciding) == 1 else "are"
    return f"{' and '.join(filter(None, (', '.join(counts[:-1]), counts[-1])))} {verb}"


def _named(findings: Sequence[Finding]) -> str:
    shown = ", ".join(_label(one) for one in findings[:3])
    more = len(findings) - 3
    return f"{shown} and {more} more" if more > 0 else shown


def _excused(findings: Sequence[Finding]) -> str:
    """Return the names of results that were left out, each with the reason."""
    shown = [f"{_label(one)} ({why_ignored(one) or 'not compared'})" for one in findings[:3]]
    more = len(findings) - 3
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _label(finding: Finding) -> str:
    if finding.part in ("outputs", "text") or finding.name in (layout.SUMMARY, layout.METRICS):
        return visible(finding.name)
    return visible(f"{finding.part}.{finding.name}")
