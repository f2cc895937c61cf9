"""files.json: the inputs and outputs of a run, each with what identifies its content."""

from __future__ import annotations

import os

from meticulous.folder import clock, layout
from meticulous.folder.encoding import encode_line
from meticulous.folder.hashing import (
    BUDGET_SECONDS,
    Budget,
    FileChangedError,
    OverBudgetError,
    sha256_of,
)
from meticulous.folder.plain import plain
from meticulous.recorder.files.gathering import Output, RunFiles
from meticulous.recorder.files.journal import identity_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from meticulous.recorder.files.gathering import Input
    from meticulous.recorder.files.journal import Identity
    from meticulous.recorder.files.kept_digests import KeptDigests

EXPERIMENT, REPOSITORY, ELSEWHERE = "experiment", "repository", "elsewhere"
"""What a path in files.json is relative to; elsewhere it is absolute."""

WORTH_KEEPING = 4 << 20
"""Bytes that are to be hashed, from which on it is worth reading and keeping digests."""

CHANGED = "it was changed while the program ran"
GONE = "it was removed while the program ran"


class Digest:
    """The SHA-256 of a file, or why there is none."""

    __slots__ = ("reason", "sha256")

    def __init__(self, sha256: str | None, reason: str | None = None) -> None:
        self.sha256 = sha256
        self.reason = reason


class Place:
    """Names paths as files.json does.

    Args:
        directory: The experiment's folder.
        repository: The root of the working tree, a real path; None when unknown.
    """

    def __init__(self, directory: str, repository: str | None) -> None:
        self._folders = [(EXPERIMENT, directory), (EXPERIMENT, os.path.realpath(directory))]
        if repository:
            self._folders.append((REPOSITORY, repository))

    def name(self, path: str) -> tuple[str, str]:
        """Return what a path is relative to, and the rest of it."""
        for candidate in (path, None):
            if candidate is None:
                # A link on the way may lead into the repository; a link at the end keeps its name.
                above, name = os.path.split(path)
                candidate = os.path.join(os.path.realpath(above), name)
            for where, folder in self._folders:
                inside = folder.rstrip(os.sep) + os.sep
                if candidate.startswith(inside):
                    return where, candidate[len(inside) :]
        return ELSEWHERE, path

    def path(self, entry: Mapping[str, Any]) -> str | None:
        """Return the path of an entry of files.json; None where it has none."""
        name, where = entry.get("path"), entry.get("in")
        if not isinstance(name, str):
            return None
        folders = dict(reversed(self._folders))
        return os.path.join(folders[where], name) if where in folders else name


