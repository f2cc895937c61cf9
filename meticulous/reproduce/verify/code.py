"""Whether the code of a record is still there, kept, published and what ran."""

from __future__ import annotations

import shlex

from meticulous.errors import MeticulousError
from meticulous.git.reachability import Presence, is_on_remote, is_partial
from meticulous.git.snapshot import SNAPSHOTS
from meticulous.reader.record import Record
from meticulous.reproduce.answers import Answer, no, some_of, unknown, yes
from meticulous.reproduce.repository import CodeHolder, code_of, is_snapshot

_NO_COMMIT = "the record names no commit"

_CHANGED_WHILE_RUNNING = "code was changed while the program ran"


def check_commit(record: Record, holder: CodeHolder) -> Answer:
    """Say whether the repository holds the commit, or the snapshot."""
    commit = code_of(record)
    if commit is None:
        return unknown(_NO_COMMIT)
    if holder.root is None or holder.why_unknown:
        return unknown(holder.why_unknown, "name a clone of it with --repository DIR")
    what = f"{_kind(record)} {commit[:10]}"
    if _presence(record, holder).is_here:
        return yes(f"{what} is in {holder.root}")
    return no(f"{what} is not in {holder.root}", _way_to_get_it(record, holder, commit))


def check_kept(record: Record, holder: CodeHolder) -> Answer:
    """Say whether a ref keeps the commit from being collected as garbage."""
    commit, presence = code_of(record), _presence(record, holder)
    if commit is None or not presence.is_here:
        return _not_here(record, holder)
    if presence.has_own_ref:
        return yes(f"the ref {SNAPSHOTS}{commit[:10]}... keeps it")
    if presence.is_kept:
        return yes("a branch, a tag or the present HEAD leads to it")
    if is_snapshot(record):
        return no(
            "the ref of the snapshot is gone, so that `git gc` will delete it",
            f"{holder.git} update-ref {SNAPSHOTS}{commit} {commit}",
        )
    return no(
        "no branch or tag leads to it, so that `git gc` will delete it",
        f"{holder.git} tag experiment-{commit[:10]} {commit}",
    )


def check_published(record: Record, holder: CodeHolder, online: bool) -> Answer:
    """Say whether a branch of a remote holds the commit.

    Args:
        record: The experiment.
        holder: The repository.
        online: Whether the remote is asked, instead of what was last fetched from it or pushed.
    """
    commit, presence = code_of(record), _presence(record, holder)
    if commit is None or not presence.is_here:
        return _not_here(record, holder)
    if online:
        return _ask_remote(record, holder, commit)
    return published(record, holder)


def published(record: Record, holder: CodeHolder, name_branches: bool = True) -> Answer:
    """Answer from what the repository knows of its remotes; see `check_published`."""
    commit, presence = code_of(record), _presence(record, holder)
    if commit is None or not presence.is_here:
        return _not_here(record, holder)
    if presence.is_published:
        branches = holder.remote_branches(commit) if name_branches else []
        where = f": {', '.join(branches)}" if branches else ""
        return yes(f"a branch of a remote, as last fetched or pushed, holds it{where}")
    if holder.remote is None:
        return no("the repository has no remote", _way_to_publish(record, holder, commit))
    return no(
        f"no branch of {holder.remote[0]}, as last fetched or pushed, holds it",
        _way_to_publish(record, holder, commit),
    )


def check_tree(record: Record, holder: CodeHolder) -> Answer:
    """Say whether the commit or snapshot is whole, and nothing else than it was run."""
    changed = next((text for text in record.warnings if _CHANGED_WHILE_RUNNING in text), None)
    if changed is not None:
        return no(changed.partition(";")[0], "run it again while nobody edits the code")
    commit = code_of(record)
    if commit is None or not _presence(record, holder).is_here:
        return _not_here(record, holder)
    if record.is_foreign:
        return unknown("xmen, which recorded it, did not look for uncommitted changes")
    try:
        missing = holder.missing_objects(commit)
        left_out = bool(missing) and is_partial(str(holder.root))
    except MeticulousError as error:
        return no(_one_line(error), f"{holder.git} fsck")
    if left_out:
        return unknown(
            f"this partial clone has left out {len(missing)} of its files and folders",
            f"{holder.git} fetch --refetch --no-filter, or name a whole clone: --repository DIR",
        )
    if missing:
        return no(
            f"{len(missing)} of its files and folders cannot be read: {some_of(missing)}",
            f"{holder.git} fetch --refetch, or name another clone with --repository DIR",
        )
    if is_snapshot(record):
        return yes("the snapshot with the uncommitted changes is whole")
    return yes("there were no uncommitted changes, and the commit is whole")


def check_sources(record: Record) -> Answer:
    """Say whether all loaded code is in the commit, as far as the recorder looked."""
    names = record.metadata.get("git-untracked-sources")
    if not isinstance(names, list):
        return unknown("the record does not say which code was loaded")
    if not names:
        return yes("no module of the repository was loaded that is not in the commit")
    return no(
        f"not in the commit: {some_of([str(name) for name in names])}",
        f"git add {shlex.join(str(name) for name in names[:3])}, commit, and run it again",
    )


def _ask_remote(record: Record, holder: CodeHolder, commit: str) -> Answer:
    recorded = record.metadata.get("git-remote")
    name, url = holder.remote or (recorded, recorded)
    if not isinstance(name, str) or not name:
        return no("the repository has no remote", _way_to_publish(record, holder, commit))
    try:
        found = is_on_remote(str(holder.root), name, commit)
    except MeticulousError as error:
        return unknown(_one_line(error))
    if found is None:
        return unknown(
            f"{url} has branches that were not fetched yet",
            f"{holder.git} fetch {shlex.quote(name)}, then ask again",
        )
    if found:
        return yes(f"{url} has it")
    return no(f"no branch or tag of {url} holds it", _way_to_publish(record, holder, commit))


def _presence(record: Record, holder: CodeHolder) -> Presence:
    commit = code_of(record)
    return holder.presence(commit) or Presence(commit or "", is_here=False)


def _not_here(record: Record, holder: CodeHolder) -> Answer:
    if code_of(record) is None:
        return unknown(_NO_COMMIT)
    return unknown(holder.why_unknown or "the commit is not here")


def _kind(record: Record) -> str:
    return "the snapshot" if is_snapshot(record) else "the commit"


def _way_to_get_it(record: Record, holder: CodeHolder, commit: str) -> str:
    clone = "name a clone that has it with --repository DIR"
    if is_snapshot(record):
        ref = f"{SNAPSHOTS}{commit}"
        host = record.metadata.get("host") or "the machine that recorded it"
        return f"on {host}, git push this clone {ref}; or {clone}"
    if holder.remote is None:
        return clone
    return f"{holder.git} fetch {shlex.quote(holder.remote[0])} {commit}; or {clone}"


def _way_to_publish(record: Record, holder: CodeHolder, commit: str) -> str:
    first = "" if holder.remote else f"{holder.git} remote add origin URL, then "
    name = shlex.quote(holder.remote[0] if holder.remote else "origin")
    branch = record.metadata.get("git-branch")
    if is_snapshot(record) or not isinstance(branch, str) or not branch:
        target = f"{commit}:refs/heads/experiment-{commit[:10]}"
    else:
        target = shlex.quote(branch)
    return f"{first}{holder.git} push {name} {target}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
