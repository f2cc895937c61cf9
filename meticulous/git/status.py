"""Reads the answer of `git status --porcelain=v2 --branch -z`."""

from __future__ import annotations

import os

from meticulous.errors import GitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

STATUS_WORDS = (
    "status",
    "--porcelain=v2",
    "--branch",
    "-z",
    # Counting the commits between two branches may walk the whole history.
    "--no-ahead-behind",
    # Whatever the configuration says: a submodule with other code than the commit has is dirty;
    # one that merely holds untracked files is not.
    "--ignore-submodules=untracked",
    "--find-renames",
)


class Entry:
    """One path that git has something to say about.

    Attributes:
        path: Relative to the root; ends in "/" for a whole untracked folder or repository.
        kind: "1" changed, "2" renamed or copied, "u" unmerged, "?" untracked.
        staged: How the index differs from the commit: one of ".MTADRC".
        unstaged: How the working tree differs from the index: one of ".MTADRC".
        submodule: "N..." for a file; else "S", then "C" (other commit), "M" (tracked changes
            inside) and "U" (untracked files inside), or "." in their places.
        modes: Octal file modes in the commit, in the index and on disk.
        origin: The former path of a renamed or copied one.
    """

    __slots__ = ("kind", "modes", "origin", "path", "staged", "submodule", "unstaged")

    def __init__(
        self,
        kind: str,
        path: str,
        change: str = "..",
        submodule: str = "N...",
        modes: tuple[str, ...] = ("", "", ""),
        origin: str | None = None,
    ) -> None:
        self.kind = kind
        self.path = path
        self.staged = change[0]
        self.unstaged = change[1]
        self.submodule = submodule
        self.modes = modes
        self.origin = origin

    def __repr__(self) -> str:
        return f"Entry({self.kind} {self.staged}{self.unstaged} {self.submodule} {self.path!r})"

    @property
    def is_dirty(self) -> bool:
        """Whether tracked files differ from the commit, here or inside this submodule."""
        if self.kind == "?":
            return False
        only_untracked_inside = self.submodule.startswith("S..") and self.unstaged == "M"
        return self.staged != "." or not only_untracked_inside

    @property
    def has_dirty_submodule(self) -> bool:
        """Whether this is a submodule whose tracked files differ from its own commit."""
        return self.submodule[0] == "S" and self.submodule[2] == "M"


class Status:
    """What `git status` said about a repository.

    Attributes:
        commit: The sha of HEAD; None when there is no commit yet.
        branch: The name of the branch; None when detached.
        entries: The paths, in git's order.
    """

    __slots__ = ("branch", "commit", "entries")

    def __init__(self, output: bytes) -> None:
        self.commit: str | None = None
        self.branch: str | None = None
        self.entries: list[Entry] = []
        fields = iter(output.split(b"\0"))
        for field in fields:
            if field.startswith(b"# branch.oid "):
                commit = field[13:].decode("ascii")
                self.commit = None if commit == "(initial)" else commit
            elif field.startswith(b"# branch.head "):
                branch = os.fsdecode(field[14:])
                self.branch = None if branch == "(detached)" else branch
            elif field and not field.startswith(b"#"):
                self.entries.append(_entry(field, fields))


def _entry(field: bytes, following: Iterator[bytes]) -> Entry:
    kind = chr(field[0])
    if kind == "?":
        return Entry(kind, os.fsdecode(field[2:]))
    fixed_fields = {"1": 8, "2": 9, "u": 10}.get(kind)
    if fixed_fields is None:
        raise GitError(
            f"This git answers `git status --porcelain=v2` in a way that is not understood: "
            f"{field!r}. Use git 2.17 or later, and report this if it is one."
        )
    words = field.split(b" ", fixed_fields)
    change, submodule, *modes = (word.decode("ascii") for word in words[1:6])
    origin = os.fsdecode(next(following)) if kind == "2" else None
    return Entry(kind, os.fsdecode(words[-1]), change, submodule, tuple(modes), origin)


def describe(entry: Entry) -> str:
    """Return the line for people about a dirty entry, such as "modified: train.py"."""
    path = readable(entry.path)
    if entry.kind == "u":
        return f"conflict: {path}"
    if entry.unstaged == "D":
        return f"deleted: {path}"
    if entry.unstaged == "T":
        return f"modified: {path} (became another type of file)"
    if entry.submodule[0] == "S":
        return f"submodule: {path} ({', '.join(_submodule_words(entry))})"
    if entry.unstaged == "A":
        return f"added: {path} (git add -N)"
    if entry.unstaged != ".":
        _, indexed, on_disk = entry.modes
        modes = f" (mode {indexed} -> {on_disk})" if indexed != on_disk else ""
        return f"modified: {path}{modes}"
    if entry.origin is not None:
        word = "renamed" if entry.staged == "R" else "copied"
        return f"staged: {readable(entry.origin)} -> {path} ({word})"
    word = {"A": " (new)", "D": " (deleted)"}.get(entry.staged, "")
    return f"staged: {path}{word}"


def _submodule_words(entry: Entry) -> list[str]:
    words = []
    if entry.staged != ".":
        words.append({"A": "new", "D": "removed"}.get(entry.staged, "staged"))
    if entry.submodule[1] == "C":
        words.append("new commits")
    if entry.submodule[2] == "M":
        words.append("modified content")
    return words


def readable(path: str) -> str:
    """Return the path for a line of text: quoted if it holds line ends or undecodable bytes."""
    return path if path.isprintable() else repr(path)
