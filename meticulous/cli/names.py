"""What may stand first behind `meticulous`: the names of commands, or a target. No click yet."""

from __future__ import annotations

import os

COMMANDS = {
    "list": "List the experiments of a directory.",
    "run": "Record any program, without a change to it.",
    "register": "Make experiments that are to be run later.",
    "launch": "Run registered experiments, here or with another command.",
    "execute": "Carry out a registered experiment, here and now.",
    "reset": "Make ended experiments new, for another attempt.",
    "unlink": "Take experiments out of their set; their folders stay.",
    "relink": "Put experiments back into their set.",
    "show": "Show experiments in full.",
    "logs": "Print what an experiment wrote, or follow it.",
    "diff": "Show what differs between two experiments.",
    "why": "Say what most likely explains a different result.",
    "verify": "Check whether what a record claims is still so.",
    "audit": "Say what stands between experiments and being reproducible.",
    "export": "Write an experiment as a research object (RO-Crate).",
    "reproduce": "Run experiments again, and say whether they agree.",
    "plot": "Draw metrics, in the terminal or into a file.",
    "path": "Print the folders of experiments.",
    "note": "Add a note to an experiment, or list its notes.",
    "tag": "Give experiments tags, or list tags.",
    "columns": "List the names to show, filter and sort by.",
    "rm": "Remove experiments, into a trash or for ever.",
    "restore": "Bring removed experiments back.",
    "clean": "Remove unlinked experiments and what killed processes left.",
    "copy": "Copy an experiments directory.",
    "move": "Move an experiments directory.",
    "import": "Make experiments of those that xmen recorded.",
    "target": "Give classes and functions short names for `register`.",
    "config": "Read and write settings.",
    "completion": "Let your shell complete what you type.",
}
"""The commands and their short help, which needs none of their modules."""


OTHER_WORDS = {
    "list": ("ls", "ps", "table", "find", "search", "status"),
    "run": ("exec", "record", "start"),
    "register": ("sweep", "grid", "create", "enqueue", "link", "init"),
    "launch": ("sbatch", "submit", "queue", "work"),
    "show": ("info", "inspect", "view", "open", "cat", "get", "describe"),
    "logs": ("tail", "follow", "output", "stdout", "stderr"),
    "diff": ("compare", "cmp"),
    "verify": ("check", "validate", "fsck"),
    "audit": ("checklist", "badges", "review"),
    "export": ("crate", "archive", "publish", "rocrate"),
    "plot": ("graph", "chart", "draw", "curves", "metrics"),
    "reproduce": ("rerun", "repeat", "replay", "redo", "again"),
    "path": ("dir", "folder", "cd", "where"),
    "note": ("comment", "annotate"),
    "rm": ("remove", "delete", "del", "trash"),
    "reset": ("retry", "again"),
    "clean": ("gc", "prune", "tidy"),
    "copy": ("cp", "duplicate"),
    "move": ("mv", "rename"),
    "import": ("xmen", "convert", "migrate"),
    "config": ("settings", "configure", "set", "options"),
    "restore": ("undelete", "undo", "recover"),
}
"""What people write for a command, for suggestions."""


def stands_for_target(word: str) -> bool:
    """Say whether the first word names a class or function to run, such as train.py:Train.

    A command and a directory of that path count more; a known name that is a directory's, too, is
    for the user to decide.
    """
    if word in COMMANDS or word.startswith("-") or not word:
        return False
    from meticulous.sweep.starting import is_target

    return is_target(word) and (not os.path.isdir(word) or "." not in word)
