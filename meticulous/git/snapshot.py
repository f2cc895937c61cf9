"""Keeps the working tree, as it is, in a commit that no branch knows of."""

from __future__ import annotations

import contextlib
import os
import shlex
import threading

from meticulous.errors import SnapshotError
from meticulous.git.command import Question, git_environment
from meticulous.git.status import STATUS_WORDS, Entry, Status, readable
from meticulous.git.worktree import Territory, git_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meticulous.git.state import CodeState

SNAPSHOTS = "refs/meticulous/snapshots/"
"""Below this each snapshot has a ref named by its sha, which keeps it from garbage collection."""

UNTRACKED_LIMIT = 200_000_000
"""How many bytes of untracked files a snapshot takes in before it is refused."""

_LISTED = 10
"""How many files a refusal names before it only counts them."""

_MESSAGE = b"Working tree at the start of an experiment, kept by meticulous\n"

# Nobody's, so that the same tree on the same commit gives the same sha whoever takes it.
_IDENTITY = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "meticulous"), ("EMAIL", "meticulous@localhost"))
}

_SETTINGS = (
    # No hook may act on, or refuse, what the user did not do himself.
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    # Either would write a second file beside the user's index, or rely on one.
    "core.splitIndex=false",
    "core.untrackedCache=false",
    # No reflog for our refs, and patience when two runs write the same one (in milliseconds).
    "core.logAllRefUpdates=false",
    "core.filesRefLockTimeout=10000",
    # A snapshot is whole or is refused.
    "add.ignoreErrors=false",
    "core.safecrlf=false",
    # It would stand in the commit.
    "i18n.commitEncoding=UTF-8",
)


def take_snapshot(state: CodeState) -> str | None:
    """Keep the working tree as a commit whose parent is `state.commit`; return its sha.

    Where the working tree is what `state.commit` holds, there is nothing to keep: None.

    It holds all tracked changes, staged or not, all untracked files that are not ignored, and the
    main script even if it is ignored. Branch, index, stash, working tree and hooks are not
    touched. The same tree on the same commit always gives the same sha. A repository that merely
    lies in an untracked folder is left out: git could only hold a pointer to a commit of it.

    Raises:
        SnapshotError: The tree cannot be kept whole: conflicts in the index, changes inside a
            submodule, more than `UNTRACKED_LIMIT` bytes of untracked files, a main script in
            another repository, a full disk or a repository that cannot be written.
        GitNotInstalledError: There is no git.
    """
    with _temporary_index(state.directory) as index:
        repository = _Repository(state.directory, index)
        entries = Status(repository.ask(*STATUS_WORDS, "--untracked-files=all")).entries
        new = _new_files(state, entries)
        _refuse_what_cannot_be_kept(state, entries, new)
        repository.ask("add", "-u")
        if new:
            # `--remove`: a file that has vanished since it was listed is no error.
            paths = b"".join(os.fsencode(path) + b"\0" for path in new)
            repository.ask("update-index", "--add", "--remove", "-z", "--stdin", feed=paths)
        tree = repository.ask("write-tree").strip().decode("ascii")
        if tree == repository.ask("rev-parse", f"{state.commit}^{{tree}}").strip().decode("ascii"):
            return None
        sha = _commit(repository, state.commit, tree)
        repository.ask("update-ref", SNAPSHOTS + sha, sha)
        return sha


