"""The reading side of the record: one experiment, or all of a directory; needs no git."""

from __future__ import annotations

from meticulous.reader.collection import by_start, find_record, find_records, is_record, locate
from meticulous.reader.contents import Contents, Entry, Metrics, read_contents
from meticulous.reader.record import Record, read_record

__all__ = [
    "Contents",
    "Entry",
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
