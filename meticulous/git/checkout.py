"""Puts a commit into a working tree of its own, apart from the user's repository.

The tree is no `git worktree`: that would be listed in the user's repository, and what the program
does with git in it (commits, tags, stashes) would land there. It is a small repository that looks
up its objects in the user's one and otherwise knows nothing of it: nothing is ever written there,
so one that is read-only, bare, shallow or in the middle of a rebase serves as well.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from meticulous.errors import CheckoutError, CommitNotFoundError, GitError, NoRoomError
from meticulous.git import large_files
from meticulous.git.changes import is_there
from meticulous.git.command import Question, git_environment
from meticulous.git.fetching import Remote, fetch_commit, quiet_environment
from meticulous.git.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SETTINGS = {
    # No hook may act, no signature be asked for, and nothing be tidied up behind our back.
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.logAllRefUpdates": "false",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    # Submodules are filled one by one, from their own repositories.
    "submodule.recurse": "false",
    "advice.detachedHead": "false",
    # As many files at once as there are processors.
    "checkout.workers": "0",
}

_SHA256_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit in a working tree of its own.

    Attributes:
        root: The root of the working tree, a real path.
        commit: The commit, or snapshot, that it holds.
        original_root: The root of the user's working tree, None where there is none.
        fetched_from: The remote the commit had to be fetched from, without credentials; None when
            it was here.
        remarks: What is not as it was in the user's tree, one sentence each.
    """

    root: str
    commit: str
    original_root: str | None
    fetched_from: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass(slots=True)
class _Tree:
    """A working tree that is being made."""

    root: str
    commit: str
    source: Source | None
    remarks: list[str] = field(default_factory=list)
    fetched_from: str | None = None
    environment: dict[str, str] = field(default_factory=git_environment)


def check_out(
    root: str,
    commit: str,
    source: Source | None,
    remotes: Sequence[Remote] = (),
    *,
    seconds: float = 300.0,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Checkout:
    """Make a working tree that holds a commit, its submodules included.

    Args:
        root: The folder to make it in; must not exist, its parent must.
        commit: The full name of a commit or snapshot.
        source: The user's repository, None where there is none.
        remotes: Where to fetch the commit from if it is not in `source`, the best first.
        seconds: How long fetching may take for each remote.
        is_stopped: Asked while fetching; True ends it.

    Raises:
        CommitNotFoundError: The commit is neither here nor can it be fetched; the message says why.
        CheckoutError: Git cannot write the tree.
        NoRoomError: The disk is too small for it.
        GitError: Git failed otherwise.
    """
    tree = _Tree(os.path.abspath(root), commit, source)
    _make_repository(tree, commit)
    if source is None or not is_there(source.directory, commit):
        tree.fetched_from = fetch_commit(
            tree.root, commit, remotes, seconds=seconds, is_stopped=is_stopped
        )
    if (source is not None and source.promisors) or large_files.is_installed():
        # Writing the files may fetch contents.
        tree.environment = quiet_environment(source.settings if source is not None else ())
    _write_files(tree)
    tree.remarks += large_files.remarks(tree.root)
    _add_submodules(tree, remotes, seconds, is_stopped)
    return Checkout(
        root=os.path.realpath(tree.root),
        commit=commit,
        original_root=source.root if source else None,
        fetched_from=tree.fetched_from,
        remarks=tuple(tree.remarks),
    )


def _make_repository(tree: _Tree, commit: str) -> None:
    """Write the repository by hand: `git init` would copy hooks and heed templates."""
    directory = os.path.join(tree.root, ".git")
    source = tree.source
    try:
        for name in ("objects/info", "objects/pack", "refs", "info"):
            os.makedirs(os.path.join(directory, name))
        # A branch without a commit: one that has yet to be fetched would make git refuse to fetch.
        _write(directory, "HEAD", "ref: refs/heads/meticulous\n")
        _write(directory, "config", _configuration(commit, source))
        if source is not None:
            places = [source.objects, *source.alternates]
            _write(directory, "objects/info/alternates", "".join(map(_alternate, places)))
            _write(directory, "packed-refs", source.references())
            for name in ("shallow", "info/attributes"):
                content = source.read(name)
                if content is not None:
                    _write(directory, name, content)
    except OSError as error:
        raise no_room(tree.root, error) from error


def _configuration(commit: str, source: Source | None) -> str:
    settings = [("core.bare", "false")]
    extensions = dict(source.extensions) if source else {}
    if len(commit) == _SHA256_LENGTH:
        extensions["extensions.objectformat"] = "sha256"
    settings.append(("core.repositoryformatversion", "1" if extensions else "0"))
    settings += extensions.items()
    if source is not None:
        settings += source.tree_settings
        settings += source.promisors
        if source.remote is not None:
            settings.append(("remote.origin.url", source.remote))
    settings += large_files.settings()
    settings += _SETTINGS.items()
    return "".join(_setting(key, value) for key, value in settings)


def _setting(key: str, value: str) -> str:
    """Return a setting as the lines of a configuration file."""
    section, _, rest = key.partition(".")
    subsection, dot, name = rest.rpartition(".")
    heading = f"[{section} {_quoted(subsection)}]" if dot else f"[{section}]"
    return f"{heading}\n\t{name} = {_quoted(value)}\n"


def _quoted(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{text}"'


def _alternate(path: str) -> str:
    # A line that begins with a quotation mark is read as a C string.
    if path.isprintable() and not path.startswith(('"', "#")):
        return f"{path}\n"
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}"
        for byte in os.fsencode(path)
    )
    return f'"{escaped}"\n'


