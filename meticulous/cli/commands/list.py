"""`meticulous list`: the experiments of a directory, one a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meticulous.cli.list_options import FOR_PEOPLE, USUAL_COUNT, ListCommand, list_options

if TYPE_CHECKING:
    from meticulous.cli.choosing import Chosen
    from meticulous.cli.formats import Content
    from meticulous.cli.gathering import Gathered
    from meticulous.cli.listing import Layout

_NOT_OF_SETS = (
    ("--columns", "columns"),
    ("--args", "args"),
    ("--sort", "sort"),
    ("--group-by", "group_by"),
    ("--list-columns", "list_columns"),
    ("--watch", "watch"),
    ("--export", "export"),
    ("--wide", "wide"),
    ("--no-truncate", "no_truncate"),
    ("--digits", "digits"),
    ("--no-id", "no_id"),
)
"""Options about rows and columns, which sets have none of."""

_EXAMPLES = """\b
Examples:
  meticulous list
  meticulous list --filter "args.lr > 0.01 and summary.loss < 2" --sort loss
  meticulous list --status ERROR,LOST --since 2d
  meticulous list --columns id,lr,'summary.*' --format markdown
  meticulous list --group-by lr --aggregate mean,std
  meticulous list --sets --since 2d
  meticulous list --commit v1..main --export runs.csv
  meticulous list --json | jq '.[] | select(.status == "ERROR") | .id'

\b
Keys of the objects of --json:
  id, status, start and end (ISO 8601, or null), duration (seconds), program,
  args, changed_args (those that differ from their defaults), summary (NaN and
  the infinities as text), description, tags, reason (why it failed, or null),
  cause (why it is LOST, or null), problems (what cannot be read), directory;
  of a reproduction also reproduces (the id of the original) and verdict.
With --columns or --group-by they are the full names of the columns. With --sets:
  set (its id, or its folder in xmen; null where there is none), is_set,
  experiments (ids), size (how many it has, shown or not), types, created, last,
  statuses (how many of each), code (root, branch, commit, has_changes),
  purposes, notes.

