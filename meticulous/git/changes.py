"""Tells in which files two commits differ, and what stands in the files of a commit."""

from __future__ import annotations

import os

from meticulous.errors import CommitNotFoundError, NoRepositoryError
from meticulous.git.command import ask, environment_without_fetching
from meticulous.git.worktree import find_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# No program of the user's configuration takes part; names are not quoted; a file that was moved
# is one change.
_PLAIN = ("-c", "core.quotePath=false")
_DIFF = ("diff-tree", "-r", "-M", "--no-ext-diff", "--no-textconv", "--no-color")


class ChangedFile:
    """A file in which two commits differ.

    Attributes:
        path: Relative to the root, with slashes; of a moved file the new path.
        before: The path in the first commit; None when the file is not there.
        is_gone: Whether the second commit no longer has it.
        added: Lines that came; None for a binary file.
        removed: Lines that went; None for a binary file.
    """

    __slots__ = ("added", "before", "is_gone", "path", "removed")

    def __init__(
        self,
        path: str,
        before: str | None,
        is_gone: bool,
        added: int | None,
        removed: int | None,
    ) -> None:
        self.path = path
        self.before = before
        self.is_gone = is_gone
        self.added = added
        self.removed = removed

    def __repr__(self) -> str:
        return f"ChangedFile({self.path!r}, {self.change!r})"

    @property
    def change(self) -> str:
        """What happened to it, in a few words, such as "+3 -1" or "new, binary"."""
        words = []
        if self.before is None:
            words.append("new")
        elif self.is_gone:
            words.append("deleted")
        elif self.before != self.path:
            words.append(f"was {self.before}")
        if self.added is None or self.removed is None:
            words.append("binary")
        elif self.added or self.removed or not words:
            words.append(f"+{self.added} -{self.removed}")
        return ", ".join(words)


def find_holder(directories: Iterable[str], commits: Iterable[str]) -> str:
    """Return the root of the first repository that holds all of the commits.

    Args:
        directories: Folders in, or below, repositories, the most likely first.
        commits: Full names of commits.

    Raises:
        NoRepositoryError: None of the folders lies in a repository.
        CommitNotFoundError: No repository holds all commits.
        GitError: Git failed otherwise.
    """
    wanted = sorted(set(commits))
    tried: dict[str, list[str]] = {}
    for directory in directories:
        root = find_root(directory) if os.path.isdir(directory) else None
        if root is None or root in tried:
            continue
        tried[root] = missing = _missing(root, wanted)
        if not missing:
            return root
    if not tried:
        raise NoRepositoryError(
            "There is no git repository here or where the experiments lie, so the code of their "
            "commits is not at hand. Name a clone of the repository with --repository."
        )
    root, missing = min(tried.items(), key=lambda item: len(item[1]))
    names = " and ".join(name[:10] for name in missing)
    what = f"The commit {names} is" if len(missing) == 1 else f"The commits {names} are"
    raise CommitNotFoundError(
        f"{what} not in the repository {root} (any more). Fetch what is missing, restore the "
        "branch or snapshot it was on, or name a clone that has it with --repository."
    )


def changed_files(root: str, before: str, after: str) -> list[ChangedFile]:
    """Return the files in which two commits (or snapshots) of a repository differ, by path.

    Raises:
        GitError: Git failed, for instance because a commit does not exist.
    """
    output = ask(root, *_PLAIN, *_DIFF, "-z", "--raw", "--numstat", before, after)
    fields = iter(output.split(b"\0"))
    states: dict[str, tuple[str | None, bool]] = {}
    files = []
    for entry in fields:
        if entry.startswith(b":"):
            letter = entry.rsplit(b" ", 1)[-1][:1]
            path = os.fsdecode(next(fields))
            before_path: str | None = path if letter != b"A" else None
            if letter in b"RC":
                path = os.fsdecode(next(fields))
            states[path] = before_path, letter == b"D"
        elif entry:
            added, removed, name = entry.split(b"\t", 2)
            if not name:  # a moved file: its two names follow
                next(fields)
                name = next(fields)
            path = os.fsdecode(name)
            earlier, is_gone = states.get(path, (path, False))
            files.append(ChangedFile(path, earlier, is_gone, _count(added), _count(removed)))
    return sorted(files, key=lambda file: file.path)


def patch(root: str, before: str, after: str, paths: Iterable[str] = ()) -> bytes:
    """Return what differs between two commits as a patch.

    Args:
        root: The root of the working tree.
        before: The first commit.
        after: The second.
        paths: Only these files; all by default.

    Raises:
        GitError: Git failed, for instance because a commit does not exist.
    """
    words = ("--literal-pathspecs", *_PLAIN, *_DIFF, "-p", before, after, "--", *paths)
    return ask(root, *words)


def list_files(root: str, commit: str) -> dict[str, str]:
    """Return the files of a commit: the object of each, by path; submodules are left out.

    Raises:
        GitError: Git failed, for instance because the commit does not exist.
    """
    found = {}
    for entry in ask(root, "ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
        facts, tab, name = entry.partition(b"\t")
        if tab and facts.split(b" ")[1] == b"blob":
            found[os.fsdecode(name)] = facts.split(b" ")[2].decode("ascii")
    return found


def read_objects(root: str, objects: Iterable[str]) -> dict[str, bytes]:
    """Return the contents of blobs; those that are not there (a partial clone) are left out.

    Raises:
        GitError: Git failed.
    """
    wanted = list(dict.fromkeys(objects))
    if not wanted:
        return {}
    output = ask(root, "cat-file", "--batch", feed="".join(f"{n}\n" for n in wanted).encode())
    found, position = {}, 0
    for name in wanted:
        header, _, _ = output[position : position + 200].partition(b"\n")
        position += len(header) + 1
        words = header.split(b" ")
        if len(words) == 3 and words[1] == b"blob":
            size = int(words[2])
            found[name] = output[position : position + size]
            position += size + 1
    return found


def is_there(directory: str, commit: str) -> bool:
    """Say whether a repository holds a commit, without fetching it from anywhere.

    Raises:
        GitError: Git failed.
    """
    return not _missing(directory, [commit])


def _missing(root: str, commits: list[str]) -> list[str]:
    # Any other name would be a revision that means something else tomorrow, or an option.
    named = [name for name in commits if name and not name.strip("0123456789abcdef")]
    feed = "".join(f"{name}^{{commit}}\n" for name in named).encode()
    if not named:
        return commits
    environment = environment_without_fetching()
    lines = ask(root, "cat-file", "--batch-check", feed=feed, environment=environment).splitlines()
    there = {
        n for n, line in zip(named, lines, strict=False) if line.split(b" ")[1:2] == [b"commit"]
    }
    return [name for name in commits if name not in there]


def _count(text: bytes) -> int | None:
    return int(text) if text.isdigit() else None
