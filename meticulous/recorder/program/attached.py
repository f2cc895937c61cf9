"""What a program under `meticulous run` tells the process that records it.

The recording process owns the folder's metadata, STATUS and output. What only the program knows
(its arguments, the code it loaded, the description, tags and end of an `Experiment` of its own) is
handed over in one small file, which the recording process takes in.
"""

from __future__ import annotations

import contextlib
import json
import os

from meticulous.folder import layout, status
from meticulous.folder.encoding import encode_document
from meticulous.folder.plain import plain
from meticulous.folder.writing import write_atomically
from meticulous.recorder.provenance import loaded_files
from meticulous.recorder.writer import RecordWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from meticulous.recorder.ending.outcome import Ending

_told: dict[str, Any] = {}
"""Everything this process has told so far; each telling repeats it all."""


def tell(directory: str, **facts: Any) -> None:
    """Hand over `facts`, and the files of all modules loaded so far, to the recording process.

    Args:
        directory: The experiment folder.
        **facts: `args`, `default_args`, `description`, `tags`, `warnings`, `ending`.
    """
    _told.update(facts, loaded=loaded_files())
    # Without a folder to write to there is nobody to tell.
    with contextlib.suppress(OSError):
        write_atomically(os.path.join(directory, layout.HANDED_OVER), encode_document(_told))


def is_attached() -> bool:
    """Say whether an experiment of this process adds to the recording process's folder."""
    return "ending" in _told


class AttachedRecording:
    """What an experiment holds in place of a recording of its own.

    Args:
        directory: The folder of the recording process.
        facts: What the recording process shall know of the experiment.
    """

    def __init__(self, directory: str, facts: dict[str, Any]) -> None:
        from meticulous.recorder.secrets.gate import Gate

        gate = Gate()
        gate.learn(facts["args"])
        gate.learn(facts["default_args"])
        metadata = _read_metadata(directory)
        self.writer = RecordWriter(directory, gate, metadata)
        self.state = "running"
        self.repository: str | None = os.environ.get(layout.REPOSITORY_VARIABLE)
        self._owner = os.getpid()
        tell(directory, ending=None, **facts)

    def finish(self, ending: Ending) -> None:
        """Tell how this part of the program ended; the process's own end has the last word."""
        if self.state != "running" or os.getpid() != self._owner:
            return
        self.state = "finished"
        tell(
            self.writer.paths.directory,
            ending={"status": ending.status, "reason": ending.reason},
            warnings=self.writer.metadata.get("warnings", []),
        )
        self.writer.close()


def attach(args: Any, default_args: Any, settings: dict[str, Any]) -> AttachedRecording | None:
    """Return the recording this process is already part of, for its first experiment only.

    Args:
        args: The arguments of the program.
        default_args: Their defaults.
        settings: `description` and `tags` of the experiment.
    """
    directory = os.environ.pop(layout.RUN_VARIABLE, None)
    if directory is None or not _is_recorded_now(directory) or not _is_first(directory):
        return None
    facts = {
        "args": plain(args),
        "default_args": plain(default_args),
        "description": settings["description"],
        "tags": list(settings["tags"]),
    }
    return AttachedRecording(directory, facts)


def _is_recorded_now(directory: str) -> bool:
    """Say whether the run goes on; a child that outlived it may still have the variable."""
    try:
        with open(os.path.join(directory, layout.STATUS), "rb") as file:
            return status.decode_status(file.read())[0] == status.RUNNING
    except OSError:
        return False


def _is_first(directory: str) -> bool:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        os.close(os.open(os.path.join(directory, layout.ATTACHED), flags, 0o666))
    except OSError:
        return False
    return True


def _read_metadata(directory: str) -> dict[str, Any]:
    try:
        with open(os.path.join(directory, layout.METADATA), "rb") as file:
            metadata = json.loads(file.read())
    except (OSError, ValueError):
        metadata = {}
    return metadata if isinstance(metadata, dict) else {}
