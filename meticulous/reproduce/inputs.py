"""The files that a recorded run read: whether they are as they were, and where a rerun finds them.

What the commit holds is in the worktree. What it does not hold but lay in the working tree, such as
an ignored folder of data, is copied there from the user's tree, or linked where it is large.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from meticulous.errors import CannotReproduceError
from meticulous.folder import clock, layout
from meticulous.folder.hashing import sha256_of
from meticulous.reader.record import Record, as_texts
from meticulous.reader.table.flattening import flatten
from meticulous.reader.wording import few_text
from meticulous.reproduce.paths import below
from meticulous.reproduce.verdict import InputChange

COPIED_BYTES = 1 << 30
"""How much is copied into a worktree; what is larger is linked."""

_PLACE = ("path", "in")
"""What says in files.json where a file is."""

MISSING, CHANGED, UNVERIFIED = "missing", "changed", "unverified"


@dataclass(slots=True)
class Inputs:
    """The inputs of a rerun.

    Attributes:
        changes: Those that are not, or not surely, what they were.
        remarks: What else is to be said about them.
        linked: Links in the worktree to files that the user's tree holds, by the path of these;
            size and time of change tell afterwards whether the program wrote into one.
    """

    changes: list[InputChange] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    linked: dict[str, tuple[int, int]] = field(default_factory=dict)

    def touched(self) -> list[str]:
        """Return which of the linked files are no longer as they were before the run."""
        return [path for path, stamp in self.linked.items() if _stamp(path) != stamp]


def read_files(directory: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the content of files.json in a folder; None where there is none to be read."""
    try:
        with open(os.path.join(directory, layout.FILES), "rb") as file:
            content = json.loads(file.read())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def entries(files: dict[str, Any] | None, kind: str) -> Iterator[dict[str, Any]]:
    """Yield the entries of files.json: its "inputs" or its "outputs"."""
    found = files.get(kind) if files is not None else None
    for entry in found if isinstance(found, list) else ():
        if isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in _PLACE):
            yield entry


def check_inputs(
    record: Record,
    original_root: str | None,
    worktree: str | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
    kept: Container[str] = (),
) -> Inputs:
    """Compare the recorded inputs with what is there now.

    Args:
        record: The record.
        original_root: The root of the user's working tree; None where there is none.
        worktree: The private worktree; None before there is one, and then what the user's tree
            holds is looked at.
        is_stopped: Asked before each file; True ends the looking.
        kept: The paths that the commit holds, where there is no worktree yet.
    """
    inputs = Inputs()
    files = read_files(record.directory)
    if files is None:
        inputs.remarks.append(
            "The record has no list of the files it read, so whether they changed is not known."
        )
        return inputs
    written = written_over(files)
    for entry in entries(files, "inputs"):
        if is_stopped():
            break
        if entry.get("in") == "experiment":
            continue
        if (entry.get("in"), entry["path"]) in written:
            change = _compare_overwritten(entry, worktree, kept)
        else:
            change = _compare(entry, _find(entry, original_root, worktree))
        if change is not None:
            inputs.changes.append(change)
    count, written_too = (files.get(f"not-listed{rest}") for rest in ("", "-outputs"))
    if isinstance(count, int) and isinstance(written_too, int):
        count -= written_too
    if isinstance(count, int) and count > 0:
        inputs.remarks.append(f"{count} files it read are not listed in the record.")
    return inputs


def provide_inputs(
    record: Record, inputs: Inputs, original_root: str | None, worktree: str, directory: str
) -> None:
    """Put what the program needs beside the commit into its worktree.

    Args:
        record: The record.
        inputs: Takes the remarks and the links.
        original_root: The root of the user's working tree; None where there is none.
        worktree: The private worktree.
        directory: The working directory in it.

    Raises:
        CannotReproduceError: An input cannot be put there.
    """
    files = read_files(record.directory)
    for entry in entries(files, "outputs"):
        if entry.get("in") == "repository":
            _make_folder(worktree, os.path.dirname(entry["path"]))
    if original_root is None:
        return
    sources = as_texts(record.metadata.get("git-untracked-sources"))
    wanted = [*_wanted(record, files, original_root, worktree, directory), *sources]
    missing = [
        path
        for path in dict.fromkeys(wanted)
        if _is_inside(path)
        and not os.path.lexists(os.path.join(worktree, path))
        and os.path.exists(os.path.join(original_root, path))
    ]
    copied, linked = _put(missing, original_root, worktree, inputs)
    for source in sources:
        inputs.changes.append(
            InputChange(source, UNVERIFIED, "code that is not in the commit; as it is now")
        )
    if copied:
        inputs.remarks.append(f"Copied from the working tree, not from git: {few_text(copied)}.")
    if linked:
        inputs.remarks.append(f"Linked to the working tree, since it is large: {few_text(linked)}.")


