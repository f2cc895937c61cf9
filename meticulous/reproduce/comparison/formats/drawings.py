"""Vector graphics, compared without the time of their making and the names drawn by chance."""

from __future__ import annotations

import re

from meticulous.reproduce.comparison.formats import text_files
from meticulous.reproduce.comparison.formats.choosing import NotComparableError
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tallies

_OF_PDF = [
    re.compile(pattern)
    for pattern in (
        rb"/(?:CreationDate|ModDate) ?\((?:[^()\\]|\\.)*\)",
        rb"/ID ?\[ ?<[^>]*> ?<[^>]*> ?\]",
        rb"<xmp:(?:Create|Modify|Metadata)Date>[^<]*<",
    )
]
_MADE = re.compile(rb"<dc:date>[^<]*</dc:date>")
_NAMED = re.compile(rb'\bid="([A-Za-z]{1,8}[0-9a-f]{10})"')


def compare(recorded: str, reproduced: str, tallies: Tallies, places: Places) -> None:
    """Compare two .pdf or two .svg; an .svg that draws something else is compared as a text."""
    is_text = recorded.lower().endswith(".svg")
    drawn = _drawn if is_text else _printed
    with open(recorded, "rb") as one, open(reproduced, "rb") as other:
        is_same = drawn(one.read()) == drawn(other.read())
    if is_same:
        tallies[""].same()
        tallies[""].almost("the same but for the time of its making and names drawn by chance")
    elif is_text:
        text_files.compare(recorded, reproduced, tallies, places)
    else:
        raise NotComparableError("it differs in more than the time of its making")


def _printed(data: bytes) -> bytes:
    for pattern in _OF_PDF:
        data = pattern.sub(b"", data)
    return data


def _drawn(data: bytes) -> bytes:
    """Return the text of an .svg with its drawn names numbered as they come."""
    names = {name: b"name%d" % at for at, name in enumerate(dict.fromkeys(_NAMED.findall(data)))}
    data = _MADE.sub(b"", data)
    if not names:
        return data
    known = re.compile(rb"\b(?:%s)\b" % b"|".join(map(re.escape, names)))
    return known.sub(lambda found: names[found[0]], data)
