"""Where experiments of xmen lie: whether a folder is one, and all of those below a folder."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from meticulous.reader.xmen.document import LARGEST
from meticulous.reader.xmen.sets import SET, Sets

PARAMS = "params.yml"

_LEVELS = 2
_LOOKED_AT = 1000
"""How deep, and at how many folders, is looked to see whether a folder is a place of xmen."""

_FIELDS = re.compile(
    rb"^(_(?:host|messages|meta|name|notes|purpose|root|status|timestamps|user|version))[ ]*:",
    re.MULTILINE,
)
_OLDEST = re.compile(rb"^(root|name|status|created|purpose|messages)[ ]*:", re.MULTILINE)
_LISTED = re.compile(rb"^(?:experiments|overides)[ ]*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """A place where an experiment is, or should be.

    Attributes:
        directory: The folder.
        name: Its path below the folder that was looked into.
        problem: Why there is nothing to read; "" where there is.
    """

    directory: str
    name: str
    problem: str = ""


def is_experiment(folder: str) -> bool:
    """Say whether a folder is an experiment of xmen, by what its params.yml begins lines with."""
    try:
        content = _content(os.path.join(folder, PARAMS))
    except PermissionError:
        return True  # to be shown as what cannot be read, rather than passed over
    if content is None:
        return False
    # Two fields are enough: xmen was sometimes killed in the middle of writing it.
    return len(set(_FIELDS.findall(content))) > 1 or len(set(_OLDEST.findall(content))) > 5


def is_root(folder: str) -> bool:
    """Say whether a folder holds sets or experiments of xmen, at most two levels below.

    Of a folder with very many others only some are looked at: it may be any folder at all.
    """
    if _is_set(folder):
        return True
    below = [folder]
    left = _LOOKED_AT
    for _ in range(_LEVELS):
        below = list(islice(_folders_in(below), left))
        left -= len(below)
        if any(is_experiment(path) or _is_set(path) for path in below):
            return True
    return False


def _folders_in(folders: list[str]) -> Iterator[str]:
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                found = [e.path for e in entries if not e.name.startswith(".") and _is_folder(e)]
        except OSError:
            continue
        yield from sorted(found)


def find_near(root: str, sets: Sets) -> Iterator[Found]:
    """Yield what `find_experiments` does; not from far below a folder that may be any at all.

    That is all below a set, and else what lies as deep as an experiment of a set that `is_root`
    would see.
    """
    return find_experiments(root, sets, None if _is_set(root) else _LEVELS + 1)


def find_experiments(root: str, sets: Sets, levels: int | None = None) -> Iterator[Found]:
    """Yield all experiments in a folder and below, in the order of their names.

    Experiments within experiments are not looked for, nor what lies behind links, unless the link
    itself stands for an experiment. Those that a set names and that are not there come last.

    Args:
        root: The folder; it may be an experiment itself.
        sets: Reads the sets.
        levels: How deep they may lie; None for any depth.
    """
    root = root.rstrip(os.sep) or os.sep
    if is_experiment(root):
        yield Found(root, os.path.basename(root))
        return
    failed: list[OSError] = []
    seen: set[str] = set()
    roots: list[str] = []
    for folder, folders, _ in os.walk(root, onerror=failed.append):
        if sets.at(folder) is not None:
            roots.append(folder)
        below = []
        depth = len(os.path.relpath(folder, root).split(os.sep)) if folder != root else 0
        for name in sorted(folders):
            path = os.path.join(folder, name)
            if name.startswith("."):
                continue
            if is_experiment(path):
                seen.add(path)
                yield Found(path, os.path.relpath(path, root))
            elif levels is None or depth + 1 < levels:
                below.append(name)
        folders[:] = below
    for error in failed:
        path = str(error.filename or root)
        yield Found(path, os.path.relpath(path, root), f"cannot be read: {error.strerror}")
    for place in roots:
        yield from _gone(place, root, sets, seen)


def _gone(place: str, root: str, sets: Sets, seen: set[str]) -> Iterator[Found]:
    found = sets.at(place)
    for name in found.overrides if found is not None else ():
        path = os.path.join(place, name)
        if path not in seen and not os.path.isdir(path):
            problem = f"{SET} of its set names it, and its folder is not there"
            yield Found(path, os.path.relpath(path, root), problem)
        elif path not in seen:
            yield Found(path, os.path.relpath(path, root), f"its folder holds no {PARAMS} of xmen")


def _is_set(folder: str) -> bool:
    content = None
    with contextlib.suppress(PermissionError):
        content = _content(os.path.join(folder, SET))
    return content is not None and bool(_LISTED.search(content))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _content(path: str) -> bytes | None:
    """Return what a file holds; None where there is no file.

    Raises:
        PermissionError: It may not be read.
    """
    try:
        # A named pipe in the place of a file must not make the reader wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except PermissionError:
        if os.path.lexists(path):
            raise
        return None
    except (OSError, ValueError):
        return None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with contextlib.suppress(OSError):
            return file.read(LARGEST)
    return None
