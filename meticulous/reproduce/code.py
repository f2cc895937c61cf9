"""The recorded code: where it can be had, and put into a private worktree, fetched if need be."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from meticulous.errors import CannotReproduceError, CommitNotFoundError, GitError
from meticulous.git.checkout import Checkout, check_out, size_of
from meticulous.git.fetching import Remote
from meticulous.git.source import Source, find_holder_of, find_source, is_kept, same_place
from meticulous.reader.record import Record
from meticulous.reproduce.repository import code_of, is_snapshot
from meticulous.reproduce.workplace import Workplace, check_room

_PLENTY = 20_000_000_000
"""Free bytes at which the size of a worktree need not be asked for."""


@dataclass(frozen=True, slots=True)
class Code:
    """Where the code of a record can be had.

    Attributes:
        commit: The snapshot, or else the commit, it ran from.
        is_snapshot: Whether it is a snapshot.
        source: The user's repository; None where there is none.
        has_it: Whether that holds the commit.
        remotes: Where to fetch it from otherwise.
    """

    commit: str
    is_snapshot: bool
    source: Source | None
    has_it: bool
    remotes: tuple[Remote, ...]


def find_code(record: Record, repository: str | None = None, near: Sequence[str] = ()) -> Code:
    """Find the repository that holds the code of a record.

    Args:
        record: The record.
        repository: The repository to take; by default the one the record lies in, one that `near`
            names, or the one of the working directory if it holds the commit.
        near: Folders that may lie in the repository it was made in.

    Raises:
        CannotReproduceError: The record names no commit.
        GitError: The repository that was named is none, or git cannot work in it.
    """
    sha = code_of(record)
    if sha is None or sha.strip("0123456789abcdef"):
        raise CannotReproduceError("The record does not say from which commit it ran.")
    if repository is not None:
        named = find_source(os.path.abspath(repository))
        holder, found = find_holder_of(sha, [named.directory])
    else:
        # The working directory may lie in any repository: only one that has the commit counts.
        holder, found = find_holder_of(sha, [str(record.directory), *near])
        if holder is None:
            holder, _ = find_holder_of(sha, [os.getcwd()])
    source = holder or (found[0] if found else None)
    remotes = tuple(_remotes(record, source))
    return Code(sha, is_snapshot(record), source, holder is not None, remotes)


def check_out_code(
    code: Code,
    work: Workplace,
    *,
    seconds: float = 300.0,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Checkout:
    """Put the code into a private worktree; the user's own tree is neither changed nor needed.

    The worktree goes with its workplace.

    Raises:
        CommitNotFoundError: The commit is neither here nor can it be fetched.
        CheckoutError: The worktree cannot be made.
        NoRoomError: The disk is too small.
        GitError: Git failed otherwise.
    """
    if code.source is not None and code.has_it and _free(work) < _PLENTY:
        check_room(work, size_of(code.source, code.commit))
    name = os.path.basename(code.source.root or "code") if code.source else "code"
    try:
        return check_out(
            work.path("tree", name),
            code.commit,
            code.source,
            code.remotes,
            seconds=seconds,
            is_stopped=is_stopped,
        )
    except CommitNotFoundError as error:
        if code.is_snapshot:
            raise CommitNotFoundError(f"{error} {_about_snapshot(code.commit)}") from error
        raise


def remarks_on(code: Code, checkout: Checkout) -> list[str]:
    """Return what is noteworthy about the code, one sentence each."""
    remarks = list(checkout.remarks)
    if checkout.fetched_from is not None:
        remarks.append(f"The code was not here and was fetched from {checkout.fetched_from}.")
    elif code.source is not None and not _is_kept(code.source, code.commit):
        remarks.append(
            f"No branch or tag holds the commit {code.commit[:10]} any more; the next garbage "
            f"collection of git may delete it. Keep it: git -C {code.source.directory} tag "
            f"NAME {code.commit}"
        )
    return remarks


def _is_kept(source: Source, commit: str) -> bool:
    try:
        return is_kept(source, commit)
    except GitError:
        return True


def _remotes(record: Record, source: Source | None) -> Iterator[Remote]:
    """Yield where to fetch from: the recorded place first, with the credentials the user has."""
    recorded = record.metadata.get("git-remote")
    recorded = recorded if isinstance(recorded, str) and recorded else None
    own = [] if source is None else [Remote(url, source.settings) for url in source.urls.values()]
    matching = [remote for remote in own if same_place(remote.url, recorded)]
    found = [*matching]
    if recorded is not None and not matching:
        found.append(Remote(recorded, source.settings if source is not None else ()))
    found += [remote for remote in own if remote not in matching]
    root = source.root if source is not None else None
    for remote in found:
        yield replace(remote, url=_whole(remote.url, root))


def _whole(url: str, root: str | None) -> str:
    """Return the address of a remote; a relative path is one from the root of its repository."""
    is_path = "://" not in url and "::" not in url and ":" not in url.partition("/")[0]
    if root is None or not is_path or os.path.isabs(url):
        return url
    return os.path.normpath(os.path.join(root, url))


def _about_snapshot(commit: str) -> str:
    return (
        "It is a snapshot of uncommitted changes, which lies only in the repository where it was "
        "taken. To have it elsewhere, push it from there: git push REMOTE "
        f"refs/meticulous/snapshots/{commit}"
    )


def _free(work: Workplace) -> int:
    status = os.statvfs(work.directory)
    return status.f_bavail * status.f_frsize
