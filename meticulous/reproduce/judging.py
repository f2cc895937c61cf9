"""The verdict on a rerun that has ended: what its results, its ending and its inputs say."""

from __future__ import annotations

from typing import Any

from meticulous.folder import layout, status
from meticulous.reader.record import Record
from meticulous.reader.wording import few_text, short_value
from meticulous.reproduce.code import Code
from meticulous.reproduce.comparison import Comparison
from meticulous.reproduce.comparison.ending import exception_of
from meticulous.reproduce.environment.drift import determinism_drift
from meticulous.reproduce.inputs import MISSING
from meticulous.reproduce.repository import code_of
from meticulous.reproduce.running import STOPPED, TIMED_OUT
from meticulous.reproduce.variant import Carried, Variant
from meticulous.reproduce.verdict import (
    AGREES,
    CANNOT,
    FAILED,
    IDENTICAL,
    OUTSIDE,
    POSITIVE,
    RESULTS,
    UNKNOWN,
    Drift,
    Reproduction,
    is_left_out,
)


def judge_rerun(record: Record, carried: Carried, variant: Variant) -> Reproduction:
    """Return what is known about a rerun, with the verdict.

    Args:
        record: The original.
        carried: The rerun.
        variant: What it ran with.
    """
    comparison = carried.comparison
    verdict, reason = FAILED, ""
    if comparison is not None:
        verdict, reason = judge_endings(record, carried.record, comparison)
        if verdict == FAILED:
            reason = _with_last_words(reason, carried.record)
    elif carried.outcome.how == STOPPED:
        # That tells nothing of the program.
        verdict, reason = CANNOT, "It was interrupted."
    elif carried.outcome.how == TIMED_OUT:
        reason = f"The program had not ended after {variant.timeout:g} s."
    else:
        reason = f"The program began no experiment and ended with {_ended(carried)}"
        last = carried.record.reason.strip().splitlines()[1:]
        reason += f": {last[-1].strip()}" if last else "."
    missing = [change.path for change in carried.inputs.changes if change.change == MISSING]
    if verdict == FAILED and missing:
        reason += f" Inputs are missing: {', '.join(missing[:5])}."
    remarks = [*carried.inputs.remarks, *carried.remarks, *variant.interpreter.remarks]
    if carried.read_again:
        read = f"It read what the original wrote: {few_text(carried.read_again)}"
        remarks.append(f"{read}.")
        if verdict in POSITIVE:
            verdict = CANNOT
            reason = (
                f"{read}. So its results, or some of them, were not computed anew. Remove that and "
                "reproduce it again, or let the program write it into experiment.directory."
            )
    if comparison is not None:
        remarks += comparison.remarks
    return Reproduction(
        verdict=verdict,
        reason=reason,
        reproduces=identity_of(record),
        findings=list(comparison.findings) if comparison is not None else [],
        drift=_drift(record, carried, variant),
        inputs=carried.inputs.changes,
        remarks=list(dict.fromkeys(remarks)),
        environment=variant.interpreter.as_document(),
        code=_code(carried, variant.code),
    )


def _drift(record: Record, carried: Carried, variant: Variant) -> list[Drift]:
    """Return how the surroundings differ, and the flags that show only while a program runs."""
    known = list(variant.interpreter.drift)
    names = {one.name for one in known}
    flags = determinism_drift(record.metadata, carried.record.metadata)
    return known + [one for one in flags if one.name not in names]


def judge_endings(record: Record, found: Record, comparison: Comparison) -> tuple[str, str]:
    """Return the verdict and its reason; of a run that failed, failing the same way is the result.

    Where neither left anything to compare, the same ending is all there was, unless what they
    wrote on stderr says that it was another one.
    """
    verdict, reason = comparison.verdict, comparison.reason
    results = [one for one in comparison.findings if one.part in RESULTS]
    if record.status != status.ERROR or verdict != CANNOT or any(one.decides for one in results):
        return verdict, reason
    exception = exception_of(record).partition(":")[0]
    ending = exception or f"exit code {found.metadata.get('exit-code')}"
    said = [one for one in comparison.findings if one.name == layout.STDERR]
    if not exception and any(one.outcome in (OUTSIDE, UNKNOWN) for one in said):
        return CANNOT, (
            f"Both failed with {ending} and left no results, but what they wrote on stderr is not "
            "the same."
        )
    if any(map(is_left_out, results)):
        return AGREES, f"Both failed in the same way, with {ending}; no result was heeded."
    return IDENTICAL, f"Both failed in the same way, with {ending}, and left no results."


def _with_last_words(reason: str, found: Record) -> str:
    """Return the reason of a failure with the exception, or the last line, that tells why."""
    exception = exception_of(found)
    lines = (exception or found.reason).strip().splitlines()
    last = lines[0 if exception else -1].strip() if lines else ""
    if not last or last in reason or last.startswith("exit code"):
        return reason
    return f"{reason} It said: {short_value(last, 200)}"


def _ended(carried: Carried) -> str:
    code = carried.outcome.code
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


def _code(carried: Carried, code: Code) -> dict[str, Any]:
    return {
        "commit": carried.checkout.commit,
        "snapshot": code.is_snapshot,
        "fetched-from": carried.checkout.fetched_from,
    }


def identity_of(record: Record) -> dict[str, Any]:
    """Return by what reproduction.json names the original."""
    metadata = record.metadata
    return {
        "id": record.id,
        "uid": metadata.get("uid"),
        "directory": str(record.directory),
        "commit": code_of(record),
    }
