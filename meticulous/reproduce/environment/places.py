"""Where a recorded program found its modules: in the repository, or in places outside of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from meticulous.recorder.secrets.shapes import MARKER
from meticulous.reproduce.environment.drift import normalized
from meticulous.reproduce.environment.variables import recorded_variables

_HOOK = os.path.join("recorder", "program", "on_start")
"""The folder that `meticulous run` puts on PYTHONPATH for itself."""


def recorded_root(environment: Mapping[str, Any], metadata: Mapping[str, Any]) -> str | None:
    """Return the root of the repository as it was called where the experiment ran.

    None where the record does not tell, as when the program ran outside of the repository.
    """
    disk = environment.get("disk")
    folder = disk.get("working-directory") if isinstance(disk, dict) else None
    absolute = folder.get("path") if isinstance(folder, dict) else None
    relative = metadata.get("working-directory")
    if not isinstance(absolute, str) or not isinstance(relative, str) or os.path.isabs(relative):
        return None
    steps = os.path.normpath(relative) if relative else os.curdir
    if steps == os.curdir:
        return os.path.normpath(absolute)
    if steps.startswith(os.pardir) or not absolute.endswith(os.sep + steps):
        return None
    return absolute.removesuffix(os.sep + steps) or os.sep


def recorded_python_path(
    environment: Mapping[str, Any], metadata: Mapping[str, Any]
) -> tuple[list[str], list[str]] | None:
    """Return the recorded PYTHONPATH: places outside the repository, and folders inside of it.

    The folders are relative to the root, "" for the root itself. None where the record does not
    know the variables.
    """
    variables = recorded_variables(environment)
    if variables is None:
        return None
    root = recorded_root(environment, metadata)
    here = os.path.join(root, str(metadata.get("working-directory"))) if root else None
    outside: list[str] = []
    inside: list[str] = []
    for entry in variables.get("PYTHONPATH", "").split(os.pathsep):
        if not entry or MARKER in entry or entry.endswith(_HOOK):
            continue
        place = entry if os.path.isabs(entry) or here is None else os.path.join(here, entry)
        place = os.path.normpath(place)
        folder = _inside(place, root) if root else None
        if folder is not None:
            inside.append(folder)
        elif os.path.isabs(place):
            outside.append(place)
    return outside, inside


def project_path(environment: Mapping[str, Any], project: Mapping[str, str]) -> Iterator[str]:
    """Yield the folders of the repository from which its own packages are imported.

    Args:
        environment: The content of environment.json.
        project: The packages whose code is the repository's, with their folders in it.
    """
    for package in environment.get("packages") or ():
        name = package.get("name") if isinstance(package, dict) else None
        if not isinstance(name, str) or "editable" not in package:
            continue
        state = package.get("git")
        if normalized(name) not in project or not isinstance(state, dict):
            continue
        folder = project[normalized(name)]
        found = list(_path_entries(environment, str(package["editable"])))
        # An installation by an import hook puts nothing on the path; these are the two layouts.
        for entry in found or ("src", ""):
            yield os.path.normpath(os.path.join(folder, entry)) if folder or entry else ""


def _path_entries(environment: Mapping[str, Any], directory: str) -> Iterator[str]:
    """Yield what an installation in place put on the import path, relative to its directory."""
    python = environment.get("python")
    path = python.get("path") if isinstance(python, dict) else None
    if not isinstance(python, dict) or not isinstance(path, list):
        return
    # A virtual environment may lie inside the repository.
    own = [str(python.get(key) or "/dev/null") for key in ("prefix", "base-prefix")]
    # The first entry is the script's own folder, whatever is installed.
    for entry in path[1:]:
        if isinstance(entry, str) and not any(_inside(entry, place) is not None for place in own):
            folder = _inside(entry, directory)
            if folder is not None:
                yield folder


def _inside(path: str, root: str) -> str | None:
    relative = os.path.relpath(path, root)
    if relative == os.curdir:
        return ""
    return None if relative == os.pardir or relative.startswith(os.pardir + os.sep) else relative
