"""Compare two texts line by line, by what they say rather than when and where they say it."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import IO

from meticulous.folder import layout
from meticulous.reader.files import Files
from meticulous.reader.wording import size_text
from meticulous.reproduce.comparison.digits import compare_digits, is_number
from meticulous.reproduce.comparison.normal_text import (
    NUMBER,
    logical_lines,
    normalize,
    normalize_result,
    plain_lines,
)
from meticulous.reproduce.comparison.places import Place, Places
from meticulous.reproduce.comparison.tally import Tally, weighed
from meticulous.reproduce.comparison.tolerance import Tolerances
from meticulous.reproduce.verdict import UNKNOWN, Finding

STREAMS = (layout.STDOUT, layout.STDERR)
"""The texts that every run leaves."""

LARGEST = 256 * 2**20
"""Bytes; larger texts are not compared."""

GIVEN_UP = 1000
"""Lines that differ; beyond it the rest of a text is not read, since it is another text."""

LOOKED_AT = 200_000
"""Lines that differ in anything, be it the time; beyond it the rest is not read."""

NORMALIZED = "the same but for times, durations, paths and process numbers"
"""What is said of two texts that differ in nothing else."""

OWN_TIMES = "the same but for paths, and for when and how long each run took"
"""The same of texts that may hold results, in which other times and durations count."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOK = 2**16


def compare_streams(
    recorded: str, reproduced: str, tolerances: Tolerances, places: Places, decides: bool
) -> list[Finding]:
    """Compare what two runs wrote to stdout and stderr.

    Args:
        recorded: The folder of the recorded run.
        reproduced: The folder of its reproduction.
        tolerances: How far numbers in the text may be off.
        places: Where both lie.
        decides: Whether stdout decides the verdict; stderr does where nothing is on stdout, for it
            is full of warnings that depend on the machine.
    """
    findings: list[Finding] = []
    for name in STREAMS:
        is_only = decides and not findings
        found = _compare_stream(name, recorded, reproduced, tolerances, places, is_only)
        findings += [found] if found else []
    return findings


def _compare_stream(
    name: str,
    recorded: str,
    reproduced: str,
    tolerances: Tolerances,
    places: Places,
    decides: bool,
) -> Finding | None:
    files = [Files(folder) for folder in (recorded, reproduced)]
    sizes = []
    for one in files:
        file = one.open(name)
        if file is None:
            return None
        with file:
            sizes.append(os.fstat(file.fileno()).st_size)
    if not any(sizes):
        return None
    applied = tolerances.applied_to("text", name)
    decides = decides or applied.is_explicit
    if max(sizes) > LARGEST:
        remark = f"too large to be compared ({size_text(max(sizes))})"
        return Finding("text", name, UNKNOWN, remark=remark, decides=decides)
    tally = Tally(applied)
    paths = os.path.join(recorded, name), os.path.join(reproduced, name)
    try:
        said = compare_texts(*paths, tally, places, are_results=decides)
        if said.is_normalized and not tally.worst:
            tally.within += 1  # alike is not identical
        if said.is_cut and not tally.outside:
            remark = "; ".join(tally.remarks)
            return Finding("text", name, UNKNOWN, remark=remark, decides=decides)
    except OSError as error:
        remark = f"cannot be read: {error.strerror or error}"
        return Finding("text", name, UNKNOWN, remark=remark, decides=decides)
    finding = tally.finding("text", name, "line")
    return weighed(_informative(finding, decides), applied, "")


def _informative(finding: Finding, decides: bool) -> Finding:
    return finding if decides else replace(finding, decides=False)


@dataclass(frozen=True, slots=True)
class Said:
    """What is to be said of two texts beside their tally.

    Attributes:
        is_normalized: Whether lines differ only in times and the like, which are not counted.
        is_cut: Whether only their beginning was compared.
    """

    is_normalized: bool
    is_cut: bool


def compare_texts(
    recorded: str,
    reproduced: str,
    tally: Tally,
    places: Places,
    *,
    are_results: bool,
    is_shown: bool = True,
) -> Said:
    """Compare two text files line by line and count the lines; numbers in them as numbers.

    Args:
        recorded: The path of the file then.
        reproduced: The path of the file now.
        tally: What counts the lines.
        places: Where the runs lie.
        are_results: Whether dates and durations in it may be results; otherwise all are left out.
        is_shown: Whether it was written for a terminal, where a carriage return overwrites.
    """
    encodings = encoding_of(recorded), encoding_of(reproduced)
    if encodings[0] != encodings[1] and not {"utf-8", "latin-1"} >= set(encodings):
        tally.remark(f"in another encoding ({encodings[1]} instead of {encodings[0]})")
    general = normalize_result if are_results else normalize
    lines = logical_lines if is_shown else plain_lines
    is_normalized, is_cut, looked_at = False, False, 0
    newline = "\n" if is_shown else None
    with (
        _open(recorded, encodings[0], newline) as one,
        _open(reproduced, encodings[1], newline) as other,
    ):
        for number, (line, other_line) in enumerate(zip_longest(lines(one), lines(other)), 1):
            if line == other_line:
                tally.compared += 1
            elif line is None or other_line is None:
                tally.remark("one text is longer than the other")
                tally.unequal(line, other_line, f"line {number}")
            else:
                looked_at += 1
                place = f"line {number}"
                same = _compare_lines(line, other_line, tally, places, place, general)
                is_normalized = is_normalized or same
            if tally.outside > GIVEN_UP or looked_at > LOOKED_AT:
                # What was not compared must not be called the same.
                tally.almost(f"only the first {number:,} lines were compared")
                is_cut = True
                break
    if is_normalized:
        said = OWN_TIMES if are_results else NORMALIZED
        tally.remark(said if not tally.worst else "without times, durations and paths")
    return Said(is_normalized, is_cut)


def _compare_lines(
    line: str,
    other: str,
    tally: Tally,
    places: Places,
    place: str,
    general: Callable[[str, Place], str],
) -> bool:
    """Count a pair of lines; return whether they are the same only after being normalised."""
    if places.is_same(line, other):
        tally.same()
        tally.remark("the same but for the folder in its paths")
        return False
    one = general(line, places.recorded)
    another = general(other, places.reproduced)
    if one == another:
        tally.same()
        return True
    if NUMBER.split(one) != NUMBER.split(another):
        tally.unequal(one, another, place)
        return False
    numbers = Tally(tally.applied)
    for left, right in zip(NUMBER.findall(one), NUMBER.findall(another), strict=True):
        if left == right:
            continue
        if is_number(left) and is_number(right):
            compare_digits(left, right, numbers, place)
        else:
            numbers.unequal(left, right, place)
    # A line counts as one, however many numbers it has.
    numbers.compared = 1
    numbers.outside, numbers.within = (
        int(bool(numbers.outside)),
        int(bool(numbers.within) and not numbers.outside),
    )
    tally.add(numbers)
    return False


def encoding_of(path: str) -> str:
    """Return the encoding of a text file: by its mark, else UTF-8 where that fits, else latin-1."""
    with open(path, "rb") as file:
        start = file.read(_LOOK)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start, final=False)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def is_text(path: str) -> bool:
    """Say whether a file holds text, as far as its beginning tells."""
    with open(path, "rb") as file:
        start = file.read(_LOOK)
    return b"\0" not in start or start.startswith(tuple(mark for mark, _ in _MARKS))


def _open(path: str, encoding: str, newline: str | None) -> IO[str]:
    return open(path, encoding=encoding, errors="backslashreplace", newline=newline)
