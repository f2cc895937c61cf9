"""Text without what differs between any two runs: times, durations, paths, addresses, numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

from meticulous.reproduce.comparison.places import Place

PIECE = 2**16
"""Characters of a line that are looked at together; a longer line is cut."""

NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|NaN|inf|Infinity)(?![\w.]*\w)"
)
"""A number that stands for itself in a text."""

_COLOR = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
# "mean 0.5 min 0.2" holds no duration: what follows "min" there is its value.
_UNIT = (
    r"(?:ns|us|µs|μs|ms|s|sec|secs|seconds?|h|hrs?|hours?|days?"
    r"|milliseconds?|microseconds?|nanoseconds?"
    r"|min(?:s|utes?)?(?:(?= ?\d+(?:\.\d+)? ?s(?:ec|econds?)?\b)|(?! ?[-+.:=\d])))"
)
_COUNT = r"\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?"
_UUID = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
_RULES = [
    (re.compile(pattern), word, needed)
    for pattern, word, *needed in (
        (r"0x[0-9a-fA-F]{4,}", "<address>", "0x"),
        (_UUID, "<uuid>", "-"),
        (
            r"(?<![\w/])/(?:private/)?(?:tmp|var/folders|var/tmp|dev/shm)(?:/[\w.+-]+)+",
            "<temp>",
            "/",
        ),
        (
            rf"\b(?:{_DAY},? )?(?:{_MONTH} +\d{{1,2}}(?:,? \d{{4}})?|\d{{1,2}} {_MONTH},? \d{{4}})"
            r",? \d{1,2}:\d\d(?::\d\d)?(?: [A-Z]{3,4})?(?: \d{4})?",
            "<time>",
            ":",
        ),
        (
            r"(?<!\d)\d{4}[-/]\d\d[-/]\d\d(?:[T _-]+\d{1,2}[:-]\d\d(?:[:-]\d\d(?:[.,]\d+)?)?)?"
            r"(?: ?(?:Z|[-+]\d\d:?\d\d|UTC))?(?!\d)",
            "<time>",
            *("-", "/"),
        ),
        (r"(?<!\d)(?:19|20)\d{6}[T_-]?\d{6}(?!\d)", "<time>"),
        (r"(?<![\d:])(?:\d+ days?, )?\d{1,3}:\d\d(?::\d\d)?(?:[.,]\d+)?(?![\d:])", "<time>", ":"),
        (
            r"(?<![\w.])[-?\d.,]+ ?(?:[kMGTKi]*B|it|iB|its|[A-Za-z]+)/(?:s|sec|second)\b",
            "<speed>",
            "/s",
        ),
        (r"(?<![\w.])[?\d.,]+ ?s/[A-Za-z]+\b", "<speed>", "s/"),
        (rf"(?<![\w.]){_COUNT} ?{_UNIT}(?: ?{_COUNT} ?{_UNIT})*(?![\w/])", "<duration>"),
        (
            r"(?i)\b(time|elapsed|duration|took|runtime|seconds|eta)"
            rf"((?:[ _]?\(s\))? ?[:=]? ?){_COUNT}",
            r"\1\2<duration>",
            *("ime", "IME", "lapsed", "uration", "ook", "econds", "eta", "ETA"),
        ),
        (
            r"(?i)\b(pid|process|thread|ppid|tid)(\s*[:=#]?\s*)\d+",
            r"\1\2<number>",
            "id",
            "ID",
            "rocess",
            "hread",
        ),
        (r"(?<!\d)(?:1[5-9]|2[0-2])\d{8}(?:\.\d+)?(?!\d)", "<time>"),
    )
]
"""What is recognised, in this order, the word that takes its place, and for the sake of speed
what a line must hold one of to be looked at."""

_COUNTED = (
    r"(?:it|its|iters?|steps?|samples?|examples?|images?|imgs?|tok|tokens?|batch|batches|epochs?"
    r"|rows?|records?|items?|[kKMGT]?i?B)"
)
_STRICT_RULES = [
    (re.compile(pattern), word)
    for pattern, word in (
        (r"\bat 0x[0-9a-fA-F]{4,}", "at <address>"),
        (r"\[\d+:\d\d(?::\d\d)?<(?:\?|[\d:]+)", "[<time>"),
        (rf"(?<![\w.])[?\d.,]+ ?{_COUNTED}/(?:s|sec|second)\b", "<speed>"),
        (rf"(?<![\w.])[?\d.,]+ ?m?s/{_COUNTED}\b", "<speed>"),
    )
]
_RUN_RULES = [
    (re.compile(pattern), word)
    for pattern, word in (
        (rf"(?<![\w.]){_COUNT} ?{_UNIT}(?: ?{_COUNT} ?{_UNIT})*(?![\w/])", "<duration>"),
        (
            r"(?i)\b((?:wall|total|training|train|epoch)?[ _]?time|elapsed|took|run ?-?time|eta)"
            rf"((?:[ _]?\(s\))? ?[:=]? ?)(?:\d+:)*{_COUNT}",
            r"\1\2<duration>",
        ),
    )
]
_OF_THE_RUN = re.compile(
    r"\b(?:elapsed|took|taken|run ?-?time|wall[ _-]?(?:time|clock)|eta|total time|done|epochs?"
    r"|finish(?:ed|ing)|complet(?:ed|ion)|saved|saving|wrote|written|writing|ran|running"
    r"|train(?:ed|ing)|test(?:ed|ing)|evaluat(?:ed|ing|ion)|validat(?:ed|ing|ion)"
    r"|comput(?:ed|ing)|process(?:ed|ing)|load(?:ed|ing)|compil(?:ed|ing)|prepar(?:ed|ing)"
    r"|execut(?:ed|ing|ion)|download(?:ed|ing)|generat(?:ed|ing)|built|building|fitted)\b"
    r"|/(?:it|step|epoch)\b|%\|",
    re.IGNORECASE,
)
"""What a line says that tells how the run went: only there a duration is none of its results."""

_WORTH_LOOKING = re.compile(r"[0-9]")


def normalize(line: str, place: Place) -> str:
    """Return a line with general words for what differs between any two runs.

    Args:
        line: The line, without its end.
        place: Where the run lay.
    """
    if "\x1b" in line:
        line = _COLOR.sub("", line)
    line = place.generalize(line).rstrip()
    if _WORTH_LOOKING.search(line):
        for pattern, word, needed in _RULES:
            if not needed or any(part in line for part in needed):
                line = pattern.sub(word, line)
    return line


def normalize_result(line: str, place: Place) -> str:
    """Return a line that may hold results with general words for what certainly is none.

    Dates and times stay unless they are those of the run itself; durations stay unless the line
    tells how the run went; paths stay but for the folders of the run.

    Args:
        line: The line, without its end.
        place: Where the run lay, and when it was.
    """
    if "\x1b" in line:
        line = _COLOR.sub("", line)
    line = place.mark(line).rstrip()
    if _WORTH_LOOKING.search(line):
        rules = _STRICT_RULES
        if _OF_THE_RUN.search(line):
            rules = [*rules, *_RUN_RULES]
        for pattern, word in rules:
            line = pattern.sub(word, line)
    return line


def normalize_name(name: str, place: Place) -> str:
    """Return the name of a file with general words for what differs between any two runs."""
    if place.own is None:
        return normalize(name, place)
    return re.sub(_UUID, "<uuid>", normalize_result(name, place))


def logical_lines(file: IO[str]) -> Iterator[str]:
    """Yield the lines of a file as a terminal shows them in the end.

    Of a line that was rewritten by carriage returns, as by a progress bar, the last state that
    shows something is left. Lines longer than `PIECE` come in pieces.
    """
    left = ""
    while True:
        piece = file.readline(PIECE)
        if not piece:
            break
        is_whole = piece.endswith("\n")
        text = left + (piece[:-1] if is_whole else piece)
        if "\r" in text:
            text = _last_state(text, keep_return=not is_whole)
        left = ""
        if is_whole or len(text) > PIECE:
            yield text
        else:
            left = text
    if left:
        yield left.rstrip("\r")


def plain_lines(file: IO[str]) -> Iterator[str]:
    """Yield the lines of a file without their ends; those longer than `PIECE` in pieces."""
    while piece := file.readline(PIECE):
        yield piece.removesuffix("\n")


def _last_state(text: str, keep_return: bool) -> str:
    if keep_return and text.endswith("\r"):
        return _last_state(text[:-1], False) + "\r"
    return next((state for state in reversed(text.split("\r")) if state.strip()), "")
