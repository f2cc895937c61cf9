"""Tells whether recorded commits are still there, what keeps them, and who else has them."""

from __future__ import annotations

import os
import re
import signal
import subprocess

from meticulous.errors import GitError, GitNotInstalledError
from meticulous.git.command import Question, ask, environment_without_fetching, is_one_line
from meticulous.git.failure import not_installed
from meticulous.git.fetching import quiet_environment
from meticulous.git.remote import CONFIG_WORDS, default_remote, parse_config, without_credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_PATIENCE = 60.0
"""Seconds that a remote may take to say which branches it has."""

_NAMED = 3
"""How many of the branches that hold a commit are named."""

_NAME = re.compile(rb"[0-9a-f]{40,64}")

_README = ("readme",)
_LICENSE = ("license", "licence", "copying", "unlicense")


class Presence:
    """What a repository knows of one commit.

    Attributes:
        commit: Its full name.
        is_here: Whether the repository holds it.
        is_kept: Whether a branch, tag or other ref holds it, so that garbage collection spares it.
        has_own_ref: Whether a ref of meticulous was made for it, as for every snapshot.
        is_published: Whether a branch of a remote, as last fetched or pushed, holds it.
        files: The names at the top of its tree; folders end with a slash.
    """

    __slots__ = ("commit", "files", "has_own_ref", "is_here", "is_kept", "is_published")

    def __init__(
        self,
        commit: str,
        is_here: bool,
        is_kept: bool = False,
        has_own_ref: bool = False,
        is_published: bool = False,
        files: tuple[str, ...] = (),
    ) -> None:
        self.commit = commit
        self.is_here = is_here
        self.is_kept = is_kept
        self.has_own_ref = has_own_ref
        self.is_published = is_published
        self.files = files

    def __repr__(self) -> str:
        return f"Presence({self.commit!r}, is_here={self.is_here})"

    @property
    def readme(self) -> str | None:
        """The file at the top of the tree that introduces it; None when there is none."""
        return _beginning_with(self.files, _README)

    @property
    def license(self) -> str | None:
        """The file (or folder) at the top of the tree that says what is allowed, or None."""
        return _beginning_with(self.files, _LICENSE)


def look_up(root: str, commits: Iterable[str]) -> dict[str, Presence]:
    """Return what the repository knows of each commit, with six git processes for all of them.

    Nothing is fetched, not even in a partial clone.

    Args:
        root: The root of a working tree.
        commits: Full names of commits; what is no such name is not there.

    Raises:
        GitError: Git failed.
    """
    wanted = list(dict.fromkeys(commits))
    named = [name for name in wanted if _is_full_name(name)]
    tops = _tops(root, named)
    here = [name for name in named if name in tops]
    own, has_remote = _refs(root)
    published = _reached(root, here, (), "--remotes") if has_remote else set()
    kept = _reached(root, here, (), "--all")
    return {
        name: Presence(
            name,
            name in tops,
            name in kept,
            name in own,
            name in published,
            tops.get(name, ()),
        )
        for name in wanted
    }


def remote_branches(root: str, commit: str) -> list[str]:
    """Return a few of the branches of remotes that hold the commit, such as "origin/main".

    Raises:
        GitError: Git failed.
    """
    words = ("for-each-ref", "--format=%(refname:short)", "--contains", commit, "refs/remotes")
    names = os.fsdecode(ask(root, *words)).split("\n")
    # "origin/HEAD" is another name of one of the others, and is shortened to "origin".
    return sorted(name for name in names if "/" in name)[:_NAMED]


def missing_objects(root: str, commit: str) -> list[str]:
    """Return which files and folders of a commit cannot be read (any more), by their objects.

    The whole tree is walked, so that a damaged repository or a partial clone shows itself.

    Raises:
        GitError: Git failed.
    """
    words = ("rev-list", "--objects", "--no-object-names", "--missing=print", "--no-walk", commit)
    lines = ask(root, *words, environment=environment_without_fetching()).split(b"\n")
    return [line[1:].decode("ascii") for line in lines if line.startswith(b"?")]


def is_partial(root: str) -> bool:
    """Say whether this is a clone that has left out objects, to be fetched when needed.

    Raises:
        GitError: Git failed.
    """
    with Question(root, "config", "--get-regexp", r"^remote\..*\.promisor$") as question:
        return bool(question.output(1).strip())  # 1: no such key


def find_remote(root: str) -> tuple[str, str] | None:
    """Return the name of the default remote and its URL without credentials, or None.

    That is "origin", else the only one there is.

    Raises:
        GitError: Git failed.
    """
    with Question(root, *CONFIG_WORDS) as question:
        config = parse_config(question.output(1))  # 1: no such key
    url = default_remote(config, None)
    names = [
        key.removeprefix("remote.").removesuffix(".url")
        for key in config
        if key.startswith("remote.") and key.endswith(".url")
    ]
    if url is None or not names:
        return None
    return "origin" if "origin" in names else names[0], url


def is_on_remote(root: str, url: str, commit: str) -> bool | None:
    """Ask a remote whether one of its branches or tags holds the commit; None if it cannot tell.

    A remote names only the last commit of each branch. Where the repository does not know some of
    these, the commit may be below them. Nothing is fetched, and no password is asked for.

    Args:
        root: The root of a working tree.
        url: The remote, by URL or by its name in this repository.
        commit: A full name that the repository holds.

    Raises:
        GitError: The remote cannot be reached, or refuses.
    """
    output = _ask_remote(root, "ls-remote", "--heads", "--tags", "--", url)
    tips = {line.partition(b"\t")[0].decode("ascii") for line in output.splitlines()}
    if commit in tips:
        return True
    known = _existing(root, tips, (b"commit", b"tag"))
    if known and commit in _reached(root, [commit], known):
        return True
    return False if known == tips else None


