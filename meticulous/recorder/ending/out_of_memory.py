"""Whether the control group's out-of-memory killer has struck, which explains a SIGKILL."""

from __future__ import annotations

import os

_COUNTER = "oom_kill"
"""What the counter is called in both files: `memory.events` and `memory.oom_control`."""


class OutOfMemoryCounter:
    """Remembers how often processes of this control group have been killed for memory.

    Args:
        membership: The kernel's list of the groups of this process.
        mounts: Where control groups are mounted.
    """

    def __init__(
        self, membership: str = "/proc/self/cgroup", mounts: str = "/sys/fs/cgroup"
    ) -> None:
        self._path = _counting_file(membership, mounts)
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
                    if name == _COUNTER:
                        return int(count)
        except (OSError, ValueError):
            return None
        return None


def _counting_file(membership: str, mounts: str) -> str | None:
    """Return the file that holds the counter, in the version that accounts for memory."""
    try:
        with open(membership, encoding="utf-8") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except (OSError, ValueError):
        return None
    groups = {tuple(line[1].split(",")): line[2] for line in lines if len(line) == 3}
    candidates = []
    # Both versions may be there; the second then counts other things than memory.
    for controllers, path in groups.items():
        if "memory" in controllers:
            candidates += _places(os.path.join(mounts, "memory"), path, "memory.oom_control")
    if ("",) in groups:
        candidates += _places(mounts, groups["",], "memory.events")
    return next(filter(os.path.exists, candidates), None)


def _places(mount: str, group: str, name: str) -> list[str]:
    """Return where a file of a group may be; in a container the group may be mounted as root."""
    return [os.path.normpath(os.path.join(mount, group.lstrip("/"), name)), f"{mount}/{name}"]
