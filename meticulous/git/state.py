"""Reads which code a run starts from: commit, branch, remote and what differs from the commit."""

from __future__ import annotations

import os
from collections import namedtuple

from meticulous.errors import GitError, NoCommitsError, NoRepositoryError
from meticulous.git.command import Answer, Question, ask, is_one_line
from meticulous.git.remote import CONFIG_WORDS, default_remote, parse_config
from meticulous.git.status import STATUS_WORDS, Status, describe
from meticulous.git.worktree import (
    Territory,
    existing_file,
    find_root,
    git_directory,
    operation_in_progress,
)

_ATTEMPTS = 10
"""How often the state is read anew when somebody commits at the same moment."""


# `typing.NamedTuple` would cost every start the 3 ms that importing `typing` takes.
class CodeState(
    namedtuple(
        "CodeState",
        (
            "directory",
            "commit",
            "message",
            "branch",
            "remote",
            "dirty",
            "script",
            "script_tracked",
            "operation",
            "snapshot",
        ),
        defaults=(None,),
    )
):
    """The code of a repository at one moment.

    Attributes:
        directory: The root of the working tree, a real, absolute path.
        commit: The sha of HEAD.
        message: The full message of that commit, with its last line end.
        branch: The branch, or None when HEAD is detached.
        remote: The URL of the default remote without credentials, or None.
        dirty: One line for people per path whose content is not that of the commit.
        script: The main script, relative to `directory`; None where it is not the user's own code
            in this repository.
        script_tracked: Whether `commit` holds the main script; True where `script` is None.
        operation: What git is in the middle of (see `operation_in_progress`), or None.
        snapshot: The sha of the commit that holds the working tree, where one was taken.
    """

    __slots__ = ()

    directory: str
    commit: str
    message: str
    branch: str | None
    remote: str | None
    dirty: tuple[str, ...]
    script: str | None
    script_tracked: bool
    operation: str | None
    snapshot: str | None


def read_code_state(project_directory: str, main_script: str | None = None) -> CodeState:
    """Ask git, with three processes side by side, which code lies in the project directory.

    Args:
        project_directory: A folder in the working tree; "" is the current directory.
        main_script: The path of the program that runs, if it has one; relative to the current
            directory.

    Raises:
        NoRepositoryError: The folder does not exist or lies in no repository.
        BareRepositoryError: The repository has no working tree.
        NoCommitsError: There is no commit yet.
        UnsafeRepositoryError: Somebody else owns the repository.
        GitNotInstalledError: There is no git.
        GitError: Git failed in another way.
    """
    directory = _existing_folder(project_directory)
    # Where looking at files finds nothing, git says why; or it knows better, and is believed.
    root = find_root(directory) or _line(ask(directory, "rev-parse", "--show-toplevel"))
    territory = Territory(root)
    script = _script_in(territory, main_script)
    for _ in range(_ATTEMPTS):
        state = _read(directory, territory, script)
        if state is not None:
            return state
    raise GitError(
        f"HEAD of the repository {root} changed {_ATTEMPTS} times while it was being read. "
        "Wait until the program that commits there is done, and start again."
    )


def refusal(state: CodeState, keep_snapshot: str, without_record: str) -> str | None:
    """Return why a run must not be tied to this commit, and the ways out; None when it may.

    Args:
        state: The code of the run.
        keep_snapshot: What the user is to write to have a snapshot kept instead.
        without_record: What he is to write to run without a record.
    """
    if not state.dirty and state.script_tracked:
        return None
    from meticulous.git.refusal import explain

    return explain(state, keep_snapshot, without_record)


def _existing_folder(path: str) -> str:
    if not os.path.isdir(path or os.curdir):
        from meticulous.git.failure import missing_folder

        raise NoRepositoryError(missing_folder(path, is_file=os.path.lexists(path)))
    try:
        return os.path.realpath(path)
    except FileNotFoundError as error:  # the current directory has been deleted
        from meticulous.git.failure import missing_folder

        raise NoRepositoryError(missing_folder(path or os.curdir, is_file=False)) from error


