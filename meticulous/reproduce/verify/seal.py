"""Whether the files of a record are as the recorder left them."""

from __future__ import annotations

import os

from meticulous.folder import layout, status
from meticulous.folder.hashing import BUDGET_BYTES, read_sums
from meticulous.reader.record import Record
from meticulous.reproduce.answers import Answer, no, some_of, unknown, yes
from meticulous.reproduce.verify.files import digest_of

_LISTED = tuple(
    name
    for name in layout.SEALED
    # These are written by others, or after the list, and may be missing in it.
    if name not in (layout.STATUS, layout.METADATA, layout.ENVIRONMENT, layout.REQUIREMENTS)
)
"""Files of the recorder that are in every list of sums, if the run had them."""


def check_seal(record: Record) -> Answer:
    """Say whether every file of the recorder still has the digest it had at the end."""
    sums = _sums(record)
    if sums is None:
        return unknown(_why_unsealed(record))
    altered, missing = [], []
    for name, expected in sums.items():
        path = os.path.join(record.directory, name)
        if not os.path.lexists(path):
            missing.append(name)
        elif digest_of(path) != expected:
            altered.append(name)
    added = [name for name in _LISTED if name not in sums and _is_hashed(record, name)]
    parts = [
        f"{word} since the end: {some_of(names)}"
        for word, names in (("changed", altered), ("removed", missing), ("added", added))
        if names
    ]
    if parts:
        return no(
            "; ".join(parts),
            "take the folder from a backup, or run it again; what it says now is not what ran",
        )
    return yes(f"all {len(sums)} files have the digests of {layout.SUMS}")


def _sums(record: Record) -> dict[str, str] | None:
    try:
        sums = read_sums(str(record.directory)) or {}
    except OSError:
        return None
    inside = {name: digest for name, digest in sums.items() if os.path.basename(name) == name}
    return inside or None


def _is_hashed(record: Record, name: str) -> bool:
    """Say whether there is such a file, and of a size that is hashed at the end."""
    try:
        return os.stat(record.directory / name).st_size <= BUDGET_BYTES
    except OSError:
        return False


def _why_unsealed(record: Record) -> str:
    if record.status in (status.RUNNING, status.REGISTERED):
        return "it has not ended"
    if record.status == status.LOST:
        return f"it ended without a word, so that there is no {layout.SUMS}"
    return f"the record has no {layout.SUMS}, with which a change would be found"
