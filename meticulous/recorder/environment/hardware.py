"""Describe the machine's hardware: processors, memory, disks; and our share of them.

Every function looks at the machine of the calling process. A fact that cannot be had is None.
Graphics cards are another matter (see `gpus`).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

# Above this a cgroup v1 limit is a page-rounded "no limit" (2**63 - 4096).
_NO_LIMIT = 1 << 60

# Instruction sets that change the results or the speed of numerical libraries.
_FEATURES = re.compile(r"sse4_2|avx.*|fma|f16c|amx.*|asimd|neon|sve.*|bf16|fphp|asimdhp")


def cpu() -> dict[str, Any]:
    """Return the processors.

    Keys: `model`, `physical-cores`, `logical-cores`, `affinity-cores` (that this process may be
    scheduled on), `quota-cores` (processor time that its cgroup grants, None without a limit),
    `available-cores` (the smaller of the two), `frequency-max-mhz`, `features` (instruction sets),
    `load-average` (1, 5, 15 minutes).
    """
    import psutil

    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    quota = cpu_quota()
    bounds = [bound for bound in (affinity or os.cpu_count(), quota) if bound is not None]
    model, features = _processor()
    return {
        "model": model,
        "physical-cores": psutil.cpu_count(logical=False),
        "logical-cores": psutil.cpu_count(),
        "affinity-cores": affinity,
        "quota-cores": quota,
        "available-cores": min(bounds, default=None),
        "frequency-max-mhz": _attempt(lambda: psutil.cpu_freq().max or None),
        "features": features,
        "load-average": _attempt(lambda: [round(load, 2) for load in os.getloadavg()]),
    }


def memory() -> dict[str, Any]:
    """Return the memory in bytes.

    Keys: `total`, `available` (without swapping), `limit` (of the cgroup, None without one),
    `swap-total`, `swap-free`.
    """
    import psutil

    virtual = psutil.virtual_memory()
    swap = _attempt(psutil.swap_memory)
    return {
        "total": virtual.total,
        "available": virtual.available,
        "limit": memory_limit(),
        "swap-total": swap.total if swap else None,
        "swap-free": swap.free if swap else None,
    }


def disk(path: str) -> dict[str, Any]:
    """Return the file system that holds `path`.

    Keys: `path`, `mount-point`, `type`, `total` and `free` (bytes; free for this user).

    Raises:
        OSError: There is no such path.
    """
    import psutil

    space = os.statvfs(path)
    real = os.path.realpath(path)
    mount = None
    for candidate in _attempt(lambda: psutil.disk_partitions(all=True)) or []:
        inside = os.path.join(candidate.mountpoint, "")
        deeper = mount is None or len(candidate.mountpoint) >= len(mount.mountpoint)
        if deeper and os.path.join(real, "").startswith(inside):
            mount = candidate
    return {
        "path": path,
        "mount-point": mount.mountpoint if mount else None,
        "type": mount.fstype if mount else None,
        "total": space.f_blocks * space.f_frsize,
        "free": space.f_bavail * space.f_frsize,
    }


def cpu_quota(cgroups: str = "/proc/self/cgroup", mounted: str = "/sys/fs/cgroup") -> float | None:
    """Return the processor time, in cores, that the cgroups of this process grant it.

    Args:
        cgroups: The file that lists the process's cgroups.
        mounted: The directory where the cgroup file systems are mounted.
    """
    quotas = []
    for text in _cgroup_files(cgroups, mounted, "", "cpu.max"):
        words = text.split()
        if len(words) == 2 and words[0] != "max":
            quotas.append(int(words[0]) / int(words[1]))
    amounts = _cgroup_files(cgroups, mounted, "cpu", "cpu.cfs_quota_us")
    periods = _cgroup_files(cgroups, mounted, "cpu", "cpu.cfs_period_us")
    for amount, period in zip(amounts, periods, strict=False):
        if int(amount) > 0:
            quotas.append(int(amount) / int(period))
    return min(quotas, default=None)


def memory_limit(cgroups: str = "/proc/self/cgroup", mounted: str = "/sys/fs/cgroup") -> int | None:
    """Return the memory, in bytes, beyond which the cgroups of this process have it killed.

    Args:
        cgroups: The file that lists the process's cgroups.
        mounted: The directory where the cgroup file systems are mounted.
    """
    texts = [
        *_cgroup_files(cgroups, mounted, "", "memory.max"),
        *_cgroup_files(cgroups, mounted, "memory", "memory.limit_in_bytes"),
    ]
    limits = [int(text) for text in texts if text.isdigit()]
    return min((limit for limit in limits if limit < _NO_LIMIT), default=None)


def _cgroup_files(cgroups: str, mounted: str, controller: str, name: str) -> Iterator[str]:
    """Yield the content of the file `name` in the process's cgroup and in those around it.

    Args:
        cgroups: The file that lists the process's cgroups.
        mounted: The directory where the cgroup file systems are mounted.
        controller: A controller of cgroup version 1, or "" for version 2.
        name: The name of the file.
    """
    try:
        with open(cgroups, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller not in controllers.split(","):
            continue
        # In a container the path may be the host's, whose lower parts are not visible inside.
        while True:
            text = text_of(os.path.join(mounted, controllers, path.lstrip("/"), name))
            if text is not None:
                yield text.strip()
            if path in ("", "/"):
                break
            path = os.path.dirname(path)


def _processor() -> tuple[str | None, list[str]]:
    text = text_of("/proc/cpuinfo")
    if text is None:
        return _processor_elsewhere(), []
    facts: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip().lower(), value.strip())
    # ARM kernels name neither vendor nor model; "hardware" and "model" name the board.
    model = facts.get("model name") or facts.get("cpu model") or facts.get("hardware")
    flags = (facts.get("flags") or facts.get("features") or "").split()
    return model or _processor_elsewhere(), sorted(filter(_FEATURES.fullmatch, flags))


def _processor_elsewhere() -> str | None:
    import platform

    if sys.platform == "darwin":
        brand = output_of(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"])
        if brand:
            return brand.strip()
    return platform.processor() or platform.machine() or None


def text_of(path: str) -> str | None:
    """Return the text of a file; None where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except (OSError, ValueError):
        return None


def output_of(words: list[str], seconds: float = 5.0, empty: tuple[int, ...] = ()) -> str | None:
    """Return what a command prints, "" for the exit codes in `empty`, None when it fails.

    Args:
        words: The command.
        seconds: How long it may take.
        empty: Exit codes that mean that there is nothing to print.
    """
    try:
        done = subprocess.run(
            words,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode in empty:
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def _attempt(ask: Callable[[], Any]) -> Any:
    """Return the answer of `ask`, or None where this machine does not have it."""
    try:
        return ask()
    except (OSError, RuntimeError, NotImplementedError, AttributeError):
        return None