def _write(directory: str, name: str, content: str | bytes) -> None:
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else os.fsencode(content))


def _write_files(tree: _Tree) -> None:
    words = ("checkout", "--force", "--detach", "--quiet", tree.commit, "--")
    with Question(tree.root, *words, environment=tree.environment) as question:
        answer = question.answer()
    if answer.code == 0:
        return
    said = answer.errors.strip() or f"nothing, exit code {answer.code}"
    if "No space left on device" in said or "Disk quota exceeded" in said:
        raise no_room(tree.root, OSError(28, "No space left on device"))
    raise CheckoutError(
        f"The code of {tree.commit[:10]} cannot be written into {tree.root}. Git said: {said}"
    )


def no_room(path: str, error: OSError) -> GitError | NoRoomError:
    """Return the error for a private worktree that cannot be written."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoRoomError(
            f"There is no room for a private worktree in {os.path.dirname(path)}: "
            f"{error.strerror or error}. Free some space there, or set XDG_CACHE_HOME to a folder "
            "on a larger disk."
        )
    return CheckoutError(
        f"No private worktree can be made in {os.path.dirname(path)}: {error.strerror or error}. "
        "Make the folder writable, or set XDG_CACHE_HOME to another one."
    )


def _add_submodules(
    tree: _Tree, remotes: Sequence[Remote], seconds: float, is_stopped: Callable[[], bool]
) -> None:
    from meticulous.git.submodules import find_submodules

    base = remotes[0].url if remotes else tree.source.remote if tree.source else None
    for submodule in find_submodules(tree.root, tree.commit, tree.source, base):
        inner_root = os.path.join(tree.root, submodule.path)
        if os.path.isdir(inner_root) and not os.path.islink(inner_root):
            os.rmdir(inner_root)
        try:
            inner = check_out(
                inner_root,
                submodule.commit,
                submodule.source,
                submodule.remotes,
                seconds=seconds,
                is_stopped=is_stopped,
            )
        except CommitNotFoundError as error:
            if submodule.source is not None:
                raise CommitNotFoundError(
                    f"The submodule {submodule.path} cannot be had: {error}"
                ) from error
            _leave_empty(inner_root)
            tree.remarks.append(
                f"The submodule {submodule.path} is not in the repository and cannot be fetched, "
                f"so its folder is empty: {error}"
            )
            continue
        tree.remarks += inner.remarks
        if inner.fetched_from is not None:
            tree.remarks.append(
                f"The submodule {submodule.path} was fetched from {inner.fetched_from}."
            )


def _leave_empty(root: str) -> None:
    import shutil

    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root, exist_ok=True)


def size_of(source: Source, commit: str) -> int:
    """Return how many bytes the files of a commit take, 0 where that is not known at once.

    Raises:
        GitError: Git failed.
    """
    if source.promisors:
        return 0
    total = 0
    words = ("ls-tree", "-r", "-l", "-z", "--full-tree", commit)
    with Question(source.directory, *words) as question:
        for entry in question.output().split(b"\0"):
            size = entry.partition(b"\t")[0].rpartition(b" ")[2]
            total += int(size) if size.isdigit() else 0
    return total
