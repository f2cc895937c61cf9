"""Claim a registered experiment for the one process that carries it out."""

from __future__ import annotations

import contextlib
import json
import os
import time

from meticulous.errors import ExperimentClaimedError, ExperimentsDirectoryError
from meticulous.folder import layout, liveness
from meticulous.folder.allocation import cannot_change
from meticulous.folder.encoding import encode_document
from meticulous.folder.writing import write_all, write_atomically

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def claim(directory: str) -> None:
    """Claim the folder for this process; of any number that try at once, one succeeds.

    A claim whose process is gone is taken over. One from another host counts for as long as its
    process gives a sign of life (see `liveness`).

    Raises:
        ExperimentClaimedError: Another process has claimed it; names that.
        ExperimentsDirectoryError: The claim cannot be written.
    """
    path = os.path.join(directory, layout.CLAIM)
    data = encode_document(liveness.identify(os.getpid()))
    with _alone(directory):
        try:
            holder = _holder(path)
            if holder is not None:
                if _is_of(holder, os.getpid()):
                    return
                if _is_of(holder, os.getppid()):
                    # The launcher that started this process claimed it first, for us.
                    write_atomically(path, data)
                    return
                if _is_held(directory, path, holder):
                    raise ExperimentClaimedError(
                        f"Experiment {os.path.basename(directory)} is carried out by process "
                        f"{holder.get('pid')} on {holder.get('host')} already."
                    )
                _remove(path, holder)
            _create(path, data)
        except FileExistsError:
            # Where locks do nothing, another was faster.
            raise ExperimentClaimedError(
                f"Experiment {os.path.basename(directory)} was claimed by another process just now."
            ) from None
        except OSError as error:
            if isinstance(error, ExperimentsDirectoryError):
                raise
            raise cannot_change(directory, error) from error


def release(directory: str) -> None:
    """Give up the claim of this process, if it has one."""
    path = os.path.join(directory, layout.CLAIM)
    holder = _holder(path)
    if holder is not None and _is_of(holder, os.getpid()):
        with contextlib.suppress(OSError):
            os.unlink(path)


def claimant(directory: str) -> dict[str, Any] | None:
    """Return what identifies the process that carries the experiment out; None if there is none."""
    path = os.path.join(directory, layout.CLAIM)
    holder = _holder(path)
    return holder if holder is not None and _is_held(directory, path, holder) else None


def _holder(path: str) -> dict[str, Any] | None:
    """Return what a claim says; {} for one that says nothing, None where there is none."""
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_of(holder: dict[str, Any], pid: int) -> bool:
    if holder.get("pid") != pid:
        return False
    own = liveness.identify(pid)
    return all(holder.get(key) == own[key] for key in ("host", "pid", "process-start-time"))


def _is_held(directory: str, path: str, holder: dict[str, Any]) -> bool:
    claimed, now = _modified(path), time.time()
    heartbeat = max(claimed, _modified(os.path.join(directory, layout.STATUS)))
    alive = liveness.is_alive(holder, heartbeat, now)
    # A claim that says nothing was torn by a crash, or is being written.
    return now - claimed < 1.0 if alive is None else alive


def _modified(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _remove(path: str, holder: dict[str, Any]) -> None:
    """Remove a dead claim, and no other that took its place meanwhile."""
    aside = f"{path}.{os.getpid()}.tmp"
    os.rename(path, aside)
    taken = _holder(aside)
    if taken != holder:
        os.link(aside, path)
    os.unlink(aside)
    if taken != holder:
        raise FileExistsError


def _create(path: str, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _alone(directory: str) -> Iterator[None]:
    import fcntl

    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise cannot_change(directory, error) from error
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
