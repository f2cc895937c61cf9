"""The code that a registered experiment is run from: the checkout, or a worktree of its commit."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from meticulous.errors import (
    CheckoutError,
    CommitNotFoundError,
    DirtyRepoException,
    GitError,
    NoRepositoryError,
)
from meticulous.git.changes import is_there
from meticulous.git.checkout import check_out, no_room
from meticulous.git.command import Question
from meticulous.git.source import Source, find_holder_of
from meticulous.git.state import CodeState, read_code_state
from meticulous.git.worktree import find_root
from meticulous.sweep.code_choices import CURRENT, RECORDED

_KEPT_SECONDS = 14 * 86_400.0
"""How long a worktree that nobody uses is kept."""

_LOCK, _USED = ".lock", ".used"
"""Beside a worktree: held alone by who makes it, and together by all who use it."""

_held: list[int] = []
"""Descriptors that show, as long as this process lives, which worktrees it uses."""


class CodeFinder:
    """Finds the code of experiments; asks git once for each repository, not for each experiment.

    Args:
        choice: `RECORDED` or `CURRENT`.

    Attributes:
        choice: The same.
    """

    def __init__(self, choice: str = RECORDED) -> None:
        self.choice = choice
        self._states: dict[str, CodeState | GitError] = {}
        self._found: dict[tuple[str, ...], str] = {}

    def find(self, folder: str, metadata: Mapping[str, Any]) -> str:
        """Return the root of the working tree to run from; a worktree is made where one is needed.

        Args:
            folder: The folder of the experiment.
            metadata: Its metadata.

        Raises:
            NoRepositoryError: There is no repository to be found.
            DirtyRepoException: The current code was chosen, and it has uncommitted changes.
            CommitNotFoundError: The recorded commit is in none of the repositories.
            CheckoutError: No worktree can be made.
            GitError: Git failed otherwise.
        """
        roots = _roots(folder, metadata)
        commit, snapshot = metadata.get("githead-sha"), metadata.get("git-snapshot")
        key = (self.choice, str(commit), str(snapshot), *roots)
        if key not in self._found:
            if self.choice == CURRENT:
                self._found[key] = self._current(roots, str(snapshot or commit), folder)
            else:
                self._found[key] = self._recorded(roots, str(commit), snapshot, folder)
        return self._found[key]

    def _current(self, roots: list[str], commit: str, folder: str) -> str:
        if not roots:
            raise _no_repository(folder)
        # The experiments may lie in another repository than the code.
        root = next((one for one in roots if is_there(one, commit)), roots[0])
        state = self._state(root)
        if isinstance(state, GitError):
            raise state
        if state.dirty:
            raise DirtyRepoException(
                f"The code in {root} has uncommitted changes ({', '.join(state.dirty[:5])}), "
                "which no commit could stand for. Commit them, or run the recorded code with "
                "--code recorded."
            )
        return root

    def _recorded(self, roots: list[str], commit: str, snapshot: Any, folder: str) -> str:
        for root in roots:
            state = self._state(root)
            if isinstance(state, CodeState) and _is_at(state, commit, snapshot):
                return root
        if not roots:
            raise _no_repository(folder)
        return worktree_of(str(snapshot or commit), roots)

    def _state(self, root: str) -> CodeState | GitError:
        if root not in self._states:
            try:
                self._states[root] = read_code_state(root)
            except GitError as error:
                self._states[root] = error
        return self._states[root]


def worktree_of(commit: str, roots: list[str]) -> str:
    """Return the root of a worktree of a commit, made anew unless there is a sound one.

    All processes of this user share it; it lies in the cache folder. What git does not track in the
    user's tree, such as data, is linked into it; not so Python files, which would be other code.

    Args:
        commit: The full name of a commit or snapshot.
        roots: Working trees whose repositories may hold it.

    Raises:
        CommitNotFoundError: None of them does.
        CheckoutError: The worktree cannot be made.
        GitError: Git failed otherwise.
    """
    source, found = find_holder_of(commit, roots)
    if source is None:
        where = ", ".join(one.root or one.common for one in found) or "any repository"
        raise CommitNotFoundError(
            f"The commit {commit[:10]}, from which the experiment was registered, is not in "
            f"{where}. Fetch it (git fetch), or run what is checked out with --code current."
        )
    name = f"{sha256(os.fsencode(source.common)).hexdigest()[:12]}-{commit[:16]}"
    tree = os.path.basename(source.root or source.common)
    try:
        os.makedirs(usual_place(), mode=0o700, exist_ok=True)
        for number in itertools.count():
            place = os.path.join(usual_place(), f"{name}-{number}")
            with _locked(f"{place}{_LOCK}", fcntl.LOCK_EX):
                is_sound = _is_sound(os.path.join(place, tree), commit)
                if not is_sound and _is_free(place):
                    _make(place, os.path.join(place, tree), commit, source)
                    is_sound = True
                if is_sound:
                    _hold(place)
                    break
        _remove_unused(keep=os.path.basename(place))
    except OSError as error:
        if isinstance(error, CheckoutError):
            raise
        raise no_room(place, error) from error
    return os.path.realpath(os.path.join(place, tree))


def usual_place() -> str:
    """Return the folder that holds the worktrees of this user's registered experiments."""
    import platformdirs

    return os.path.join(platformdirs.user_cache_dir("meticulous"), "code")


