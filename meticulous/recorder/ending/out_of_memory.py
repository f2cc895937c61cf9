"""Whether the control group's out-of-memory killer has struck, which explains a SIGKILL."""

from __future__ import annotations

import os


class OutOfMemoryCounter:
    """Remembers how often processes of this control group have been killed for memory."""

    def __init__(self) -> None:
        self._path = _events_file()
        self._before = self._read()

    def has_grown(self) -> bool:
        """Say whether it has happened since this object was made; False where nobody counts."""
        now = self._read()
        return now is not None and self._before is not None and now > self._before

    def _read(self) -> int | None:
        if self._path is None:
            return None
        try:
            with open(self._path, encoding="ascii") as file:
                for line in file:
                    name, _, count = line.partition(" ")
                    if name == "oom_kill":
                        return int(count)
        except (OSError, ValueError):
            return None
        return None


def _events_file() -> str | None:
    """Return the file of the second version of control groups that holds the counter."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            for line in file:
                hierarchy, _, path = line.rstrip("\n").split(":", 2)
                if hierarchy == "0":
                    return os.path.join("/sys/fs/cgroup", path.lstrip("/"), "memory.events")
    except (OSError, ValueError):
        return None
    return None
