"""What `meticulous list` shows: the rows that were asked for, in their order, and their columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from meticulous.cli.choosing import Chosen, is_choosing, narrowed
from meticulous.cli.list_options import FOR_PEOPLE
from meticulous.cli.view import View, chosen_view, everything, grouped_view, usual_view
from meticulous.cli.wording import count_text
from meticulous.errors import InvalidOptionError
from meticulous.folder.layout import UNLINKED
from meticulous.reader import Record, by_start
from meticulous.reader.index import read_latest, read_records
from meticulous.reader.program import add_programs, program_of
from meticulous.reader.progress import add_progress
from meticulous.reader.table.argument_columns import args_columns
from meticulous.reader.table.ordering import sorted_rows
from meticulous.reader.table.reasons import reason_line
from meticulous.reader.table.table import ID, Table, make_table

_REPRODUCTION = ("reproduces", "verdict")
"""What only the metadata of a reproduction have."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is to be shown.

    Attributes:
        view: The rows and columns.
        records: The experiments of the rows; none where a row is a group.
        chosen: What was chosen, before some of it was left out for its length.
        remark: What is said about what was left out; "" when nothing was.
    """

    view: View
    records: list[Record] | None
    chosen: Chosen
    remark: str = ""

    def objects(self) -> list[dict[str, Any]]:
        """Return one object for each row, for programs."""
        if self.records is not None and self.view.is_usual:
            found = as_objects(self.records)
            return found if ID in self.view.columns else [_without_id(row) for row in found]
        from meticulous.reader.table.data_formats import as_objects as flat_objects

        return flat_objects(self.view.columns)


def _without_id(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != ID}


def as_objects(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return of each experiment what the list shows, as the help of the command describes it."""
    return [
        {
            "id": record.id,
            "status": record.status,
            "start": record.start.isoformat() if record.start else None,
            "end": record.end.isoformat() if record.end else None,
            "duration": record.duration,
            "program": program_of(record.metadata),
            "args": record.args,
            "changed_args": record.changed_args,
            "summary": record.summary,
            "description": record.description,
            "tags": record.tags,
            "reason": reason_line(record.status, record.reason, record.cause) or None,
            "cause": record.cause,
            "problems": record.problems,
            "directory": str(record.directory),
            **{key: record.metadata[key] for key in _REPRODUCTION if key in record.metadata},
        }
        for record in records
    ]


def gather(place: str, options: Mapping[str, Any], data_format: str, limit: int | None) -> Gathered:
    """Return what the options of `meticulous list` ask for.

    Args:
        place: The experiments directory.
        options: The values of the options.
        data_format: How it will be written.
        limit: How many rows are shown where the options do not say; None for all.

    Raises:
        MeticulousError: An option cannot be understood or applied, or the directory be read.
    """
    count = None if options["everything"] else options["tail"] or options["head"] or limit
    is_plain = not (is_choosing(options) or options["sort"] or options["group_by"])
    if is_plain and not options["columns"] and not options["head"] and count is not None:
        records, total = read_latest(place, count, with_foreign=True)
        if len(linked(records, options)) == len(records):
            chosen = Chosen(records, total, total)
            table = add_programs(make_table(records), records)
            return _shown(place, options, data_format, table, chosen, records)
    records = by_start(read_records(place, with_foreign=True))
    chosen, table = narrowed(place, options, linked(records, options))
    if options["group_by"]:
        return _grouped(options, chosen, _last(table, options["tail"]))
    rows = [*range(len(table))]
    if options["tail"]:
        rows = rows[-options["tail"] :]
    if options["sort"]:
        part = table.take(rows)
        rows = [rows[place] for place in sorted_rows(everything(part), options["sort"])]
    if options["head"]:
        rows = rows[: options["head"]]
    elif count is not None:
        rows = rows[:count] if options["sort"] else rows[-count:]
    records = [chosen.records[row] for row in rows]
    return _shown(place, options, data_format, table.take(rows), chosen, records)


def linked(records: list[Record], options: Mapping[str, Any]) -> list[Record]:
    """Return the records without those that were taken out of their set, unless all are wanted."""
    if options["everything"] or options["tags"] or options["ids"]:
        return records
    return [record for record in records if UNLINKED not in record.tags]


def _last(table: Table, count: int | None) -> Table:
    return table if count is None else table.take([*range(len(table))][-count:])


def _shown(
    place: str,
    options: Mapping[str, Any],
    data_format: str,
    table: Table,
    chosen: Chosen,
    records: list[Record],
) -> Gathered:
    is_data = data_format not in FOR_PEOPLE
    if options["columns"]:
        args = args_columns(table, options["args"]) if options["args"] else []
        view = chosen_view(table, options["columns"], args)
    else:
        choice = options["args"] or ("all" if is_data else "changed")
        table = table if is_data else add_progress(table, records)
        view = usual_view(table, choice, is_data=is_data)
    if options["no_id"]:
        if view.columns.keys() == {ID}:
            raise InvalidOptionError("--no-id leaves no column; name others with --columns.")
        view = view.without(ID)
    return Gathered(view, records, chosen, left_out(place, options, len(records), chosen))


def _grouped(options: Mapping[str, Any], chosen: Chosen, table: Table) -> Gathered:
    view = grouped_view(table, options["group_by"], options["columns"], options["aggregate"])
    if options["sort"]:
        view = view.ordered(options["sort"])
    remark = ""
    if options["head"] and options["head"] < len(view):
        remark = f"The first {options['head']} of {count_text(len(view), 'group')}."
        view = view.take(range(options["head"]))
    return Gathered(view, None, chosen, remark)


def left_out(place: str, options: Mapping[str, Any], shown: int, chosen: Chosen) -> str:
    """Return what is said where not all that were chosen are shown; "" where all are."""
    if shown >= chosen.count:
        return ""
    last = min(options["tail"] or chosen.count, chosen.count)
    which = "first" if shown < last and (options["head"] or options["sort"]) else "last"
    of = f"the last {last} of " if shown < last < chosen.count else ""
    if chosen.count == chosen.total:
        return (
            f"The {which} {shown} of {of}{count_text(chosen.total, 'experiment')} in {place}; "
            "--all lists all."
        )
    return (
        f"The {which} {shown} of {of}{count_text(chosen.count, 'experiment')} chosen from "
        f"{chosen.total:,} in {place}; --all lists all that were chosen."
    )
