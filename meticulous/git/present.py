"""What stands in a working tree now, against a commit: changed files, and texts in its files."""

from __future__ import annotations

import os
import re

from meticulous.git.command import Question, ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN = ("-c", "core.quotePath=false", "-c", "core.fsmonitor=false")
_DIFF = ("diff", "--name-only", "--no-renames", "--no-ext-diff", "--ignore-submodules=all", "-z")
_IDENTITY = ("-c", "user.name=meticulous", "-c", "user.email=meticulous@localhost")
_PLACE = re.compile(rb"[^:]+:([^\0]+)\0(\d+)[:\0]")


def changed_since(root: str, commit: str) -> list[str]:
    """Return the files in which the working tree differs from a commit, relative to the root.

    Files that git neither tracks nor ignores are among them.

    Raises:
        GitError: Git failed, for instance because the commit does not exist.
    """
    changed = ask(root, *_PLAIN, *_DIFF, commit, "--")
    untracked = ask(root, *_PLAIN, "ls-files", "--others", "--exclude-standard", "-z")
    names = {os.fsdecode(name) for name in (changed + untracked).split(b"\0") if name}
    return sorted(names)


def places_of(directory: str, commit: str, texts: Sequence[str]) -> list[str]:
    """Return where in the files of a commit one of the texts stands, as "path:line".

    Raises:
        GitError: Git failed, for instance because the commit does not exist.
    """
    words = [word for text in texts for word in ("-e", text)]
    command = (
        "grep",
        "-n",
        "-I",
        "-F",
        "-z",
        "--full-name",
        "--no-color",
        *words,
        commit,
        "--",
        ":(top)",
    )
    with Question(directory, *_PLAIN, *command) as question:
        output = question.output(1)  # 1: not found
    found = (_PLACE.match(line) for line in output.split(b"\n"))
    return [f"{os.fsdecode(place[1])}:{int(place[2])}" for place in found if place]


def commit_all(root: str) -> None:
    """Commit whatever stands in a private working tree, so that it is no longer changed.

    Nothing is written where the private repository looks up its objects, not even the time at
    which an object was wanted last.

    Raises:
        GitError: Git failed.
        OSError: The repository cannot be written.
    """
    borrowed = os.path.join(root, ".git", "objects", "info", "alternates")
    aside = f"{borrowed}.aside"
    is_borrowing = os.path.exists(borrowed)
    if is_borrowing:
        os.rename(borrowed, aside)
    try:
        ask(root, *_PLAIN, "add", "--all", "--force", "--", ".")
        tree = ask(root, "write-tree", "--missing-ok").decode().strip()
    finally:
        if is_borrowing:
            os.rename(aside, borrowed)
    before, there = ask(root, "rev-parse", "HEAD", "HEAD^{tree}").decode().split()
    if tree != there:
        words = ("commit-tree", tree, "-p", before, "-m", "a trial")
        commit = ask(root, *_IDENTITY, *words).decode().strip()
        ask(root, "update-ref", "--no-deref", "HEAD", commit)
