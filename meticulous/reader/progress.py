"""How far an experiment has come that goes on: the last step that it logged, and when."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from meticulous.errors import UnreadableRecordError
from meticulous.folder import layout, status
from meticulous.folder.encoding import decode_document
from meticulous.reader.files import Files
from meticulous.reader.record import Record
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import Table
from meticulous.reader.wording import age_text, value_text

PROGRESS = "progress"
"""The name of the column with the progress of running experiments."""

_ENDS = (2**12, 2**20)
"""Bytes at the end of the file in which the last line is looked for: usually few, at most these."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the last line of the metrics says.

    Attributes:
        step: The step; None when the line tells none.
        moment: When it was logged; None when the line does not tell.
    """

    step: Any
    moment: datetime | None


def read_progress(directory: str | os.PathLike[str]) -> Progress | None:
    """Return how far an experiment has come; None where nothing was logged, or cannot be read.

    Only the end of the metrics is read, so that it costs the same after a million steps.
    """
    for most in _ENDS:
        for line in reversed(_last_lines(directory, most)):
            try:
                values = decode_document(line)
            except UnreadableRecordError:
                continue
            if isinstance(values, dict):
                return Progress(values.get("step"), _moment(values.get("time")))
    return None


def progress_text(progress: Progress, now: datetime) -> str:
    """Return it in words, such as "step 12, 3 minutes ago"; "" when it tells nothing."""
    age = age_text(progress.moment, now) if progress.moment else ""
    if progress.step is None:
        return f"logged {age}" if age else ""
    return ", ".join(filter(None, (f"step {value_text(progress.step)}", age)))


def add_progress(table: Table, records: Sequence[Record]) -> Table:
    """Return the table of these records with the column `progress` where any of them runs."""
    texts = [_of_running(record) for record in records]
    if not any(texts):
        return table
    return Table(table.ids, {**table.columns, PROGRESS: [text or MISSING for text in texts]})


def _of_running(record: Record) -> str:
    if record.status != status.RUNNING:
        return ""
    progress = read_progress(record.directory)
    return progress_text(progress, datetime.now(UTC)) if progress is not None else ""


def _last_lines(directory: str | os.PathLike[str], most: int) -> list[bytes]:
    """Return the lines that end within the last `most` bytes; the first may lack its beginning."""
    file = Files(directory).open(layout.METRICS)
    if file is None:
        return []
    with file:
        try:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            *whole, _ = file.read().split(b"\n")
        except OSError:
            return []
    return [line for line in whole if line]


def _moment(seconds: Any) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    if not math.isfinite(seconds):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