\b
Exit code: 0; 1 when nothing fits the conditions or can be read; 2 for a
mistake in what was asked.
"""


@click.command(
    cls=ListCommand, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@click.argument("directory", required=False)
@click.option(
    "--directory",
    "in_directory",
    metavar="DIR",
    help="The same as DIRECTORY, as the other commands have it.",
)
@list_options
@click.pass_context
def list(context: click.Context, /, directory: str | None, **options: Any) -> int:
    """List the experiments of DIRECTORY, the latest last.

    Without DIRECTORY the nearest folder `experiments` is taken, here or above. Shown are the
    program where several ran, the arguments that differ between the experiments, the summary, the
    reason where one failed, and the last step logged where one runs. Where there is too little
    room these are folded together, without arguments that are as by default. LOST is an
    experiment that says it runs, but its process is gone. What cannot be read of a folder stands
    in its row. Piped, the list is plain text with nothing cut. Where DIRECTORY holds experiments
    of xmen instead, these are listed as they are.
    """
    for name in ("columns", "sort", "group_by", "aggregate"):
        options[name] = tuple(word for words in options[name] for word in words)
    _refuse_contradictions(options)
    in_directory = options.pop("in_directory")
    if directory is not None and in_directory is not None:
        raise click.UsageError(
            f"Two directories are named, {directory} and with --directory {in_directory}; "
            "give one of them."
        )
    directory = directory if in_directory is None else in_directory
    if options["list_columns"]:
        from meticulous.cli.commands.columns import columns

        patterns = options["columns"]
        context.invoke(columns, patterns=patterns, directory=directory, as_json=options["as_json"])
        return 0
    from meticulous.reader import locate

    place = locate(directory)
    if options["watch"]:
        return _watch(place, options)
    if options["sets"]:
        return _list_sets(place, options)
    return _list(place, options)


def _refuse_contradictions(options: dict[str, Any]) -> None:
    if options["export"] == "":
        raise click.UsageError("--export needs the name of a file.")
    pairs = (
        ("--all", "everything", "--tail", "tail"),
        ("--all", "everything", "--head", "head"),
        ("--json", "as_json", "--format", "data_format"),
        ("--group-by", "group_by", "--args", "args"),
        ("--watch", "watch", "--export", "export"),
        ("--watch", "watch", "--json", "as_json"),
        ("--watch", "watch", "--format", "data_format"),
        ("--watch", "watch", "--list-columns", "list_columns"),
        *(("--sets", "sets", other, name) for other, name in _NOT_OF_SETS),
    )
    for one, name, other, other_name in pairs:
        if options[name] and options[other_name] and options[other_name] != "table":
            if (one, options[other_name]) == ("--json", "json"):
                continue
            raise click.UsageError(f"{one} and {other} exclude each other; give one of them.")
    if options["aggregate"] and not options["group_by"]:
        raise click.UsageError("--aggregate says what --group-by computes; give that as well.")


def _list_sets(place: str, options: dict[str, Any]) -> int:
    from meticulous.cli.screen import print_remark
    from meticulous.cli.set_listing import as_objects, gather_sets, print_sets

    data_format = "json" if options["as_json"] else options["data_format"] or "table"
    if data_format not in ("json", "table"):
        raise click.UsageError(f"--sets has no form in {data_format}; choose json, or none.")
    sets, chosen, remark = gather_sets(place, options)
    if data_format == "json":
        from meticulous.cli.exact_output import escaped_json, print_exactly
        from meticulous.folder.encoding import encode_document
        from meticulous.folder.plain import plain

        print_exactly(escaped_json(encode_document(plain(as_objects(sets)))))
    else:
        print_sets(sets, place)
        if remark:
            print_remark(remark)
    return _conclude(place, chosen, data_format == "table", is_blank=False)


def _list(place: str, options: dict[str, Any]) -> int:
    from meticulous.cli.gathering import gather

    data_format = "json" if options["as_json"] else options["data_format"]
    if options["export"]:
        from meticulous.cli.formats import format_of

        data_format = data_format or format_of(options["export"])
    data_format = data_format or "table"
    if options["digits"] and data_format not in FOR_PEOPLE:
        raise click.UsageError(
            f"{data_format} holds exact values; --digits rounds in {', '.join(FOR_PEOPLE)}."
        )
    is_table = data_format == "table" and not options["export"]
    gathered = gather(place, options, data_format, USUAL_COUNT if is_table else None)
    if options["export"]:
        _export(gathered, options, data_format)
    elif data_format != "table":
        _print_data(gathered, options, data_format)
    elif len(gathered.view):
        _print_table(gathered, options)
    from meticulous.cli.view import is_blank

    return _conclude(place, gathered.chosen, is_table, is_blank(gathered.view))


def _print_table(gathered: Gathered, options: dict[str, Any]) -> None:
    from meticulous.cli.screen import find_screen, print_remark

    screen = find_screen()
    remarks = [gathered.remark]
    if screen is None:
        from meticulous.cli.plain_table import print_lines

        print_lines(gathered.view, options["digits"])
    else:
        from meticulous.cli.listing import draw

        picture = draw(gathered.view, _layout(screen.width, options))
        screen.print(picture.lines)
        remarks.insert(0, picture.remark)
    for remark in filter(None, remarks):
        print_remark(remark)


def _layout(width: int, options: dict[str, Any]) -> Layout:
    from meticulous.cli.listing import Layout

    return Layout(width, options["wide"], options["no_truncate"], options["digits"])


def _print_data(gathered: Gathered, options: dict[str, Any], data_format: str) -> None:
    import sys

    from meticulous.cli.exact_output import escaped_json, print_exactly
    from meticulous.cli.formats import encode
    from meticulous.cli.wording import visible

    data = encode(_content(gathered, options), data_format)
    if data_format in ("json", "jsonl"):
        data = escaped_json(data)
    elif sys.stdout and sys.stdout.isatty():
        # A value must not steer the terminal; a pipe gets every character as it is.
        data = "".join(f"{visible(line)}\n" for line in data.decode().splitlines()).encode()
    print_exactly(data)


def _content(gathered: Gathered, options: dict[str, Any]) -> Content:
    from meticulous.cli.formats import Content

    return Content(gathered.view, gathered.objects, options["digits"], options["no_truncate"])


def _export(gathered: Gathered, options: dict[str, Any], data_format: str) -> None:
    from meticulous.cli.formats import encode, write_file
    from meticulous.cli.wording import count_text

    if data_format == "table":
        raise click.UsageError("A table is for the screen; choose another --format for a file.")
    path = options["export"]
    write_file(path, encode(_content(gathered, options), data_format, is_page=True))
    noun = "group" if gathered.records is None else "experiment"
    click.echo(f"Wrote {count_text(len(gathered.view), noun)} to {path}.", err=True)


def _conclude(place: str, chosen: Chosen, is_table: bool, is_blank: bool) -> int:
    """Say why there is nothing to see, if there is nothing; return the exit code."""
    for remark in chosen.remarks:
        click.echo(remark, err=True)
    if chosen.total == 0:
        if is_table:
            click.echo(_nothing_yet(place))
        return 0
    if chosen.emptied_by is not None:
        click.echo(_nothing_left(chosen, place), err=True)
        return 1
    return 1 if is_blank else 0


def _nothing_yet(place: str) -> str:
    return (
        f"No experiments in {place} yet. Record the first with `meticulous run -- python train.py`."
    )


def _nothing_left(chosen: Chosen, place: str) -> str:
    from meticulous.cli.wording import count_text

    before = (
        f"none of the {chosen.before:,} that the other conditions leave of "
        if chosen.before < chosen.total
        else "none of "
    )
    return (
        f"{chosen.emptied_by} leaves {before}{count_text(chosen.total, 'experiment')} in {place}."
    )


def _watch(place: str, options: dict[str, Any]) -> int:
    from meticulous.cli.gathering import gather
    from meticulous.cli.rendering import terminal
    from meticulous.cli.view import View
    from meticulous.cli.watching import watch

    console = terminal()
    if not console.is_terminal or console.is_dumb_terminal:
        raise click.UsageError(
            "--watch draws on a terminal, and the output is none. Leave it out, or call the list "
            "again and again: `while sleep 2; do meticulous list; done`."
        )

    def look() -> tuple[View, str]:
        gathered = gather(place, options, "table", USUAL_COUNT)
        if gathered.chosen.total == 0:
            return gathered.view, _nothing_yet(place)
        if gathered.chosen.emptied_by is not None:
            return gathered.view, _nothing_left(gathered.chosen, place)
        return gathered.view, gathered.remark

    is_ordered = bool(options["sort"] or options["group_by"] or options["head"])
    layout = _layout(console.width, options)
    watch(console, options["watch"], look, layout, from_top=is_ordered)
    return 0
