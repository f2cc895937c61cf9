"""Describe where a run happens, in environment.json and requirements.txt.

This runs in a process of its own (see `collector`), so it may take its time and import what it
likes; what only the recorded process knows comes with the request. Each part is looked up on its
own: one that fails is `{"error": MESSAGE}` and costs no other. Facts that this machine does not
have are null.

| key | content |
| --- | --- |
| `format` | version of the folder format |
| `collected-at` | when the description was begun, local ISO time with offset; experiments that one process records in quick succession share a description |
| `duration-seconds` | how long the description took |
| `python` | `version`, `implementation`, `executable`, `prefix`, `base-prefix`, `build`, `compiler`, `byteorder`, `file-system-encoding`, `flags` (of the interpreter, by name), `x-options`, `warn-options`, `path` (where modules are looked up) |
| `virtual-environment` | `kind` ("venv", "virtualenv", "conda" or "none"), `path`, `name`; for conda also `packages` with `name`, `version`, `build`, `channel` |
| `packages` | the distributions that can be imported, sorted by name: `name`, `version`, `location`; for installations in place `editable` (their directory) and `git` (`commit`, `remote`, `dirty`, `subdirectory`); for others that come from no index `vcs` (`name`, `url`, `commit`, `requested-revision`, `subdirectory`), `archive` (`url`, `hash`) or `local` (a directory) |
| `broken-packages` | what is installed but not whole: `name`, `location`, `reason` |
| `platform` | `system`, `release`, `version`, `machine`, `libc`, `distribution`, `hostname`, `boot-time`, `timezone` |
| `cpu` | `model`, `physical-cores`, `logical-cores`, `affinity-cores` (where the process may run), `quota-cores` (what its cgroup grants), `available-cores` (the smaller of the two), `frequency-max-mhz`, `features` (instruction sets that numerical libraries choose by), `load-average` |
| `memory` | in bytes: `total`, `available`, `limit` (of the cgroup), `swap-total`, `swap-free` |
| `disk` | for `experiments-directory` and `working-directory`: `path`, `mount-point`, `type`, `total`, `free` (bytes) |
| `gpus` | NVIDIA cards: `index`, `name`, `uuid`, `memory-total` (bytes), `driver-version`, `compute-capability`, `pci-bus-id`, `mig`, and `mig-devices` where partitioned |
| `gpus-source` | "nvml", "nvidia-smi", or null where there is neither |
| `driver-version` | the NVIDIA driver |
| `cuda-driver-version` | the newest CUDA that the driver serves |
| `cuda-visible-devices` | the variable `CUDA_VISIBLE_DEVICES` |
| `torch-cuda-version` | the CUDA that the installed torch was built for |
| `scheduler` | `name` ("slurm", "pbs", "lsf", "sge", "flux", "htcondor", "oar", "aws-batch", "ray", "kubernetes") and its `variables`; null outside a job |
| `container` | `kind` ("docker", "podman", "apptainer", ...), `image` where it is told, and the `hints` that gave it away; null outside a container |
| `variables` | environment variables that change numbers or which software is found |
"""  # noqa: E501 - rows of a table

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from meticulous.folder import layout
from meticulous.recorder.environment import gpus, hardware, sharing
from meticulous.recorder.environment.packages import (
    add_code_states,
    conda_packages,
    installed_packages,
    requirements,
)
from meticulous.recorder.environment.variables import SCHEDULERS, VARIABLE_PREFIXES, VARIABLES
from meticulous.recorder.secrets.gate import Gate

PART_SECONDS = 60.0
"""After this long a part is given up, for example when a network disk does not answer."""

KEYS = (
    *("format", "collected-at", "duration-seconds", "python", "virtual-environment"),
    *("packages", "broken-packages", "platform", "cpu", "memory", "disk"),
    *("gpus", "gpus-source", "driver-version", "cuda-driver-version"),
    *("cuda-visible-devices", "torch-cuda-version", "scheduler", "container", "variables"),
)
"""The keys of environment.json, in their order."""


class _TookTooLongError(BaseException):
    """A part was given up. No Exception, so that no part can catch it."""


def main(request: Mapping[str, Any]) -> None:
    """Describe the surroundings as a process of its own; see `describe` for the request."""
    with contextlib.suppress(OSError):
        os.nice(10)
    describe(request, PART_SECONDS)


