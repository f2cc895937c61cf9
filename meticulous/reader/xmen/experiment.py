"""One experiment of xmen, read from its folder and told in our words."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from meticulous.errors import InvalidYamlError
from meticulous.folder import layout, status
from meticulous.reader.record import from_epoch
from meticulous.reader.xmen.document import LARGEST
from meticulous.reader.xmen.documents import Documents, read_document
from meticulous.reader.xmen.finding import PARAMS
from meticulous.reader.xmen.sets import XmenSet
from meticulous.reader.xmen.times import read_time

OUTPUTS = ("out.txt", "slurm.out")
"""What the program wrote: as xmen kept it, and as the scheduler did."""

SILENCE_SECONDS = 3600.0
"""One that says it runs, and has written nothing for so long, is not taken for running."""

NOT_LOOKED = "xmen did not look for uncommitted changes: what ran may differ from the commit"
"""A warning of all experiments with a commit."""

_OLDEST = ("root", "name", "status", "created", "purpose", "messages", "git", "definition")
"""What the first versions wrote without an underscore, beside the parameters."""

_WORDS = {
    "registered": (status.REGISTERED, ""),
    "created": (status.REGISTERED, ""),
    "finished": (status.SUCCESS, ""),
    "error": (status.ERROR, "an error, of which xmen kept no traceback; see stdout"),
    "stopped": (status.INTERRUPTED, "stopped, by Ctrl-C or SIGTERM: xmen does not say which"),
    "timeout": (status.TIMEOUT, "SIGUSR1 announced the time limit"),
    "requeue": (status.REQUEUED, "the scheduler was asked to run it again"),
}

_SHA = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class XmenExperiment:
    """What xmen recorded of an experiment.

    Attributes:
        directory: The folder.
        generation: 0 for the first versions, whose fields have no underscore; 1 for those with
            `_name` and `_created`; 2 for those with `_timestamps`.
        status: The word of STATUS that says the same.
        reason: What is known besides.
        args: The parameters.
        default_args: Their defaults, as far as the set tells.
        summary: The messages.
        metadata: What goes by a key of metadata.json, and under `xmen` what has none.
        notes: The notes.
        meta: The surroundings, as xmen described them.
        touched: When anything was last written, in seconds since the epoch.
        digest: The SHA-256 of params.yml.
        problems: Why it cannot be read; empty for a sound one.
    """

    directory: str
    generation: int = 2
    status: str = status.UNKNOWN
    reason: str = ""
    args: dict[str, Any] = field(default_factory=dict)
    default_args: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    touched: float | None = None
    digest: str = ""
    problems: list[str] = field(default_factory=list)


def read_experiment(
    folder: str,
    xmen_set: XmenSet | None,
    now: float | None = None,
    documents: Documents | None = None,
) -> XmenExperiment:
    """Read an experiment; what cannot be read is named in its `problems`, never raised.

    Args:
        folder: Its folder.
        xmen_set: The set it belongs to, if any.
        now: The present, in seconds since the epoch; by default the clock is asked.
        documents: Reads it without the long parts of the surroundings; by default it is read whole.
    """
    try:
        with open(os.path.join(folder, PARAMS), "rb") as file:
            data = file.read(LARGEST + 1)
        fields = read_document(data) if documents is None else documents.read(data)
    except OSError as error:
        problem = f"{PARAMS} cannot be read: {error.strerror or error}"
        return XmenExperiment(folder, problems=[problem])
    except InvalidYamlError as error:
        return XmenExperiment(folder, problems=[f"{PARAMS} {error}"])
    generation, fields = _generation(fields)
    if "_status" not in fields:
        return XmenExperiment(folder, problems=[f"{PARAMS} has no status"])
    touched = _touched(folder)
    word, reason = _status(fields["_status"], touched, time.time() if now is None else now)
    args = {name: value for name, value in fields.items() if not name.startswith("_")}
    meta = _mapping(fields.get("_meta"))
    metadata = _metadata(fields, generation, meta, word)
    if xmen_set is not None:
        _add_set(metadata, xmen_set, folder, args)
    defaults = {} if xmen_set is None else xmen_set.defaults
    return XmenExperiment(
        folder,
        generation,
        word,
        reason,
        args,
        {name: value for name, value in defaults.items() if name in args},
        _mapping(fields.get("_messages")),
        metadata,
        _texts(fields.get("_notes")),
        meta,
        touched,
        hashlib.sha256(data, usedforsecurity=False).hexdigest(),
    )


def _generation(fields: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return which version wrote the fields, and them under the names of the last one."""
    generation = 2
    if "_status" not in fields and "status" in fields:
        generation = 0
        fields = {f"_{key}" if key in _OLDEST else key: item for key, item in fields.items()}
        version = {**_mapping(fields.pop("_definition", None))}
        git = _mapping(fields.pop("_git", None))
        fields["_version"] = {**version, "git": git} if git else version
    elif "_timestamps" not in fields:
        generation = 1
    if "_name" in fields:
        root = str(fields.get("_root") or "")
        fields["_root"] = os.path.join(root, str(fields.pop("_name") or ""))
    if "_timestamps" not in fields:
        fields["_timestamps"] = {"created": fields.pop("_created", None)}
    return generation, fields


