"""How many places of a terminal a text takes, and where it is broken into lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

_WORD = re.compile(r"\s*\S+\s*")


def cell_width(text: str) -> int:
    """Return how many places a text of one line takes; characters can take two, or none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # here, since most lists never need what it loads

    return cell_len(text)


def broken(text: str, width: int) -> list[slice]:
    """Return the parts of a line that stand below each other where there is only so much room.

    It is broken between words, and within those that are longer than that. The space at the end
    of a part is left out.
    """
    if cell_width(text) <= width:
        return [slice(0, len(text))]
    starts = list(_starts(text, width))
    ends = [*starts[1:], len(text)]
    return [
        slice(start, start + len(text[start:end].rstrip()))
        for start, end in zip(starts, ends, strict=True)
    ]


def _starts(text: str, width: int) -> Iterator[int]:
    yield 0
    used = 0
    for found in _WORD.finditer(text):
        word = found[0].rstrip()
        if used + cell_width(word) <= width:
            used += cell_width(found[0])
            continue
        start = found.start()
        if used:
            yield start
        *full, last = _pieces(word, width)
        for piece in full:
            start += len(piece)
            yield start
        used = cell_width(last) + len(found[0]) - len(word)


def _pieces(word: str, width: int) -> list[str]:
    if word.isascii():
        return [word[start : start + width] for start in range(0, len(word), width)]
    from rich.cells import chop_cells

    return [piece for piece in chop_cells(word, width) if piece] or [word]
