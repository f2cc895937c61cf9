"""Git LFS in a private worktree: used where it is installed, named where it is missing."""

from __future__ import annotations

import os
import shutil

from meticulous.git.command import ask

_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_NAMED = 5


def is_installed() -> bool:
    """Say whether Git LFS is installed."""
    return shutil.which("git-lfs") is not None


def settings() -> list[tuple[str, str]]:
    """Return the settings with which git fills in large files, or leaves their pointers alone.

    The store of the user's repository is found through the objects that are shared with it.
    """
    if is_installed():
        return [
            ("filter.lfs.clean", "git-lfs clean -- %f"),
            ("filter.lfs.smudge", "git-lfs smudge -- %f"),
            ("filter.lfs.process", "git-lfs filter-process"),
            ("filter.lfs.required", "true"),
        ]
    # The user's configuration may demand a program that is no longer there.
    return [
        ("filter.lfs.clean", ""),
        ("filter.lfs.smudge", ""),
        ("filter.lfs.process", ""),
        ("filter.lfs.required", "false"),
    ]


def remarks(root: str) -> list[str]:
    """Name the files of a working tree that are only pointers to large files.

    Raises:
        GitError: Git failed.
    """
    pointers = [path for path in _large_files(root) if _is_pointer(os.path.join(root, path))]
    if not pointers:
        return []
    named = ", ".join(pointers[:_NAMED])
    more = f" and {len(pointers) - _NAMED} more" if len(pointers) > _NAMED else ""
    why = (
        "their contents are neither here nor can they be fetched"
        if is_installed()
        else "git-lfs is not installed"
    )
    return [f"Only pointers instead of the contents of large files ({why}): {named}{more}."]


def _large_files(root: str) -> list[str]:
    output = ask(root, "ls-files", "-z", "--", ":(top,attr:filter=lfs)")
    return [os.fsdecode(path) for path in output.split(b"\0") if path]


def _is_pointer(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(_POINTER)) == _POINTER
    except OSError:
        return False