def _roots(folder: str, metadata: Mapping[str, Any]) -> list[str]:
    """Return the working trees that may hold the code, the likeliest first."""
    recorded = metadata.get("repository")
    # After a move of the whole project, its repository is the one around the experiments.
    candidates = [
        find_root(os.path.realpath(folder)),
        recorded if isinstance(recorded, str) else None,
        find_root(os.path.realpath(os.getcwd())),
    ]
    return list(dict.fromkeys(root for root in candidates if root and os.path.isdir(root)))


def _is_at(state: CodeState, commit: str, snapshot: Any) -> bool:
    return not snapshot and state.commit == commit and not state.dirty


def _is_sound(root: str, commit: str) -> bool:
    if not os.path.isdir(root):
        return False
    try:
        state = read_code_state(root)
    except GitError:
        return False
    return state.commit == commit and not state.dirty and state.directory == os.path.realpath(root)


def _make(place: str, root: str, commit: str, source: Source) -> None:
    temporary = f"{place}.{os.getpid()}.making"
    _remove_tree(place)
    _remove_tree(temporary)
    os.mkdir(temporary, mode=0o700)
    try:
        made = check_out(os.path.join(temporary, os.path.basename(root)), commit, source)
        if source.root is not None:
            _link_untracked(source.root, made.root)
        os.rename(temporary, place)
    except BaseException:
        _remove_tree(temporary)
        raise


def _link_untracked(tree: str, worktree: str) -> None:
    """Link what the user's tree holds beside the commit, each folder or file as a whole."""
    words = ("ls-files", "--others", "--directory", "--no-empty-directory", "-z")
    with Question(tree, *words) as question:
        names = [os.fsdecode(name).rstrip("/") for name in question.output().split(b"\0") if name]
    for name in names:
        source, target = os.path.join(tree, name), os.path.join(worktree, name)
        if os.path.lexists(target) or not os.path.isdir(os.path.dirname(target)):
            continue
        if not _is_code(source):
            os.symlink(source, target)


def _is_code(path: str) -> bool:
    if os.path.basename(path) == "__pycache__" or path.endswith((".py", ".pyc")):
        return True
    try:
        return any(name.endswith(".py") for name in os.listdir(path))
    except OSError:
        return False


def _hold(place: str) -> None:
    """Show that this process uses the worktree, until it ends."""
    descriptor = os.open(f"{place}{_USED}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    os.utime(descriptor)
    _held.append(descriptor)


def _is_free(place: str) -> bool:
    """Say whether nobody uses the worktree: a program may have changed files in it."""
    try:
        with _locked(f"{place}{_USED}", fcntl.LOCK_EX | fcntl.LOCK_NB):
            return True
    except BlockingIOError:
        return False


def _remove_unused(keep: str) -> None:
    for entry in os.listdir(usual_place()):
        name = entry.removesuffix(_USED)
        if name in (entry, keep):
            continue
        place = os.path.join(usual_place(), name)
        with contextlib.suppress(OSError):
            if time.time() - os.stat(f"{place}{_USED}").st_mtime < _KEPT_SECONDS:
                continue
            with _locked(f"{place}{_LOCK}", fcntl.LOCK_EX | fcntl.LOCK_NB):
                if _is_free(place):
                    _remove_tree(place)
                    os.unlink(f"{place}{_USED}")


def _remove_tree(directory: str) -> None:
    shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: str, how: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _no_repository(folder: str) -> NoRepositoryError:
    return NoRepositoryError(
        f"The repository of the experiment in {folder} is not on this machine: neither around the "
        "folder nor where it was registered. Start it from within a clone of the repository."
    )
