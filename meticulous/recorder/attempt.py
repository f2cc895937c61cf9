"""One start of an experiment: what the metadata say of it, from its beginning to its end."""

from __future__ import annotations

import time

from meticulous.folder import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from meticulous.recorder.ending.outcome import Ending

_AT_THE_START = ("start-time", "utc-offset", "host", "pid")


class Attempt:
    """An attempt that begins now, entered into the history in the metadata.

    Args:
        metadata: The content of metadata.json, changed in place.

    Attributes:
        started: When it began, in seconds since the epoch.
    """

    def __init__(self, metadata: dict[str, Any]) -> None:
        self.started = time.time()
        # The length of the run must not depend on a clock that is set meanwhile.
        self._monotonic_start = time.monotonic()
        self._metadata = metadata
        self._entry = {key: metadata[key] for key in _AT_THE_START}
        metadata.setdefault("attempts", []).append(self._entry)

    def end(self, ending: Ending) -> None:
        """Enter the end into the metadata and their history."""
        facts = {
            "end-time": clock.local_time(time.time()),
            "duration": round(time.monotonic() - self._monotonic_start, 6),
            "exit-code": ending.exit_code,
            "signal": ending.signal,
        }
        self._metadata.update(facts)
        self._entry.update(facts, status=ending.status)
