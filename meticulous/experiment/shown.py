"""What an experiment says of itself: its status, times and code, and all of it as text."""

from __future__ import annotations

import json
import os

from meticulous.folder import layout, states, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SHOWN = (
    *("experiment-id", "name", "description", "user", "host", "registered-time", "start-time"),
    *("end-time", "duration", "exit-code", "signal", "tags", "githead-sha", "git-branch"),
    *("git-remote", "git-snapshot", "target"),
)
"""What of the metadata is shown, in this order."""


def status_of(experiment: Any) -> str:
    """Return the word of STATUS, or where an experiment without a folder stands."""
    declared = experiment._declared
    if declared is not None and declared.phase in (states.DEFAULT, states.DETACHED):
        return str(declared.phase)
    if declared is None and experiment._recording is None:
        return states.DETACHED
    try:
        with open(os.path.join(experiment.curexpdir, layout.STATUS), "rb") as file:
            return status.decode_status(file.read())[0]
    except OSError:
        return status.UNKNOWN


def description_of(experiment: Any) -> str:
    """Return what the run is about."""
    return str(experiment.metadata.get("description") or experiment._settings["description"])


def notes_of(experiment: Any) -> list[str]:
    """Return the texts of the notes, the oldest first."""
    if not has_folder(experiment):
        return []
    found = []
    try:
        with open(os.path.join(experiment.curexpdir, layout.NOTES), "rb") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            note = json.loads(line)
        except ValueError:  # a torn last line
            continue
        if isinstance(note, dict):
            found.append(str(note.get("text", "")))
    return found


def summary_of(experiment: Any) -> dict[str, Any]:
    """Return the summary as it stands now, {} where there is none."""
    from meticulous.folder.encoding import revive_numbers

    summary: dict[str, Any] = revive_numbers(_summary_on_disk(experiment))
    return summary


def _summary_on_disk(experiment: Any) -> dict[str, Any]:
    if not has_folder(experiment):
        return {}
    try:
        with open(os.path.join(experiment.curexpdir, layout.SUMMARY), "rb") as file:
            found = json.loads(file.read())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def version_of(experiment: Any) -> dict[str, Any]:
    """Return the code state and the target, as far as they are recorded."""
    keys = {
        "commit": "githead-sha",
        "branch": "git-branch",
        "remote": "git-remote",
        "snapshot": "git-snapshot",
        "target": "target",
    }
    metadata = experiment.metadata
    return {name: metadata[key] for name, key in keys.items() if metadata.get(key) is not None}


def moment_of(experiment: Any, key: str) -> str | None:
    """Return a time of the metadata as ISO 8601 with offset; None where there is none."""
    moment = experiment.metadata.get(key)
    if not isinstance(moment, str):
        return None
    return moment + str(experiment.metadata.get("utc-offset") or "")


def has_folder(experiment: Any) -> bool:
    """Say whether anything is recorded of it."""
    return bool(experiment.curexpdir != os.curdir)


def text_of(experiment: Any) -> str:
    """Return what `print` shows: what is recorded, then the parameters."""
    facts: dict[str, Any] = {"status": status_of(experiment)}
    if has_folder(experiment):
        facts["directory"] = experiment.curexpdir
    facts.update({key: experiment.metadata.get(key) for key in _SHOWN})
    facts["description"] = description_of(experiment) or None
    facts["summary"] = _summary_on_disk(experiment) or None
    facts["notes"] = notes_of(experiment) or None
    lines = _lines(facts, "")
    lines.append("parameters:")
    lines += _lines(experiment._declared.values, "  ", keep_none=True)
    return "\n".join(lines)


def _lines(values: dict[str, Any], indent: str, keep_none: bool = False) -> list[str]:
    found = []
    for name, value in values.items():
        if isinstance(value, dict) and value:
            found.append(f"{indent}{name}:")
            found += _lines(value, f"{indent}  ", keep_none)
        elif keep_none or (value is not None and value != []):
            text = value if isinstance(value, str) and not keep_none else _text(value)
            found.append(f"{indent}{name}: {text}".rstrip())
    return found


def _text(value: Any) -> str:
    from meticulous.declare.parameters import default_text

    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    return default_text(value)
