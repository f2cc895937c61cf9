"""Which of the recorded packages a program imported, from the modules that it had loaded."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator, Mapping
from typing import Any

from meticulous.reproduce.environment.drift import normalized

LOADED = "imported-modules"
"""The key of metadata.json that names the modules."""

_NAME = re.compile(r"^Name:[ \t]*(\S+)", re.MULTILINE)
_NO_MODULE = re.compile(r"\.(dist-info|egg-info|data|pth)$|^\.\.|^__pycache__$")

_OF_THE_RECORDER = frozenset({"orjson", "psutil", "platformdirs", "git", "gitdb", "smmap"})
"""Modules that the recorder itself loads into every program, and that compute nothing."""


def imported_packages(
    metadata: Mapping[str, Any], recorded: Mapping[str, Any], present: Mapping[str, Any]
) -> set[str] | None:
    """Return the normalized names of the recorded packages that the program may have imported.

    A package whose modules are called otherwise and which is not here counts as imported: nothing
    tells that it was not.

    Args:
        metadata: The metadata of the recorded experiment.
        recorded: The content of its environment.json.
        present: The same about the present interpreter, whose packages tell their modules.

    Returns:
        The names; None where it is not known what was loaded.
    """
    loaded = metadata.get(LOADED)
    if not isinstance(loaded, list):
        return None
    modules = {name for name in loaded if isinstance(name, str)} - _OF_THE_RECORDER
    if not modules:
        # A program that ended without telling has told what it had loaded at its start.
        return None
    spelled = {normalized(name) for name in modules}
    modules_of = _modules_by_package(present, recorded)
    imported = set()
    for name in _names(recorded):
        brought = modules_of.get(name)
        if name in spelled or brought is None or brought & modules:
            imported.add(name)
    return imported


def _names(environment: Mapping[str, Any]) -> Iterator[str]:
    for package in environment.get("packages") or ():
        if isinstance(package, dict) and isinstance(package.get("name"), str):
            yield normalized(package["name"])


def _modules_by_package(*environments: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return the top-level modules of the packages, as far as their files are here.

    What the first environments say of a package counts.
    """
    places = dict.fromkeys(place for one in environments for place in _places(one))
    found: dict[str, set[str]] = {}
    for distribution in importlib.metadata.distributions(path=list(places)):
        try:
            name = _name(distribution)
            if name and normalized(name) not in found:
                modules = _modules(distribution)
                if modules:
                    found[normalized(name)] = modules
        except (OSError, ValueError, KeyError):
            continue
    return found


def _places(environment: Mapping[str, Any]) -> list[str]:
    packages = environment.get("packages")
    return sorted(
        {
            package["location"]
            for package in (packages if isinstance(packages, list) else ())
            if isinstance(package, dict) and isinstance(package.get("location"), str)
        }
    )


def _name(distribution: importlib.metadata.Distribution) -> str | None:
    # Not `distribution.metadata`: to parse a whole description as a mail takes milliseconds each.
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO")
    found = _NAME.search(text or "")
    return found[1] if found else None


def _modules(distribution: importlib.metadata.Distribution) -> set[str]:
    listed = (distribution.read_text("top_level.txt") or "").split()
    if listed:
        return {name.partition("/")[0] for name in listed}
    lines = (distribution.read_text("RECORD") or "").splitlines()
    firsts = {line.strip('"').partition(",")[0].partition("/")[0] for line in lines}
    return {first.partition(".")[0] for first in firsts if not _NO_MODULE.search(first)}
