"""Compare the files that two runs left, by digest first and by value where that differs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from meticulous.folder import layout
from meticulous.folder.hashing import sha256_of
from meticulous.reader.wording import count_text, size_text
from meticulous.reproduce.comparison.contents import (
    compare_links,
    is_one_file,
    same_bytes,
)
from meticulous.reproduce.comparison.formats.choosing import (
    Format,
    NotComparableError,
    format_of,
)
from meticulous.reproduce.comparison.listed import (
    FOLDER,
    Output,
    Pair,
    count_unlisted,
    pair_outputs,
)
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import A_LOG, Tallies, Tally, weighed
from meticulous.reproduce.comparison.tolerance import Applied, Tolerances
from meticulous.reproduce.verdict import OUTSIDE, SAME, UNKNOWN, Finding

BUDGET = 64 * 2**30
"""Bytes that are read at most, of both runs together; beyond it recorded hashes decide."""

PLACES_NAMED = 20
"""Places of one file that get a finding of their own; the others share one."""

_PART = "outputs"
_ONLY_RECORDED = "the reproduction did not write it"
_ONLY_REPRODUCED = "only the reproduction wrote it"


def compare_outputs(
    recorded: str,
    reproduced: str,
    tolerances: Tolerances,
    places: Places,
    budget: int = BUDGET,
) -> list[Finding]:
    """Compare the outputs of two runs: those in their files.json and those in their folders.

    Args:
        recorded: The folder of the recorded run.
        reproduced: The folder of its reproduction.
        tolerances: How far numbers may be off.
        places: Where both lie.
        budget: Bytes that are read at most.
    """
    work = _Work(tolerances, places, budget)
    findings: list[Finding] = []
    for pair in pair_outputs(recorded, reproduced, places):
        findings += work.compare(pair)
    unlisted = max(map(count_unlisted, (recorded, reproduced)))
    if unlisted:
        remark = f"{count_text(unlisted, 'file')} beyond what a record lists, which may be outputs"
        finding = Finding(_PART, layout.FILES, UNKNOWN, remark=remark)
        findings.append(weighed(finding, tolerances.applied_to(_PART, layout.FILES), ""))
    return findings


def unlisted_outputs(names: Sequence[str]) -> list[Finding]:
    """Return the findings about files that the reproduction wrote and that no record tells of."""
    remark = "Python was not told of it, so that no record lists it; experiment.add_output does"
    # They cannot be compared however often one tries, and so are left out, by name.
    findings = [
        Finding(_PART, name, UNKNOWN, remark=remark, decides=False) for name in names[:PLACES_NAMED]
    ]
    if len(names) > PLACES_NAMED:
        count = count_text(len(names) - PLACES_NAMED, "further file")
        findings.append(
            Finding(_PART, f"{count} of this kind", UNKNOWN, remark=remark, decides=False)
        )
    return findings


@dataclass
class _Work:
    """The comparison of many files within one budget."""

    tolerances: Tolerances
    places: Places
    budget: int
    _left: int = field(init=False)

    def __post_init__(self) -> None:
        self._left = self.budget

    def compare(self, pair: Pair) -> list[Finding]:
        """Return the findings about one file."""
        applied = self.tolerances.applied_to(_PART, pair.name)
        try:
            findings = self._compare(pair)
        except OSError as error:
            remark = f"cannot be read: {error.strerror or error}"
            findings = [Finding(_PART, pair.name, UNKNOWN, remark=remark)]
        if pair.remark:
            findings = [_with_remark(finding, pair.remark) for finding in findings]
        decides = not applied.tolerance.is_ignored and (pair.decides or applied.is_explicit)
        if applied.tolerance.is_ignored:
            findings = [replace(one, tolerance=str(applied)) for one in findings]
        return findings if decides else [replace(one, decides=False) for one in findings]

    def _compare(self, pair: Pair) -> list[Finding]:
        one, other = pair.recorded, pair.reproduced
        if one is None or other is None:
            remark = _ONLY_REPRODUCED if one is None else _ONLY_RECORDED
            sizes = (_size(one), _size(other))
            if not pair.is_known:
                return [Finding(_PART, pair.name, UNKNOWN, *sizes, decides=False)]
            return [Finding(_PART, pair.name, OUTSIDE, *sizes, remark=remark)]
        if not (one.exists and other.exists):
            return [self._compare_hashes(pair, one, other)]
        if (one.sha256 or one.unhashed) and is_one_file(one.path, other.path):
            # What the reproduction wrote there is all that is left.
            found = self._compare_hashes(pair, one, other)
            return [_with_remark(found, "both lead to one and the same file")]
        link = compare_links(one.path, other.path, self.places)
        if link is not None:
            facts = (link.outcome, link.recorded, link.reproduced)
            return [Finding(_PART, pair.name, *facts, remark=link.remark)]
        for output in (one, other):
            if not os.path.isfile(output.path):
                return [Finding(_PART, pair.name, UNKNOWN, remark="it is no regular file")]
        cost = os.path.getsize(one.path) + os.path.getsize(other.path)
        # Where there are no hashes, nothing but reading can tell.
        if cost > self._left and one.sha256 and other.sha256:
            return [self._compare_hashes(pair, one, other, beyond_budget=True)]
        self._left -= cost
        return self._compare_contents(pair, one, other)

    def _compare_contents(self, pair: Pair, one: Output, other: Output) -> list[Finding]:
        is_same, digest = same_bytes(one.path, other.path, wants_digest=one.sha256 is not None)
        if one.sha256 is not None and digest != one.sha256:
            remark = "the recorded file was changed since its run; its recorded hash is compared"
            found = self._compare_hashes(pair, one, replace(other, sha256=sha256_of(other.path)))
            return [_with_remark(found, remark)]
        if is_same:
            sizes = _size(one), _size(other)
            return [Finding(_PART, pair.name, SAME, *sizes, remark="the same bytes")]
        kind = format_of(one.path, pair.name)
        largest = max(os.path.getsize(one.path), os.path.getsize(other.path))
        if not kind.module:
            return [self._by_digest(pair, one, other, kind, "")]
        if largest > kind.largest:
            remark = f"too large to be compared by value ({size_text(largest)})"
            return [self._by_digest(pair, one, other, kind, remark)]
        tallies = Tallies(_PART, self.tolerances, pair.name)
        try:
            kind.compare(one.path, other.path, tallies, self.places)
        except NotComparableError as error:
            return [self._by_digest(pair, one, other, kind, str(error))]
        except Exception as error:  # whatever a parser makes of a hostile file
            remark = f"it cannot be read by value: {type(error).__name__}: {error}"
            return [self._by_digest(pair, one, other, kind, remark)]
        if not any(tally.compared or tally.within for tally in tallies.by_name.values()):
            return [self._by_digest(pair, one, other, kind, "nothing in it could be compared")]
        return self._by_value(pair, kind, tallies)

    def _by_digest(
        self, pair: Pair, one: Output, other: Output, kind: Format, remark: str
    ) -> Finding:
        """Return the finding about two files whose bytes differ and that have no values."""
        sizes = _size(one), _size(other)
        if sizes[0] == sizes[1]:
            digests = [sha256_of(output.path) for output in (one, other)]
            sizes = f"sha256 {digests[0][:12]}", f"sha256 {digests[1][:12]}"
        remarks = "; ".join(filter(None, ("the bytes differ", remark or kind.remark)))
        finding = Finding(_PART, pair.name, OUTSIDE, *sizes, remark=remarks)
        return self._heeded(finding, pair, kind)

    def _by_value(self, pair: Pair, kind: Format, tallies: Tallies) -> list[Finding]:
        differing = [
            (place, tally) for place, tally in tallies.by_name.items() if tally.outcome != SAME
        ]
        # The file itself is no place; it shares one finding with the places that are not named.
        differing.sort(key=lambda item: (bool(item[0]), *_severity(item[1])), reverse=True)
        named = [item for item in differing[:PLACES_NAMED] if item[0]]
        rest = differing[len(named) :]
        findings = [
            weighed(tally.finding(_PART, f"{pair.name}:{place}", kind.noun), tally.applied, "")
            for place, tally in named
        ]
        if rest:
            findings.append(_rest(pair.name, rest, kind))
        same = [tally for tally in tallies.by_name.values() if tally.outcome == SAME]
        if rest and same:
            count = count_text(sum(tally.compared for tally in same), kind.noun)
            findings[-1] = _with_remark(findings[-1], f"{count} the same besides")
        elif same or not findings:
            findings.append(_same(pair.name, same, kind, is_all=not findings))
        return [self._heeded(finding, pair, kind) for finding in findings]

    def _heeded(self, finding: Finding, pair: Pair, kind: Format) -> Finding:
        """Return the finding, only informative for a log that nobody gave a tolerance."""
        applied: Applied = self.tolerances.applied_to(_PART, pair.name)
        if not kind.is_log or applied.is_explicit:
            return finding
        return replace(_with_remark(finding, f"{A_LOG}, by its name"), decides=False)

    def _compare_hashes(
        self, pair: Pair, one: Output, other: Output, beyond_budget: bool = False
    ) -> Finding:
        """Compare by size and recorded hash alone."""
        sizes = (_size(one), _size(other))
        remark = "only its recorded hash was compared"
        if beyond_budget:
            remark = f"not read, since {size_text(self.budget)} were; {remark}"
        elif one.where != FOLDER:
            remark = f"it lies outside the folder; {remark}"
        elif not one.exists:
            remark = f"the recorded file is gone; {remark}"
        if one.sha256 and not beyond_budget and os.path.isfile(other.path) and other.exists:
            other = replace(other, sha256=sha256_of(other.path))
        if one.sha256 and other.sha256:
            if one.sha256 == other.sha256:
                return Finding(_PART, pair.name, SAME, *sizes, remark=remark)
            digests = (f"sha256 {one.sha256[:12]}", f"sha256 {other.sha256[:12]}")
            return Finding(_PART, pair.name, OUTSIDE, *digests, remark=remark)
        if one.size is not None and other.size is not None and one.size != other.size:
            return Finding(_PART, pair.name, OUTSIDE, *sizes, remark="of another size")
        why = one.unhashed or other.unhashed or "no hash of it was recorded"
        return Finding(_PART, pair.name, UNKNOWN, *sizes, remark=f"not compared: {why}")


def _rest(name: str, rest: list[tuple[str, Tally]], kind: Format) -> Finding:
    merged = Tally(rest[0][1].applied)
    for _, tally in rest:
        merged.add(tally)
    places = sum(bool(place) for place, _ in rest)
    if places:
        merged.remark(f"{count_text(places, 'further place')} that {_differ(places)}")
    return merged.finding(_PART, name, kind.noun)


def _differ(count: int) -> str:
    return "differs" if count == 1 else "differ"


def _same(name: str, same: list[Tally], kind: Format, is_all: bool) -> Finding:
    merged = Tally()
    for tally in same:
        merged.add(tally)
    count = count_text(merged.compared, kind.noun)
    how = "the same, written differently" if is_all else "the same besides"
    merged.remark(f"{count} {how}")
    return merged.finding(_PART, name, kind.noun)


def _severity(tally: Tally) -> tuple[bool, float]:
    return bool(tally.outside), tally.worst.severity if tally.worst else 0.0


def _with_remark(finding: Finding, remark: str) -> Finding:
    return replace(finding, remark="; ".join(filter(None, (finding.remark, remark))))


def _size(output: Output | None) -> str | None:
    if output is None or output.size is None:
        return None
    return f"{output.size} bytes"