def _wanted(
    record: Record,
    files: dict[str, Any] | None,
    original_root: str,
    worktree: str,
    directory: str,
) -> list[str]:
    """Return the paths, relative to the root, of what the program reads in the working tree."""
    if files is not None:
        written = written_over(files)
        return [
            entry["path"]
            for entry in entries(files, "inputs")
            if entry["in"] == "repository" and ("repository", entry["path"]) not in written
        ]
    # Older records list no files. What the arguments name, and is there, is most likely read.
    found = []
    place = os.path.realpath(record.directory.parent)
    for value in argument_values(record):
        path = os.path.normpath(os.path.join(os.path.relpath(directory, worktree), value))
        if os.path.isabs(value):
            path = below(value, original_root) or os.curdir
        full = os.path.realpath(os.path.join(original_root, path))
        if path != os.curdir and os.path.exists(full) and below(full, place) is None:
            found.append(path)
    return found


def argument_values(record: Record) -> Iterator[str]:
    """Yield what the arguments and the command say, of which some may be paths."""
    for value in flatten(record.args).values():
        if isinstance(value, str):
            yield value
    for word in as_texts(record.metadata.get("command"))[1:]:
        yield word.partition("=")[2] or word


def _put(
    paths: Sequence[str], original_root: str, worktree: str, inputs: Inputs
) -> tuple[list[str], list[str]]:
    """Copy the small ones as far as the limit goes, link the others."""
    copied, linked = [], []
    left = COPIED_BYTES
    for path in sorted(paths, key=lambda path: _size(os.path.join(original_root, path))):
        source = os.path.join(original_root, path)
        # A committed link on the way may lead to a folder that is not there yet.
        target = os.path.realpath(os.path.join(worktree, path))
        if below(target, worktree) is None:
            raise CannotReproduceError(
                f"Its input {path} leads out of the repository, to {target}, which is not there."
            )
        size = _size(source)
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.isfile(source) and size <= left:
                shutil.copy2(source, target)
                left -= size
                copied.append(path)
            else:
                os.symlink(os.path.realpath(source), target)
                linked.append(path)
                inputs.linked[source] = _stamp(source)
        except OSError as error:
            raise CannotReproduceError(
                f"Its input {path} cannot be put into the worktree: {error.strerror or error}."
            ) from error
    return copied, linked


def _find(entry: dict[str, Any], original_root: str | None, worktree: str | None) -> str | None:
    path: str = entry["path"]
    if entry.get("in") != "repository":
        return path if os.path.isabs(path) else None
    for root in (worktree, original_root):
        if root is not None and os.path.exists(os.path.join(root, path)):
            return os.path.join(root, path)
    return os.path.join(original_root or worktree or os.sep, path)


def _compare(entry: dict[str, Any], present: str | None) -> InputChange | None:
    path, size, digest = entry["path"], entry.get("size"), entry.get("sha256")
    if present is None or not os.path.exists(present):
        return InputChange(path, MISSING, "it is no longer there")
    if os.path.isdir(present):
        return None
    now = _size(present)
    if isinstance(size, int) and now != size:
        return InputChange(path, CHANGED, f"{size:,} bytes then, {now:,} now")
    if not isinstance(digest, str):
        why = entry.get("unhashed") or "the record has no hash of it"
        same = "its size and the time of its last change are the same"
        if not _is_as_old(present, entry.get("modified")):
            same = "its size is the same, and the time of its last change another one"
        return InputChange(path, UNVERIFIED, f"{same}; {why}")
    try:
        found = sha256_of(present)
    except OSError as error:
        return InputChange(path, UNVERIFIED, f"it cannot be read: {error.strerror or error}")
    if found == digest:
        return None
    return InputChange(path, CHANGED, f"sha256 {digest[:12]} then, {found[:12]} now")


def written_over(files: dict[str, Any] | None) -> set[tuple[str, str]]:
    """Return place and path of the outputs that were not the same files before the run."""
    digests = {
        (entry["in"], entry["path"]): entry.get("sha256") for entry in entries(files, "inputs")
    }
    found = set()
    for entry in entries(files, "outputs"):
        key = (entry["in"], entry["path"])
        if entry.get("sha256") is None or digests.get(key) != entry["sha256"]:
            found.add(key)
    return found


def _compare_overwritten(
    entry: dict[str, Any], worktree: str | None, kept: Container[str]
) -> InputChange | None:
    """Compare an input that the run itself wrote over after it had read it.

    What the working tree has of it is the result of the run, and is not given to the rerun.
    """
    path = entry["path"]
    if entry.get("in") == "repository":
        if worktree is not None and os.path.lexists(os.path.join(worktree, path)):
            return _compare(entry, os.path.join(worktree, path))
        if path in kept:
            return None
        return InputChange(path, MISSING, "the recorded run wrote over it after it had read it")
    return InputChange(path, CHANGED, "the recorded run wrote over it after it had read it")


def _is_inside(path: str) -> bool:
    first = os.path.normpath(path).split(os.sep)[0]
    return not os.path.isabs(path) and first not in (os.pardir, os.curdir, ".git", "")


def _make_folder(worktree: str, path: str) -> None:
    if path and _is_inside(os.path.normpath(path)):
        # A committed link on the way may lead to a folder that is not there yet.
        folder = os.path.realpath(os.path.join(worktree, path))
        if below(folder, worktree) is not None:
            with contextlib.suppress(OSError):
                os.makedirs(folder, exist_ok=True)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _is_as_old(path: str, modified: object) -> bool:
    try:
        return clock.local_time(os.stat(path).st_mtime) == modified
    except OSError:
        return False


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns
