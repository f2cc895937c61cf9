"""Arranges a private worktree for a run: present files instead of recorded ones, and paths."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence

_LARGEST_TEXT = 4 << 20
"""Files above this hold no program that names a path."""

_COPIED_BYTES = 100 << 20
"""What is larger is linked."""


def lay_over(worktree: str, files: Mapping[str, str]) -> None:
    """Put files into the worktree, in the place of those that are there.

    Args:
        worktree: Its root.
        files: Where each comes from, by its path in the worktree. One that is not there is removed.
    """
    for path, source in files.items():
        target = os.path.join(worktree, path)
        if os.path.isdir(target) and not os.path.islink(target):
            continue  # a submodule
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.remove(target)
        if not os.path.lexists(source) or (os.path.isdir(source) and not os.path.islink(source)):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.islink(source) and os.path.getsize(source) > _COPIED_BYTES:
            os.symlink(os.path.realpath(source), target)
        else:
            shutil.copy2(source, target, follow_symlinks=False)


def redirect_paths(worktree: str, roots: Sequence[str]) -> None:
    """Have the files of the worktree name it where they name another folder.

    Args:
        worktree: Its root.
        roots: How that folder is named.
    """
    # The longest first: one may be the beginning of another.
    names = sorted((os.fsencode(root) for root in roots), key=len, reverse=True)
    pattern = re.compile(b"(?:" + b"|".join(map(re.escape, names)) + rb")(?![\w.-])")
    replacement = os.fsencode(worktree)
    for path in _texts(worktree):
        with open(path, "rb") as file:
            content = file.read()
        changed = pattern.sub(lambda _: replacement, content)
        if changed != content:
            with open(path, "wb") as file:
                file.write(changed)


def spelled(roots: Iterable[str]) -> list[str]:
    """Return the ways in which a program may name the folders: also from the home directory."""
    home = os.path.expanduser("~").rstrip(os.sep) + os.sep
    found = []
    for root in roots:
        found.append(root)
        if root.startswith(home):
            rest = root.removeprefix(home)
            found += [f"~/{rest}", f"$HOME/{rest}", f"${{HOME}}/{rest}"]
    return list(dict.fromkeys(found))


def _texts(worktree: str) -> Iterable[str]:
    for folder, folders, names in os.walk(worktree):
        # A submodule is a repository of its own.
        folders[:] = [
            one for one in folders if one != ".git" and not os.path.lexists(f"{folder}/{one}/.git")
        ]
        for name in names:
            path = os.path.join(folder, name)
            is_file = os.path.isfile(path) and not os.path.islink(path)
            if is_file and os.path.getsize(path) <= _LARGEST_TEXT:
                yield path
