"""Places whose files are there to be lost: the temporary folders, and the user's cache."""

from __future__ import annotations

import os
import tempfile

from meticulous.reproduce.paths import below

_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm", "/private/tmp", "/var/folders")  # noqa: S108


def is_temporary(path: str) -> bool:
    """Say whether an absolute path lies in a folder that any machine may empty."""
    return _lies_in(path, {*_TEMPORARY, tempfile.gettempdir()})


def is_cached(path: str) -> bool:
    """Say whether an absolute path lies in the cache directory of the user."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return _lies_in(path, {cache, os.path.realpath(cache)})


def may_be_written_over(path: str) -> bool:
    """Say whether nobody can mind that what lies at an absolute path is written over.

    Of the temporary folders this holds only of the one that programs are told to use now: where
    that is another one than /tmp, somebody may keep in /tmp what is theirs.
    """
    here = tempfile.gettempdir()
    return _lies_in(path, {here, os.path.realpath(here)}) or is_cached(path)


def _lies_in(path: str, places: set[str]) -> bool:
    return any(below(path, place) not in (None, os.curdir) for place in places)
