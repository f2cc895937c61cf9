"""The repository with the code of recorded experiments, and what it knows of their commits."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from meticulous.errors import MeticulousError, NoRepositoryError
from meticulous.folder.hashing import sha256_of_bytes
from meticulous.git.changes import list_files, read_objects
from meticulous.git.reachability import (
    Presence,
    find_remote,
    look_up,
    missing_objects,
    remote_branches,
)
from meticulous.git.worktree import find_root
from meticulous.reader.record import Record

_SHORT = re.compile(r"(?:[^/:@\s]+@)?([^/:@\s]+):(?!//)(.+)")
_ADDRESS = re.compile(r"(?:https?|ssh|git)://(?:[^/@]+@)?([^/:]+)(?::\d+)?/(.+)")


@dataclass(frozen=True, slots=True)
class CodeHolder:
    """A repository, asked once about the code of many records.

    Attributes:
        root: The root of its working tree; None where there is no repository.
        remote: The name of its default remote and the URL without credentials, or None.
        why_unknown: Why nothing is known, where nothing is; "" otherwise.
        presences: What it knows of each commit that was asked for.
    """

    root: str | None
    remote: tuple[str, str] | None = None
    why_unknown: str = ""
    presences: dict[str, Presence] = field(default_factory=dict)
    _known: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def git(self) -> str:
        """How a person calls git on it from the working directory."""
        try:
            here = find_root(os.path.realpath(os.curdir))
        except OSError:
            here = None
        return "git" if here == self.root else f"git -C {shlex.quote(str(self.root))}"

    def missing_objects(self, commit: str) -> list[str]:
        """Return what of a commit cannot be read; see `reachability.missing_objects`."""
        found: list[str] = self._once("missing", missing_objects, commit)
        return found

    def remote_branches(self, commit: str) -> list[str]:
        """Return some branches of remotes that hold a commit."""
        found: list[str] = self._once("branches", remote_branches, commit)
        return found

    def files(self, commit: str) -> dict[str, str]:
        """Return the files of a commit: the object of each, by path."""
        found: dict[str, str] = self._once("files", list_files, commit)
        return found

    def digests(self, objects: Sequence[str]) -> dict[str, str]:
        """Return the sha256 of the contents of blobs; those that are not there are left out."""
        wanted = [name for name in objects if ("digest", name) not in self._known]
        for name, data in read_objects(str(self.root), wanted).items():
            self._known["digest", name] = sha256_of_bytes(data)
        known = {name: self._known.get(("digest", name)) for name in objects}
        return {name: digest for name, digest in known.items() if digest is not None}

    def _once(self, what: str, ask: Callable[[str, str], Any], commit: str) -> Any:
        # Many experiments ran the same commit.
        key = (what, commit)
        if key not in self._known:
            self._known[key] = ask(str(self.root), commit)
        return self._known[key]

    def presence(self, commit: str | None) -> Presence | None:
        """Return what is known of a commit; None when nothing is."""
        return None if commit is None else self.presences.get(commit)


def code_of(record: Record) -> str | None:
    """Return the commit with the code that ran: the snapshot where one was taken, else HEAD."""
    for key in ("git-snapshot", "githead-sha"):
        name = record.metadata.get(key)
        if isinstance(name, str) and name:
            return name
    return None


def command_of(record: Record) -> list[str]:
    """Return the command line as the system saw it, else as the program did; [] when unknown."""
    for key in ("original-command", "command"):
        words = record.metadata.get(key)
        if isinstance(words, list) and words:
            return [str(word) for word in words]
    return []


def is_snapshot(record: Record) -> bool:
    """Say whether the code that ran was uncommitted, and kept as a snapshot."""
    name = record.metadata.get("git-snapshot")
    return isinstance(name, str) and bool(name)


def web_address(remote: str) -> str | None:
    """Return where a person finds a remote repository in the web; None for a folder."""
    found = _ADDRESS.fullmatch(remote) or _SHORT.fullmatch(remote)
    if found is None or remote.startswith("file:"):
        return None
    path = found[2].partition("?")[0].partition("#")[0].strip("/").removesuffix(".git")
    return f"https://{found[1]}/{quote(path, safe='/~')}"


def find_repository(place: str, repository: str | None, near: Sequence[str] = ()) -> str | None:
    """Return the root of the repository that is meant.

    Args:
        place: Where the experiments lie.
        repository: The folder that the user named, or None.
        near: Further folders that may lie in it, such as the working directory.

    Raises:
        NoRepositoryError: A folder was named, and lies in no repository.
    """
    if repository is not None:
        root = find_root(os.path.realpath(repository)) if os.path.isdir(repository) else None
        if root is None:
            raise NoRepositoryError(
                f"{repository} does not lie in a git repository. Name a clone of the repository "
                "whose code the experiments ran."
            )
        return root
    for folder in (place, *near):
        if os.path.isdir(folder) and (root := find_root(os.path.realpath(folder))) is not None:
            return root
    return None


def ask_repositories(
    records: Iterable[Record], repository: str | None, near: Sequence[str] = ()
) -> dict[str, CodeHolder]:
    """Ask about the code of all records, each repository once; nothing is fetched.

    Args:
        records: The experiments; they may lie in several directories.
        repository: The folder that the user named, or None.
        near: Further folders that may lie in the repository.

    Returns:
        The repositories by the directory in which experiments lie. Where git cannot be asked, what
        it holds is unknown, with the reason.

    Raises:
        NoRepositoryError: A folder was named, and lies in no repository.
    """
    places: dict[str, list[Record]] = {}
    for record in records:
        places.setdefault(str(record.directory.parent), []).append(record)
    roots = {place: find_repository(place, repository, near) for place in places}
    holders = {
        root: _ask(
            root,
            [each for place, found in places.items() if roots[place] == root for each in found],
        )
        for root in set(roots.values())
    }
    return {place: holders[root] for place, root in roots.items()}


def _ask(root: str | None, records: Iterable[Record]) -> CodeHolder:
    if root is None:
        why = "there is no git repository here or where the experiments lie"
        return CodeHolder(None, why_unknown=why)
    commits = {name for record in records if (name := code_of(record)) is not None}
    try:
        return CodeHolder(root, find_remote(root), "", look_up(root, commits))
    except MeticulousError as error:
        reason = str(error).partition("\n")[0].strip()
        return CodeHolder(root, None, f"git cannot be asked: {reason}")