def _script_in(territory: Territory, main_script: str | None) -> str | None:
    if not main_script or "\0" in main_script:
        return None
    try:
        path = os.path.join(os.getcwd(), main_script)
    except FileNotFoundError:
        path = main_script
    if os.path.isdir(path):  # `python FOLDER`
        path = os.path.join(path, "__main__.py")
    return territory.locate(path) if existing_file(path) else None


def _read(directory: str, territory: Territory, script: str | None) -> CodeState | None:
    """Read the state once; None when HEAD moved between two answers."""
    root = territory.root
    beside_head = script is not None and _can_ask_beside_head(territory, script)
    names = b"HEAD\n"
    if script is not None and beside_head:
        names += b"HEAD:" + os.fsencode(script) + b"\n"
    with (
        Question(directory, *STATUS_WORDS, "--untracked-files=no") as status_question,
        Question(directory, "cat-file", "--batch", feed=names) as commit_question,
        Question(directory, *CONFIG_WORDS) as config_question,
    ):
        status = Status(status_question.output())
        if status.commit is None:
            from meticulous.git.failure import no_commits

            raise NoCommitsError(no_commits(root, status.branch))
        commit_answer = commit_question.answer()
        config = parse_config(config_question.output(1))  # 1: no such key
    _check_working_tree(directory, root, config)
    objects = _parse_batch(commit_answer)
    head = objects[0]
    if head is None:
        raise GitError(
            f"The commit {status.commit}, at which HEAD of the repository {root} points, cannot "
            f"be read. `git -C {root} fsck` may tell what is missing."
        )
    if head[0] != status.commit:
        return None
    tracked = script is None or (
        objects[1] is not None if beside_head else _is_in_commit(root, status.commit, script)
    )
    return CodeState(
        directory=root,
        commit=status.commit,
        message=_message(head[1]),
        branch=status.branch,
        remote=default_remote(config, status.branch),
        dirty=tuple(describe(entry) for entry in status.entries if entry.is_dirty),
        script=script,
        script_tracked=tracked,
        operation=operation_in_progress(git_directory(root)),
    )


def _can_ask_beside_head(territory: Territory, script: str) -> bool:
    """Tell whether `git cat-file --batch` at the root can be asked for the script.

    It knows nothing of what lies in submodules.
    """
    return is_one_line(script) and territory.repository_of(script) == territory.root


def _is_in_commit(root: str, commit: str, script: str) -> bool:
    from meticulous.git.sources import untracked_sources

    return not untracked_sources(root, commit, [os.path.join(root, script)])


def _check_working_tree(directory: str, root: str, config: dict[str, list[str]]) -> None:
    """Make sure that git has its files where we found its repository.

    `core.worktree` may say otherwise. Submodules have it, and there it agrees with where we look.
    """
    if "core.worktree" not in config:
        return
    actual = _line(ask(directory, "rev-parse", "--show-toplevel"))
    if actual != root:
        raise NoRepositoryError(
            f"The repository of {directory} keeps its files elsewhere: core.worktree says "
            f"{actual}. Pass that folder as the project directory, with a file .git in it that "
            f"says `gitdir: {os.path.realpath(git_directory(root))}`."
        )


def _line(output: bytes) -> str:
    return os.fsdecode(output.removesuffix(b"\n"))


def _parse_batch(answer: Answer) -> list[tuple[str, bytes] | None]:
    """Read the answer of `git cat-file --batch`: sha and content, None for what is missing."""
    output = answer.accepted()
    objects: list[tuple[str, bytes] | None] = []
    position = 0
    while position < len(output):
        end = output.index(b"\n", position)
        words = output[position:end].split(b" ")
        position = end + 1
        if len(words) == 3 and words[2].isdigit():
            size = int(words[2])
            objects.append((words[0].decode("ascii"), output[position : position + size]))
            position += size + 1
        else:
            objects.append(None)
    return objects


def _message(commit: bytes) -> str:
    """Return the message of a raw commit, decoded as its header says."""
    header, _, message = commit.partition(b"\n\n")
    encoding = "utf-8"
    for line in header.split(b"\n"):
        if line.startswith(b"encoding "):
            encoding = line[9:].decode("ascii", "replace")
    try:
        return message.decode(encoding, "replace")
    except LookupError:
        return message.decode("utf-8", "replace")
