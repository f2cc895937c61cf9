"""Bring a comparison together with the repository that holds the code of both experiments."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meticulous.errors import GitNotInstalledError, MeticulousError
from meticulous.git import changes
from meticulous.reader.comparing.comparison import (
    FILES_UNKNOWN,
    SECTIONS,
    Comparison,
    code_of,
    compare,
)
from meticulous.reader.comparing.imports import Reached, follow_imports
from meticulous.reader.record import Record
from meticulous.reader.table.flattening import flatten


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository in which two commits can be compared.

    Attributes:
        root: The root of its working tree.
        before: The commit, or snapshot, of the first experiment.
        after: That of the second.
    """

    root: str
    before: str
    after: str

    def patch(self) -> str:
        """Return what differs between the two as a patch."""
        return changes.patch(self.root, self.before, self.after).decode("utf-8", "backslashreplace")


def compare_with_code(
    a: Record,
    b: Record,
    repository: str | None = None,
    only: Collection[str] = SECTIONS,
    near: Sequence[str] = (),
) -> tuple[Comparison, Repository | None]:
    """Compare two experiments, the files of their commits included where a repository has them.

    Args:
        a: The first experiment.
        b: The second.
        repository: The repository to ask; by default the one the experiments lie in, or else those
            that `near` names, or the one of the working directory.
        only: The sections wanted.
        near: Further folders, the repositories of which may have the commits.

    Returns:
        The comparison, and the repository; None where there is none that holds both commits, which
        a remark in the comparison says.

    Raises:
        GitError: A repository was named, and cannot be asked.
    """
    shas = code_of(a), code_of(b)
    if "code" not in only or shas[0] is None or shas[1] is None or shas[0] == shas[1]:
        return compare(a, b, only=only), None
    try:
        places = [repository] if repository is not None else _places(a, b, near)
        root = changes.find_holder(map(os.path.realpath, places), (shas[0], shas[1]))
        files = changes.changed_files(root, shas[0], shas[1])
    except MeticulousError as error:
        if repository is not None:
            raise
        return compare(a, b, None, only, _why_unknown(error)), None
    changed = {file.path: file.change for file in files}
    return compare(a, b, changed, only), Repository(root, shas[0], shas[1])


def reached_code(a: Record, b: Record, repository: str | None) -> Reached | None:
    """Return what the programs of two experiments import, of either what can be found out.

    None where no repository has a commit of theirs, or the program is not Python.
    """
    found = [_reached(record, [repository] if repository else _places(a, b)) for record in (a, b)]
    known = [reached for reached in found if reached is not None]
    if not known:
        return None
    return Reached(
        frozenset().union(*(reached.files for reached in known)),
        frozenset().union(*(reached.modules for reached in known)),
    )


def _reached(record: Record, places: list[str]) -> Reached | None:
    commit = code_of(record)
    if commit is None:
        return None
    try:
        root = changes.find_holder(map(os.path.realpath, places), [commit])
        objects = changes.list_files(root, commit)

        def read(paths: Collection[str]) -> Mapping[str, bytes]:
            contents = changes.read_objects(root, (objects[path] for path in paths))
            return {path: contents[objects[path]] for path in paths if objects[path] in contents}

        folder = record.metadata.get("working-directory")
        reached = follow_imports(
            _words(record), folder if isinstance(folder, str) else "", objects, read
        )
    except MeticulousError:
        return None
    return reached if any(path.endswith(".py") for path in reached.files) else None


def _words(record: Record) -> Iterator[str]:
    for key in ("command", "original-command"):
        words: Any = record.metadata.get(key)
        if isinstance(words, list):
            yield from (word for word in words if isinstance(word, str))
    yield from (value for value in flatten(record.args).values() if isinstance(value, str))


def _places(a: Record, b: Record, near: Sequence[str] = ()) -> list[str]:
    places = [str(a.directory), str(b.directory), *near]
    with contextlib.suppress(FileNotFoundError):  # the working directory has been deleted
        places.append(os.getcwd())
    return places


def _why_unknown(error: MeticulousError) -> str:
    reason = " ".join(str(error).split())
    if isinstance(error, GitNotInstalledError):
        reason = "no git program can be started"
    return f"{FILES_UNKNOWN}: {reason}"