class _Repository:
    """The repository as git sees it through the temporary index."""

    def __init__(self, directory: str, index: str) -> None:
        self.directory = directory
        self.environment = {**git_environment(), "GIT_INDEX_FILE": index}
        self.settings = [word for setting in _SETTINGS for word in ("-c", setting)]

    def ask(
        self, *words: str, feed: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> bytes:
        with Question(
            self.directory,
            *self.settings,
            *words,
            feed=feed,
            environment={**self.environment, **(environment or {})},
        ) as question:
            answer = question.answer()
        if answer.code != 0:
            said = answer.errors.strip() or f"nothing, exit code {answer.code}"
            raise SnapshotError(
                f"No snapshot of {self.directory} can be taken: `git {words[0]}` failed and said: "
                f"{said}\n{_instead(self.directory)}"
            )
        return answer.output


@contextlib.contextmanager
def _temporary_index(root: str) -> Iterator[str]:
    """Copy the index to a name of its own beside it, and remove the copy in every case."""
    directory = git_directory(root)
    name = f"meticulous-index-{os.getpid()}-{threading.get_ident()}-{os.urandom(4).hex()}"
    path = os.path.abspath(os.path.join(directory, name))
    try:
        try:
            _copy_index(os.path.join(directory, "index"), path)
        except OSError as error:
            raise SnapshotError(
                f"No snapshot of {root} can be taken: {error.strerror or error} "
                f"({error.filename or path}). {_instead(root)}"
            ) from error
        yield path
    finally:
        for leftover in (path, f"{path}.lock"):
            with contextlib.suppress(OSError):
                os.unlink(leftover)


def _copy_index(source: str, target: str) -> None:
    try:
        reader = open(source, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        # No index yet (`git clone --no-checkout`). Find out now whether one can be written.
        with open(target, "xb"):
            os.unlink(target)
        return
    with reader, open(target, "xb") as writer:
        status = os.fstat(reader.fileno())
        writer.write(reader.read())
        writer.flush()
        # Git looks into files that are as old as the index, since they may have been changed
        # right after it was written; with a younger copy it would believe their times and sizes.
        os.utime(writer.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


def _new_files(state: CodeState, entries: list[Entry]) -> list[str]:
    """List the files to add that the index does not know: untracked, and the main script."""
    new = [entry.path for entry in entries if entry.kind == "?" and not entry.path.endswith("/")]
    if state.script is not None and not state.script_tracked and state.script not in new:
        repository = Territory(state.directory).repository_of(state.script)
        if repository != state.directory:
            raise SnapshotError(
                f"No snapshot of {state.directory} can hold the main script "
                f"{readable(state.script)}: it is untracked and lies in another repository, "
                f"{repository}. Commit it there. {_instead(state.directory)}"
            )
        new.append(state.script)
    return new


def _refuse_what_cannot_be_kept(state: CodeState, entries: list[Entry], new: list[str]) -> None:
    root = shlex.quote(state.directory)
    conflicts = [entry.path for entry in entries if entry.kind == "u"]
    if conflicts:
        raise SnapshotError(
            f"No snapshot of {state.directory} can be taken while there are conflicts in:\n"
            f"{_listing(conflicts)}\nResolve them (git -C {root} status). "
            f"{_instead(state.directory)}"
        )
    submodules = [entry.path for entry in entries if entry.has_dirty_submodule]
    if submodules:
        raise SnapshotError(
            f"No snapshot of {state.directory} can hold the changes inside its submodules, of "
            f"which git keeps only commits:\n{_listing(submodules)}\n"
            f"Commit in these submodules. {_instead(state.directory)}"
        )
    sizes = {path: _size(os.path.join(state.directory, path)) for path in new}
    total = sum(sizes.values())
    if total > UNTRACKED_LIMIT:
        biggest = sorted(sizes, key=lambda path: (-sizes[path], path))
        lines = [f"{sizes[path] / 1e6:.1f} MB  {readable(path)}" for path in biggest[:_LISTED]]
        raise SnapshotError(
            f"No snapshot of {state.directory} is taken: its untracked files have "
            f"{total / 1e6:.0f} MB, more than {UNTRACKED_LIMIT / 1e6:.0f} MB. The biggest:\n"
            f"{_listing(lines)}\n"
            f"Name what is not code in .gitignore, or commit it. {_instead(state.directory)}"
        )


def _commit(repository: _Repository, parent: str, tree: str) -> str:
    """Write the commit; all that is in it follows from its parent and its tree."""
    words = ("log", "-1", "--no-show-signature", "--format=%ct", parent)
    date = f"@{repository.ask(*words).strip().decode('ascii')} +0000"
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    sha = repository.ask(
        "commit-tree",
        "--no-gpg-sign",
        "-p",
        parent,
        tree,
        feed=_MESSAGE,
        environment={**_IDENTITY, **dates},
    )
    return sha.strip().decode("ascii")


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _listing(names: list[str]) -> str:
    lines = [f"    {readable(name)}" for name in names[:_LISTED]]
    if len(names) > _LISTED:
        lines.append(f"    ... and {len(names) - _LISTED} more")
    return "\n".join(lines)


def _instead(directory: str) -> str:
    return (
        f"Or commit (git -C {shlex.quote(directory)} commit -a), or run without a record: "
        "--norecord (in code: norecord=True)."
    )
