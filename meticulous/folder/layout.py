"""The names of the files in an experiment folder, in one place for writer and reader."""

from __future__ import annotations

import os

FORMAT = 1
"""Version of the folder format; a reader refuses a larger one, for that folder only."""

ARGS = "args.json"
DEFAULT_ARGS = "default_args.json"
METADATA = "metadata.json"
STATUS = "STATUS"
STDOUT = "stdout"
STDERR = "stderr"
SUMMARY = "summary.json"
METRICS = "metrics.jsonl"
ENVIRONMENT = "environment.json"
REQUIREMENTS = "requirements.txt"
NOTES = "notes.jsonl"
FILES = "files.json"
SUMS = "SHA256SUMS"
REPRODUCTION = "reproduction.json"
RUN_SCRIPT = "run.sh"
LAUNCHES = "launches.jsonl"

SEALED = (
    *(ARGS, DEFAULT_ARGS, METADATA, SUMMARY, METRICS, STDOUT, STDERR, FILES),
    *(ENVIRONMENT, REQUIREMENTS, STATUS),
)
"""The files whose digests SHA256SUMS holds, where they are there; notes may be added later."""

OWN_FILES = frozenset({*SEALED, NOTES, SUMS, REPRODUCTION, RUN_SCRIPT, LAUNCHES})
"""What the recorder itself writes into a folder to stay; all others are the program's."""

IGNORE = ".gitignore"

USUAL_DIRECTORY = "experiments"
"""What the experiments directory is called unless its user chose another name."""

NUMBERS = ".numbers"
"""In the experiments directory: every number ever given, one a line, so none is given twice."""

TRASH = ".trash"
"""In the experiments directory: what was removed, in a folder for each removal."""

REGISTERING = ".registering"
"""In the experiments directory: sets that are being registered, each in a folder of its own."""

UNLINKED = "unlinked"
"""The tag of an experiment that was taken out of its set: it is neither listed nor launched."""

EXPERIMENT_VARIABLE = "METICULOUS_EXPERIMENT"
"""Environment variable that tells the children of a recorded program where its folder is."""

RUN_VARIABLE = "METICULOUS_RUN"
"""Environment variable that `meticulous run` sets: the folder the program's experiment adds to."""

RECORDER_VARIABLE = "METICULOUS_RECORDER"
"""Environment variable that `meticulous run` sets: its own process, to see whether it lives."""

REPOSITORY_VARIABLE = "METICULOUS_REPOSITORY"
"""Environment variable that `meticulous run` sets: the root of the program's working tree."""

CODE_VARIABLE = "METICULOUS_CODE"
"""Environment variable that `meticulous launch` sets: the root of the working tree to run from."""

CODE_CHOICE_VARIABLE = "METICULOUS_CODE_CHOICE"
"""Environment variable that `meticulous launch` sets for run.sh: "recorded" or "current"."""

ARGS_VARIABLE = "METICULOUS_ARGS"
"""Environment variable for a registered program: the path of its args.json."""

REPRODUCTION_VARIABLE = "METICULOUS_REPRODUCTION"
"""Environment variable that `meticulous reproduce` sets: where the run is to be recorded."""

TERMINALS_VARIABLE = "METICULOUS_TERMINALS"
"""Environment variable that `meticulous run` sets: which streams go to a terminal in the end."""

ENVIRONMENT_WANTED = ".environment-wanted"
"""While the surroundings are described: further folders that want the same, one a line."""

HANDED_OVER = ".handed-over.json"
"""While `meticulous run` records: what the program tells the recording process."""

ATTACHED = ".attached"
"""While `meticulous run` records: an experiment of the program has taken this folder."""

CLAIM = ".claimed"
"""While a registered experiment is carried out: which process does it."""

OPENED = ".opened"
"""While a run goes on: which files it has read and written so far, one a line."""

_OWN = OWN_FILES | {
    *(IGNORE, f"{SUMMARY}.broken"),
    *(ENVIRONMENT_WANTED, HANDED_OVER, ATTACHED, OPENED, CLAIM),
}


def is_own(name: str) -> bool:
    """Say whether a file directly in an experiment folder is the recorder's, not the program's."""
    if name in _OWN:
        return True
    return name.startswith(".") and (name.endswith(".tmp") or name.startswith(".request."))


class Layout:
    """Every path of one experiment folder.

    Writer and reader build it independently from the folder's path and meet only in the files.
    """

    __slots__ = ("directory",)

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def __repr__(self) -> str:
        return f"Layout({self.directory!r})"

    def path(self, name: str) -> str:
        """Return the path of the file `name` in this folder; an absolute `name` stays itself."""
        return os.path.join(self.directory, name)
