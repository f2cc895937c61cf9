"""Looks at a working tree's files to see what belongs to it, without starting git."""

from __future__ import annotations

import os
import sys

_SITES = ("/site-packages/", "/dist-packages/")


def find_root(directory: str) -> str | None:
    """Return the root of the working tree that `directory` (a real path) lies in.

    This is the nearest folder upwards with a `.git` that git would accept, or None. Git itself
    may still refuse it: somebody else's, on another file system, below a ceiling.
    """
    while not is_root(directory):
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent
    return directory


def is_root(directory: str) -> bool:
    """Tell whether a working tree begins in this folder.

    True for a `.git` folder that has what git looks for in one, and for a `.git` file (linked
    worktree, submodule, separate git directory), which git takes or fails on but never passes by.
    """
    marker = os.path.join(directory, ".git")
    if not os.path.isdir(marker):
        return os.path.isfile(marker)
    try:
        with open(os.path.join(marker, "HEAD"), "rb") as file:
            head = file.read(40).lower()
    except OSError:
        return False
    return (head.startswith(b"ref:") or not head.strip(b"0123456789abcdef")) and all(
        os.path.isdir(os.path.join(marker, name)) for name in ("objects", "refs")
    )


def git_directory(root: str) -> str:
    """Return the folder with HEAD and the index of the working tree at `root`.

    In a linked worktree or a submodule it lies elsewhere, and `.git` is a file that says where.
    """
    marker = os.path.join(root, ".git")
    try:
        with open(marker, "rb") as file:
            line = file.read()
    except OSError:  # a folder, then; one that cannot be read fails where it is used
        return marker
    return os.path.join(root, os.fsdecode(line.removeprefix(b"gitdir:").strip()))


def operation_in_progress(directory: str) -> str | None:
    """Return what git is in the middle of, told from the files in its git directory.

    One of "rebase", "am", "merge", "cherry-pick", "revert", "bisect", or None. A rebase may stop
    inside a merge or a cherry-pick, so it is looked for first.
    """
    try:
        names = set(os.listdir(directory))
    except OSError:
        return None
    if "rebase-merge" in names:
        return "rebase"
    if "rebase-apply" in names:
        applying = os.path.join(directory, "rebase-apply", "applying")
        return "am" if os.path.lexists(applying) else "rebase"
    for name, operation in (
        ("MERGE_HEAD", "merge"),
        ("CHERRY_PICK_HEAD", "cherry-pick"),
        ("REVERT_HEAD", "revert"),
    ):
        if name in names:
            return operation
    if "sequencer" in names:
        return _between_two_picks(directory)
    return "bisect" if "BISECT_LOG" in names else None


def _between_two_picks(directory: str) -> str:
    try:
        with open(os.path.join(directory, "sequencer", "todo"), "rb") as file:
            return "revert" if file.readline().startswith(b"revert") else "cherry-pick"
    except OSError:
        return "cherry-pick"


class Territory:
    """Which files belong to the working tree at `root`, and to which repository inside it.

    Files are addressed by their real path, except that a link into a `.git` folder is the file
    itself (git-annex keeps contents there). Answers about folders are remembered, so asking about
    thousands of loaded modules costs one look at each folder.

    Args:
        root: The root of a working tree, a real path.
    """

    __slots__ = ("_installed", "_places", "_prefix", "_real", "_repositories", "root")

    def __init__(self, root: str) -> None:
        self.root = root
        self._prefix = root if root.endswith(os.sep) else root + os.sep
        self._real: dict[str, str] = {}
        self._places: dict[str, str] = {}
        self._repositories: dict[str, str] = {root: root}
        self._installed = tuple(self._installed_places())

    def locate(self, path: str) -> str | None:
        """Return the path relative to the root of a file that is the user's own code.

        None for what lies outside, in `.git`, or is installed there: in the Python that is
        running, or in any site-packages folder. A file in a zip archive is the archive. The file
        need not exist.
        """
        if not path.startswith(os.sep) or "\0" in path:
            return None
        directory, _, file_name = path.rpartition(os.sep)
        place = self._places.get(directory)
        if place is None:
            real = self._real_directory(directory or os.sep)
            # A package's own folder is taken as a whole: looking at each of the thousand files
            # that a big library loads would take longer than git does.
            inside = f"{os.sep}{real}{os.sep}".replace(f"{os.sep}{self._prefix}", os.sep, 1)
            place = self._places[directory] = "" if _is_package(inside) else real
        return self._name(self._real_file(place, file_name)) if place else None

    def repository_of(self, name: str) -> str:
        """Return the root of the outermost repository inside this one that holds the file.

        Args:
            name: What `locate` returned.

        Returns:
            `self.root` where no other repository (submodule or not) lies in between.
        """
        return self._repository(os.path.dirname(os.path.join(self.root, name)))

    def _repository(self, directory: str) -> str:
        known = self._repositories.get(directory)
        if known is None:
            known = self._repository(os.path.dirname(directory))
            if known == self.root and is_root(directory):
                known = directory
            self._repositories[directory] = known
        return known

    def _name(self, real: str) -> str | None:
        if not real.startswith(self._prefix) or real.startswith(self._installed):
            return None
        name = real[len(self._prefix) :]
        inside = f"/{name}"
        for elsewhere in ("/.git/", *_SITES):
            if elsewhere in inside:
                return None
        return name

    def _real_file(self, directory: str, name: str) -> str:
        path = os.path.join(directory, name)
        if os.path.islink(path):
            target = os.path.realpath(path)
            return path if "/.git/" in target else target
        if path.startswith(self._prefix) and not os.path.lexists(path):
            return existing_file(directory) or path
        return path

    def _real_directory(self, directory: str) -> str:
        """Resolve links as `os.path.realpath` does, but look at each folder only once."""
        real = self._real.get(directory)
        if real is None:
            parent, name = os.path.split(directory)
            if parent == directory or name in ("", ".", ".."):
                real = os.path.realpath(directory)
            else:
                real = os.path.join(self._real_directory(parent), name)
                if os.path.islink(real):
                    real = os.path.realpath(real)
            self._real[directory] = real
        return real

    def _installed_places(self) -> list[str]:
        """List the folders under the root that hold the running Python and what it installed."""
        places = []
        for prefix in {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}:
            real = os.path.realpath(prefix)
            if real.startswith(self._prefix):
                places.append(real + os.sep)
            elif real == self.root:
                # `python -m venv .` in the root: the user's code lies beside the Python.
                library = f"python{sys.version_info[0]}.{sys.version_info[1]}"
                places += [
                    os.path.join(real, *parts, "")
                    for parts in (("bin",), ("lib", library), ("lib64", library))
                ]
        return places


def _is_package(directory: str) -> bool:
    """Tell whether this folder lies below (is not itself) one with installed distributions."""
    for site in _SITES:
        _, found, below = directory.partition(site)
        if found and below:
            return True
    return False


def existing_file(path: str) -> str | None:
    """Return the path, or its nearest parent that exists, if that is a file (a zip archive)."""
    while not os.path.lexists(path):
        parent = os.path.dirname(path)
        if parent == path:
            return None
        path = parent
    return path if os.path.isfile(path) else None
