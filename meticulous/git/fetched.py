"""Keeps commits that were fetched for a reproduction, so that the next one need not fetch them.

They lie in the user's cache, in one bare repository for each remote, and can be removed at any
time. Nothing here raises: without such a cache a commit is fetched again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil

from meticulous.errors import GitError
from meticulous.git.command import Question

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FETCHED = "refs/meticulous/fetched"
"""Below this each commit that was fetched has a ref named by its sha."""

_CONFIGURATION = """\
[core]
\tbare = true
\trepositoryformatversion = {version}
\thooksPath = /dev/null
\tlogAllRefUpdates = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""
_EXTENSION = "[extensions]\n\tobjectformat = sha256\n"
_SHA256_LENGTH = 64


class Fetched:
    """The commits that were fetched from one remote.

    Args:
        remote: The name of the remote, without credentials.
        place: The folder of all these repositories; by default in the user's cache directory.
    """

    def __init__(self, remote: str, place: str | None = None) -> None:
        if place is None:
            import platformdirs

            place = os.path.join(platformdirs.user_cache_dir("meticulous"), "fetched")
        name = hashlib.sha256(os.fsencode(remote)).hexdigest()[:32]
        self._directory = os.path.join(place, f"{name}.git")

    def give(self, root: str, commit: str) -> bool:
        """Give a commit to the repository at `root`; False where it is not kept.

        The repository looks the objects up here, and holds none of them itself.
        """
        objects = os.path.join(self._directory, "objects")
        if not objects.isprintable() or not self._has(commit):
            return False
        alternates, shallow = (
            os.path.join(root, ".git", *names)
            for names in (("objects/info/alternates",), ("shallow",))
        )
        before = {path: _content(path) for path in (alternates, shallow)}
        known = {*before[shallow].split(), *_content(f"{self._directory}/shallow").split()}
        with contextlib.suppress(OSError):
            _write(alternates, before[alternates] + os.fsencode(objects) + b"\n")
            _write(shallow, b"".join(line + b"\n" for line in sorted(known)))
            if self._is_whole(root, commit):
                return True
        for path, content in before.items():
            with contextlib.suppress(OSError):
                _write(path, content)
        shutil.rmtree(self._directory, ignore_errors=True)
        return False

    def keep(self, root: str, commit: str, environment: Mapping[str, str]) -> None:
        """Keep a commit that the repository at `root` has, as a whole and without its history."""
        with contextlib.suppress(OSError, GitError):
            self._make(commit)
            name = f"{FETCHED}/{commit}"
            with Question(root, "update-ref", name, commit) as question:
                question.output()
            words = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head"]
            words += ["--no-auto-maintenance", root, f"+{name}:{name}"]
            with Question(self._directory, *words, environment=environment) as question:
                question.output()

    def _has(self, commit: str) -> bool:
        if not os.path.isdir(self._directory):
            return False
        with contextlib.suppress(GitError):
            words = ("rev-parse", "--quiet", "--verify", f"{FETCHED}/{commit}")
            with Question(self._directory, *words) as question:
                return question.answer().code == 0
        return False

    def _is_whole(self, root: str, commit: str) -> bool:
        """Say whether all of a commit can be read; a part of the cache may have been removed."""
        words = ("rev-list", "--objects", "--quiet", "--max-count=1", commit)
        with contextlib.suppress(GitError), Question(root, *words) as question:
            return question.answer().code == 0
        return False

    def _make(self, commit: str) -> None:
        if os.path.exists(os.path.join(self._directory, "HEAD")):
            return
        os.makedirs(os.path.dirname(self._directory), mode=0o700, exist_ok=True)
        for name in ("objects/info", "objects/pack", "refs"):
            os.makedirs(os.path.join(self._directory, name), exist_ok=True)
        is_long = len(commit) == _SHA256_LENGTH
        text = _CONFIGURATION.format(version=int(is_long)) + _EXTENSION * is_long
        # Git knows a repository by its HEAD, so that comes last.
        for name, content in (("config", text), ("HEAD", "ref: refs/heads/none\n")):
            with open(os.path.join(self._directory, name), "w", encoding="ascii") as file:
                file.write(content)


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _write(path: str, content: bytes) -> None:
    """Write a file; none where there is nothing to say, for git takes an empty one for a word."""
    if content:
        with open(path, "wb") as file:
            file.write(content)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
