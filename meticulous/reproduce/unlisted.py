"""Files that a rerun wrote into its worktree and that its record does not list.

Python tells of what it opens itself. What a shell, a compiled program or a library writes on its
own, as torch does with a checkpoint, shows only in the worktree, which holds nothing else that is
new.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from meticulous.reproduce.inputs import entries, read_files

Stamps = Mapping[str, tuple[int, int, int]]
"""Size, time of change and inode of files, by their path relative to the worktree."""

_BY_PRODUCTS = ("__pycache__", ".git", ".coverage", ".DS_Store")


def take_stamps(worktree: str) -> Stamps:
    """Return what tells whether a file of the worktree is still the same; no hidden folders."""
    return dict(_walk(worktree, ""))


def find_unlisted(worktree: str, before: Stamps, directory: str) -> list[str]:
    """Return which files of the worktree are new or changed, and not in the list of the run.

    Args:
        worktree: The root of the worktree.
        before: What it held before the run.
        directory: The folder of the experiment.
    """
    listed = {
        entry["path"]
        for entry in entries(read_files(directory), "outputs")
        if entry["in"] == "repository"
    }
    now = take_stamps(worktree)
    return sorted(
        path for path, stamp in now.items() if before.get(path) != stamp and path not in listed
    )


def _walk(folder: str, inner: str) -> Iterator[tuple[str, tuple[int, int, int]]]:
    try:
        found = list(os.scandir(folder))
    except OSError:
        return
    for entry in found:
        if entry.name in _BY_PRODUCTS or entry.is_symlink():
            continue
        # Hidden folders are those of caches and tools.
        if entry.name.startswith(".") and entry.is_dir():
            continue
        path = os.path.join(inner, entry.name)
        if entry.is_dir():
            yield from _walk(entry.path, path)
        elif entry.is_file() and not entry.name.endswith(".pyc"):
            status = entry.stat()
            yield path, (status.st_size, status.st_mtime_ns, status.st_ino)
