"""`meticulous logs`: what an experiment wrote, followed to its end if wanted."""

from __future__ import annotations

import click

from meticulous.cli.identifiers import CountsBackwards, directory_option, folder_of, id_argument

_EXAMPLES = """\b
Examples:
  meticulous logs 3
  meticulous logs -1 --follow
  meticulous logs -1 --stderr --tail 20
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@id_argument()
@directory_option
@click.option("--stderr", "errors", is_flag=True, help="Print stderr instead of stdout.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the experiment ends.")
@click.option(
    "-n",
    "--tail",
    type=click.IntRange(min=0),
    metavar="N",
    help="Begin with the last N lines.  [default: all]",
)
def logs(
    experiment_id: str, directory: str | None, errors: bool, follow: bool, tail: int | None
) -> None:
    """Print what the experiment ID wrote on standard output, byte for byte.

    ID is its number or name, the path of its folder, or -1 for the one that was started last, -2
    for the one before. With --follow the command ends when the experiment does, with exit code 0
    whatever its end; that an experiment is LOST is said on standard error.
    """
    from meticulous.cli.exact_output import print_chunks
    from meticulous.folder import layout
    from meticulous.reader import read_record
    from meticulous.reader.following import ended_badly, read_output

    folder = folder_of(experiment_id, directory)
    name = layout.STDERR if errors else layout.STDOUT
    print_chunks(read_output(folder, name, tail, follow))
    if follow and (remark := ended_badly(read_record(folder))):
        click.echo(f"meticulous: {remark}", err=True)
