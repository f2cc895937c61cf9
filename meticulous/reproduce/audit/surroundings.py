"""The items of an audit about packages, hardware and time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from meticulous.folder import layout, status
from meticulous.reproduce.answers import Answer, no, some_of, unknown, yes
from meticulous.reproduce.audit.subject import Subject
from meticulous.reproduce.environment.drift import RECORDER, normalized
from meticulous.reproduce.environment.pins import commit_below, project_packages
from meticulous.reproduce.repository import web_address

_RUN_AGAIN = "run it again with this version of meticulous, which records it"


def packages(subject: Subject) -> Answer:
    """Say whether the packages are known with their versions."""
    found = _packages(subject)
    if found:
        return yes(f"{layout.ENVIRONMENT} tells the versions of {len(found)} packages")
    if os.path.lexists(subject.record.directory / layout.REQUIREMENTS):
        return yes(f"{layout.REQUIREMENTS} pins them")
    if subject.record.status in (status.RUNNING, status.REGISTERED):
        return unknown("it has not ended")
    return no(f"the record has no {layout.REQUIREMENTS}", _RUN_AGAIN)


def installable(subject: Subject) -> Answer:
    """Say whether all packages come from where others can get them."""
    found = _packages(subject)
    if not found:
        return unknown("the record does not tell where its packages come from")
    own = project_packages(subject.environment, commit_below(subject.record))
    private = []
    for package in found:
        name = normalized(str(package["name"]))
        reason = _why_private(package)
        if reason and name != RECORDER and name not in own:
            private.append(f"{package['name']} ({reason})")
    if private:
        return no(
            f"nobody else can install {some_of(private)}",
            "publish them, or install them from a repository: pip install git+URL@COMMIT",
        )
    return yes(f"all {len(found)}; `meticulous verify --online` asks whether they still are there")


def _packages(subject: Subject) -> list[Mapping[str, Any]]:
    found = subject.environment.get("packages")
    return [
        package
        for package in (found if isinstance(found, list) else ())
        if isinstance(package, dict) and isinstance(package.get("name"), str)
    ]


def _why_private(package: Mapping[str, Any]) -> str | None:
    """Return why a package exists on this machine only; None where others can get it."""
    if "editable" in package:
        state = package.get("git")
        if not isinstance(state, dict) or not state.get("commit"):
            return f"in place from {package['editable']}"
        if state.get("dirty"):
            return f"in place from {package['editable']}, with uncommitted changes"
        is_public = web_address(str(state.get("remote") or "")) is not None
        return None if is_public else f"in place from {package['editable']}, without a remote"
    if "local" in package:
        return f"from {package['local']}"
    archive = package.get("archive")
    if isinstance(archive, dict) and not str(archive.get("url")).startswith(("http:", "https:")):
        return f"from {archive.get('url')}"
    return None


def hardware(subject: Subject) -> Answer:
    """Say whether processor, memory and graphics cards are known."""
    text = hardware_text(subject)
    if text:
        return yes(text)
    if subject.record.status in (status.RUNNING, status.REGISTERED):
        return unknown("it has not ended")
    return no(f"the record has no {layout.ENVIRONMENT} that tells it", _RUN_AGAIN)


def compute(subject: Subject) -> Answer:
    """Say whether it is known how long it took."""
    duration = subject.record.duration
    if duration is None:
        return no("neither its end nor a last sign of life is known", "run it again")
    return yes(f"{duration:.1f} s")


def hardware_text(subject: Subject) -> str:
    """Return the processor, its cores and the graphics cards in a few words; "" when unknown."""
    cpu = subject.part("cpu")
    parts = []
    if model := cpu.get("model"):
        cores = cpu.get("available-cores") or cpu.get("logical-cores")
        parts.append(f"{model}, {_cores(cores)}" if cores else str(model))
    cards = subject.environment.get("gpus")
    names = [
        str(card.get("name"))
        for card in (cards if isinstance(cards, list) else ())
        if isinstance(card, dict)
    ]
    parts += [f"{names.count(name)} x {name}" for name in dict.fromkeys(names)]
    return "; ".join(parts)


def _cores(count: object) -> str:
    if isinstance(count, float):
        return f"{count:g} cores"
    return f"{count} core{'' if count == 1 else 's'}"
