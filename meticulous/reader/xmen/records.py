"""Experiments of xmen as records, to be listed and shown where they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from meticulous.folder import status
from meticulous.folder.encoding import revive_numbers
from meticulous.reader.record import Record, duration_between, from_epoch, read_moment
from meticulous.reader.xmen.documents import Documents
from meticulous.reader.xmen.experiment import XmenExperiment, read_experiment
from meticulous.reader.xmen.finding import find_near, is_root
from meticulous.reader.xmen.sets import Sets, XmenSet


def read_xmen_records(directory: str) -> list[Record]:
    """Read all experiments of xmen below a folder; none where it is no place of xmen's."""
    directory = os.path.abspath(directory)
    if not is_root(directory):
        return []
    documents = Documents(directory)
    sets = Sets(documents)
    records = []
    for found in find_near(directory, sets):
        of = sets.of(found.directory)
        if found.problem:
            experiment = XmenExperiment(found.directory, problems=[found.problem])
        else:
            experiment = read_experiment(found.directory, of, documents=documents)
        records.append(_as_record(experiment, of, found.name))
    documents.keep()
    return records


def read_xmen_record(directory: str, now: float) -> Record:
    """Read the one experiment of xmen in a folder."""
    directory = os.path.abspath(directory)
    of = Sets(Documents()).of(directory)
    return _as_record(read_experiment(directory, of, now), of, os.path.basename(directory))


def read_xmen_parts(directory: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the surroundings and the notes of an experiment of xmen, as far as it can be read."""
    found = read_experiment(directory, None)
    return environment_of(found), [{"author": author_of(found), "text": n} for n in found.notes]


def environment_of(found: XmenExperiment) -> dict[str, Any]:
    """Return what is known of the surroundings in the form of environment.json.

    The environment variables are left out: xmen recorded all of them, passwords included.
    """
    system = found.meta.get("system")
    meta = {name: value for name, value in found.meta.items() if name != "environ"}
    environment: dict[str, Any] = {}
    if isinstance(system, dict):
        keys = ("system", "release", "version", "machine")
        environment["platform"] = {key: system[key] for key in keys if system.get(key)}
        if system.get("node"):
            environment["platform"]["hostname"] = system["node"]
    if meta:
        environment["xmen"] = meta
    return environment


def author_of(found: XmenExperiment) -> str:
    """Return whom the notes are put down to: xmen does not say who wrote them."""
    return str(found.metadata.get("user") or "unknown")


def _as_record(found: XmenExperiment, of: XmenSet | None, name: str) -> Record:
    problems = list(found.problems)
    metadata = found.metadata
    if not metadata and of is not None:  # it cannot be read, and belongs to its set all the same
        metadata = {"xmen": {"set": {"directory": of.directory}}}
    if found.notes:  # in a record of ours they have a file of their own
        metadata["xmen"]["notes"] = found.notes
    start = read_moment(problems, metadata, "start-time")
    end = None if found.status == status.RUNNING else read_moment(problems, metadata, "end-time")
    return Record(
        id=name,
        directory=Path(found.directory),
        status=found.status,
        reason=found.reason,
        cause=None,
        start=start,
        end=end,
        duration=duration_between(metadata, start, end),
        heartbeat=from_epoch(found.touched),
        args=found.args,
        default_args=found.default_args,
        summary=revive_numbers(found.summary),
        metadata=metadata,
        problems=problems,
    )
