"""What a recorded run read and wrote outside of its repository, where a rerun has no copy of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from meticulous.errors import CannotReproduceError
from meticulous.folder import layout
from meticulous.reader.record import Record
from meticulous.reader.wording import few_text
from meticulous.reproduce.inputs import argument_values, entries, read_files, written_over
from meticulous.reproduce.passing import may_be_written_over
from meticulous.reproduce.paths import below

ALLOW = "--allow-outside"

_OURS = ("tree", "elsewhere", "stdout", "stderr", "owner.json")
"""Names in a workplace that are taken."""


def written_outside(
    record: Record, root: str | None, is_kept: Callable[[str], bool] = lambda path: True
) -> list[str]:
    """Return the files outside of the repository that a run wrote, and a rerun would write again.

    Temporary files and those in the user's cache are left out; they are there to be written over.

    Args:
        record: The record.
        root: The user's working tree, whose links may lead out of it; None for none.
        is_kept: Says of a path whether the commit holds it, for `root` may have further links.
    """
    found = []
    for entry in entries(read_files(record.directory), "outputs"):
        path, place = entry["path"], entry["in"]
        if place == "repository" and root is not None and _leads_out(root, path, is_kept):
            found.append(os.path.realpath(os.path.join(root, path)))
        elif place == "elsewhere" and os.path.isabs(path) and not _is_of_another(record, path):
            found.append(path)
    return [path for path in dict.fromkeys(found) if not may_be_written_over(path)]


def refusal_of_writing(paths: Sequence[str]) -> str:
    """Return why a run that wrote these files outside of the repository is not run again."""
    return (
        f"The recorded run wrote outside of the repository, and running it again would write over "
        f"it: {few_text(paths)}. {ALLOW} runs it all the same; or let the program write into "
        "experiment.directory."
    )


def read_from_original(
    record: Record, found: Record, roots: Sequence[str], worktree: str
) -> list[str]:
    """Return the files that a rerun read or linked to, and that the original had written.

    Args:
        record: The original.
        found: The record of the rerun.
        roots: The folders of the code of the original.
        worktree: That of the rerun.
    """
    files = read_files(record.directory)
    folders = {"experiment": [str(record.directory)], "repository": roots}
    written = {
        os.path.realpath(os.path.join(folder, path))
        for place, path in written_over(files)
        for folder in folders.get(place, [os.sep])
    }
    of_original = os.path.realpath(record.directory)
    now = {"experiment": str(found.directory), "repository": worktree}
    listed = read_files(found.directory)
    paths = {
        kind: {
            entry["path"]: os.path.join(now.get(entry["in"], os.sep), entry["path"])
            for entry in entries(listed, kind)
        }
        for kind in ("inputs", "outputs")
    }
    read = []
    for name, path in paths["inputs"].items():
        real = os.path.realpath(path)
        if real in written or below(real, of_original) is not None:
            read.append(name)
    written -= {os.path.realpath(path) for path in paths["outputs"].values() if _is_plain(path)}
    inodes = set(filter(None, map(_inode, written)))
    linked = [
        name
        for name, path in paths["outputs"].items()
        if (not _is_plain(path) or _has_links(path)) and _inode(path) in inodes
    ]
    return list(dict.fromkeys([*read, *linked]))


def _is_plain(path: str) -> bool:
    return not os.path.islink(path)


def _has_links(path: str) -> bool:
    try:
        return os.stat(path).st_nlink > 1
    except OSError:
        return False


def _inode(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def make_reachable(
    record: Record, roots: Sequence[str], worktree: str, workplace: str, working_directory: str
) -> None:
    """Put links beside the worktree, so that paths that lead out of it lead where they led.

    Args:
        record: The record.
        roots: The folders of its code then, the present one of the user first.
        worktree: The private worktree.
        workplace: The private folder it lies in, in which the links are made.
        working_directory: That of the rerun, in the worktree.

    Raises:
        CannotReproduceError: A file that it read cannot be reached; names it.
    """
    if not roots:
        return
    files = read_files(record.directory)
    for entry in entries(files, "inputs"):
        path = entry["path"]
        if entry["in"] == "repository":
            _follow(path, roots[0], worktree, workplace, path)
        elif entry["in"] == "elsewhere" and os.path.isabs(path):
            for root in roots:
                target = os.path.join(worktree, os.path.relpath(path, root))
                _reach(path, os.path.normpath(target), workplace, None)
    for entry in entries(files, "outputs"):
        folder = os.path.dirname(entry["path"])
        if entry["in"] == "repository":
            _follow(folder, roots[0], worktree, workplace, None)
        elif entry["in"] == "elsewhere" and os.path.isabs(folder):
            target = os.path.join(worktree, os.path.relpath(folder, roots[0]))
            _reach(folder, os.path.normpath(target), workplace, None)
    for value in argument_values(record):
        target = os.path.normpath(os.path.join(working_directory, value))
        if os.path.isabs(value) or os.pardir not in value or below(target, worktree) is not None:
            continue
        if below(working_directory, worktree) is not None:
            source = os.path.normpath(os.path.join(roots[0], os.path.relpath(target, worktree)))
            _reach(source, target, workplace, value)


def _follow(path: str, root: str, worktree: str, workplace: str, name: str | None) -> None:
    """Make the target of a committed link reachable that leads out of the worktree."""
    target = os.path.realpath(os.path.join(worktree, path))
    if below(target, worktree) is None:
        source = os.path.normpath(os.path.join(root, os.path.relpath(target, worktree)))
        _reach(source, target, workplace, name)


def _reach(source: str, target: str, workplace: str, name: str | None) -> None:
    """Link the outermost folder on the way to a file that is not there; refuse if it has a name."""
    if os.path.exists(target) or not os.path.exists(source):
        return
    inner = below(target, workplace)
    parts = [] if inner in (None, os.curdir) else str(inner).split(os.sep)
    place = workplace
    for number, part in enumerate(parts):
        place = os.path.join(place, part)
        if os.path.lexists(place):
            continue
        rest = len(parts) - number - 1
        at = source
        for _ in range(rest):
            at = os.path.dirname(at)
        is_ours = number == 0 and part in _OURS
        if not is_ours and at != os.sep and os.path.basename(at) == part:
            os.symlink(at, place)
            return
        break
    if name is not None:
        raise CannotReproduceError(
            f"Its input {name} leads out of the repository, to {source}, where a private worktree "
            "cannot reach it. Name it by its absolute path, or put it into the repository."
        )


def _leads_out(root: str, path: str, is_kept: Callable[[str], bool]) -> bool:
    real = os.path.realpath(root)
    if below(os.path.realpath(os.path.join(root, path)), real) is not None:
        return False
    return any(
        os.path.islink(os.path.join(root, each)) and is_kept(each) for each in _prefixes(path)
    )


def _prefixes(path: str) -> Iterator[str]:
    while path:
        yield path
        path = os.path.dirname(path)


def _is_of_another(record: Record, path: str) -> bool:
    """Say whether it lies in the folder of another experiment, which a rerun has elsewhere."""
    place = str(record.directory.parent)
    inner = below(path, place) or below(path, os.path.realpath(place))
    if inner is None or os.sep not in inner:
        return False
    first = inner.split(os.sep)[0]
    return os.path.exists(os.path.join(place, first, layout.METADATA))
