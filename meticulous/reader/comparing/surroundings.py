"""What environment.json says that can be compared: lasting facts, and packages by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from meticulous.reader.wording import count_text

_PASSING = re.compile(
    r"format|collected-at|duration-seconds|packages|broken-packages|virtual-environment\.packages"
    r"|memory\.(available|swap-free)|disk\..*\.free|cpu\.(load-average|frequency).*"
    r"|platform\.boot-time"
    # What names a job, and not what was asked for it.
    r"|scheduler\.variables\..*(ID|PID|TIME|NAME|HOST|ADDR|PORT|USER|UID|GTIDS|TOPOLOGY).*"
)
"""Names of facts that differ each time, or are compared elsewhere."""

UNCOMMITTED = "with uncommitted changes"
"""Stands in the version of a package whose code is not quite that of its commit."""

_LEVELS = 8
"""How deep objects are taken apart; environment.json has fewer."""


def lasting_facts(environment: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of the surroundings that do not pass with the moment, under flat names.

    Args:
        environment: All of environment.json.
        metadata: All of metadata.json, which knows the interpreter and the host as well.
    """
    facts = {
        name: value
        for name, value in _flat(environment, "", _LEVELS)
        if value is not None and not _PASSING.fullmatch(name)
    }
    for name, key in (("python.version", "python"), ("platform.hostname", "host")):
        if name not in facts and metadata.get(key) is not None:
            facts[name] = metadata[key]
    if metadata.get("user") is not None:
        facts["user"] = metadata["user"]
    return facts


def package_versions(environment: Mapping[str, Any]) -> dict[str, str] | None:
    """Return each package with its version and where it comes from; None when unknown."""
    packages = environment.get("packages")
    if not isinstance(packages, list):
        return None
    versions = dict(_versions(packages, ""))
    virtual = environment.get("virtual-environment")
    if isinstance(virtual, dict) and isinstance(virtual.get("packages"), list):
        versions.update(_versions(virtual["packages"], "conda:"))
    return versions


def _versions(packages: list[Any], prefix: str) -> Iterator[tuple[str, str]]:
    seen = set()
    for package in packages:
        if not isinstance(package, dict) or not isinstance(package.get("name"), str):
            continue
        name = re.sub(r"[-_.]+", "-", package["name"]).lower()
        # Of several with one name the first is the one that is imported.
        if name not in seen:
            seen.add(name)
            yield f"{prefix}{name}", " ".join(_identity(package))


def _identity(package: Mapping[str, Any]) -> Iterator[str]:
    yield str(package.get("version"))
    if package.get("build"):
        yield str(package["build"])
    for key in ("git", "vcs"):
        source = package.get(key)
        if isinstance(source, dict):
            yield f"at {str(source.get('commit'))[:10]}"
            dirty = source.get("dirty")
            if isinstance(dirty, list) and dirty:
                yield f"{UNCOMMITTED} in {count_text(len(dirty), 'file')}"
    archive = package.get("archive")
    if isinstance(archive, dict) and archive.get("hash"):
        yield str(archive["hash"])[:24]


def _flat(values: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield flat names; unlike in args, lists of objects (the cards) are taken apart too."""
    for key, value in values.items():
        inner = value
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            inner = {str(number): item for number, item in enumerate(value)}
        if isinstance(inner, dict) and depth and key != "packages":
            yield from _flat(inner, f"{prefix}{key}.", depth - 1)
        else:
            yield f"{prefix}{key}", value
