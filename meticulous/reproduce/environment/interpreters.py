"""Find an interpreter on this machine of the version that a record names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from meticulous.errors import EnvironmentUnavailableError

_ANSWER_SECONDS = 20.0

_NAME = re.compile(r"python3(\.\d+)?|pypy3(\.\d+)?")

_ASK = "import sys; print(sys.implementation.name, '%d.%d.%d' % sys.version_info[:3])"

_FEWEST = (3, 11)
"""The oldest version that the recorder runs in, and so the oldest that is chosen unasked."""


@dataclass(frozen=True, slots=True)
class Found:
    """An interpreter.

    Attributes:
        python: Its path.
        implementation: "cpython", "pypy".
        version: Such as (3, 11, 7).
    """

    python: str
    implementation: str
    version: tuple[int, ...]

    @property
    def version_text(self) -> str:
        """The version as Python writes it."""
        return ".".join(map(str, self.version))


def find_interpreter(
    version: str | None, implementation: str = "cpython", hints: tuple[str, ...] = ()
) -> Found:
    """Return the interpreter of this version, else the one that is nearest to it.

    Nothing is downloaded.

    Args:
        version: Such as "3.11.7"; None for that of this process.
        implementation: Of which kind.
        hints: Where one may be: prefixes or paths that the record names.

    Raises:
        EnvironmentUnavailableError: No interpreter answers at all.
    """
    wanted = parse_version(version)
    best: tuple[tuple[int, ...], Found] | None = None
    for found in _interpreters(wanted, hints):
        if found.implementation != implementation:
            continue
        if not wanted or found.version == wanted:
            return found
        distance = _distance(found.version, wanted)
        if best is None or distance < best[0]:
            best = distance, found
    if best is None:
        raise EnvironmentUnavailableError(
            f"There is no interpreter here to make an environment with ({implementation} "
            f"{version or ''} was recorded). Install one, for example: uv python install {version}"
        )
    return best[1]


def parse_version(version: str | None) -> tuple[int, ...]:
    """Return the numbers of a version such as "3.11.7" or "3.14.0rc1"; () for what is none."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version or "")
    return tuple(int(number or 0) for number in found.groups()) if found else ()


def _distance(version: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...]:
    parts = [abs(there - here) for there, here in zip(wanted, version, strict=True)]
    # One that is too old for the recorder can be no help, unless it is of the recorded series.
    unfit = int(version[:2] < _FEWEST and version[:2] != wanted[:2])
    return (unfit, *parts)


def _interpreters(wanted: tuple[int, ...], hints: tuple[str, ...]) -> Iterator[Found]:
    """Yield every interpreter once; those that are likely the wanted one first."""
    seen = set()
    series = ".".join(map(str, wanted[:2]))
    paths = [path for place in _places(hints) for path in _in_place(place)]
    paths.sort(key=lambda path: not (series and series in path))
    for path in (sys.executable, *paths):
        real = os.path.realpath(path)
        # Inside a virtual environment it is the interpreter beneath that makes others.
        if not path or real in seen or not os.access(real, os.X_OK):
            continue
        seen.add(real)
        found = _ask(real)
        if found is not None:
            yield found


def _places(hints: tuple[str, ...]) -> Iterator[str]:
    for hint in hints:
        if hint:
            yield hint
            yield os.path.join(hint, "bin")
    home = os.path.expanduser("~")
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        # The shims of pyenv are scripts that often only complain; its versions are looked at below.
        if entry and os.path.basename(entry) != "shims":
            yield entry
    pyenv = os.environ.get("PYENV_ROOT") or os.path.join(home, ".pyenv")
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    managed = os.environ.get("UV_PYTHON_INSTALL_DIR") or os.path.join(data, "uv", "python")
    for parent in (os.path.join(pyenv, "versions"), managed):
        try:
            names = sorted(os.listdir(parent))
        except OSError:
            continue
        for name in names:
            yield os.path.join(parent, name, "bin")


def _in_place(place: str) -> list[str]:
    if os.path.isfile(place):
        return [place] if _NAME.match(os.path.basename(place)) else []
    try:
        return sorted(os.path.join(place, name) for name in os.listdir(place) if _is_name(name))
    except OSError:
        return []


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _ask(path: str) -> Found | None:
    try:
        done = subprocess.run(
            [path, "-I", "-S", "-c", _ASK],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_ANSWER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = done.stdout.decode(errors="replace").split()
    if done.returncode != 0 or len(words) != 2:
        return None
    return Found(path, words[0], parse_version(words[1]))
