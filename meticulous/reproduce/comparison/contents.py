"""The bytes of two files: whether they are the same, and their digest."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.verdict import OUTSIDE, SAME

_STEP = 2**20


def same_bytes(one: str, other: str, wants_digest: bool) -> tuple[bool, str | None]:
    """Say whether two files hold the same bytes, and return the sha256 of the first if wanted."""
    is_same = os.path.getsize(one) == os.path.getsize(other)
    digest = hashlib.sha256() if wants_digest else None
    with open(one, "rb") as left, open(other, "rb") as right:
        while is_same or digest is not None:
            piece = left.read(_STEP)
            if is_same and piece != right.read(_STEP):
                is_same = False
            if digest is not None:
                digest.update(piece)
            if not piece:
                break
    return is_same, digest.hexdigest() if digest is not None else None


@dataclass(frozen=True, slots=True)
class Links:
    """Two paths of which at least one is a link, compared as such.

    Attributes:
        outcome: `SAME` or `OUTSIDE`.
        recorded: Where the recorded one leads; None when it is no link.
        reproduced: Where the reproduced one leads.
        remark: What is to be said.
    """

    outcome: str
    recorded: str | None
    reproduced: str | None
    remark: str


def is_one_file(one: str, other: str) -> bool:
    """Say whether two paths, of which one is a link, lead to one and the same regular file."""
    if not (os.path.islink(one) or os.path.islink(other)) or not os.path.isfile(one):
        return False
    return os.path.exists(other) and os.path.samefile(one, other)


def compare_links(one: str, other: str, places: Places) -> Links | None:
    """Compare two paths as links; None where what they hold is to be compared."""
    target, other_target = (
        os.readlink(path) if os.path.islink(path) else None for path in (one, other)
    )
    if target is None and other_target is None:
        return None
    is_same = target is not None and other_target is not None
    is_same = is_same and places.is_same(str(target), str(other_target))
    remark = "a link that leads nowhere"
    if os.path.exists(one) and os.path.exists(other):
        if os.path.samefile(one, other):
            is_same, remark = True, "both lead to one and the same file"
        elif is_same and os.path.isdir(one) and os.path.isdir(other):
            remark = "links to a folder, whose files are not compared"
        else:
            return None
    return Links(SAME if is_same else OUTSIDE, target, other_target, remark)
