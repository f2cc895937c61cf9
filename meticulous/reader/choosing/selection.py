"""Which experiments are meant: by status, tag, time, research and commit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from meticulous.errors import InvalidQueryError
from meticulous.folder import status
from meticulous.reader.choosing.moments import parse_moment
from meticulous.reader.program import add_programs
from meticulous.reader.record import Record
from meticulous.reader.table.table import Table, make_table

Test = Callable[[Record], bool]
"""Says of an experiment whether it is meant."""

STATUSES = (*status.WORDS, status.LOST)
"""Every status that a record can have."""


_OTHER_WORDS = {
    status.RUNNING: ("active", "alive", "started"),
    status.SUCCESS: ("complete", "completed", "done", "finished", "good", "ok", "okay", "passed"),
    status.ERROR: ("bad", "crash", "crashed", "exception", "fail", "failed", "failure", "failing"),
    status.INTERRUPTED: ("aborted", "canceled", "cancelled", "ctrl-c", "sigint", "stopped"),
    status.KILLED: ("oom", "sigkill", "sigterm", "terminated"),
    status.TIMEOUT: ("timed-out", "timedout"),
    status.LOST: ("dead", "disappeared", "gone", "missing", "vanished"),
}
"""What people write for a status, for suggestions."""

Criterion = Callable[["Candidates", list[int]], list[int]]
"""Returns those of some positions whose experiments are meant."""


class Candidates:
    """Experiments of which some are meant; the table of all is made when it is first needed.

    Attributes:
        records: The experiments.
        remarks: What criteria have to say about values that they passed over.
    """

    __slots__ = ("_table", "records", "remarks")

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.remarks: list[str] = []
        self._table: Table | None = None

    @property
    def table(self) -> Table:
        """All of them as a table, with a column `program`."""
        if self._table is None:
            self._table = add_programs(make_table(self.records), self.records)
        return self._table


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What is left of candidates.

    Attributes:
        positions: Which of them, in their order.
        emptied_by: The name of the criterion that left none; None while there are some.
        before: How many there were before that criterion.
    """

    positions: list[int]
    emptied_by: str | None = None
    before: int = 0


def narrow(candidates: Candidates, criteria: Iterable[tuple[str, Criterion]]) -> Narrowed:
    """Return the candidates that meet all criteria.

    Args:
        candidates: The experiments.
        criteria: Names, for messages, and criteria; applied in this order, all of them.

    Raises:
        InvalidQueryError: A criterion cannot be applied.
        UnknownColumnError: A criterion names a column that no candidate has.
    """
    positions = list(range(len(candidates.records)))
    emptied_by, before = None, 0
    for name, criterion in criteria:
        kept = criterion(candidates, positions)
        if positions and not kept:
            emptied_by, before = name, len(positions)
        positions = kept
    return Narrowed(positions, emptied_by, before)


def passing(test: Test) -> Criterion:
    """Return the criterion that a test of single experiments makes."""
    return lambda candidates, positions: [
        place for place in positions if test(candidates.records[place])
    ]


def meeting(text: str, now: datetime) -> Criterion:
    """Return the criterion of a condition; see `parse_condition`.

    Raises:
        InvalidQueryError: It is none.
    """
    from meticulous.reader.choosing.conditions import parse_condition

    condition = parse_condition(text)

    def keep(candidates: Candidates, positions: list[int]) -> list[int]:
        if not candidates.records:
            return []
        rows = candidates.table.take(positions)
        found = condition.matching(rows, candidates.table.columns, now)
        return [place for place, holds in zip(positions, found, strict=True) if holds]

    return keep


def filtered(text: str, now: datetime) -> Criterion:
    """Return the criterion of a filter; see `parse_filter`."""
    from meticulous.reader.choosing.filters import parse_filter

    def keep(candidates: Candidates, positions: list[int]) -> list[int]:
        if not candidates.records:
            return []
        wanted = parse_filter(text, candidates.table.columns, now)
        rows = candidates.table.take(positions)
        found = wanted.matching(rows)
        if remark := wanted.passed_over(rows):
            candidates.remarks.append(remark)
        return [place for place, holds in zip(positions, found, strict=True) if holds]

    return keep


