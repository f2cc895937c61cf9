"""The last words of a record: files.json, and the digests of its own files in SHA256SUMS."""

from __future__ import annotations

import contextlib
import os

from meticulous.folder import hashing, layout
from meticulous.folder.writing import write_atomically

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from meticulous.recorder.writer import RecordWriter

HURRIED_SECONDS = 1.0
"""How long hashing may take where a signal ends the program."""

_COLLECTED = (layout.ENVIRONMENT, layout.REQUIREMENTS)


def write_files(
    writer: RecordWriter,
    repository: str | None,
    code: Iterable[str],
    may_go_on: Callable[[], bool] = lambda: True,
    is_hurried: bool = False,
) -> None:
    """Write files.json and remove the journal; what fails costs one warning.

    Args:
        writer: The writer of the record.
        repository: The root of the working tree; None when unknown.
        code: The files of the modules that the program loaded.
        may_go_on: Asked now and then whether hashing may go on.
        is_hurried: The program was ended by a signal; hashing takes a second at most.
    """
    from meticulous.recorder.files.gathering import RunFiles
    from meticulous.recorder.files.left_out import foreign_code
    from meticulous.recorder.files.listing import Place, list_files, render

    directory = writer.paths.directory
    with writer.tolerating("the list of files"):
        files = RunFiles(directory)
        code = [*code]
        files.gather(code, foreign_code(code, [directory, *([repository] if repository else [])]))
        content = list_files(
            files,
            Place(directory, repository),
            writer.gate.clean_text,
            seconds=HURRIED_SECONDS if is_hurried else hashing.BUDGET_SECONDS,
            may_go_on=may_go_on,
            earlier=_earlier(writer.paths.path(layout.FILES)),
        )
        if files.missing:
            writer.warn(
                "declared outputs",
                f"declared as outputs, but not there at the end: {', '.join(files.missing)}",
            )
        write_atomically(writer.paths.path(layout.FILES), render(content))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(writer.paths.path(layout.OPENED))


def write_sums(writer: RecordWriter, status: bytes | None) -> None:
    """Write SHA256SUMS; what fails costs one warning.

    Args:
        writer: The writer of the record, whose other files are complete.
        status: What STATUS is going to hold; None when that, and the last of the metadata, are
            left to somebody who renews their lines.
    """
    directory = writer.paths.directory
    left = (layout.STATUS,) if status is not None else (layout.STATUS, layout.METADATA)
    names = [name for name in layout.SEALED if name not in left and _is_moderate(directory, name)]
    known = {} if status is None else {layout.STATUS: hashing.sha256_of_bytes(status)}
    writer.is_sealed = True
    with writer.tolerating("the sums of the record"):
        before = _stamps(directory)
        hashing.write_sums(directory, names, known)
        # Who describes the surroundings looks for our list after writing; we look after writing it.
        changed = [name for name, stamp in _stamps(directory).items() if stamp != before.get(name)]
        if changed:
            hashing.renew_sums(directory, changed)


def _is_moderate(directory: str, name: str) -> bool:
    """Say whether a file is hashed: output may be of any size, and the end is not to wait long."""
    try:
        return os.stat(os.path.join(directory, name)).st_size <= hashing.BUDGET_BYTES
    except OSError:
        return False


def _stamps(directory: str) -> dict[str, int]:
    stamps = {}
    for name in _COLLECTED:
        with contextlib.suppress(OSError):
            stamps[name] = os.stat(os.path.join(directory, name)).st_ino
    return stamps


def _earlier(path: str) -> dict[str, Any] | None:
    if not os.path.exists(path):
        return None
    import json

    try:
        with open(path, "rb") as file:
            content = json.loads(file.read())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
