"""Targets by short names: a file for each, so that none is lost when several are added at once."""

from __future__ import annotations

import difflib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from meticulous.errors import SettingError, TargetError
from meticulous.folder.encoding import encode_document
from meticulous.folder.writing import write_atomically
from meticulous.git.worktree import find_root
from meticulous.sweep.settings import configuration_folder

_NAME = re.compile(r"[^\W\d][\w-]*(\.(?!py$)[\w-]+)*")
_ENDING = ".json"


@dataclass(frozen=True, slots=True)
class KnownTarget:
    """A target that has a name.

    Attributes:
        name: The name.
        target: `file.py:name` with an absolute path, or `module:name`.
        import_path: The folder that a module is imported from; "" where it is installed.
    """

    name: str
    target: str
    import_path: str


def add_target(name: str, text: str) -> KnownTarget:
    """Give a target a name; one that had it is replaced.

    Raises:
        TargetError: The target cannot be loaded, or the name cannot be one.
        SettingError: It cannot be written.
    """
    from meticulous.declare.targets import describe, load_target

    if not _NAME.fullmatch(name):
        raise TargetError(f"{name!r} is no name for a target; choose one such as train or a.train.")
    found = describe(load_target(text))
    place = found.get("file") or found["module"]
    import_path = "" if "file" in found else found.get("import-path", "")
    known = KnownTarget(name, f"{place}:{found['name']}", import_path)
    try:
        os.makedirs(_place(), exist_ok=True)
        content = {"target": known.target, "import-path": known.import_path}
        write_atomically(os.path.join(_place(), f"{name}{_ENDING}"), encode_document(content))
    except OSError as error:
        raise SettingError(f"{_place()} cannot be written: {error.strerror or error}.") from None
    return known


def remove_target(name: str) -> None:
    """Forget a name.

    Raises:
        TargetError: No target has it; names the nearest.
        SettingError: It cannot be removed.
    """
    try:
        os.unlink(os.path.join(_place(), f"{name}{_ENDING}"))
    except FileNotFoundError:
        names = [known.name for known in known_targets()]
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        raise TargetError(f"No target is called {name!r}{hint}.") from None
    except OSError as error:
        raise SettingError(f"{name} cannot be removed: {error.strerror or error}.") from None


def known_targets() -> list[KnownTarget]:
    """Return all targets that have a name, by name."""
    try:
        files = sorted(name for name in os.listdir(_place()) if name.endswith(_ENDING))
    except OSError:
        return []
    found = (_read(name.removesuffix(_ENDING)) for name in files if not name.startswith("."))
    return [known for known in found if known is not None]


def is_known(text: str) -> bool:
    """Say whether a target has this name."""
    return _NAME.fullmatch(text) is not None and _read(text) is not None


def project_of(described: Mapping[str, str]) -> str:
    """Return the folder whose repository has the code of a target, for one that lies elsewhere.

    Args:
        described: What `declare.targets.describe` says of it.

    Returns:
        The folder; "" where the working directory is in the same repository, or there is none.
    """
    file = described.get("file")
    folder = os.path.dirname(os.path.realpath(file)) if file else described.get("import-path")
    if not folder:
        return ""
    root = find_root(folder)
    here = find_root(os.path.realpath(os.getcwd()))
    return "" if root is None or root == here else folder


def resolve(text: str) -> str:
    """Return the target that a name stands for; any other text is returned as it is.

    The folder that its module is imported from comes to the front of `sys.path`.
    """
    known = _read(text) if _NAME.fullmatch(text) else None
    if known is None:
        return text
    if known.import_path and known.import_path not in sys.path:
        sys.path.insert(0, known.import_path)
    return known.target


def _place() -> str:
    return os.path.join(configuration_folder(), "targets")


def _read(name: str) -> KnownTarget | None:
    try:
        with open(os.path.join(_place(), f"{name}{_ENDING}"), encoding="utf-8") as file:
            content = json.load(file)
        return KnownTarget(name, str(content["target"]), str(content.get("import-path", "")))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
