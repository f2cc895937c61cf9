"""Tells which loaded source files are not, or no longer, what a commit holds."""

from __future__ import annotations

import os

from meticulous.errors import GitError
from meticulous.git.command import Question, ask, is_one_line
from meticulous.git.worktree import Territory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_COARSE_SECONDS = 2.0
"""How much too early the times are of file systems that count in whole seconds (FAT: in two)."""

_TICK_SECONDS = 0.05
"""How much too early other file systems' times are: the kernel's clock advances in ticks."""


def untracked_sources(directory: str, commit: str, paths: Iterable[str]) -> list[str]:
    """Return which of the files lie in the repository but not in its commit.

    Files of the running Python and in site-packages folders do not count. A file in a submodule is
    in the commit if it is in the submodule's commit that is recorded there; files in any other
    repository below the root are not.

    Args:
        directory: The root of the working tree (`CodeState.directory`).
        commit: A commit, or a snapshot.
        paths: Absolute paths; others are passed over.

    Returns:
        Sorted paths relative to `directory`. One git process says so, and one or two more for each
        submodule concerned; none where no file lies in the repository.

    Raises:
        GitError: Git failed, for instance because the commit does not exist.
    """
    territory = Territory(directory)
    names = _names(territory, paths)
    missing = set(names)
    for root, tree, group in _by_repository(territory, commit, names):
        within = os.path.relpath(root, directory)
        missing.difference_update(
            os.path.normpath(os.path.join(within, name)) for name in _objects(root, tree, group)
        )
    return sorted(missing)


def changed_sources(directory: str, commit: str, paths: Iterable[str], since: float) -> list[str]:
    """Return which of the files have been changed since a moment and differ from the commit.

    Such a file was as the commit has it when the run began, and may have been loaded afterwards.
    Contents are compared, so an index that is told not to look (`assume-unchanged`) hides nothing.
    Git is asked only if a file's time is newer than `since`.

    Args:
        directory: The root of the working tree (`CodeState.directory`).
        commit: A commit, or a snapshot.
        paths: Absolute paths; others are passed over, and so are files that no longer exist and
            files that the commit does not hold.
        since: Seconds since the epoch.

    Returns:
        Sorted paths relative to `directory`.

    Raises:
        GitError: Git failed, for instance because the commit does not exist.
    """
    territory = Territory(directory)
    recent = [
        name
        for name in _names(territory, paths)
        if _touched_since(os.path.join(directory, name), since)
    ]
    changed = []
    for root, tree, group in _by_repository(territory, commit, recent):
        within = os.path.relpath(root, directory)
        recorded = _objects(root, tree, group)
        for name, blob in _blobs_on_disk(root, list(recorded)).items():
            if blob != recorded[name]:
                changed.append(os.path.normpath(os.path.join(within, name)))
    return sorted(changed)


def _names(territory: Territory, paths: Iterable[str]) -> list[str]:
    located = map(territory.locate, paths)
    return sorted({name for name in located if name is not None})


def _by_repository(
    territory: Territory, commit: str, names: Iterable[str]
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each repository that holds some of the files, with its commit and their names in it.

    Submodules of submodules are reached the same way. What lies in a repository that is no
    submodule of the commit is left out.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(territory.repository_of(name), []).append(name)
    for root, group in groups.items():
        if root == territory.root:
            yield root, commit, group
            continue
        within = os.path.relpath(root, territory.root)
        mode_and_object = _listed(territory.root, commit, [within]).get(within)
        if mode_and_object is not None and mode_and_object[0] == "160000":
            inner = [name[len(within) + 1 :] for name in group]
            yield from _by_repository(Territory(root), mode_and_object[1], inner)


def _objects(root: str, commit: str, names: list[str]) -> dict[str, str]:
    """Return the object of each file that the commit holds."""
    simple = [name for name in names if is_one_line(name)]
    found = {}
    if len(simple) < len(names):
        other = [name for name in names if not is_one_line(name)]
        found = {name: identity for name, (_, identity) in _listed(root, commit, other).items()}
    if simple:
        named = commit.encode("ascii")
        feed = b"".join([named, b"\n", *(b"%b:%b\n" % (named, os.fsencode(n)) for n in simple)])
        lines = ask(root, "cat-file", "--batch-check", feed=feed).split(b"\n")
        if lines[0].endswith(b" missing"):
            raise GitError(
                f"The commit {commit} is not in the repository {root} (any more), so it cannot be "
                "told which files it holds. Fetch it, or restore the branch or snapshot it was on."
            )
        for name, line in zip(simple, lines[1:], strict=False):
            words = line.split(b" ")
            if len(words) == 3 and words[1] == b"blob":
                found[name] = words[0].decode("ascii")
    return found


def _listed(root: str, commit: str, names: list[str]) -> dict[str, tuple[str, str]]:
    """Return mode and object of those names that the commit holds, whatever is in the names."""
    if not names:
        return {}
    words = ("--literal-pathspecs", "ls-tree", "-z", "--full-tree", commit, "--", *names)
    listed = {}
    for entry in ask(root, *words).split(b"\0"):
        facts, tab, name = entry.partition(b"\t")
        if tab:
            mode, _, identity = facts.decode("ascii").split(" ")
            listed[os.fsdecode(name)] = (mode, identity)
    return listed


def _blobs_on_disk(root: str, names: list[str]) -> dict[str, str]:
    """Return which objects the files would be, as `git add` would store them."""
    blobs = {}
    # A line that begins with a quotation mark is taken for a quoted path.
    simple = [name for name in names if is_one_line(name) and not name.startswith('"')]
    if simple:
        feed = b"".join(os.fsencode(name) + b"\n" for name in simple)
        with Question(root, "hash-object", "--stdin-paths", feed=feed) as question:
            # It ends at the first file that has just vanished; the answers before it hold.
            lines = question.answer().output.split()
        blobs = {name: line.decode("ascii") for name, line in zip(simple, lines, strict=False)}
    for name in names:
        if name not in blobs:
            with Question(root, "hash-object", "--", name) as question:
                answer = question.answer()
            if answer.code == 0:
                blobs[name] = answer.output.strip().decode("ascii")
            elif os.path.isfile(os.path.join(root, name)):
                answer.accepted()
    return blobs


def _touched_since(path: str, since: float) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False
    # A file moved into place, or restored with its old time, shows only in the change time.
    touched = max(status.st_mtime, status.st_ctime)
    slack = _COARSE_SECONDS if touched.is_integer() else _TICK_SECONDS
    return touched >= since - slack
