"""What a program under `meticulous run` tells the process that records it.

The recording process owns the folder's metadata, STATUS and output. What only the program knows
(its arguments, the code it loaded, the description, tags and end of an `Experiment` of its own) is
handed over in one small file, which the recording process takes in.
"""

from __future__ import annotations

import contextlib
import os
import time

from meticulous.folder import layout, liveness, status
from meticulous.folder.encoding import encode_document
from meticulous.folder.plain import plain
from meticulous.folder.writing import write_atomically
from meticulous.recorder.ending.outcome import by_time_limit
from meticulous.recorder.place import USUAL
from meticulous.recorder.provenance import loaded_files
from meticulous.recorder.randomness.watch import Observation
from meticulous.recorder.writer import RecordWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from meticulous.recorder.ending.outcome import Ending

_OWN_IDENTITY = ("pid", "process-start-time")
"""What differs between the recording process and its program, which the metadata identify."""

_TAKEN = f"{layout.HANDED_OVER}.tmp"
"""What the program has told, while the recording process reads it."""

JOINED = "joined"
"""Tells the program, beside the streams that go to terminals, that both are shown in one place."""

_told: dict[str, Any] = {}
"""Everything this process has told so far; each telling repeats it all."""


def tell(directory: str, **facts: Any) -> None:
    """Hand over `facts`, and the files of all modules loaded so far, to the recording process.

    Args:
        directory: The experiment folder.
        **facts: `args`, `default_args`, `description`, `tags`, `warnings`, `ending`, `seed`,
            `randomness`.
    """
    _told.update(facts, loaded=loaded_files())
    # Without a folder to write to there is nobody to tell.
    with contextlib.suppress(OSError):
        write_atomically(os.path.join(directory, layout.HANDED_OVER), encode_document(_told))


def take_in(directory: str) -> dict[str, Any] | None:
    """Return what the program has told since the last call, None when that is nothing.

    Raises:
        OSError: It cannot be read.
        ValueError: Somebody has put something else in its place.
    """
    import json

    told = os.path.join(directory, layout.HANDED_OVER)
    # Moved before it is read: the program may tell more at any moment, under the same name.
    taken = os.path.join(directory, _TAKEN)
    try:
        os.replace(told, taken)
    except FileNotFoundError:
        return None
    with open(taken, "rb") as file:
        facts = json.loads(file.read())
    os.unlink(taken)
    if not isinstance(facts, dict):
        raise ValueError("it is no JSON object")
    return facts


def remove_messages(directory: str) -> None:
    """Remove what recording process and program have left for each other."""
    for name in (layout.HANDED_OVER, _TAKEN, layout.ATTACHED):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(directory, name))


_randomness: Observation | None = None


def observe_randomness() -> Observation:
    """Return what this process sees of random numbers, from the first call on."""
    global _randomness
    if _randomness is None:
        _randomness = Observation(os.environ.get(layout.REPOSITORY_VARIABLE))
    return _randomness


def tell_randomness(directory: str) -> None:
    """Hand over what is seen of random numbers so far."""
    from meticulous.recorder.randomness import facts

    tell(directory, **facts.metadata(observe_randomness()))


def is_attached() -> bool:
    """Say whether an experiment of this process adds to the recording process's folder."""
    return "ending" in _told


class AttachedRecording:
    """What an experiment holds in place of a recording of its own.

    Args:
        directory: The folder of the recording process.
        metadata: What the recording process wrote into metadata.json.
        facts: What the recording process shall know of the experiment.
        ignored: What the experiment asked for that the recording process has decided otherwise;
            empty when there is nothing.
    """

    def __init__(
        self, directory: str, metadata: dict[str, Any], facts: dict[str, Any], ignored: str
    ) -> None:
        from meticulous.recorder.secrets.gate import Gate

        gate = Gate()
        gate.learn(facts["args"])
        gate.learn(facts["default_args"])
        self.writer = RecordWriter(directory, gate, metadata)
        self.state = "running"
        self.last_looks: list[Callable[[], None]] = []
        self.repository: str | None = os.environ.get(layout.REPOSITORY_VARIABLE)
        self.was_told = False
        self._owner = os.getpid()
        self.randomness = observe_randomness()
        if ignored:
            self.writer.warn("ignored options", ignored)
        # The list itself, so that what is added later is told with the rest.
        tell(directory, ending=None, warnings=metadata.setdefault("warnings", []), **facts)

    @property
    def is_running(self) -> bool:
        """Whether this part of the program goes on, in the process that began it."""
        return self.state == "running" and os.getpid() == self._owner

    def write_randomness(self) -> None:
        """Tell what is seen of random numbers now: a seed that was drawn stands nowhere else."""
        tell_randomness(self.writer.paths.directory)

    def tell_time_limit(self) -> None:
        """Note, and tell, that the program is told at a safe point that its time is over."""
        self.was_told = True
        tell(self.writer.paths.directory, ending=_declared(by_time_limit()))

    def finish(self, ending: Ending) -> None:
        """Tell how this part of the program ended; the process's own end has the last word."""
        if not self.is_running:
            return
        if self.was_told and ending.status == status.SUCCESS:
            ending = by_time_limit(ending.exit_code)
        self.state = "finished"
        for look in self.last_looks:
            look()
        self.write_randomness()
        tell(self.writer.paths.directory, ending=_declared(ending))
        self.writer.close()


