"""What a set of xmen says of its experiments: defaults.yml and experiment.yml of its root."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from meticulous.errors import InvalidYamlError
from meticulous.reader.xmen.document import LARGEST
from meticulous.reader.xmen.documents import Documents

DEFAULTS = "defaults.yml"
SET = "experiment.yml"
SCRIPT = "script.sh"

_LEVELS = 4
"""How far above an experiment its set is looked for; a `/` in a value made folders in folders."""


@dataclass(frozen=True, slots=True)
class XmenSet:
    """A folder with a set of experiments.

    Attributes:
        directory: The folder.
        defaults: The parameters and their defaults; empty where there is no defaults.yml.
        overrides: For each experiment that is linked, by the relative path of its folder, the
            values that were given; None where the list of them does not fit that of experiments.
        is_complete: Whether experiment.yml could be read, so that it tells which are linked.
        facts: What else it says: `purpose`, `notes`, `created`, `type`.
        problems: What could not be read.
    """

    directory: str
    defaults: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    is_complete: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class Sets:
    """The sets that experiments belong to, each read once.

    Args:
        documents: Reads their files.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._known: dict[str, XmenSet | None] = {}

    def of(self, experiment: str) -> XmenSet | None:
        """Return the set that an experiment lies in; None where it belongs to none."""
        folder = experiment
        for level in range(_LEVELS):
            folder = os.path.dirname(folder)
            found = self.at(folder)
            # What lies deeper may just as well belong to nobody.
            if found is not None and (
                level == 0 or os.path.relpath(experiment, folder) in found.overrides
            ):
                return found
        return None

    def at(self, folder: str) -> XmenSet | None:
        """Return the set of which a folder is the root; None where it is none."""
        if folder not in self._known:
            names = [name for name in (SET, DEFAULTS) if os.path.isfile(f"{folder}/{name}")]
            is_root = SET in names or (names and os.path.isfile(f"{folder}/{SCRIPT}"))
            self._known[folder] = _read(folder, self._documents) if is_root else None
        return self._known[folder]


def _read(folder: str, documents: Documents) -> XmenSet:
    problems: list[str] = []
    defaults = _load(folder, DEFAULTS, documents, problems)
    content = _load(folder, SET, documents, problems)
    facts = {
        name: content[name]
        for name in ("purpose", "notes", "created", "type")
        if content.get(name) not in (None, "", [])
    }
    return XmenSet(
        folder,
        {name: value for name, value in defaults.items() if not name.startswith("_")},
        _overrides(content),
        isinstance(content.get("experiments"), list),
        facts,
        problems,
    )


def _load(folder: str, name: str, documents: Documents, problems: list[str]) -> dict[str, Any]:
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return documents.read(file.read(LARGEST + 1))
    except FileNotFoundError:
        return {}
    except OSError as error:
        problems.append(f"{name} of the set cannot be read: {error.strerror or error}")
    except InvalidYamlError as error:
        problems.append(f"{name} of the set {error}")
    return {}


def _overrides(content: Mapping[str, Any]) -> dict[str, dict[str, Any] | None]:
    """Return what was given for each experiment, by where it lies in the set.

    The file has absolute paths, which a move has made stale, and two lists side by side, which got
    out of step when experiments were unlinked: then nothing is told rather than something wrong.
    """
    paths, given = content.get("experiments"), content.get("overides")
    if not isinstance(paths, list):
        return {}
    are_in_step = isinstance(given, list) and len(given) == len(paths)
    root = content.get("root")
    found: dict[str, dict[str, Any] | None] = {}
    for number, path in enumerate(map(str, paths)):
        inside = f"{root}".rstrip("/") + "/"
        name = path.removeprefix(inside) if path.startswith(inside) else os.path.basename(path)
        values = given[number] if are_in_step and isinstance(given, list) else None
        found[os.path.normpath(name)] = values if isinstance(values, dict) else None
    return found
