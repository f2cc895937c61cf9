"""Describe the machine's hardware: processors, memory, disks, graphics cards; and our share.

Every function looks at the machine of the calling process. A fact that cannot be had is None.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

NVIDIA_SMI_SECONDS = 5.0
"""After this long nvidia-smi counts as hung (it does, with a broken driver)."""

_MEBIBYTE = 1 << 20

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
            text = _read(os.path.join(mounted, controllers, path.lstrip("/"), name))
            if text is not None:
                yield text.strip()
            if path in ("", "/"):
                break
            path = os.path.dirname(path)


def _processor() -> tuple[str | None, list[str]]:
    text = _read("/proc/cpuinfo")
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
        brand = _output(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"])
        if brand:
            return brand.strip()
    return platform.processor() or platform.machine() or None


def gpus(path: Iterable[str], variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the graphics cards of the machine, visible to CUDA or not.

    Keys: `gpus` (a list, see `_by_nvml`), `gpus-source` ("nvml", "nvidia-smi" or None),
    `driver-version`, `cuda-driver-version` (the newest CUDA that the driver serves),
    `cuda-visible-devices` (as set for the process), `torch-cuda-version` (the CUDA that the
    installed torch was built for).

    Args:
        path: Where the process looks for modules.
        variables: The environment variables of the process.
    """
    return {
        **(_by_nvml() or _by_nvidia_smi() or _NO_GPUS),
        "cuda-visible-devices": variables.get("CUDA_VISIBLE_DEVICES"),
        "torch-cuda-version": torch_cuda_version(path),
    }


_NO_GPUS: dict[str, Any] = {
    "gpus": [],
    "gpus-source": None,
    "driver-version": None,
    "cuda-driver-version": None,
}


def _by_nvml() -> dict[str, Any] | None:
    """Ask the driver's management library; None where it, or its binding, is missing.

    Each card has `index`, `name`, `uuid`, `memory-total` (bytes), `driver-version`,
    `compute-capability`, `pci-bus-id`, `mig` (whether it is partitioned; None where it cannot be)
    and, when partitioned, `mig-devices` with `name`, `uuid`, `memory-total`.
    """
    try:
        import pynvml
    except ImportError:
        return None

    def ask(question: str, *words: Any) -> Any:
        try:
            answer = getattr(pynvml, question)(*words)
        except (pynvml.NVMLError, AttributeError):
            return None
        return answer.decode(errors="replace") if isinstance(answer, bytes) else answer

    def describe(card: Any) -> dict[str, Any]:
        return {
            "name": ask("nvmlDeviceGetName", card),
            "uuid": ask("nvmlDeviceGetUUID", card),
            "memory-total": getattr(ask("nvmlDeviceGetMemoryInfo", card), "total", None),
        }

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        driver = ask("nvmlSystemGetDriverVersion")
        cards = []
        for index in range(ask("nvmlDeviceGetCount") or 0):
            card = ask("nvmlDeviceGetHandleByIndex", index)
            if card is None:
                cards.append({"index": index, "error": "NVML cannot open this card"})
                continue
            capability = ask("nvmlDeviceGetCudaComputeCapability", card)
            mode = ask("nvmlDeviceGetMigMode", card)
            bus = getattr(ask("nvmlDeviceGetPciInfo", card), "busId", None)
            facts: dict[str, Any] = {
                "index": index,
                **describe(card),
                "driver-version": driver,
                "compute-capability": "{}.{}".format(*capability) if capability else None,
                "pci-bus-id": bus.decode() if isinstance(bus, bytes) else bus,
                "mig": bool(mode[0]) if mode else None,
            }
            if facts["mig"]:
                slots = range(ask("nvmlDeviceGetMaxMigDeviceCount", card) or 0)
                parts = (ask("nvmlDeviceGetMigDeviceHandleByIndex", card, slot) for slot in slots)
                facts["mig-devices"] = [describe(part) for part in parts if part is not None]
            cards.append(facts)
        return {
            "gpus": cards,
            "gpus-source": "nvml",
            "driver-version": driver,
            "cuda-driver-version": _cuda(ask("nvmlSystemGetCudaDriverVersion")),
        }
    finally:
        pynvml.nvmlShutdown()


_QUESTIONS = (
    ("index", "name", "uuid", "memory.total", "driver_version"),
    ("compute_cap", "pci.bus_id", "mig.mode.current"),
)


# No card, no driver, no library of the driver: the tool is there, for example on a login node.
_NO_CARDS_CODES = (6, 9, 12)


def _by_nvidia_smi() -> dict[str, Any] | None:
    """Ask the command line tool; None where there is none.

    Raises:
        RuntimeError: It is there and fails, for example because driver and library do not match.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    # Older versions refuse a question they do not know, and with it all others.
    for questions in (_QUESTIONS[0] + _QUESTIONS[1], _QUESTIONS[0]):
        output = _output(
            [program, f"--query-gpu={','.join(questions)}", "--format=csv,noheader,nounits"],
            NVIDIA_SMI_SECONDS,
            empty=_NO_CARDS_CODES,
        )
        if output is not None:
            break
    else:
        raise RuntimeError("nvidia-smi fails; run it by hand to see why")
    cards = []
    for line in output.splitlines():
        # What is not known is put as "[N/A]", "[Not Supported]", "[Insufficient Permissions]".
        words = (word.strip() for word in line.split(","))
        answers = [None if word.startswith("[") else word or None for word in words]
        facts = dict(zip(questions, answers, strict=False))
        if facts.get("uuid") is None:
            continue
        size = facts.get("memory.total")
        mode = facts.get("mig.mode.current")
        cards.append(
            {
                "index": int(facts["index"]) if facts["index"] else None,
                "name": facts["name"],
                "uuid": facts["uuid"],
                "memory-total": int(size) * _MEBIBYTE if size else None,
                "driver-version": facts.get("driver_version"),
                "compute-capability": facts.get("compute_cap"),
                "pci-bus-id": facts.get("pci.bus_id"),
                "mig": mode == "Enabled" if mode else None,
            }
        )
    return {
        "gpus": cards,
        "gpus-source": "nvidia-smi",
        "driver-version": cards[0]["driver-version"] if cards else None,
        "cuda-driver-version": _cuda_by_driver(),
    }


def _cuda_by_driver() -> str | None:
    try:
        version = ctypes.c_int()
        status = ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return None
    return _cuda(version.value) if status == 0 else None


def _cuda(number: int | None) -> str | None:
    # 12020 means 12.2
    return f"{number // 1000}.{number % 1000 // 10}" if number else None


def torch_cuda_version(path: Iterable[str]) -> str | None:
    """Return the CUDA version that the torch on an import path was built for, without importing it.

    Args:
        path: Where the process looks for modules.
    """
    for entry in path:
        text = _read(os.path.join(entry, "torch", "version.py"))
        if text is not None:
            found = re.search(r"""^cuda\b[^=\n]*=\s*['"]([^'"\n]+)['"]""", text, re.MULTILINE)
            return found[1] if found else None
    return None


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except (OSError, ValueError):
        return None


def _output(words: list[str], seconds: float = 5.0, empty: tuple[int, ...] = ()) -> str | None:
    """Return what a command prints, "" for the exit codes in `empty`, None when it fails."""
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
