"""`meticulous clean`: remove unlinked experiments, and what killed processes left."""

from __future__ import annotations

import click

from meticulous.cli.identifiers import directory_option


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@directory_option
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def clean(directory: str | None, dry_run: bool, yes: bool) -> None:
    """Move unlinked experiments to the trash, and remove what killed processes left of sets.

    What is removed is listed first, with full paths; on a terminal you are asked. Nothing outside
    the experiments directory is touched. `meticulous restore` brings experiments back.
    """
    from meticulous.cli.sets import confirm
    from meticulous.cli.wording import count_text, visible
    from meticulous.reader import locate
    from meticulous.sweep.upkeep import clean as remove
    from meticulous.sweep.upkeep import find_litter

    place = locate(directory)
    litter = find_litter(place)
    for path in litter.paths:
        click.echo(visible(path))
    if not litter.paths:
        click.echo(f"There is nothing to clean in {visible(place)}.", err=True)
        return
    if dry_run:
        click.echo("Nothing was removed.", err=True)
        return
    what = count_text(len(litter.paths), "folder")
    confirm(f"Remove {what}?", yes, "Nothing was removed.")
    remove(place, litter)
    in_trash = count_text(len(litter.unlinked), "experiment")
    click.echo(f"Removed {what}, of these {in_trash} into the trash.", err=True)
