"""The reading side of the record: one experiment, or all of a directory; needs no git."""

from __future__ import annotations

from meticulous.reader.collection import by_start, find_record, find_records, is_record, locate
from meticulous.reader.record import Record, read_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from meticulous.reader.contents import Contents, Entry, Metrics, read_contents
    from meticulous.reader.experiment_reader import ExperimentReader
    from meticulous.reader.experiments import Experiments

__all__ = [
    "Contents",
    "Entry",
    "ExperimentReader",
    "Experiments",
    "Metrics",
    "Record",
    "by_start",
    "find_record",
    "find_records",
    "is_record",
    "locate",
    "read_contents",
    "read_record",
]

_HOME = {
    **dict.fromkeys(
        ("Contents", "Entry", "Metrics", "read_contents"), "meticulous.reader.contents"
    ),
    "ExperimentReader": "meticulous.reader.experiment_reader",
    "Experiments": "meticulous.reader.experiments",
}


def __getattr__(name: str) -> Any:
    """Load what only programs need on its first use, so that a list starts without it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value
