"""Complete the record of a process that has ended, with the exit code it handed over.

Runs as a process of its own, started by `exitcode`; reads the code, one byte, from its standard
input. It loads nothing but the standard library, so that it is done within milliseconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys

from meticulous.errors import TIME_LIMIT_CODE
from meticulous.folder.encoding import encode_document
from meticulous.folder.hashing import renew_sums, sha256_of_bytes
from meticulous.folder.layout import METADATA, STATUS, Layout
from meticulous.folder.status import TIMEOUT, encode_status
from meticulous.folder.writing import write_atomically, write_even_on_a_full_disk
from meticulous.recorder.ending.outcome import Ending, by_exit_code, by_time_limit


def main(directory: str, reason: str = "", told: str = "", farewell: str = "") -> None:
    """Wait for the exit code and write it into the record in `directory`.

    Args:
        directory: The experiment folder.
        reason: What else STATUS shall say.
        told: "told" where the program was told at a safe point that its time is over.
        farewell: What the interpreter itself wrote to stderr, and leaves with 1 for.

    Without a code (the process was killed after all) the record is left as it is, and the reader
    sees from the process's absence that it was lost.
    """
    given = os.read(0, 1)
    if not given:
        return
    ending = by_exit_code(given[0])
    if ending.exit_code == 1 and farewell:
        ending.reason += f"\n{farewell}"
    if told and given[0] in (0, TIME_LIMIT_CODE):
        ending = by_time_limit(given[0])
    paths = Layout(directory)
    # Metadata that cannot be completed must not keep STATUS from telling how it ended.
    with contextlib.suppress(OSError, ValueError):
        _complete_metadata(paths.path(METADATA), ending)
    data = encode_status(ending.status, f"{ending.reason}\n{reason}")
    with contextlib.suppress(OSError):
        renew_sums(directory, [METADATA], {STATUS: sha256_of_bytes(data)})
    write_even_on_a_full_disk(paths.path(STATUS), data)
    if ending.status == TIMEOUT:
        from meticulous.recorder.ending import requeue

        if requeue.is_wanted(directory):
            requeue.requeue(directory)


def _complete_metadata(path: str, ending: Ending) -> None:
    with open(path, encoding="utf-8") as file:
        metadata = json.load(file)
    facts = {"exit-code": ending.exit_code, "signal": ending.signal}
    metadata.update(facts)
    metadata["attempts"][-1].update(facts, status=ending.status)
    write_atomically(path, encode_document(metadata))


if __name__ == "__main__":
    main(*sys.argv[1:])
