"""Whether the files that a run read and wrote are still what they were."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from meticulous.errors import MeticulousError
from meticulous.folder import layout
from meticulous.folder.hashing import sha256_of
from meticulous.reader.files import Files
from meticulous.reader.record import Record
from meticulous.reproduce.answers import Answer, no, some_of, unknown, yes
from meticulous.reproduce.repository import CodeHolder, code_of

EXPERIMENT, REPOSITORY, ELSEWHERE = "experiment", "repository", "elsewhere"
"""Where a file of files.json lies."""

_SAME, _CHANGED, _MISSING = "same", "changed", "missing"


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that files.json names.

    Attributes:
        path: Relative to the folder of the experiment or the root of the repository, or absolute.
        place: `EXPERIMENT`, `REPOSITORY` or `ELSEWHERE`.
        size: Its bytes then; None when unknown.
        sha256: Its hash then; None when it was not hashed.
        unhashed: Why it was not; "" when it was, or nothing is known.
    """

    path: str
    place: str
    size: int | None
    sha256: str | None
    unhashed: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What files.json says.

    Attributes:
        inputs: The files that were read.
        outputs: The files that were written.
        not_listed: How many more inputs there were, beyond the limit of the list.
        not_listed_outputs: The same of outputs. Older lists tell only their sum, which is both.
    """

    inputs: list[Listed]
    outputs: list[Listed]
    not_listed: int
    not_listed_outputs: int


def read_listing(record: Record) -> Listing | None:
    """Return what files.json of an experiment says; None when there is none that can be read."""
    files = Files(record.directory)
    content = files.mapping(layout.FILES)
    if not content or files.problems:
        return None
    more, written = content.get("not-listed"), content.get("not-listed-outputs")
    more = more if isinstance(more, int) else 0
    read = more - written if isinstance(written, int) else more
    return Listing(
        list(_entries(content.get("inputs"))),
        list(_entries(content.get("outputs"))),
        read,
        written if isinstance(written, int) else more,
    )


def check_inputs(record: Record, holder: CodeHolder, listing: Listing | None) -> Answer:
    """Say whether every file that was read can still be read as it was."""
    if listing is None:
        return unknown(_no_list(record))
    if record.is_foreign and not listing.inputs:
        return unknown("xmen, which recorded it, did not note what the program read")
    answer = _compared(record, holder, listing.inputs, listing.not_listed)
    return answer or yes("the program read no file of its own")


def check_outputs(record: Record, holder: CodeHolder, listing: Listing | None) -> Answer:
    """Say whether every file that was written is still as it was."""
    if listing is None:
        return unknown(_no_list(record))
    answer = _compared(record, holder, listing.outputs, listing.not_listed_outputs)
    return answer or yes("the program wrote no file")


def digest_of(path: str) -> str | None:
    """Return the sha256 of a regular file; None when it cannot be read."""
    try:
        return sha256_of(path)
    except (OSError, ValueError):
        return None


def _entries(values: Any) -> Iterator[Listed]:
    for value in values if isinstance(values, list) else ():
        path = value.get("path") if isinstance(value, dict) else None
        if not isinstance(path, str):
            continue
        size, digest = value.get("size"), value.get("sha256")
        yield Listed(
            path,
            str(value.get("in")),
            size if isinstance(size, int) else None,
            digest if isinstance(digest, str) else None,
            str(value.get("unhashed") or ""),
        )


def _no_list(record: Record) -> str:
    if os.path.lexists(os.path.join(record.directory, layout.FILES)):
        return f"{layout.FILES} cannot be read"
    return f"the record has no {layout.FILES}, so that its files are not known"


def _compared(
    record: Record, holder: CodeHolder, files: list[Listed], not_listed: int
) -> Answer | None:
    """Return what became of the files; None when there are none."""
    if not files and not not_listed:
        return None
    states = {file: _state(record, holder, file) for file in files}
    lost = [file for file, state in states.items() if state in (_CHANGED, _MISSING)]
    in_commit = _held_by_commit(record, holder, lost)
    changed = [f.path for f in lost if states[f] == _CHANGED and f not in in_commit]
    missing = [f.path for f in lost if states[f] == _MISSING and f not in in_commit]
    unverified = [
        f"{file.path} ({state})"
        for file, state in states.items()
        if state not in (_SAME, _CHANGED, _MISSING)
    ]
    if changed or missing:
        return _not_as_they_were(record, changed, missing, len(files))
    if not_listed:
        unverified.append(f"{not_listed} beyond the limit of the list")
    if unverified:
        return unknown(
            f"{len(files) - len(unverified)} are the same, unknown: {some_of(unverified)}"
        )
    if in_commit:
        names = some_of([file.path for file in in_commit])
        return yes(f"not here as they were, but in the commit: {names}")
    count = f"{len(files)} files have" if len(files) > 1 else f"{files[0].path} has"
    return yes(f"{count} the recorded sha256")


def _not_as_they_were(record: Record, changed: list[str], missing: list[str], count: int) -> Answer:
    parts = []
    if changed:
        parts.append(f"changed: {some_of(changed)}")
    if missing:
        parts.append(f"missing: {some_of(missing)}")
    said = f"of {count}, {'; '.join(parts)}"
    host = record.metadata.get("host")
    if not changed and isinstance(host, str) and host and host != os.uname().nodename:
        return unknown(f"{said}; it was recorded on another machine, {host}")
    return no(said, f"restore the files with the size and sha256 that {layout.FILES} tells")


def _state(record: Record, holder: CodeHolder, file: Listed) -> str:
    """Return `_SAME`, `_CHANGED`, `_MISSING`, or why it cannot be told."""
    path = _path_of(record, holder, file)
    if path is None:
        return "there is no repository to look in"
    try:
        size = os.stat(path).st_size
    except (OSError, ValueError):
        return _MISSING
    if file.size is not None and size != file.size:
        return _CHANGED
    if file.sha256 is None:
        return file.unhashed or "it was not hashed"
    found = digest_of(path)
    if found is None:
        return "it cannot be read"
    return _SAME if found == file.sha256 else _CHANGED


def _path_of(record: Record, holder: CodeHolder, file: Listed) -> str | None:
    if file.place == EXPERIMENT:
        return os.path.join(record.directory, file.path)
    if file.place == REPOSITORY:
        return None if holder.root is None else os.path.join(holder.root, file.path)
    return file.path


def _held_by_commit(record: Record, holder: CodeHolder, files: Iterable[Listed]) -> set[Listed]:
    """Return those files that the recorded commit has as they were."""
    wanted = [file for file in files if file.place == REPOSITORY and file.sha256 is not None]
    commit = code_of(record)
    presence = holder.presence(commit)
    if not wanted or commit is None or presence is None or not presence.is_here:
        return set()
    try:
        objects = holder.files(commit)
        held = [file for file in wanted if file.path in objects]
        digests = holder.digests([objects[file.path] for file in held])
    except MeticulousError:
        return set()
    return {file for file in held if digests.get(objects[file.path]) == file.sha256}
