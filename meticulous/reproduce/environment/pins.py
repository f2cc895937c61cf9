"""What is to be installed so that a recorded program finds the packages it had."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from meticulous.errors import GitError
from meticulous.folder import layout
from meticulous.folder.hashing import sha256_of
from meticulous.git.command import ask
from meticulous.reader.files import Files
from meticulous.reader.record import Record
from meticulous.recorder.environment.packages import requirements
from meticulous.reproduce.environment.drift import RECORDER, normalized

_HEAD_LINES = 2
"""So many lines of a requirements.txt say what it is for."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One package to install.

    Attributes:
        name: Its normalized name.
        line: What a requirements.txt says about it.
    """

    name: str
    line: str


@dataclass(frozen=True, slots=True)
class NotInstalled:
    """One package that could not be installed.

    Attributes:
        requirement: What was to be installed, as in a requirements.txt.
        reason: Why not, in one line.
    """

    requirement: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pins:
    """All packages of a record.

    Attributes:
        pins: What can be tried.
        impossible: What exists nowhere else, as far as can be told without trying.
        project: The packages whose code is the checkout itself, with their folder in it.
        remarks: What is not quite as it was, one sentence each.
        has_recorder: Whether this package was among them, so that the program may import it.
    """

    pins: tuple[Pin, ...]
    impossible: tuple[NotInstalled, ...] = ()
    project: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    has_recorder: bool = False


def read_pins(record: Record) -> Pins | None:
    """Return the packages of a record; None where it does not tell them."""
    files = Files(record.directory)
    content = files.read(layout.REQUIREMENTS)
    text = None if content is None else content.data.decode("utf-8", "replace")
    return recorded_pins(files.mapping(layout.ENVIRONMENT), commit_below(record), text)


def commit_below(record: Record) -> str | None:
    """Return the commit that was checked out, also where a snapshot was taken on top of it."""
    commit = record.metadata.get("githead-sha")
    return commit if isinstance(commit, str) and commit else None


def recorded_pins(
    environment: Mapping[str, Any], commit: str | None, text: str | None = None
) -> Pins | None:
    """Return the packages of a record; None where it does not know them.

    The package that records is left out: a reproduction is recorded by the present one.

    Args:
        environment: The content of environment.json, {} where there is none.
        commit: The recorded commit. A package installed in place from it is the checkout itself.
        text: The content of requirements.txt, which is used where environment.json is of no help.
    """
    packages = environment.get("packages")
    if not isinstance(packages, list):
        return None if text is None else _pins_of_text(text)
    pins: dict[str, Pin] = {}
    impossible: list[NotInstalled] = []
    remarks: list[str] = []
    for package in packages:
        if not isinstance(package, dict) or not isinstance(package.get("name"), str):
            continue
        name = normalized(package["name"])
        if name == RECORDER or name in pins or _subdirectory(package, commit) is not None:
            continue
        line, remark = _line(package)
        if line is None:
            pinned = f"{package['name']}=={package.get('version')}"
            impossible.append(NotInstalled(pinned, remark))
            continue
        pins[name] = Pin(name, line)
        if remark:
            remarks.append(remark)
    conda = environment.get("virtual-environment")
    if isinstance(conda, dict) and conda.get("kind") == "conda":
        remarks.append(
            "The recorded environment is conda's. Only its Python packages are installed, from "
            "the package index: their builds, and libraries such as BLAS, may be others."
        )
    project = project_packages(environment, commit)
    has_recorder = any(
        isinstance(package, dict) and normalized(str(package.get("name"))) == RECORDER
        for package in packages
    )
    return Pins(tuple(pins.values()), tuple(impossible), project, tuple(remarks), has_recorder)


def project_packages(environment: Mapping[str, Any], commit: str | None) -> dict[str, str]:
    """Return the packages whose code is the recorded commit, by name.

    The values are their folders in the repository, "" for its root.
    """
    packages = environment.get("packages")
    found = {}
    for package in packages if isinstance(packages, list) else ():
        if isinstance(package, dict) and isinstance(package.get("name"), str):
            folder = _subdirectory(package, commit)
            if folder is not None and normalized(package["name"]) != RECORDER:
                found[normalized(package["name"])] = folder
    return found


def _subdirectory(package: Mapping[str, Any], commit: str | None) -> str | None:
    state = package.get("git")
    if commit and "editable" in package and isinstance(state, dict):
        folder = state.get("subdirectory", "")
        if state.get("commit") == commit and isinstance(folder, str):
            return folder
    return None


def _line(package: dict[str, Any]) -> tuple[str | None, str]:
    """Return the line for one package, None without; and a remark, or the reason."""
    name, version = package["name"], package.get("version")
    try:
        lines = requirements([package]).splitlines()[_HEAD_LINES:]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return None, f"its record is not understood: {error!r}"
    usable = [line for line in lines if not line.startswith("#")]
    if "editable" in package:
        return _editable_line(package, usable)
    if "local" in package:
        return _from_directory(name, str(package["local"]))
    archive = package.get("archive")
    if isinstance(archive, dict) and not usable:
        return _from_file(name, archive)
    if not usable:
        said = lines[0].lstrip("# ") if lines else f"{name}=={version}"
        return None, said
    return usable[-1], ""


def _editable_line(package: Mapping[str, Any], usable: list[str]) -> tuple[str | None, str]:
    name, directory = package["name"], str(package["editable"])
    state = package.get("git")
    if not isinstance(state, dict) or not state.get("commit"):
        return _from_directory(name, directory)
    commit, folder = str(state["commit"]), str(state.get("subdirectory") or "")
    remark = ""
    if state.get("dirty"):
        remark = (
            f"{name} was installed in place with uncommitted changes, which no record holds; "
            f"commit {commit[:10]} is installed without them."
        )
    root = os.path.normpath(directory.removesuffix(folder)) if folder else directory
    if _holds(root, commit):
        fragment = f"#subdirectory={folder}" if folder else ""
        return f"{name} @ git+{Path(root).as_uri()}@{commit}{fragment}", remark
    if usable and " @ " in usable[-1]:
        return usable[-1], remark
    return None, f"commit {commit[:10]} of {directory} is not there, and it has no remote"


def _from_directory(name: str, directory: str) -> tuple[str | None, str]:
    if not os.path.isdir(directory):
        return None, f"the directory {directory}, from which it was installed, is not there"
    remark = f"{name} is installed from {directory} as that is now; no commit of it was recorded."
    return f"{name} @ {Path(directory).as_uri()}", remark


def _from_file(name: str, archive: Mapping[str, Any]) -> tuple[str | None, str]:
    address = str(archive.get("url"))
    path = Path(_path_of(address))
    kind, _, digest = str(archive.get("hash") or "").partition("=")
    try:
        is_there = path.is_file()
        if is_there and kind == "sha256" and sha256_of(str(path)) != digest:
            return None, f"the file {path}, from which it was installed, has changed"
    except OSError:
        is_there = False
    if not is_there:
        return None, f"the file {path}, from which it was installed, is not there"
    remark = "" if digest else f"{name} is installed from {path}, whose content was not recorded."
    return f"{name} @ {path.as_uri()}", remark


def _path_of(address: str) -> str:
    return unquote(urlsplit(address).path)


def _holds(root: str, commit: str) -> bool:
    if not os.path.isdir(root):
        return False
    try:
        ask(root, "cat-file", "-e", f"{commit}^{{commit}}")
    except (GitError, OSError):
        return False
    return True


def _pins_of_text(text: str) -> Pins:
    pins = []
    impossible = []
    # An installation in place is a path, which does not tell the name; the package that wrote the
    # list was there.
    for name, line in _requirement_lines(text):
        if name == RECORDER:
            continue
        if line.startswith("-e "):
            impossible.append(NotInstalled(line, "only its directory then was recorded"))
        else:
            pins.append(Pin(name, line))
    return Pins(tuple(pins), tuple(impossible), has_recorder=True)


def _requirement_lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        said = line.strip()
        # Options could install from anywhere, and are none that the recorder writes.
        if not said or said.startswith("#") or (said[0] == "-" and not said.startswith("-e ")):
            continue
        found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", said)
        yield normalized(found[0]) if found else "", said
