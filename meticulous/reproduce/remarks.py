"""What is noteworthy about a rerun: what could not be as it was, and what went elsewhere."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meticulous.folder import layout
from meticulous.reader.record import Record, as_text, as_texts
from meticulous.reader.wording import few_text
from meticulous.reproduce.answers import NO
from meticulous.reproduce.inputs import Inputs, entries, read_files
from meticulous.reproduce.launching import Prepared
from meticulous.reproduce.outside import ALLOW, written_outside
from meticulous.reproduce.paths import below
from meticulous.reproduce.running import ENDED, Outcome
from meticulous.reproduce.verify.seal import check_seal
from meticulous.reproduce.workplace import Workplace

_LAST_LINES = 12
"""Lines of what a program wrote last, in the reason of one that began no experiment."""


_TERMINAL = (
    *("/dev/tty", "Inappropriate ioctl for device", "not a tty", "not a terminal"),
    *("termios.error", "_curses.error", "setupterm", "must be run on a terminal"),
)
"""What programs and libraries say that miss a terminal."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """A rerun that has ended, and all that tells of it.

    Attributes:
        record: The original.
        environment: Its environment.json.
        found: The record of the rerun.
        prepared: How it was started.
        outcome: How its process ended.
        inputs: How its inputs were found.
        work: What it has left, before that is removed.
    """

    record: Record
    environment: Mapping[str, Any]
    found: Record
    prepared: Prepared
    outcome: Outcome
    inputs: Inputs
    work: Workplace


def remarks_before(record: Record) -> Iterator[str]:
    """Yield one sentence for each thing about a record that is to be known before it runs again."""
    kind = as_text(record.metadata.get("stdin"))
    if kind in ("pipe", "file"):
        yield (
            f"The recorded run had a {kind} as standard input; this one has none, since it is not "
            "recorded. Let the program read a file of the repository instead."
        )
    seal = check_seal(record)
    if seal.outcome == NO:
        yield f"The record is not as it was at its end: {seal.evidence}."


def remarks_about(rerun: Rerun) -> Iterator[str]:
    """Yield one sentence for each thing that a reader of the verdict should know."""
    yield from rerun.prepared.remarks
    yield from _about_original(rerun.record, rerun.environment)
    yield from _about_the_old_checkout(rerun)
    if rerun.outcome.left_behind:
        count = len(rerun.outcome.left_behind)
        what, verb = ("a process", "was") if count == 1 else (f"{count} processes", "were")
        names = few_text(rerun.outcome.left_behind)
        yield f"The program left {what} running, which {verb} ended: {names}."
    if rerun.outcome.how == ENDED and rerun.outcome.code != 0:
        yield from _about_stdin(rerun.record, rerun.work)
        yield from _about_interpreter(rerun.environment, rerun.prepared, rerun.work)


def _about_original(record: Record, environment: Mapping[str, Any]) -> Iterator[str]:
    """Say of the recorded run what a second one cannot repeat."""
    attempts = record.metadata.get("attempts")
    if isinstance(attempts, list) and len(attempts) > 1:
        yield f"The experiment was resumed ({len(attempts)} starts); its rerun has one start."
    variables = environment.get("variables")
    world = variables.get("WORLD_SIZE") if isinstance(variables, dict) else None
    if isinstance(world, str) and world.isdigit() and int(world) > 1:
        yield (
            f"The experiment was one of {world} processes of a distributed program (WORLD_SIZE); "
            "its rerun is one process. Record the launcher with `meticulous run` to rerun all."
        )


def _about_the_old_checkout(rerun: Rerun) -> Iterator[str]:
    found = rerun.found
    loaded = as_texts(found.metadata.get("loaded-from-original"))
    if loaded:
        yield (
            "Code was loaded from the original checkout instead of the commit: "
            f"{few_text(loaded)}. Its path is written in the program, or in what is installed."
        )
    for kind, verb in (("inputs", "read"), ("outputs", "wrote")):
        old = [
            entry["path"]
            for entry in entries(read_files(found.directory), kind)
            if any(below(entry["path"], root) is not None for root in rerun.prepared.roots)
            and below(entry["path"], str(found.directory)) is None
            and entry["path"] not in loaded
        ]
        if old:
            yield f"The program {verb} in the original checkout: {few_text(old)}."
    if kept_from := as_texts(found.metadata.get("kept-from-writing")):
        yield (
            f"The program was kept from writing in the original checkout: {few_text(kept_from)}. "
            f"Its path is written in the program; {ALLOW} lets it write there."
        )
    if outside := written_outside(found, None):
        yield f"The program wrote outside of the repository: {few_text(outside)}."
    if touched := rerun.inputs.touched():
        yield f"The program changed inputs in the original checkout: {few_text(touched)}."


def _about_interpreter(
    environment: Mapping[str, Any], prepared: Prepared, work: Workplace
) -> Iterator[str]:
    """Name the recorded interpreter where the present one lacks a module."""
    python = environment.get("python")
    then = python.get("executable") if isinstance(python, dict) else None
    if not isinstance(then, str) or then == prepared.python or not os.access(then, os.X_OK):
        return
    if "ModuleNotFoundError" in last_lines(work.path(layout.STDERR)):
        yield (
            f"The program ran in {then} then, and in {prepared.python} now, which lacks a module: "
            f"--python {shlex.quote(then)} takes the former."
        )


def _about_stdin(record: Record, work: Workplace) -> Iterator[str]:
    kind = as_text(record.metadata.get("stdin"))
    said = last_lines(work.path(layout.STDERR))
    if kind == "terminal" and any(word in said for word in _TERMINAL):
        yield (
            "The program needs a terminal, which it had then, and a reproduction has none: it must "
            "also run without one."
        )
    elif kind == "terminal" and "EOFError" in said:
        yield (
            "The program had its standard input from a terminal then, and has none now, since it "
            "is not recorded. Let it read a file of the repository instead."
        )
    elif not kind and "EOFError" in said:
        yield "The program reads standard input, which is not recorded and is empty now."


def last_lines(path: str) -> str:
    """Return the last lines of what a program wrote into a file; "" when there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 8192))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_LAST_LINES:])
