"""Read all experiments of a directory, or the latest, again and again without reading all of it.

What was read is kept in the user's cache directory and trusted only where the times and sizes of
the files still fit. Without a cache that can be used everything is read, with the same result.
"""

from __future__ import annotations

import os

from meticulous.reader.index.latest import read_latest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.reader.record import Record
    from meticulous.reader.table.table import Table

__all__ = ["read_latest", "read_records", "read_table"]


def read_records(directory: str | os.PathLike[str]) -> list[Record]:
    """Read all experiments of a directory, as `find_records` does.

    Raises:
        ExperimentsDirectoryError: The directory cannot be read.
    """
    # Here and below: the latest experiments are listed without what the others need.
    from meticulous.reader.index.assembling import records_of
    from meticulous.reader.index.gathering import gather, uncollected

    with uncollected():
        return records_of(gather(os.fspath(directory)))


def read_table(directory: str | os.PathLike[str]) -> Table:
    """Read all experiments of a directory as a table, in the order of `find_records`.

    Each column is made when it is first asked for.

    Raises:
        ExperimentsDirectoryError: The directory cannot be read.
    """
    from meticulous.reader.index.assembling import table_of
    from meticulous.reader.index.gathering import gather, uncollected

    with uncollected():
        return table_of(gather(os.fspath(directory)))
