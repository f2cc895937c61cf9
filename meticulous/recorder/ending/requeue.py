"""Have Slurm take a job back whose time is over, and write down what came of it."""

from __future__ import annotations

import contextlib
import json
import os

from meticulous.folder import hashing, layout, status
from meticulous.folder.clock import local_time
from meticulous.folder.encoding import encode_document
from meticulous.folder.status import encode_status
from meticulous.folder.writing import write_atomically, write_even_on_a_full_disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

JOB_VARIABLE = "SLURM_JOB_ID"

ALLOWED_VARIABLE = "METICULOUS_REQUEUE"
"""Environment variable: "1" allows to put the job back into the queue, "0" forbids it."""

_SECONDS = 60
"""How long Slurm may take to answer; it gives the job a grace time of its own."""

_taken_up: set[str] = set()
"""Folders whose run another start of the same job continues: registered experiments."""


def allow(directory: str) -> None:
    """Say that the job, started again, would continue the experiment in this folder."""
    _taken_up.add(os.path.realpath(directory))


def is_wanted(directory: str) -> bool:
    """Say whether this is a job of Slurm that is to be put back into the queue."""
    if not os.environ.get(JOB_VARIABLE):
        return False
    wish = os.environ.get(ALLOWED_VARIABLE, "")
    if wish:
        return wish not in ("0", "no", "false")
    return os.path.realpath(directory) in _taken_up


def requeue(directory: str) -> bool:
    """Put the job back into the queue, and say whether Slurm has done so.

    STATUS says REQUEUED before Slurm is asked, for Slurm may end this process with its answer; it
    says TIMEOUT again, with the answer, where Slurm refuses.

    Args:
        directory: The folder of an experiment whose record is complete and says TIMEOUT.
    """
    import subprocess

    job = os.environ[JOB_VARIABLE]
    words = ["scontrol", "requeue", job]
    answer: dict[str, Any] = {"time": local_time(_now()), "job": job, "command": words}
    _write(directory, status.REQUEUED, f"job {job} is given back to Slurm", answer)
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=_SECONDS, check=False, errors="replace"
        )
        code: int | None = done.returncode
        said = (done.stderr or done.stdout).strip()
    except (OSError, subprocess.SubprocessError) as error:
        code, said = None, str(error)
    answer["exit-code"] = code
    answer["answer"] = said[:2000]
    if code == 0:
        _write(directory, status.REQUEUED, f"job {job} was given back to Slurm", answer)
        return True
    reason = f"signal SIGUSR1\nSlurm did not take job {job} back: {said or f'exit code {code}'}"
    _write(directory, status.TIMEOUT, reason, answer)
    return False


def _write(directory: str, word: str, reason: str, answer: dict[str, Any]) -> None:
    """Write STATUS and the metadata; what cannot be written must not keep the process alive."""
    path = os.path.join(directory, layout.METADATA)
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        with open(path, "rb") as file:
            metadata = json.loads(file.read())
        attempt = metadata["attempts"][-1]
        attempt["status"] = word
        attempt["requeue"] = answer
        write_atomically(path, encode_document(metadata))
    data = encode_status(word, reason)
    with contextlib.suppress(OSError):
        write_even_on_a_full_disk(os.path.join(directory, layout.STATUS), data)
    with contextlib.suppress(OSError):
        digests = {layout.STATUS: hashing.sha256_of_bytes(data)}
        hashing.renew_sums(directory, [layout.METADATA], digests)


def _now() -> float:
    import time

    return time.time()
