"""Which registered experiments are meant: by id or readable name, and what became of them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from meticulous.errors import ExperimentNotFoundError, MeticulousError
from meticulous.folder import status
from meticulous.folder.layout import UNLINKED
from meticulous.reader.ids import resolve_ids
from meticulous.reader.record import Record
from meticulous.sweep.names import matching
from meticulous.sweep.submitting import is_submitted


def named(records: Sequence[Record], words: Iterable[str], place: str) -> list[Record]:
    """Return the records that the words name, each once, in the order of `records`.

    Args:
        records: The records to choose from.
        words: Each is a readable name, an identifier as `resolve_ids` understands it, or a glob
            that readable names fit.
        place: The experiments directory.

    Raises:
        ExperimentNotFoundError: A word names none; has the nearest names.
        ExperimentsDirectoryError: The directory cannot be read.
    """
    words = list(words)
    if not words:
        return list(records)
    by_name: dict[str, list[Record]] = {}
    for record in records:
        by_name.setdefault(name_of(record), []).append(record)
    by_name.pop("", None)
    wanted: set[str] = set()
    for word in words:
        wanted.update(_ids_of(word, by_name, place))
    return [record for record in records if record.id in wanted]


def name_of(record: Record) -> str:
    """Return the readable name of an experiment, "" where it has none."""
    name = record.metadata.get("name")
    return name if isinstance(name, str) else ""


def can_be_carried_out(record: Record) -> bool:
    """Say whether a record says what to carry out: it was registered, or is a declared one."""
    target = record.metadata.get("target")
    return isinstance(target, Mapping) and target.get("kind") in ("python", "program")


def was_registered(record: Record) -> bool:
    """Say whether an experiment was ever registered; others were run at once."""
    return "registered-time" in record.metadata


@dataclass(frozen=True, slots=True)
class Choice:
    """What a launch is about.

    Attributes:
        runnable: The experiments to run.
        passed_over: Those that were named and cannot be run, each with the reason.
        lost: Those whose process died, and that are not taken up.
        submitted: Those that were handed to another command, and have not begun.
        unlinked: Those that were unlinked.
        unknown: Those that were meant, perhaps, and whose metadata cannot be read.
    """

    runnable: list[Record]
    passed_over: list[tuple[Record, str]]
    lost: list[Record]
    submitted: list[Record]
    unlinked: list[Record]
    unknown: list[Record]


def sort_out(
    records: Iterable[Record], *, are_named: bool, any_status: bool, take_up: bool
) -> Choice:
    """Sort experiments by whether they are to be run.

    Args:
        records: The experiments that were chosen.
        are_named: Whether each was named, so that it must be said why one is not run.
        any_status: Whether their status was chosen, so that it does not matter.
        take_up: Whether those are run, too, that somebody began, or was to begin.
    """
    choice = Choice([], [], [], [], [], [])
    waiting = (status.REGISTERED, status.LOST) if take_up else (status.REGISTERED,)
    for record in records:
        if record.why_unknown:
            if are_named or any_status or record.status in waiting:
                choice.unknown.append(record)
        elif not can_be_carried_out(record):
            if are_named:
                choice.passed_over.append((record, _why_not(record)))
        elif UNLINKED in record.tags and not are_named:
            choice.unlinked.append(record)
        elif record.status == status.REGISTERED:
            is_held = not take_up and is_submitted(str(record.directory))
            (choice.submitted if is_held else choice.runnable).append(record)
        elif record.status == status.RUNNING:
            if are_named or any_status:
                choice.passed_over.append((record, "it runs"))
        elif any_status or (take_up and record.status == status.LOST):
            choice.runnable.append(record)
        elif record.status == status.LOST:
            choice.lost.append(record)
        elif are_named:
            reason = f"it is {record.status}; `meticulous reset {record.id}` makes it new"
            choice.passed_over.append((record, reason))
    return choice


def _why_not(record: Record) -> str:
    if record.is_foreign:
        return "it was imported from xmen, which does not say how to run it here"
    return "it was not registered; nothing says how"


def _ids_of(word: str, by_name: Mapping[str, list[Record]], place: str) -> list[str]:
    if word in by_name:
        return [record.id for record in by_name[word]]
    try:
        return resolve_ids([word], place)
    except MeticulousError as error:
        names = matching(word, by_name)
        if names:
            return [record.id for name in names for record in by_name[name]]
        near = difflib.get_close_matches(word, by_name, n=3, cutoff=0.4)
        if near and os.sep not in word:
            raise ExperimentNotFoundError(
                f"No experiment in {place} has the id or name {word!r}; the nearest names: "
                f"{', '.join(near)}."
            ) from None
        raise error
