"""`meticulous path`: where experiments lie."""

from __future__ import annotations

import click

from meticulous.cli.identifiers import CountsBackwards, directory_option, folders_of, ids_argument

_EXAMPLES = """\b
Examples:
  cd "$(meticulous path -1)"
  tail -f "$(meticulous path 12)/stdout"
  meticulous path 3-9 --json | jq -r '.[].directory'
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@ids_argument()
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with one object for each.")
def path(ids: tuple[str, ...], directory: str | None, as_json: bool) -> None:
    """Print the folders of the experiments ID, one absolute path a line.

    ID is a number or name, the path of a folder, or -1 for the one that was started last, -2 for
    the one before; 3-5 stands for all from 3 to 5.
    """
    import os

    folders = folders_of(ids, directory)
    if as_json:
        from meticulous.cli.rendering import print_json

        print_json([{"id": os.path.basename(folder), "directory": folder} for folder in folders])
        return
    for folder in folders:
        click.echo(os.fsencode(folder))
