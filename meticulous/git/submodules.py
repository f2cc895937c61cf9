"""Finds the submodules of a commit, and where their own commits can be had."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from meticulous.errors import MeticulousError
from meticulous.git.command import Question, ask
from meticulous.git.fetching import Remote
from meticulous.git.source import Source, find_source


@dataclass(frozen=True, slots=True)
class Submodule:
    """A repository inside another.

    Attributes:
        path: Where it lies, relative to the root of the outer one.
        commit: The commit that the outer one recorded.
        source: The user's own copy of it; None where there is none.
        remotes: Where it can be fetched from.
    """

    path: str
    commit: str
    source: Source | None
    remotes: tuple[Remote, ...]


def find_submodules(
    root: str, commit: str, outer: Source | None, base: str | None
) -> Iterator[Submodule]:
    """Yield the submodules of a commit.

    Args:
        root: A working tree that holds the commit.
        commit: The commit.
        outer: The user's repository, which may have the submodules' own.
        base: The URL of the outer repository, from which relative ones start.

    Raises:
        GitError: Git failed.
    """
    pointers = _pointers(root)
    if not pointers:
        return
    names = _names(root, commit)
    for path, inner_commit in pointers.items():
        name, url = names.get(path, (path, None))
        source = _find_own(outer, name, path)
        remotes = []
        if source is not None:
            remotes = [Remote(url_of, source.settings) for url_of in source.urls.values()]
        if url is not None:
            full = _resolved(url, base)
            if full is not None and full not in [remote.url for remote in remotes]:
                remotes.append(Remote(full, outer.settings if outer else ()))
        yield Submodule(path, inner_commit, source, tuple(remotes))


def _pointers(root: str) -> dict[str, str]:
    """Return the commits of the submodules in the index, by path."""
    found = {}
    for entry in ask(root, "ls-files", "--stage", "-z").split(b"\0"):
        if entry.startswith(b"160000 "):
            facts, _, path = entry.partition(b"\t")
            found[os.fsdecode(path)] = facts.split(b" ")[1].decode("ascii")
    return found


def _names(root: str, commit: str) -> dict[str, tuple[str, str | None]]:
    """Return the name and URL of the submodules by path, as .gitmodules has them."""
    words = ("config", "-z", "--blob", f"{commit}:.gitmodules", "--get-regexp", r"^submodule\.")
    with Question(root, *words) as question:
        answer = question.answer()
    if answer.code != 0:  # without the file, these are repositories that were added as they are
        return {}
    facts: dict[str, dict[str, str]] = {}
    for field in answer.output.split(b"\0"):
        key, _, value = os.fsdecode(field).partition("\n")
        name, _, fact = key.removeprefix("submodule.").rpartition(".")
        facts.setdefault(name, {})[fact] = value
    return {
        known["path"]: (name, known.get("url")) for name, known in facts.items() if "path" in known
    }


def _find_own(outer: Source | None, name: str, path: str) -> Source | None:
    """Return the user's own repository of a submodule, wherever git has put it."""
    if outer is None or ".." in name.split("/"):
        return None
    places = [os.path.join(outer.common, "modules", name)]
    if outer.root is not None:
        places.insert(0, os.path.join(outer.root, path))
    for place in places:
        if not os.path.isdir(place):
            continue
        try:
            source = find_source(place)
        except MeticulousError:
            continue
        if source.common != outer.common:
            return source
    return None


def _resolved(url: str, base: str | None) -> str | None:
    """Return the URL of a submodule, which may be relative to that of the outer repository."""
    if not url.startswith(("./", "../")):
        return url
    if base is None:
        return None
    head, separator, tail = base.partition("://")
    if separator:
        host, slash, path = tail.partition("/")
        return f"{head}://{host}{slash}{posixpath.normpath(posixpath.join(path, url))}"
    before, colon, path = base.rpartition(":")
    return f"{before}{colon}{posixpath.normpath(posixpath.join(path, url))}"
