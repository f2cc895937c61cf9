"""What people add to a record afterwards: notes and tags."""

from __future__ import annotations

import os
import time

from meticulous.errors import ExperimentsDirectoryError, UnreadableRecordError
from meticulous.folder import clock, hashing, layout
from meticulous.folder.encoding import decode_document, encode_document, encode_line
from meticulous.folder.writing import append_line, exclusively, write_atomically

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_PATIENCE = 10.0
"""Seconds to wait for whoever writes the metadata; that takes them a millisecond."""


def note_line(text: str, author: str) -> dict[str, Any]:
    """Return a note, written now, as the object that is its line in notes.jsonl."""
    now = time.time()
    return {
        "time": clock.local_time(now),
        "utc-offset": clock.utc_offset(now),
        "author": author,
        "text": text,
    }


def add_note(directory: str, text: str, author: str) -> dict[str, Any]:
    """Append a note to notes.jsonl and return it.

    Args:
        directory: The folder of the experiment.
        text: What there is to say, without secrets.
        author: Who says it.

    Raises:
        ExperimentsDirectoryError: The file cannot be written.
    """
    line = note_line(text, author)
    path = os.path.join(directory, layout.NOTES)
    try:
        append_line(path, encode_line(line))
    except OSError as error:
        raise _unwritable(path, "note", error) from error
    return line


def change_tags(directory: str, added: Iterable[str], removed: Iterable[str] = ()) -> list[str]:
    """Add and remove tags of an experiment, which may run meanwhile, and return what it has then.

    Args:
        directory: The folder of the experiment.
        added: Tags to add, after those that it has.
        removed: Tags to remove; those that it does not have are passed over.

    Raises:
        ExperimentsDirectoryError: The metadata cannot be written.
        UnreadableRecordError: The metadata cannot be read, or are in a newer format.
    """
    path = os.path.join(directory, layout.METADATA)
    unwanted = set(removed)
    try:
        with exclusively(directory, _PATIENCE):
            # Some network file systems have no locks; there a second look has to do.
            while True:
                before = stamp(path)
                metadata = _read_metadata(path)
                present = texts(metadata.get("tags"))
                wanted = [tag for tag in dict.fromkeys([*present, *added]) if tag not in unwanted]
                if wanted == metadata.get("tags", []):
                    return wanted
                metadata["tags"] = wanted
                data = encode_document(metadata)
                if stamp(path) == before:
                    is_sealed = hashing.fits(directory, layout.METADATA)
                    write_atomically(path, data)
                    if is_sealed:
                        hashing.renew_sums(directory, [layout.METADATA])
                    return wanted
    except OSError as error:
        raise _unwritable(path, "tags", error) from error


def merged_tags(own: Iterable[Any], written: Iterable[Any], found: Iterable[Any]) -> list[Any]:
    """Return the tags to write where two have changed them since they were last written.

    Args:
        own: Those that are to be written.
        written: Those that were written last; what `own` lacks of them was removed here.
        found: Those that are in the file now; what it lacks of `written` was removed by others.
    """
    own, written = list(own), list(written)
    kept = [tag for tag in found if tag in own or tag not in written]
    return [*kept, *(tag for tag in own if tag not in written and tag not in kept)]


def texts(value: Any) -> list[str]:
    """Return a list of texts as it stands in a file that a person may have edited."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        return []
    return ["" if item is None else str(item) for item in value]


def stamp(path: str) -> tuple[int, int] | None:
    """Return what changes whenever the file at `path` is replaced; None when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _read_metadata(path: str) -> dict[str, Any]:
    problem: object = "holds no JSON object"
    try:
        with open(path, "rb") as file:
            metadata = decode_document(file.read())
    except UnreadableRecordError as error:
        metadata, problem = None, error
    except FileNotFoundError:
        metadata, problem = None, "is missing"
    if not isinstance(metadata, dict):
        raise UnreadableRecordError(
            f"The tags cannot be changed: {path} {problem}. Mend the file first."
        )
    version = metadata.get("format")
    if isinstance(version, int) and version > layout.FORMAT:
        raise UnreadableRecordError(
            f"The tags cannot be changed: {path} was written by a newer meticulous (format "
            f"{version}, this one knows {layout.FORMAT}). Use that version, or a later one."
        )
    return metadata


def _unwritable(path: str, what: str, error: OSError) -> ExperimentsDirectoryError:
    raised = ExperimentsDirectoryError(
        f"The {what} cannot be written to {path}: {error.strerror or error}. "
        "Make the folder writable, or free some space, then try again."
    )
    raised.errno = error.errno
    return raised
