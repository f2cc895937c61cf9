"""`meticulous copy`: copy an experiments directory."""

from __future__ import annotations

import click


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("directory", metavar="DIRECTORY")
@click.argument("target", metavar="TARGET")
def copy(directory: str, target: str) -> None:
    """Copy the experiments directory DIRECTORY to TARGET.

    Where TARGET is a folder, it goes into that. No record is changed: what a record says of places
    is relative to its repository, and run.sh finds its own folder. There is never half a copy.
    """
    from meticulous.cli.wording import visible
    from meticulous.reader import locate
    from meticulous.sweep.moving import copy_directory

    place = copy_directory(locate(directory), target)
    click.echo(f"Copied to {visible(place)}.", err=True)
