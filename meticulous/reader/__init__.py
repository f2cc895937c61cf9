"""The reading side of the record: one experiment, or all of a directory; needs no git."""

from __future__ import annotations

from meticulous.lazy import on_first_use
from meticulous.reader.collection import by_start, find_record, find_records, is_record, locate
from meticulous.reader.record import Record, read_record

TYPE_CHECKING = False
if TYPE_CHECKING:
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

# So that a list starts without what only programs need.
__getattr__, __dir__ = on_first_use(globals(), _HOME)