def has_status(text: str) -> Test:
    """Return the test for one of several statuses.

    Args:
        text: Statuses separated by commas, in capitals or not; the beginning of one is enough
            where no other begins so.

    Raises:
        InvalidQueryError: One is none.
    """
    wanted = {_status(word.strip()) for word in _words(text, "status")}
    return lambda record: record.status in wanted


def has_tag(text: str) -> Test:
    """Return the test for one of several tags.

    Args:
        text: A tag, or tags separated by commas, of which one is enough; globs such as `fold-*`.

    Raises:
        InvalidQueryError: It is empty.
    """
    wanted = [text, *(word.strip() for word in _words(text, "tag"))]
    return lambda record: any(_is_like(tag, wanted) for tag in record.tags)


def of_research(text: str) -> Test:
    """Return the test for a research, or one of several.

    Args:
        text: Its name, or names separated by commas; globs such as `width-*`.

    Raises:
        InvalidQueryError: It is empty.
    """
    wanted = [text, *(word.strip() for word in _words(text, "research"))]
    return lambda record: _is_like(_name(record.metadata.get("research")), wanted)


def has_id(ids: Collection[str]) -> Test:
    """Return the test for one of several ids."""
    wanted = frozenset(ids)
    return lambda record: record.id in wanted


def started_since(text: str, now: datetime) -> Test:
    """Return the test for a start at a time or later.

    Where the start is unknown, the last sign of life counts, as in the order of a list; an
    experiment of which neither is known does not pass.

    Args:
        text: See `parse_moment`.
        now: The present, with its offset from UTC.

    Raises:
        InvalidQueryError: It is no time.
    """
    earliest = parse_moment(text, now)
    return lambda record: (moment := _began(record)) is not None and moment >= earliest


def started_until(text: str, now: datetime) -> Test:
    """Return the test for a start at a time or before; a day and a month count to their end.

    Args:
        text: See `parse_moment`.
        now: The present, with its offset from UTC.

    Raises:
        InvalidQueryError: It is no time.
    """
    latest = parse_moment(text, now, is_end=True)
    return lambda record: (moment := _began(record)) is not None and moment <= latest


def at_commits(shas: Collection[str]) -> Test:
    """Return the test for code from one of several commits, which may be snapshots."""
    wanted = frozenset(shas)
    return lambda record: not wanted.isdisjoint(commits_of(record))


def commits_of(record: Record) -> list[str]:
    """Return the commit of an experiment and, if one was taken, its snapshot."""
    shas = (record.metadata.get(key) for key in ("githead-sha", "git-snapshot"))
    return [sha for sha in shas if isinstance(sha, str) and sha]


def _status(word: str) -> str:
    beginning = [known for known in STATUSES if known.startswith(word.upper())]
    if word.upper() in STATUSES:
        return word.upper()
    if len(beginning) == 1:
        return beginning[0]
    import difflib

    meaning = [known for known, words in _OTHER_WORDS.items() if word.lower() in words]
    near = beginning or meaning or difflib.get_close_matches(word.upper(), STATUSES, n=1)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    raise InvalidQueryError(
        f"{word!r} is no status.{meant} The statuses are {', '.join(STATUSES)}."
    )


def _words(text: str, what: str) -> list[str]:
    words = [word for word in text.split(",") if word.strip()]
    if not words:
        raise InvalidQueryError(f"{text!r} is no {what}. Write one, or several with commas.")
    return words


def _is_like(name: str | None, wanted: list[str]) -> bool:
    return name is not None and any(name == word or fnmatchcase(name, word) for word in wanted)


def _name(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("name")
    return value if isinstance(value, str) else None


def _began(record: Record) -> datetime | None:
    return record.start or record.heartbeat
