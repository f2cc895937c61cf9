"""`meticulous move`: move an experiments directory."""

from __future__ import annotations

import click


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("directory", metavar="DIRECTORY")
@click.argument("target", metavar="TARGET")
def move(directory: str, target: str) -> None:
    """Move the experiments directory DIRECTORY to TARGET.

    Where TARGET is a folder, it goes into that. No record is changed: what a record says of places
    is relative to its repository, and run.sh finds its own folder. Refused while an experiment
    in it runs.
    """
    from meticulous.cli.wording import visible
    from meticulous.reader import locate
    from meticulous.sweep.moving import move_directory

    place = move_directory(locate(directory), target)
    click.echo(f"Moved to {visible(place)}.", err=True)
