"""Who runs an experiment, and whether that process is still alive.

A process is known by its number, its start, the boot of its machine and its namespace: numbers are
reused, machines restart, and containers count from one. Where the reader cannot look at the
process (another host), the heartbeat decides: the modification time of STATUS.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

HEARTBEAT_SECONDS = 10.0
"""How often a running experiment touches its STATUS."""

SILENCE_SECONDS = 90.0
"""A heartbeat older than this counts as stopped; generous, for clocks of two hosts may differ."""


def identify(pid: int) -> dict[str, Any]:
    """Return what identifies a process of this machine, as keys of metadata.json.

    `process-start-time` is in seconds since the boot on Linux and since the epoch elsewhere.
    Unknown facts are None.
    """
    return {
        "host": _host(),
        "pid": pid,
        "process-start-time": _start_time(pid),
        "boot-id": _boot_id(),
        "pid-namespace": _namespace(),
    }


def identify_recorder() -> dict[str, Any]:
    """Return what identifies this process as the recorder of another one, as keys of metadata."""
    pid = os.getpid()
    return {"recorder": {"pid": pid, "process-start-time": _start_time(pid)}}


def is_alive(identity: Mapping[str, Any], heartbeat: float, now: float) -> bool | None:
    """Say whether a process is still there, or its recorder, which is about to write its end.

    Args:
        identity: The keys that `identify` and `identify_recorder` gave, from metadata.json.
        heartbeat: The modification time of STATUS, in seconds since the epoch.
        now: The present, in seconds since the epoch.

    Returns:
        True or False, or None when the record does not say who wrote it (older recorders).
    """
    pid = identity.get("pid")
    if not isinstance(pid, int) or isinstance(pid, bool):
        return None
    here = (_boot_id(), _namespace())
    there = (identity.get("boot-id"), identity.get("pid-namespace"))
    if here == there and (here[0] is not None or identity.get("host") == _host()):
        recorder = identity.get("recorder")
        return _is_there(identity) or (isinstance(recorder, dict) and _is_there(recorder))
    return now - heartbeat < SILENCE_SECONDS


def has_rebooted(identity: Mapping[str, Any]) -> bool:
    """Say whether this is the machine that ran the experiment, started again since."""
    boot = identity.get("boot-id")
    return boot is not None and identity.get("host") == _host() and boot != _boot_id()


def _is_there(process: Mapping[str, Any]) -> bool:
    pid = process.get("pid")
    start = _start_time(pid) if isinstance(pid, int) else None
    return start is not None and start == process.get("process-start-time")


def _host() -> str:
    # The same as socket.gethostname(), whose module takes 3 ms to load.
    return os.uname().nodename


def _boot_id() -> str | None:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None


def _namespace() -> str | None:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def _start_time(pid: int) -> float | None:
    """Return when the process started; None when it is gone or only waits to be reaped."""
    if sys.platform.startswith("linux"):
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                # The name in brackets may itself hold spaces and brackets.
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            return None
        if fields[0] in (b"Z", b"X"):
            return None
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return _start_time_elsewhere(pid)


def _start_time_elsewhere(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time()
    except psutil.Error:
        return None