def _declared(ending: Ending) -> dict[str, str | None]:
    return {"status": ending.status, "reason": ending.reason, "signal": ending.signal}


def attach(
    args: Any, default_args: Any, project_directory: str, settings: dict[str, Any]
) -> AttachedRecording | None:
    """Return the recording this process is already part of, for its first experiment only.

    Args:
        args: The arguments of the program.
        default_args: Their defaults.
        project_directory: That of the experiment, an absolute path.
        settings: `experiments_directory`, `experiment_id`, `description` and `tags` of the
            experiment.
    """
    directory = os.environ.pop(layout.RUN_VARIABLE, None)
    recorder = os.environ.pop(layout.RECORDER_VARIABLE, "")
    if directory is None:
        return None
    metadata = _read_metadata(directory)
    if not _is_recorded_now(directory, recorder, metadata) or not _is_first(directory):
        return None
    facts = {
        "args": plain(args),
        "default_args": plain(default_args),
        "description": settings["description"],
        "tags": list(settings["tags"]),
    }
    ignored = _ignored(directory, project_directory, settings)
    return AttachedRecording(directory, metadata, facts, ignored)


def introduce_recorder() -> str:
    """Return what the recording process tells its program of itself, in the environment."""
    import json

    identity = liveness.identify(os.getpid())
    return json.dumps({key: identity[key] for key in _OWN_IDENTITY})


def _is_recorded_now(directory: str, recorder: str, metadata: dict[str, Any]) -> bool:
    """Say whether somebody still records: a program may go on when its recorder was killed."""
    import json

    try:
        with open(os.path.join(directory, layout.STATUS), "rb") as file:
            if status.decode_status(file.read())[0] != status.RUNNING:
                return False
            heartbeat = os.fstat(file.fileno()).st_mtime
        identity = {**metadata, **json.loads(recorder)}
    except (OSError, ValueError, TypeError):
        return False
    return liveness.is_alive(identity, heartbeat, time.time()) is True


def _ignored(directory: str, project_directory: str, settings: dict[str, Any]) -> str:
    """Say which of the experiment's own wishes for its place do not count."""
    import shlex

    place, name = os.path.split(directory)
    wishes = []
    experiment_id = settings["experiment_id"]
    if experiment_id is not None and experiment_id != name:
        wishes.append(f"--experiment-id {shlex.quote(experiment_id)}")
    given = os.path.expanduser(settings["experiments_directory"] or USUAL)
    wanted = os.path.join(project_directory, given)
    if given != USUAL and os.path.realpath(wanted) != os.path.realpath(place):
        wishes.append(f"--experiments-directory {shlex.quote(given)}")
    if not wishes:
        return ""
    return (
        f"this run is recorded in {directory}, as `meticulous run` was told; what the program "
        f"asked for is ignored. To have it: meticulous run {' '.join(wishes)} -- ..."
    )


def _is_first(directory: str) -> bool:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        os.close(os.open(os.path.join(directory, layout.ATTACHED), flags, 0o666))
    except OSError:
        return False
    return True


def _read_metadata(directory: str) -> dict[str, Any]:
    import json

    try:
        with open(os.path.join(directory, layout.METADATA), "rb") as file:
            metadata = json.loads(file.read())
    except (OSError, ValueError):
        metadata = {}
    return metadata if isinstance(metadata, dict) else {}
