"""Asks git whether a path is ignored."""

from __future__ import annotations

import os

from meticulous.git.command import Question


def ignores(directory: str, path: str) -> bool:
    """Tell whether git ignores the path: by .gitignore, .git/info/exclude or the user's own file.

    Args:
        directory: A folder in the working tree.
        path: Absolute or relative to `directory`; need not exist. A folder that does not exist yet
            needs a "/" at its end for patterns that match folders only.

    Returns:
        False also for a path outside the repository or in a `.git` folder.

    Raises:
        GitError: Git failed.
    """
    target = os.path.realpath(os.path.join(directory, path))
    folder = os.path.dirname(target)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    # Asked from where the path lies: what is in a submodule is that repository's affair.
    # Without --quiet, since a program that ignores SIGCHLD never learns an exit code.
    words = ("check-ignore", "-z", "--stdin")
    ending = b"/" if path.endswith(os.sep) else b""
    feed = os.fsencode(os.path.relpath(target, folder)) + ending + b"\0"
    with Question(folder, *words, feed=feed) as question:
        answer = question.answer()
    for outside in ("not a git repository", "must be run in a work tree"):
        if answer.code == 128 and outside in answer.errors:
            return False
    return bool(answer.accepted(1))