def _touched(folder: str) -> float | None:
    times = []
    for name in (PARAMS, *OUTPUTS):
        try:
            times.append(os.stat(os.path.join(folder, name)).st_mtime)
        except OSError:
            continue
    return max(times, default=None)


def _status(value: Any, touched: float | None, now: float) -> tuple[str, str]:
    word = str(value).strip()
    if word == "running":
        if touched is not None and now - touched < SILENCE_SECONDS:
            return status.RUNNING, ""
        sight = from_epoch(touched)
        seen = f"; last sign of life {sight:%Y-%m-%d %H:%M:%S}" if sight else ""
        return status.UNKNOWN, f"xmen left it as running and saw no end, as after kill -9{seen}"
    if word in _WORDS:
        return _WORDS[word]
    return status.UNKNOWN, f"its status in xmen is {word!r}"


def _metadata(
    fields: Mapping[str, Any], generation: int, meta: Mapping[str, Any], word: str
) -> dict[str, Any]:
    stamps = _mapping(fields.get("_timestamps"))
    times = {name: read_time(value) for name, value in stamps.items()}
    git = _mapping(_mapping(fields.get("_version")).get("git"))
    commit = _text(git.get("commit") or git.get("hash"))
    remote = _text(git.get("remote") or git.get("remote_url"))
    metadata: dict[str, Any] = {
        "githead-sha": commit if _SHA.fullmatch(commit) else None,
        "description": _text(fields.get("_purpose")),
        "registered-time": times.get("registered") or times.get("created"),
        "start-time": times.get("start"),
        "end-time": times.get("stopped"),
        "format": layout.FORMAT,
        "git-branch": _text(git.get("branch")) or None,
        "git-remote": remote or None,
        "host": _text(meta.get("host")) or _text(fields.get("_host")) or None,
        "user": _text(meta.get("user")) or _text(fields.get("_user")) or None,
        "tags": [],
        "warnings": [
            f"xmen's time {name!r} cannot be read: {_text(value)[:40]!r}"
            for name, value in stamps.items()
            if value is not None and times[name] is None
        ],
    }
    if metadata["githead-sha"]:
        metadata["warnings"].append(NOT_LOOKED)
    if word == status.RUNNING or not _ends_after(times.get("start"), times.get("stopped")):
        metadata["end-time"] = None  # that of an earlier run: xmen kept one pair of times
    own = ("_messages", "_meta", "_notes", "_purpose", "_status")
    rest = {name[1:]: item for name, item in fields.items() if name[:1] == "_" and name not in own}
    metadata["xmen"] = {"generation": generation, "status": fields["_status"], **rest}
    return {name: value for name, value in metadata.items() if value not in (None, [])}


def _ends_after(start: str | None, end: str | None) -> bool:
    return start is None or end is None or start <= end


def _add_set(
    metadata: dict[str, Any], xmen_set: XmenSet, folder: str, args: Mapping[str, Any]
) -> None:
    """Add what the set says of the experiment."""
    name = os.path.relpath(folder, xmen_set.directory)
    given = xmen_set.overrides.get(name)
    if given and all(key in args and args[key] == given[key] for key in given):
        metadata["swept"] = given
    if xmen_set.is_complete and name not in xmen_set.overrides:
        metadata["tags"] = [layout.UNLINKED]
    metadata["xmen"]["set"] = {"directory": xmen_set.directory, **xmen_set.facts}
    if not metadata.get("description"):
        metadata["description"] = _text(xmen_set.facts.get("purpose"))
    if xmen_set.problems:
        metadata["warnings"] = [*metadata.get("warnings", []), *xmen_set.problems]


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    return {str(name): item for name, item in value.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    return [_text(item) for item in value] if isinstance(value, list) else [_text(value)]
