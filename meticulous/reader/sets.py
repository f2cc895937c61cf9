"""Experiments by the sets that they were registered in, and what is known of each set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from meticulous.folder import layout, status
from meticulous.reader.collection import position_of
from meticulous.reader.files import Files
from meticulous.reader.program import program_of
from meticulous.reader.record import Record, as_text, as_texts, read_moment
from meticulous.reader.xmen.times import read_time

_Key = tuple[str, ...]

_BY_CALL, _BY_FACTS, _OF_XMEN = "call", "facts", "xmen"


@dataclass(frozen=True, slots=True)
class Code:
    """Where the code of experiments is found.

    Attributes:
        root: The repository: its folder when they were registered, or else its remote; "" where
            neither is known.
        branch: The branch; "" where there was none, or nothing is known.
        commit: The whole name of the commit; "" where none is known.
        has_changes: Whether a snapshot with uncommitted changes is what ran.
    """

    root: str
    branch: str
    commit: str
    has_changes: bool


@dataclass(frozen=True, slots=True)
class RunSet:
    """Experiments that belong together.

    Attributes:
        id: What its experiments have in common and no others: `set` in their metadata, or the
            folder of a set of xmen; "" where there is nothing of the kind.
        is_set: Whether they were registered; those that were run at once are in no set, together.
        folder: The folder of a set of xmen; "" for ours.
        records: The experiments that were chosen of it, by number or name.
        size: How many experiments it has, chosen or not.
        types: What they carry out, each once: targets, programs, classes of xmen.
        created: When the first was registered, or where none was, started.
        last: When any of them began, ended, or last gave a sign of life while it ran.
        statuses: Status -> how many have it, the most frequent first.
        codes: The code of each, once.
        purposes: The descriptions, each once.
        notes: The texts of the notes, each once.
    """

    id: str
    is_set: bool
    folder: str
    records: list[Record]
    size: int
    types: list[str]
    created: datetime | None
    last: datetime | None
    statuses: dict[str, int]
    codes: list[Code]
    purposes: list[str]
    notes: list[str]


def sets_of(records: Iterable[Record], among: Iterable[Record]) -> list[RunSet]:
    """Return the sets of some experiments in the order in which they were registered.

    What one call of `register` made is a set. Experiments that programs registered themselves, or
    that were registered before calls were noted, are one where target, code and description are
    the same. What belongs to no set comes last, together.

    Args:
        records: The experiments.
        among: Those that they were chosen from.
    """
    sizes = Counter(map(_key, among))
    found: dict[_Key, list[Record]] = {}
    for record in sorted(records, key=lambda record: position_of(record.id)):
        found.setdefault(_key(record), []).append(record)
    sets = [_run_set(key, members, sizes[key]) for key, members in found.items()]
    return sorted(sets, key=lambda one: (not one.is_set, one.created is None, _seconds(one)))


def type_of(record: Record) -> str:
    """Return what an experiment carries out: a target, program or class of xmen; "" if unknown."""
    xmen = _mapping(record.metadata.get("xmen"))
    version = _mapping(xmen.get("version"))
    named = ":".join(filter(None, (as_text(version.get(part)) for part in ("module", "class"))))
    return program_of(record.metadata) or named or as_text(_of_xmen(record).get("type"))


def _seconds(one: RunSet) -> float:
    return one.created.timestamp() if one.created else 0.0


def _key(record: Record) -> _Key:
    metadata = record.metadata
    call = metadata.get("set")
    if isinstance(call, str) and call:
        return (_BY_CALL, call)
    folder = _of_xmen(record).get("directory")
    if folder:
        return (_OF_XMEN, as_text(folder))
    target = metadata.get("target")
    if isinstance(target, Mapping) and metadata.get("registered-time"):
        facts = (program_of(metadata), *_code_of(record), record.description)
        return (_BY_FACTS, *map(str, facts))
    return ()


def _of_xmen(record: Record) -> Mapping[str, Any]:
    """Return what its set says of an experiment of xmen."""
    return _mapping(_mapping(record.metadata.get("xmen")).get("set"))


def _run_set(key: _Key, records: list[Record], size: int) -> RunSet:
    is_named = key[:1] in ((_BY_CALL,), (_OF_XMEN,))
    said = _of_xmen(records[0])
    registered = [_moment(record, "registered-time") for record in records]
    created = registered if any(registered) else [record.start for record in records]
    if said.get("created"):
        facts = {"created": read_time(said["created"])}
        created = [read_moment([], facts, "created"), *created]
    texts = [as_text(said.get("purpose")), *(record.description for record in records)]
    notes = [*as_texts(said.get("notes")), *(note for one in records for note in _notes(one))]
    return RunSet(
        id=key[1] if is_named else "",
        is_set=bool(key),
        folder=key[1] if key[:1] == (_OF_XMEN,) else "",
        records=records,
        size=size,
        types=_once(map(type_of, records)),
        created=min(filter(None, created), default=None),
        last=max(filter(None, map(_last, records)), default=None),
        statuses=dict(Counter(record.status for record in records).most_common()),
        codes=[code for code in dict.fromkeys(map(_code, records)) if any(_facts(code))],
        purposes=_once(texts),
        notes=_once(notes),
    )


def _moment(record: Record, name: str) -> datetime | None:
    return read_moment([], record.metadata, name)


def _last(record: Record) -> datetime | None:
    if record.status == status.RUNNING:
        return record.heartbeat
    return record.end or record.start


def _code(record: Record) -> Code:
    root, branch, commit, has_changes = _code_of(record)
    return Code(root, branch, commit, bool(has_changes))


def _code_of(record: Record) -> tuple[str, str, str, str]:
    metadata = record.metadata
    xmen = _mapping(_mapping(_mapping(metadata.get("xmen")).get("version")).get("git"))
    roots = (metadata.get("repository"), xmen.get("local"), xmen.get("local_path"))
    root = next(filter(None, (*roots, metadata.get("git-remote"))), "")
    snapshot = as_text(metadata.get("git-snapshot"))
    branch, commit = (as_text(metadata.get(key)) for key in ("git-branch", "githead-sha"))
    return as_text(root), branch, commit, snapshot


def _facts(code: Code) -> tuple[str, str, str]:
    return (code.root, code.branch, code.commit)


def _notes(record: Record) -> Iterator[str]:
    if record.is_foreign and "uid" not in record.metadata:
        yield from as_texts(_mapping(record.metadata["xmen"]).get("notes"))
        return
    for line in Files(record.directory).lines(layout.NOTES):
        yield as_text(line.get("text"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _once(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]
