"""`meticulous show`: experiments in full."""

from __future__ import annotations

import click

from meticulous.cli.identifiers import CountsBackwards, directory_option, folders_of, ids_argument

_EXAMPLES = """\b
Examples:
  meticulous show 3
  meticulous show -1 --json | jq .summary
  meticulous show 3-5 baseline
  meticulous show baseline --directory ../other-project/experiments
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@ids_argument()
@directory_option
@click.option("--all", "everything", is_flag=True, help="Cut nothing, however long it is.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print everything as one JSON object; of several experiments as a list of them.",
)
def show(ids: tuple[str, ...], directory: str | None, everything: bool, as_json: bool) -> None:
    """Show the experiments ID in full: how they ended, their code, arguments, results and files.

    ID is its number or name, the path of its folder, or -1 for the one that was started last, -2
    for the one before; 3-5 stands for all from 3 to 5. Arguments that differ from their default
    are marked with *. Long tracebacks are cut to their end, and on a terminal long lists and
    values too; --all shows all of it and the packages, --json has everything. A failed experiment
    is not a failure of this command: the exit code is 0.
    """
    from meticulous.cli.rendering import print_json, print_sheet, terminal
    from meticulous.cli.sheet import as_object, sections
    from meticulous.reader import read_contents, read_record

    folders = folders_of(ids, directory, with_foreign=True)
    pairs = ((read_record(folder), read_contents(folder)) for folder in folders)
    if as_json:
        objects = [as_object(record, contents) for record, contents in pairs]
        print_json(objects[0] if len(objects) == 1 else objects)
        return
    console = terminal()
    cut = console.is_terminal and not everything
    for number, (record, contents) in enumerate(pairs):
        if number:
            click.echo("\n")
        print_sheet(console, sections(record, contents, cut, everything))
