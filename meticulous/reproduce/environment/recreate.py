"""Make the recorded environment anew, as a virtual environment in the user's cache.

An environment is named by a digest over what was asked of it, so that a second reproduction finds
it ready. It is built in its place under a lock that its builders hold as long as they live, and
counts only when a last file says that it is complete: what a killed builder left is built anew.
Who uses it shares the lock, so that nobody changes it meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from platformdirs import user_cache_dir

from meticulous import errors
from meticulous.errors import EnvironmentUnavailableError
from meticulous.folder.writing import write_atomically
from meticulous.reproduce.environment.drift import RECORDER, normalized
from meticulous.reproduce.environment.installing import (
    Installer,
    find_installers,
    install,
    make_empty,
    no_installer,
)
from meticulous.reproduce.environment.interpreters import Found
from meticulous.reproduce.environment.locking import Hold
from meticulous.reproduce.environment.pins import NotInstalled, Pin, Pins

_FORMAT = 1
"""Part of the digest: a change of how environments are made gives them other names."""

_ROUNDS = 3
"""So often an environment is tried to be had alone, before it is taken to be in use for long."""

_COMPLETE = "complete.json"
_PACKAGES = "packages"


@dataclass(frozen=True, slots=True)
class Recreated:
    """A virtual environment with the recorded packages.

    Attributes:
        directory: Where it lies.
        python: Its interpreter.
        not_installed: What could not be installed.
        added: Names of packages that the recorder needs and the record does not have.
        is_temporary: Whether it lies outside the cache and is to be removed after its use.
        was_cached: Whether it was there already.
        remarks: What else is to be said, one sentence each.
        hold: Keeps others from changing it; to be released after its use. None for a temporary one.
    """

    directory: str
    python: str
    not_installed: tuple[NotInstalled, ...] = ()
    added: tuple[str, ...] = ()
    is_temporary: bool = False
    was_cached: bool = False
    remarks: tuple[str, ...] = ()
    hold: Hold | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class _Order:
    """What is asked for; arguments as of `recreate`."""

    pins: Pins
    interpreter: Found
    installers: Sequence[Installer] | None

    def found_installers(self) -> Sequence[Installer]:
        # To look for them takes longer than to find an environment in the cache.
        return find_installers() if self.installers is None else self.installers


def recreate(
    pins: Pins,
    interpreter: Found,
    *,
    cache: str | None = None,
    installers: Sequence[Installer] | None = None,
) -> Recreated:
    """Return a virtual environment with these packages, made now or earlier.

    What could not be installed before is tried again. Where the record has this package, it is
    linked into the environment from where it runs now (another version would not know that it
    records a reproduction), and what it needs beyond the recorded packages is added. A program that
    ran without this package among its own finds as little of it as then.

    Args:
        pins: The packages.
        interpreter: The interpreter beneath it.
        cache: Where environments are kept; by default in the user's cache directory. Where that
            cannot be written, the environment is a temporary one.
        installers: What installs, the better first; by default what is found here.

    Raises:
        EnvironmentUnavailableError: There is nothing to make environments with, or it cannot be
            made at all.
    """
    order = _Order(pins, interpreter, installers)
    place = cache or os.path.join(user_cache_dir("meticulous"), "environments")
    key = _key(pins, interpreter)
    directory = os.path.join(place, key)
    try:
        os.makedirs(place, exist_ok=True)
        hold = Hold(f"{directory}.lock")
    except OSError as error:
        return _temporary(order, f"{place} cannot be used: {error.strerror}")
    try:
        hold.share()
    except OSError as error:
        hold.release()
        return _temporary(order, f"{place} cannot be locked: {error.strerror}")
    try:
        made = _in_place(directory, order, hold)
    except BaseException:
        hold.release()
        raise
    if made is None:
        hold.release()
        return _temporary(order, f"{directory} is in use, and not as it was made")
    return replace(made, hold=hold)


def _in_place(directory: str, order: _Order, hold: Hold) -> Recreated | None:
    """Return the environment of the cache; None when it is no good and others use it."""
    known = _read_complete(directory, order.interpreter)
    if known is not None and not known["not-installed"] and not known["lacking"]:
        return _found(directory, order, known)
    for _ in range(_ROUNDS):
        # What others use is good enough as it is; one that is not whole is worth some patience.
        if hold.take_alone(0.0) if known else hold.take_alone():
            try:
                return _made(directory, order, hold.descriptor)
            finally:
                hold.share()
        # Whoever had it alone has made it by now, or has failed.
        hold.share()
        known = _read_complete(directory, order.interpreter)
        if known is not None:
            return _found(directory, order, known)
    return None


def _made(directory: str, order: _Order, lock: int) -> Recreated:
    known = _read_complete(directory, order.interpreter)
    if known is not None:
        return _found(directory, order, _try_again(directory, order, known, lock))
    _clear(directory)
    return _build(directory, order, lock)


def _found(directory: str, order: _Order, known: dict[str, Any]) -> Recreated:
    python = _python(directory)
    if order.pins.has_recorder:
        _link_ourselves(python)
    not_installed = (NotInstalled(**entry) for entry in known["not-installed"])
    lacking = (NotInstalled(**entry) for entry in known["lacking"])
    return Recreated(
        directory,
        python,
        (*order.pins.impossible, *not_installed),
        tuple(known["added"]),
        was_cached=True,
        remarks=(*order.pins.remarks, *map(_about_lacking, lacking)),
    )


def _try_again(directory: str, order: _Order, known: dict[str, Any], lock: int) -> dict[str, Any]:
    """Install what could not be installed before; return what is known then."""
    installers = order.found_installers()
    if not installers or not (known["not-installed"] or known["lacking"]):
        return known
    python = _python(directory)
    failed = {entry["requirement"] for entry in known["not-installed"]}
    again = [pin for pin in order.pins.pins if pin.line in failed]
    not_installed = install(installers, python, again, lock=lock)
    added: list[str] = known["added"]
    lacking: list[NotInstalled] = []
    if order.pins.has_recorder:
        more, lacking = _add_what_we_need(installers, python, order.pins.pins, lock)
        added = sorted({*added, *more})
    return _write_complete(directory, python, not_installed, added, lacking)


def _temporary(order: _Order, reason: str) -> Recreated:
    directory = tempfile.mkdtemp(prefix="meticulous-environment-")
    os.rmdir(directory)
    made = _build(directory, order, None)
    remark = f"The environment is made for this once: {reason}."
    return replace(made, is_temporary=True, remarks=(*made.remarks, remark))


def _build(directory: str, order: _Order, lock: int | None) -> Recreated:
    pins = order.pins
    installers = order.found_installers()
    if not installers:
        raise no_installer()
    try:
        os.makedirs(directory)
        inner = os.path.join(directory, _PACKAGES)
        python = make_empty(installers, order.interpreter.python, inner, lock)
        not_installed = install(installers, python, pins.pins, lock=lock)
        added: list[str] = []
        lacking: list[NotInstalled] = []
        if pins.has_recorder:
            added, lacking = _add_what_we_need(installers, python, pins.pins, lock)
            _link_ourselves(python)
        _write_complete(directory, python, not_installed, added, lacking)
    except BaseException as error:
        shutil.rmtree(directory, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, EnvironmentUnavailableError):
            raise EnvironmentUnavailableError(
                f"The environment cannot be made in {directory}: {error.strerror or error}. "
                "Make room there, or run in the present one: --environment current"
            ) from error
        raise
    return Recreated(
        directory,
        python,
        (*pins.impossible, *not_installed),
        tuple(added),
        remarks=(*pins.remarks, *map(_about_lacking, lacking)),
    )


def _add_what_we_need(
    installers: Sequence[Installer], python: str, pins: Sequence[Pin], lock: int | None
) -> tuple[list[str], list[NotInstalled]]:
    """Install what this package imports and the record does not have, and what that needs."""
    before = {_name_of(entry) for entry in _distributions(python)}
    needed = [pin for pin in _own_requirements() if pin.name not in before]
    if not needed:
        return [], []
    # A constraint is a name and a version; addresses of repositories are none.
    constraints = [pin for pin in pins if "==" in pin.line and pin.name in before]
    failed = install(installers, python, needed, constraints=constraints, lock=lock)
    lines = {entry.requirement for entry in failed}
    if failed:
        again = [pin for pin in needed if pin.line in lines]
        failed = install(installers, python, again, lock=lock)
    names = {_name_of(entry) for entry in _distributions(python)}
    return sorted(names - before), failed


def _about_lacking(entry: NotInstalled) -> str:
    return f"{entry.requirement}, which recording needs, cannot be installed: {entry.reason}"


def _own_requirements() -> list[Pin]:
    try:
        lines = importlib.metadata.requires(RECORDER) or []
    except importlib.metadata.PackageNotFoundError:
        # Put on the import path by hand, it is not known by its name, but these it cannot do
        # without.
        lines = ["orjson", "psutil", "click"]
    pins = []
    for line in lines:
        name = re.match(r"[A-Za-z0-9._-]+", line)
        if name and not re.search(r";.*\bextra\b", line):
            pins.append(Pin(normalized(name[0]), line))
    return pins


def _link_ourselves(python: str) -> None:
    """Make this very package importable in an environment, and nothing that lies beside it."""
    target = os.path.dirname(os.path.abspath(errors.__file__))
    link = os.path.join(_site_packages(python), os.path.basename(target))
    try:
        if os.readlink(link) == target:
            return
    except OSError:
        pass
    temporary = f"{link}.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    os.symlink(target, temporary)
    os.replace(temporary, link)


def _key(pins: Pins, interpreter: Found) -> str:
    content: dict[str, Any] = {
        "format": _FORMAT,
        "pins": sorted(pin.line for pin in pins.pins),
        "python": [interpreter.implementation, interpreter.version_text, interpreter.python],
        "platform": [sys.platform, platform.machine(), *platform.libc_ver()],
    }
    if pins.has_recorder:
        content["needed"] = sorted(pin.line for pin in _own_requirements())
        content["meticulous"] = os.path.abspath(errors.__file__)
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _read_complete(directory: str, interpreter: Found) -> dict[str, Any] | None:
    """Return what is known about an environment; None when it is not whole."""
    try:
        with open(os.path.join(directory, _COMPLETE), "rb") as file:
            known = json.load(file)
        python = _python(directory)
        is_whole = (
            known["format"] == _FORMAT
            and sorted(_distributions(python)) == known["distributions"]
            and os.path.realpath(python) == os.path.realpath(interpreter.python)
            and os.access(python, os.X_OK)
            and isinstance(known["added"], list)
            and all(
                {"requirement", "reason"} == entry.keys()
                for entry in (*known["not-installed"], *known["lacking"])
            )
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return dict(known) if is_whole else None


def _write_complete(
    directory: str,
    python: str,
    not_installed: Sequence[NotInstalled],
    added: Sequence[str],
    lacking: Sequence[NotInstalled],
) -> dict[str, Any]:
    content = {
        "format": _FORMAT,
        "distributions": sorted(_distributions(python)),
        "added": list(added),
        "not-installed": [asdict(entry) for entry in not_installed],
        "lacking": [asdict(entry) for entry in lacking],
    }
    path = os.path.join(directory, _COMPLETE)
    write_atomically(path, json.dumps(content, indent=1).encode())
    return content


def _distributions(python: str) -> Iterator[str]:
    with os.scandir(_site_packages(python)) as entries:
        for entry in entries:
            if entry.name.endswith((".dist-info", ".egg-info")):
                yield entry.name


def _name_of(entry: str) -> str:
    return normalized(entry.partition("-")[0])


def _site_packages(python: str) -> str:
    libraries = os.path.join(os.path.dirname(os.path.dirname(python)), "lib")
    for name in sorted(os.listdir(libraries)):
        place = os.path.join(libraries, name, "site-packages")
        if os.path.isdir(place):
            return place
    raise FileNotFoundError(2, "it has no site-packages", libraries)


def _python(directory: str) -> str:
    return os.path.join(directory, _PACKAGES, "bin", "python")


def _clear(directory: str) -> None:
    if os.path.islink(directory) or os.path.isfile(directory):
        os.unlink(directory)
    shutil.rmtree(directory, ignore_errors=True)