def held_files(root: str, names: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return which files the commits hold, with one git process for all.

    Args:
        root: The root of a working tree.
        names: Each the full name of a commit and a path relative to the root.

    Raises:
        GitError: Git failed.
    """
    ordered = sorted(each for each in set(names) if _is_full_name(each[0]))
    simple = [each for each in ordered if is_one_line(each[1]) and "\0" not in each[1]]
    if not simple:
        return set()
    feed = b"".join(os.fsencode(f"{commit}:{path}\n") for commit, path in simple)
    # The name alone, for which a partial clone needs no content.
    words = ("cat-file", "--batch-check=%(objectname)")
    lines = ask(root, *words, feed=feed, environment=environment_without_fetching()).split(b"\n")
    return {each for each, line in zip(simple, lines, strict=False) if _NAME.fullmatch(line)}


def _ask_remote(root: str, *words: str) -> bytes:
    # Not a `Question`: a remote may never answer, and git has helpers that outlive it.
    shown = without_credentials(words[-1])
    with Question(root, "config", "core.sshCommand") as question:
        ssh = os.fsdecode(question.output(1).strip())  # 1: no such key
    environment = quiet_environment([("core.sshcommand", ssh)] if ssh else [])
    try:
        process = subprocess.Popen(
            ["git", "-C", root, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise GitNotInstalledError(not_installed()) from error
    try:
        output, errors = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise GitError(
            f"The remote {shown} did not answer within {_PATIENCE:.0f} s. Try again later."
        ) from error
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode == 0:
        return output
    said = " ".join(errors.decode("utf-8", "replace").split())
    raise GitError(f"The remote {shown} cannot be asked; git said: {said}")


def _is_full_name(name: str) -> bool:
    return len(name) in (40, 64) and not name.strip("0123456789abcdef")


def _existing(root: str, names: Collection[str], kinds: Collection[bytes]) -> set[str]:
    """Return which names are those of objects that are here and of one of the kinds."""
    ordered = sorted(names)
    lines = _batch(root, "--batch-check", ordered).split(b"\n")
    return {
        name
        for name, line in zip(ordered, lines, strict=False)
        if line.split(b" ")[1:2] and line.split(b" ")[1] in kinds
    }


def _tops(root: str, commits: list[str]) -> dict[str, tuple[str, ...]]:
    """Return the names at the top of the tree of each commit that is here."""
    present = _existing(root, commits, (b"commit",))
    try:
        output = _batch(root, "--batch", [f"{name}^{{tree}}" for name in commits])
    except GitError:  # a clone that has left out trees
        return dict.fromkeys(present, ())
    found: dict[str, tuple[str, ...]] = {}
    position = 0
    for name in commits:
        end = output.index(b"\n", position)
        words = output[position:end].split(b" ")
        position = end + 1
        if words[1:2] == [b"tree"]:
            size = int(words[2])
            found[name] = tuple(_entries(output[position : position + size], len(words[0]) // 2))
            position += size + 1
    return {name: found.get(name, ()) for name in commits if name in present}


def _entries(tree: bytes, width: int) -> list[str]:
    """Return the names in a raw tree object; `width` is the length of the hashes in it."""
    names, position = [], 0
    while position < len(tree):
        end = tree.index(b"\0", position)
        mode, _, name = tree[position:end].partition(b" ")
        names.append(os.fsdecode(name) + ("/" if mode == b"40000" else ""))
        position = end + 1 + width
    return names


def _batch(root: str, option: str, names: list[str]) -> bytes:
    if not names:
        return b""
    feed = "".join(f"{name}\n" for name in names).encode()
    return ask(root, "cat-file", option, feed=feed, environment=environment_without_fetching())


def _reached(root: str, commits: list[str], holders: Iterable[str] = (), *refs: str) -> set[str]:
    """Return which of the commits lead back from the holders: commits, or refs of a kind."""
    if not commits:
        return set()
    feed = "".join(f"{name}\n" for name in [*commits, *(f"^{name}" for name in holders)]).encode()
    words = ("rev-list", "--stdin", *(("--not", *refs) if refs else ()))
    # Listed is what leads back from ours but not from the holders.
    output = ask(root, *words, feed=feed, environment=environment_without_fetching())
    return set(commits).difference(output.decode("ascii").split())


def _refs(root: str) -> tuple[set[str], bool]:
    """Return the commits that have a ref of meticulous, and whether a remote has branches."""
    words = ("for-each-ref", "--format=%(refname) %(objectname)", "refs/meticulous", "refs/remotes")
    own, has_remote = set(), False
    for line in os.fsdecode(ask(root, *words)).splitlines():
        name, _, commit = line.rpartition(" ")
        has_remote = has_remote or name.startswith("refs/remotes/")
        if name.startswith("refs/meticulous/"):
            own.add(commit)
    return own, has_remote


def _beginning_with(names: Iterable[str], beginnings: tuple[str, ...]) -> str | None:
    fitting = (name for name in names if name.lower().lstrip("_").startswith(beginnings))
    return next(fitting, None)