def describe(request: Mapping[str, Any], part_seconds: float | None = None) -> None:
    """Write environment.json and requirements.txt; says nothing when the folder is gone.

    Args:
        request: `directory` (the experiment's folder), `search-path` (where the recorded process
            looks for modules), `working-directory` (of the recorded process) and `facts` (what it
            says about itself, free of secrets).
        part_seconds: When to give up a part; only for the main thread of a process that is ours.
    """
    directory = request["directory"]
    # The recorded process has cleaned its own facts; what was found here may hold secrets too.
    environment = Gate().clean(collect(request, part_seconds))
    files = {
        layout.REQUIREMENTS: _requirements(environment).encode("utf-8", "backslashreplace"),
        # The last one: where it is, the other is too.
        layout.ENVIRONMENT: _render(environment).encode(),
    }
    for deliver in (sharing.write, sharing.hand_on):
        with contextlib.suppress(OSError):
            deliver(directory, files)


def collect(request: Mapping[str, Any], part_seconds: float | None = None) -> dict[str, Any]:
    """Return the content of environment.json; arguments as for `describe`."""
    began = time.monotonic()
    environment: dict[str, Any] = dict.fromkeys(KEYS)
    environment["format"] = layout.FORMAT
    environment["collected-at"] = _time(time.time())
    for keys, part in _PARTS:
        try:
            with _time_limit(part_seconds):
                environment.update(zip(keys, part(request), strict=True))
        except (Exception, _TookTooLongError) as error:
            environment[keys[0]] = {"error": f"{type(error).__name__}: {error}"}
    if isinstance(environment["packages"], list):
        with contextlib.suppress(_TookTooLongError), _time_limit(part_seconds):
            add_code_states(environment["packages"])
    environment["duration-seconds"] = round(time.monotonic() - began, 3)
    return environment


def _requirements(environment: Mapping[str, Any]) -> str:
    packages = environment["packages"]
    if isinstance(packages, list):
        return requirements(packages, environment["python"].get("version", ""))
    return f"# The installed distributions are not known: {packages['error']}\n"


def _python(request: Mapping[str, Any]) -> tuple[dict[str, Any]]:
    facts = request["facts"]
    words = re.match(r"(\S+)[^(]*\(([^)]*)\)\s*\[(.*)\]", facts["version"], re.DOTALL)
    return (
        {
            "version": facts["version"].partition(" ")[0],
            "implementation": facts["implementation"],
            "executable": facts["executable"],
            "prefix": facts["prefix"],
            "base-prefix": facts["base-prefix"],
            "build": words[2] if words else facts["version"],
            "compiler": words[3] if words else None,
            "byteorder": sys.byteorder,
            "file-system-encoding": facts["file-system-encoding"],
            "flags": {name.replace("_", "-"): flag for name, flag in facts["flags"].items()},
            "x-options": facts["x-options"],
            "warn-options": facts["warn-options"],
            "path": facts["path"],
        },
    )


def _virtual_environment(request: Mapping[str, Any]) -> tuple[dict[str, Any]]:
    facts = request["facts"]
    prefix = facts["prefix"]
    variables = facts["variables"]
    settings: dict[str, str] = {}
    for line in _read(os.path.join(prefix, "pyvenv.cfg")).splitlines():
        key, _, value = line.partition("=")
        settings[key.strip().lower()] = value.strip()
    if settings or prefix != facts["base-prefix"]:
        kind = "virtualenv" if "virtualenv" in settings else "venv"
        name = settings.get("prompt", "").strip("'\"") or os.path.basename(prefix)
        return ({"kind": kind, "path": prefix, "name": name},)
    packages = conda_packages(prefix)
    if packages is None:
        return ({"kind": "none", "path": None, "name": None},)
    activated = variables.get("CONDA_PREFIX") == prefix
    name = variables.get("CONDA_DEFAULT_ENV") if activated else None
    name = name or os.path.basename(prefix)
    return ({"kind": "conda", "path": prefix, "name": name, "packages": packages},)


def _packages(request: Mapping[str, Any]) -> tuple[Any, Any]:
    return installed_packages(request["search-path"])


def _platform(request: Mapping[str, Any]) -> tuple[dict[str, Any]]:
    system = os.uname()
    return (
        {
            "system": system.sysname,
            "release": system.release,
            "version": system.version,
            "machine": system.machine,
            "libc": _libc(),
            "distribution": _distribution(),
            "hostname": socket.gethostname(),
            "boot-time": _boot_time(),
            "timezone": _timezone(request["facts"]["variables"]),
        },
    )


def _cpu(request: Mapping[str, Any]) -> tuple[dict[str, Any]]:
    return (hardware.cpu(),)


def _memory(request: Mapping[str, Any]) -> tuple[dict[str, Any]]:
    return (hardware.memory(),)


