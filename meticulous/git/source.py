"""What a repository of the user gives to a private worktree: objects, refs and settings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from meticulous.git.changes import is_there
from meticulous.git.command import Question, ask
from meticulous.git.remote import default_remote, without_credentials

# What decides how files look once they are written.
_TREE = (
    *("core.autocrlf", "core.eol", "core.symlinks", "core.filemode", "core.ignorecase"),
    *("core.precomposeunicode", "core.longpaths", "core.attributesfile", "core.bigfilethreshold"),
)
_TREE_SECTIONS = ("filter.", "lfs.")

_FETCHING = ("core.sshcommand", "core.gitproxy", "ssh.variant")
_FETCHING_SECTIONS = ("http.", "https.", "credential.", "url.", "protocol.", "remote.")

_KEPT_EXTENSIONS = ("extensions.partialclone",)


@dataclass(frozen=True, slots=True)
class Source:
    """A repository that is only read.

    Attributes:
        directory: A folder in it, in which git can be asked.
        root: The root of its working tree; None for a bare repository.
        common: Its git directory, the one that all its worktrees share.
        objects: The folder of its objects.
        alternates: Further folders of objects, which the user's environment adds.
        remote: The URL of its default remote, without credentials.
        urls: The URLs of all its remotes by name, as they are, credentials included.
        tree_settings: Settings of its own that decide how files are written.
        settings: Settings of its own that decide how git fetches; may hold secrets.
        promisors: The settings of the remotes that a partial clone fetches objects from.
        extensions: Extensions of the repository format that a reader must know of.
    """

    directory: str
    root: str | None
    common: str
    objects: str
    alternates: tuple[str, ...]
    remote: str | None
    urls: dict[str, str]
    tree_settings: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    promisors: tuple[tuple[str, str], ...]
    extensions: tuple[tuple[str, str], ...]

    def references(self) -> bytes:
        """Return its branches, tags and remote branches in the form of a packed-refs file.

        A program may look at them, as `git describe` does.
        """
        form = "--format=%(objectname) %(refname)"
        kinds = ("refs/heads", "refs/tags", "refs/remotes", "refs/replace")
        return ask(self.directory, "for-each-ref", form, *kinds)

    def read(self, name: str) -> bytes | None:
        """Return a file of the git directory, None where there is none."""
        try:
            with open(os.path.join(self.common, name), "rb") as file:
                return file.read()
        except OSError:
            return None


def find_source(directory: str) -> Source:
    """Return what the repository that holds a folder, or is it, has to give.

    Raises:
        NoRepositoryError: The folder lies in none.
        UnsafeRepositoryError: It belongs to somebody else, and git does not trust it.
        GitError: Git failed otherwise.
    """
    # Each answer is one line, but for paths with line ends, which are asked for one by one.
    common = _path(directory, "rev-parse", "--git-common-dir")
    is_bare = ask(directory, "rev-parse", "--is-inside-work-tree").strip() != b"true"
    root = None if is_bare else _path(directory, "rev-parse", "--show-toplevel")
    config = _settings(directory)
    values: dict[str, list[str]] = {}
    for key, value in config:
        values.setdefault(key, []).append(value)
    promising = [
        key.removesuffix(".promisor")
        for key, value in config
        if key.startswith("remote.") and key.endswith(".promisor") and value != "false"
    ]
    return Source(
        directory=directory,
        root=root,
        common=common,
        objects=_path(directory, "rev-parse", "--git-path", "objects"),
        alternates=_alternates(),
        remote=default_remote(values, None),
        urls={
            key.removeprefix("remote.").removesuffix(".url"): value
            for key, value in config
            if key.startswith("remote.") and key.endswith(".url") and value
        },
        tree_settings=_chosen(config, _TREE, _TREE_SECTIONS),
        settings=_chosen(config, _FETCHING, _FETCHING_SECTIONS),
        promisors=tuple(
            (key, value) for key, value in config if key.rpartition(".")[0] in promising
        ),
        extensions=_chosen(config, _KEPT_EXTENSIONS, ()),
    )


def find_holder_of(commit: str, directories: Sequence[str]) -> tuple[Source | None, list[Source]]:
    """Return the first repository of those around the folders that holds a commit, and all of them.

    Raises:
        GitError: A repository cannot be asked, for instance since somebody else owns it.
    """
    from meticulous.errors import NoRepositoryError

    found: dict[str, Source] = {}
    for directory in directories:
        if not os.path.isdir(directory):
            continue
        try:
            source = find_source(directory)
        except NoRepositoryError:
            continue
        if source.common in found:
            continue
        found[source.common] = source
        if is_there(source.directory, commit):
            return source, list(found.values())
    return None, list(found.values())


def is_kept(source: Source, commit: str) -> bool:
    """Say whether a ref of the repository keeps the commit from being collected as garbage."""
    words = ("for-each-ref", "--count=1", "--format=x", "--contains", commit)
    with Question(source.directory, *words) as question:
        answer = question.answer()
    return answer.code != 0 or bool(answer.output.strip())


def same_place(url: str, other: str | None) -> bool:
    """Say whether two URLs, of which either may have credentials, name the same place."""
    return other is not None and without_credentials(url) == without_credentials(other)


def _alternates() -> tuple[str, ...]:
    # Git is asked without this variable, since it leads elsewhere; its objects may still be needed.
    places = os.environ.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", "").split(os.pathsep)
    return tuple(os.path.abspath(place) for place in places if place and os.path.isdir(place))


def _settings(directory: str) -> list[tuple[str, str]]:
    """Return the repository's own settings, keys in lower case but for the part in the middle."""
    answer = ask(directory, "config", "--local", "--includes", "--list", "-z")
    settings = []
    for field in answer.split(b"\0"):
        key, separator, value = field.partition(b"\n")
        if key:
            # A key without a value means true.
            settings.append((os.fsdecode(key), os.fsdecode(value) if separator else "true"))
    return settings


def _chosen(
    settings: Sequence[tuple[str, str]], names: tuple[str, ...], sections: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    return tuple(
        (key, value) for key, value in settings if key in names or key.startswith(sections)
    )


def _path(directory: str, *words: str) -> str:
    answer = ask(directory, *words)
    return os.path.realpath(os.path.join(directory, os.fsdecode(answer.removesuffix(b"\n"))))
