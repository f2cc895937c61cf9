"""The commits that a git revision or range means, for choosing experiments by their code."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from meticulous.errors import GitError, GitNotInstalledError, InvalidQueryError

_ABBREVIATION = re.compile("[0-9a-fA-F]{4,64}")


def commits_meant(revision: str, places: Sequence[str], recorded: Iterable[str]) -> set[str]:
    """Return the full shas that a revision means.

    Args:
        revision: Whatever git understands: a branch, tag, abbreviated sha, `HEAD~3`, or a range
            such as `v1..main` or `HEAD~5..`. Where there is no repository, or it does not have the
            commit, the beginning of a sha is looked for among the recorded ones.
        places: Folders in whose repositories it is looked up, in this order.
        recorded: The shas in the records.

    Raises:
        InvalidQueryError: No repository knows the revision.
    """
    said = ""
    roots = _roots(places)
    is_installed = True
    for root in roots:
        try:
            return _ask(root, revision)
        except GitNotInstalledError:
            is_installed = False
        except GitError as error:
            said = said or _first_fatal(str(error))
    if _ABBREVIATION.fullmatch(revision):
        found = {sha for sha in recorded if sha.startswith(revision.lower())}
        if found:
            return found
    if not roots:
        raise InvalidQueryError(
            f"{revision!r} cannot be looked up: neither the experiments nor the working directory "
            "lie in a git repository. Name a commit by the first characters of its sha."
        )
    if not is_installed:
        raise InvalidQueryError(
            f"{revision!r} cannot be looked up: there is no program git on PATH. Install git, or "
            "name a commit by the first characters of its sha."
        )
    raise InvalidQueryError(
        f"{revision!r} is no commit or range that the repository {roots[0]} knows"
        f"{f' (git: {said})' if said else ''}, and no recorded sha begins so."
    )


def _roots(places: Sequence[str]) -> list[str]:
    from meticulous.git.worktree import find_root

    found = (find_root(os.path.realpath(place)) for place in places)
    return list(dict.fromkeys(root for root in found if root is not None))


def _ask(root: str, revision: str) -> set[str]:
    from meticulous.git.command import ask

    if "\0" in revision:
        raise GitError("a revision holds no zero byte")
    question = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    try:
        return {ask(root, *question).decode("ascii").strip()}
    except GitError:
        # A range, or several revisions as `git log` takes them: `main ^v1`.
        words = revision.split() or [revision]
        output = ask(root, "rev-list", "--end-of-options", *words)
        return set(output.decode("ascii").split())


def _first_fatal(message: str) -> str:
    lines = (line.strip() for line in message.splitlines())
    return next((line for line in lines if line.startswith("fatal: ")), "").removeprefix("fatal: ")