def _disk(request: Mapping[str, Any]) -> tuple[dict[str, Any]]:
    paths = {
        "experiments-directory": os.path.dirname(request["directory"]),
        "working-directory": request["working-directory"],
    }
    disks: dict[str, Any] = {}
    for name, path in paths.items():
        try:
            disks[name] = hardware.disk(path) if path else None
        except OSError as error:
            disks[name] = {"error": str(error)}
    return (disks,)


_GPU_KEYS = KEYS[KEYS.index("gpus") : KEYS.index("scheduler")]


def _gpus(request: Mapping[str, Any]) -> tuple[Any, ...]:
    facts = gpus.gpus(request["search-path"], request["facts"]["variables"])
    return tuple(facts[key] for key in _GPU_KEYS)


def _scheduler(request: Mapping[str, Any]) -> tuple[dict[str, Any] | None]:
    variables = request["facts"]["variables"]
    for name, mark, prefixes in SCHEDULERS:
        if mark in variables:
            chosen = {key: variables[key] for key in sorted(variables) if key.startswith(prefixes)}
            return ({"name": name, "variables": chosen},)
    return (None,)


_ENGINES = (
    ("docker", "/.dockerenv"),
    ("podman", "/run/.containerenv"),
    ("apptainer", "/.singularity.d"),
)
_ENGINES_IN_CGROUP = (
    ("kubepods", "kubernetes"),
    ("libpod", "podman"),
    ("docker", "docker"),
    ("containerd", "containerd"),
    ("lxc", "lxc"),
)


def _container(request: Mapping[str, Any]) -> tuple[dict[str, Any] | None]:
    variables = request["facts"]["variables"]
    cgroups = _read("/proc/self/cgroup")
    kind = None
    hints = []
    for engine, mark in _ENGINES:
        if os.path.exists(mark):
            kind = kind or engine
            hints.append(mark)
    for name in ("APPTAINER_NAME", "SINGULARITY_NAME", "container", "KUBERNETES_SERVICE_HOST"):
        if variables.get(name):
            fallback = variables[name] if name == "container" else name.partition("_")[0].lower()
            kind = kind or fallback
            hints.append(name)
    for mark, engine in _ENGINES_IN_CGROUP:
        if mark in cgroups:
            kind = kind or engine
            hints.append(f"cgroup {mark}")
    if kind is None:
        return (None,)
    image = variables.get("APPTAINER_CONTAINER") or variables.get("SINGULARITY_CONTAINER")
    return ({"kind": kind, "image": image, "hints": hints},)


def _variables(request: Mapping[str, Any]) -> tuple[dict[str, str]]:
    variables = request["facts"]["variables"]
    return (
        {
            name: variables[name]
            for name in sorted(variables)
            if name in VARIABLES or name.startswith(VARIABLE_PREFIXES)
        },
    )


_PARTS: tuple[tuple[tuple[str, ...], Callable[[Mapping[str, Any]], tuple[Any, ...]]], ...] = (
    (("python",), _python),
    (("virtual-environment",), _virtual_environment),
    (("packages", "broken-packages"), _packages),
    (("platform",), _platform),
    (("cpu",), _cpu),
    (("memory",), _memory),
    (("disk",), _disk),
    (_GPU_KEYS, _gpus),
    (("scheduler",), _scheduler),
    (("container",), _container),
    (("variables",), _variables),
)


def _libc() -> str | None:
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return os.confstr("CS_GNU_LIBC_VERSION")
    return " ".join(platform.libc_ver()).strip() or None


def _distribution() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        release = platform.mac_ver()[0]
        return f"macOS {release}" if release else None


def _boot_time() -> str | None:
    try:
        import psutil

        return _time(psutil.boot_time())
    except (ImportError, OSError, RuntimeError):
        return None


def _timezone(variables: Mapping[str, str]) -> str:
    name = variables.get("TZ", "").lstrip(":")
    if name:
        return name
    _, _, zone = os.path.realpath("/etc/localtime").partition("zoneinfo/")
    return zone or time.tzname[0]


def _read(path: str) -> str:
    """Return the text of a file, "" where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat()


@contextlib.contextmanager
def _time_limit(seconds: float | None) -> Iterator[None]:
    if seconds is None:
        yield
        return

    def give_up(number: int, frame: object) -> None:
        raise _TookTooLongError(f"given up after {seconds:g} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _render(environment: Mapping[str, Any]) -> str:
    """Return JSON that is pleasant to read: one line for each item of a list of objects."""
    parts = []
    for key, value in environment.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            items = ",\n    ".join(json.dumps(item, ensure_ascii=False) for item in value)
            text = f"[\n    {items}\n  ]"
        else:
            text = json.dumps(value, ensure_ascii=False, indent=2).replace("\n", "\n  ")
        parts.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
