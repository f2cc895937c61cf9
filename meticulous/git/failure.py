"""Turns what git said when it failed into the error that tells the user what to do."""

from __future__ import annotations

import shlex

from meticulous.errors import (
    BareRepositoryError,
    GitError,
    GitNotInstalledError,
    NoCommitsError,
    NoRepositoryError,
    UnsafeRepositoryError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.git.command import Answer

WITHOUT_A_RECORD = "To run without a record: --norecord (in code: norecord=True)."
_NOTHING_ABOVE = "not a git repository (or any "
"""Git's ordinary words when there is no repository at all; others tell of a damaged one."""


def failure(answer: Answer) -> GitError:
    """Return the error for an answer with an exit code that was not expected.

    Messages of git are recognised by their words, which are English because
    `git_environment` asks for that.
    """
    said = answer.errors
    directory = answer.directory
    if "dubious ownership" in said or "safe.directory" in said:
        return UnsafeRepositoryError(_unsafe(directory, said))
    if "must be run in a work tree" in said or "cannot use bare repository" in said:
        return BareRepositoryError(
            f"{directory} is, or lies in, a repository without a working tree (a bare repository "
            "or the inside of a .git folder), so there is no code to tie an experiment to. "
            "Run from a clone or a worktree of it: "
            f"git -C {shlex.quote(directory)} worktree add FOLDER. {WITHOUT_A_RECORD}"
        )
    if "not a git repository" in said or "invalid gitfile format" in said:
        return NoRepositoryError(_nothing_found(directory, said))
    if "does not have any commits yet" in said or "bad revision 'HEAD'" in said:
        return NoCommitsError(no_commits(directory))
    if answer.code == 127 and not answer.output:
        return GitNotInstalledError(not_installed())
    how = f"with exit code {answer.code}" if answer.code >= 0 else f"by signal {-answer.code}"
    return GitError(f"`{shlex.join(answer.command)}` failed {how}. Git said:\n{_indented(said)}")


def not_installed() -> str:
    """Return the message for a machine where git cannot be started."""
    return (
        "No git program can be started: there is none on PATH. Every experiment is tied to a "
        "commit, so install git (its package is called git everywhere) or correct PATH. "
        + WITHOUT_A_RECORD
    )


def no_commits(directory: str, branch: str | None = None) -> str:
    """Return the message for a repository, or a new branch, without a commit."""
    what = f"The branch {branch} of the repository" if branch else "The repository"
    return (
        f"{what} {directory} has no commit yet, so there is nothing to tie an experiment to. "
        f"Make the first one: {_first_commit(directory)}. {WITHOUT_A_RECORD}"
    )


def missing_folder(directory: str, *, is_file: bool) -> str:
    """Return the message for a project directory that is not a folder."""
    what = "is a file, not a folder" if is_file else "does not exist"
    return (
        f"The project directory {directory} {what}, so no repository can be found there. "
        f"Correct the path. {WITHOUT_A_RECORD}"
    )


def _nothing_found(directory: str, said: str) -> str:
    message = f"No git repository was found in {directory} or above it"
    if "GIT_DISCOVERY_ACROSS_FILESYSTEM" in said:
        message += " on the same file system (GIT_DISCOVERY_ACROSS_FILESYSTEM=1 looks further)"
    if _NOTHING_ABOVE not in said:
        message += f"; git said: {said.strip()}"
    quoted = shlex.quote(directory)
    return (
        f"{message}. Every experiment is tied to a commit; make a repository with a first commit: "
        f"git init {quoted} && {_first_commit(directory)}. {WITHOUT_A_RECORD}"
    )


def _first_commit(directory: str) -> str:
    quoted = shlex.quote(directory)
    return f"git -C {quoted} add -A && git -C {quoted} commit -m start"


def _unsafe(directory: str, said: str) -> str:
    # `directory` may be a sub-folder of what git has to trust, so git's own advice, which it has
    # quoted for the shell, comes first.
    advice = f"git config --global --add safe.directory {shlex.quote(directory)}"
    for line in said.splitlines():
        if line.strip().startswith("git config --global --add safe.directory "):
            advice = line.strip()
    _, _, where = said.partition("repository at '")
    where = where.partition("'\n")[0] or directory
    return (
        f"Git refuses to work in {where} because the folder belongs to another user. "
        f"If you trust it, tell git so: {advice}\n{WITHOUT_A_RECORD}"
    )


def _indented(said: str) -> str:
    lines = said.strip().splitlines() or ["(nothing)"]
    return "\n".join(f"    {line}" for line in lines)
