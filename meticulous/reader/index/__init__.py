"""Read all experiments of a directory, or the latest, again and again without reading all of it.

What was read is kept in the user's cache directory and trusted only where the times and sizes of
the files still fit. Without a cache that can be used everything is read, with the same result.
"""

from __future__ import annotations

import os

from meticulous.reader.index import latest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.reader.record import Record
    from meticulous.reader.table.table import Table

__all__ = ["read_latest", "read_records", "read_table"]


def read_latest(
    directory: str | os.PathLike[str], count: int, *, with_foreign: bool = False
) -> tuple[list[Record], int]:
    """Read the experiments that were started last, the latest last, and count all.

    They are those that come last in `by_start(read_records(directory))`. Only when somebody writes
    a later start into the metadata.json of an old experiment that goes unnoticed for a while.

    Args:
        directory: The experiments directory.
        count: How many are wanted.
        with_foreign: Whether those of xmen are read where there is none of ours.

    Raises:
        ExperimentsDirectoryError: The directory cannot be read.
    """
    records, total = latest.read_latest(directory, count)
    if with_foreign and not any(map(_is_ours, records)) and _is_foreign(directory):
        from meticulous.reader.collection import by_start

        foreign = by_start(_foreign(directory))
        return foreign[max(0, len(foreign) - count) :], len(foreign)
    return records, total


def read_records(directory: str | os.PathLike[str], *, with_foreign: bool = False) -> list[Record]:
    """Read all experiments of a directory, as `find_records` does.

    Args:
        directory: The experiments directory.
        with_foreign: Whether those of xmen are read where there is none of ours.

    Raises:
        ExperimentsDirectoryError: The directory cannot be read.
    """
    # Here and below: the latest experiments are listed without what the others need.
    from meticulous.reader.index.assembling import records_of
    from meticulous.reader.index.gathering import gather, uncollected

    with uncollected():
        records = records_of(gather(os.fspath(directory)))
    if with_foreign and not any(map(_is_ours, records)) and _is_foreign(directory):
        return _foreign(directory)
    return records


def read_table(directory: str | os.PathLike[str], *, with_foreign: bool = False) -> Table:
    """Read all experiments of a directory as a table, in the order of `find_records`.

    Each column is made when it is first asked for.

    Args:
        directory: The experiments directory.
        with_foreign: Whether those of xmen are read where there is none of ours.

    Raises:
        ExperimentsDirectoryError: The directory cannot be read.
    """
    from meticulous.reader.index.assembling import table_of
    from meticulous.reader.index.gathering import gather, uncollected

    with uncollected():
        table = table_of(gather(os.fspath(directory)))
    names = table.columns
    is_theirs = "metadata.xmen.generation" in names and "metadata.uid" not in names
    is_ours = any(name.startswith("metadata.") for name in names) and not is_theirs
    if with_foreign and not is_ours and _is_foreign(directory):
        from meticulous.reader.table.table import make_table

        return make_table(_foreign(directory))
    return table


def _is_ours(record: Record) -> bool:
    """Say whether a record is sound enough to be one of ours; imported ones have a uid."""
    return bool(record.metadata) and (not record.is_foreign or "uid" in record.metadata)


def _is_foreign(directory: str | os.PathLike[str]) -> bool:
    """Say whether a folder in which there is no sound record of ours is one of xmen's."""
    from meticulous.reader.xmen.finding import is_root

    return is_root(os.fspath(directory))


def _foreign(directory: str | os.PathLike[str]) -> list[Record]:
    """Read the experiments of xmen in a folder."""
    from meticulous.reader.xmen.records import read_xmen_records

    return read_xmen_records(os.fspath(directory))