def list_files(
    files: RunFiles,
    place: Place,
    clean: Callable[[str], str],
    *,
    seconds: float = BUDGET_SECONDS,
    may_go_on: Callable[[], bool] = lambda: True,
    earlier: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the content of files.json.

    Args:
        files: What was gathered.
        place: Names their paths.
        clean: Removes secrets from a path.
        seconds: How long hashing may take, unless the user has given a budget.
        may_go_on: Asked now and then whether hashing may go on.
        earlier: The content of files.json of earlier attempts, which this run continues.
    """
    for entry in _entries(earlier, "outputs"):
        path = place.path(entry)
        if path is not None and os.path.isfile(path):
            files.outputs.setdefault(path, Output(str(entry.get("found"))))
    hashing = _Hashing(Budget.of_user(seconds, may_go_on=may_go_on))
    present: dict[str, os.stat_result] = {}
    for path in (*(known.path for known in files.inputs.values()), *files.outputs):
        try:
            present[path] = os.stat(path)
        except OSError:
            continue
    wanted = {*files.outputs}
    for known in files.inputs.values():
        if known.digest is None and _is_unchanged(known.identity, present.get(known.path)):
            wanted.add(known.path)
    digests = hashing.all({path: present[path] for path in wanted if path in present})
    inputs = [
        _input_entry(place.name(path), known, present.get(known.path), digests.get(known.path))
        for path, known in files.inputs.items()
    ]
    outputs = [
        _entry(place.name(path), identity_of(present[path]), digests[path], output.found)
        for path, output in files.outputs.items()
        if path in present
    ]
    known_inputs = {(entry["in"], entry["path"]) for entry in inputs}
    inputs += [
        entry
        for entry in _entries(earlier, "inputs")
        if (entry.get("in"), entry.get("path")) not in known_inputs
    ]
    return {
        "format": layout.FORMAT,
        "inputs": _sorted(inputs, clean),
        "outputs": _sorted(outputs, clean),
        "not-listed": files.unlisted,
        "not-listed-outputs": files.unlisted_outputs,
        "hashed-bytes": hashing.budget.spent,
        "budget-bytes": hashing.budget.size,
    }


def render(content: Mapping[str, Any]) -> bytes:
    """Return files.json: indented, and one line for each file."""
    parts = []
    for key, value in content.items():
        if isinstance(value, list):
            lines = [b"        " + encode_line(entry).rstrip(b"\n") for entry in value]
            text = b"[\n" + b",\n".join(lines) + b"\n    ]" if lines else b"[]"
        else:
            text = str(value).encode("ascii")
        parts.append(b'    "%b": %b' % (key.encode("ascii"), text))
    return b"{\n" + b",\n".join(parts) + b"\n}\n"


class _Hashing:
    """Hashes files within a budget, the smallest first, so that the most files get a digest."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget

    def all(self, files: Mapping[str, os.stat_result]) -> dict[str, Digest]:
        kept = None
        if sum(found.st_size for found in files.values()) >= WORTH_KEEPING:
            from meticulous.recorder.files.kept_digests import KeptDigests

            kept = KeptDigests()
        digests = {}
        for path, found in sorted(files.items(), key=lambda item: (item[1].st_size, item[0])):
            digests[path] = self._one(path, found, kept)
        if kept is not None:
            kept.save()
        return digests

    def _one(self, path: str, found: os.stat_result, kept: KeptDigests | None) -> Digest:
        sha256 = None if kept is None else kept.get(found)
        if sha256 is not None:
            return Digest(sha256)
        reason = self.budget.refusal(found.st_size)
        if reason is not None:
            return Digest(None, reason)
        try:
            sha256 = sha256_of(path, expected_size=found.st_size, may_go_on=self.budget.has_time)
            if identity_of(os.stat(path)) != identity_of(found):
                return Digest(None, "it was changed while it was hashed")
        except OverBudgetError:
            return Digest(None, self.budget.lateness)
        except FileChangedError:
            return Digest(None, "it was changed while it was hashed")
        except OSError as error:
            return Digest(None, f"it cannot be read: {error.strerror or error}")
        self.budget.spent += found.st_size
        if kept is not None:
            kept.keep(found, sha256)
        return Digest(sha256)


def _is_unchanged(identity: Identity | None, found: os.stat_result | None) -> bool:
    return found is not None and (identity is None or identity == identity_of(found))


def _input_entry(
    place: tuple[str, str], known: Input, found: os.stat_result | None, digest: Digest | None
) -> dict[str, Any]:
    """Return the entry of an input.

    Args:
        place: What `Place` calls it.
        known: The input.
        found: What is there now; None where nothing is.
        digest: The digest of that, where it was taken.
    """
    identity = known.identity or (None if found is None else identity_of(found))
    if known.digest is not None:
        digest = Digest(known.digest)
    elif digest is None or not _is_unchanged(known.identity, found):
        digest = Digest(None, GONE if found is None else CHANGED)
    return _entry(place, identity, digest, known.found)


def _entry(
    place: tuple[str, str], identity: Identity | None, digest: Digest, found: str
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "path": place[1],
        "in": place[0],
        "size": None if identity is None else identity[0],
        "modified": None if identity is None else clock.local_time(identity[1] / 1e9),
        "sha256": digest.sha256,
    }
    if digest.reason is not None:
        entry["unhashed"] = digest.reason
    entry["found"] = found
    return entry


def _sorted(entries: list[dict[str, Any]], clean: Callable[[str], str]) -> list[dict[str, Any]]:
    for entry in entries:
        entry["path"] = clean(plain(str(entry.get("path"))))
    return sorted(entries, key=lambda entry: (str(entry.get("in")), entry["path"]))


def _entries(content: Mapping[str, Any] | None, key: str) -> Iterable[dict[str, Any]]:
    entries = None if content is None else content.get(key)
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if isinstance(entry, dict)]
