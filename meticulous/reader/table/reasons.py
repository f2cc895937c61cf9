"""Why an experiment ended as it did, in one line."""

from __future__ import annotations

from typing import Any

from meticulous.folder import status
from meticulous.reader.table.flattening import MISSING

REASON = "reason"
"""The name of the column."""

_FRAME = '  File "'


def reason_line(word: str, reason: str, cause: str | None) -> Any:
    """Return it: of a lost experiment the cause, of others what STATUS says; MISSING when nothing.

    Of an experiment whose status is UNKNOWN there is none: its problems tell what STATUS holds.

    Args:
        word: The status.
        reason: What STATUS says besides; of a traceback the exception is returned.
        cause: What is known about why the experiment is lost.
    """
    if word == status.LOST:
        return cause or MISSING
    lines = [] if word == status.UNKNOWN else reason.splitlines()
    frames = [number for number, line in enumerate(lines) if line.startswith(_FRAME)]
    if frames:
        # A message of several lines begins behind the last frame, whose own lines are indented.
        for line in lines[frames[-1] + 1 :]:
            if line and not line[0].isspace():
                return line.strip()
    told = [stripped for line in lines if (stripped := line.strip())]
    return told[-1] if told else MISSING
