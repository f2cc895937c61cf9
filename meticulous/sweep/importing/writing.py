"""Write one experiment of xmen as a folder of ours, with everything that a run leaves behind."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from meticulous.errors import UnreadableRecordError
from meticulous.folder import clock, hashing, layout, status
from meticulous.folder.encoding import encode_document, encode_line
from meticulous.folder.plain import plain
from meticulous.reader.xmen.experiment import OUTPUTS, XmenExperiment
from meticulous.reader.xmen.finding import PARAMS
from meticulous.reader.xmen.records import author_of, environment_of
from meticulous.reader.xmen.sets import SCRIPT
from meticulous.recorder.environment.variables import VARIABLE_PREFIXES, VARIABLES
from meticulous.recorder.files.listing import render
from meticulous.recorder.files.tracker import LIMIT
from meticulous.recorder.secrets.gate import Gate
from meticulous.sweep.importing.copying import ASIDE, Copied, copy_file, copy_files
from meticulous.sweep.importing.known import KEY

_LARGEST_SCRIPT = 1 << 20


def write_experiment(
    found: XmenExperiment, folder: str, experiment_id: str, name: str, link: bool
) -> None:
    """Write all files of an experiment into a folder that nobody sees yet.

    Args:
        found: What xmen recorded.
        folder: The folder; exists.
        experiment_id: The number that it is going to have.
        name: Its readable name.
        link: Whether the program's files become hard links.

    Raises:
        UnreadableRecordError: Something in the folder of xmen cannot be read.
        OSError: Something cannot be written.
    """
    variables = _mapping(found.meta.get("environ"))
    gate = Gate({**os.environ, **{key: str(value) for key, value in variables.items()}})
    gate.learn([found.args, found.default_args])
    output = next((one for one in OUTPUTS if _is_file(found.directory, one)), None)
    left_out = frozenset(filter(None, (PARAMS, output)))
    copied = copy_files(found.directory, folder, left_out, link)
    if output is not None:
        copy_file(os.path.join(found.directory, output), os.path.join(folder, layout.STDOUT))
    _copy_script(found, folder)
    metadata = _metadata(found, experiment_id, name, copied)
    if output is not None:
        metadata[KEY]["stdout"] = output
    documents = {
        layout.ARGS: found.args,
        layout.DEFAULT_ARGS: found.default_args,
        layout.METADATA: metadata,
        layout.ENVIRONMENT: _environment(found, variables),
    }
    if found.summary:
        documents[layout.SUMMARY] = found.summary
    for file, content in documents.items():
        _write(folder, file, encode_document(gate.clean(plain(content))))
    if found.notes:
        _write(folder, layout.NOTES, b"".join(map(encode_line, _notes(found, gate))))
    _write(folder, layout.FILES, render(_listing(copied)))
    _write(folder, layout.STATUS, status.encode_status(found.status, found.reason))
    if found.touched is not None:
        os.utime(os.path.join(folder, layout.STATUS), (found.touched, found.touched))
    if found.status in status.FINAL:
        present = [name for name in layout.SEALED if os.path.lexists(os.path.join(folder, name))]
        hashing.write_sums(folder, present)


def _metadata(
    found: XmenExperiment, experiment_id: str, name: str, copied: Copied
) -> dict[str, Any]:
    now = time.time()
    metadata = {
        **found.metadata,
        "uid": clock.new_uid(now),
        "experiment-id": experiment_id,
        "name": name,
        "tags": found.metadata.get("tags", []),
        KEY: {
            "format": "xmen",
            "path": os.path.realpath(found.directory),
            "sha256": found.digest,
            "time": clock.local_time(now),
            "utc-offset": clock.utc_offset(now),
        },
    }
    if copied.left_out:
        warning = f"not imported, for they are no files: {', '.join(copied.left_out)}"
        metadata["warnings"] = [*found.metadata.get("warnings", []), warning]
    return metadata


def _environment(found: XmenExperiment, variables: Mapping[str, Any]) -> dict[str, Any]:
    environment = {"format": layout.FORMAT, **environment_of(found)}
    chosen = {
        name: value
        for name, value in variables.items()
        if name in VARIABLES or name.startswith((*VARIABLE_PREFIXES, "SLURM_"))
    }
    chosen.pop("SLURM_JWT", None)
    if chosen:
        environment["variables"] = chosen
    return environment


def _notes(found: XmenExperiment, gate: Gate) -> list[dict[str, Any]]:
    # xmen kept no time of a note, so there is none.
    return [{"author": author_of(found), "text": gate.clean_text(text)} for text in found.notes]


def _listing(copied: Copied) -> dict[str, Any]:
    entries = sorted(copied.entries, key=lambda entry: str(entry["path"]))
    hashed = sum(entry["size"] for entry in entries if entry["sha256"] is not None)
    return {
        "format": layout.FORMAT,
        "inputs": [],
        "outputs": entries[:LIMIT],
        "not-listed": len(entries[LIMIT:]),
        "hashed-bytes": hashed,
        "budget-bytes": max(hashed, hashing.BUDGET_BYTES),
    }


def _copy_script(found: XmenExperiment, folder: str) -> None:
    """Keep the script of the set, which may be all of the program and in no repository."""
    script = os.path.join(os.path.dirname(found.directory), SCRIPT)
    target = os.path.join(folder, ASIDE, SCRIPT)
    try:
        if os.path.getsize(script) > _LARGEST_SCRIPT or os.path.lexists(target):
            return
    except OSError:
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        copy_file(script, target)
    except UnreadableRecordError:
        return


def _is_file(folder: str, name: str) -> bool:
    path = os.path.join(folder, name)
    return os.path.isfile(path)


def _write(folder: str, name: str, data: bytes) -> None:
    # Straight into place: what is half written here is seen by nobody.
    with open(os.path.join(folder, name), "xb") as file:
        file.write(data)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
