"""What the earlier starts of a resumed run logged, and the last one logged again."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from meticulous.folder import layout
from meticulous.reader.files import Files
from meticulous.reader.series.metrics import STEP, TIME


class Superseded:
    """Knows which rows of the metrics of a run a later start of it has logged again.

    A run that was resumed from its beginning, or from a checkpoint before its end, has logged some
    steps twice; the last of them is the result. A rerun, which has one start, logs each once.

    Args:
        starts: When each start of the run began, in seconds since the epoch.
    """

    def __init__(self, starts: Iterable[float]) -> None:
        self._starts = sorted(starts)
        self._latest: dict[Any, int] = {}

    @property
    def is_resumed(self) -> bool:
        """Whether the run had more than one start."""
        return len(self._starts) > 1

    def learn(self, row: dict[str, Any]) -> None:
        """Take in a row; all rows are to be taken in before the first question."""
        key, number = self._place(row)
        self._latest[key] = max(number, self._latest.get(key, 0))

    def holds(self, row: dict[str, Any]) -> bool:
        """Say whether a later start has logged the same values of the same step."""
        key, number = self._place(row)
        return STEP in row and number < self._latest.get(key, 0)

    def _place(self, row: dict[str, Any]) -> tuple[Any, int]:
        key = (json.dumps(row.get(STEP)), frozenset(row))
        time = row.get(TIME)
        return key, bisect_right(self._starts, time) if isinstance(time, int | float) else 0


def starts_of(folder: str) -> list[float]:
    """Return when the starts of an experiment began, as far as its metadata tell."""
    attempts = Files(folder).mapping(layout.METADATA).get("attempts")
    found = []
    for attempt in attempts if isinstance(attempts, list) else ():
        if isinstance(attempt, dict):
            try:
                text = f"{attempt.get('start-time')}{attempt.get('utc-offset')}"
                found.append(datetime.fromisoformat(text).timestamp())
            except ValueError:
                continue
    return found
