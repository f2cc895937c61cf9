"""`meticulous rm`: take experiments out of the list."""

from __future__ import annotations

import os
import sys

import click

from meticulous.cli.identifiers import CountsBackwards, directory_option, folders_of, ids_argument

_EXAMPLES = """\b
Examples:
  meticulous rm 3 5-8
  meticulous rm baseline --forever
  meticulous rm --empty-trash --yes
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@ids_argument(required=False, metavar="[ID]...")
@directory_option
@click.option(
    "--forever",
    is_flag=True,
    help="Delete them, which nothing undoes; on a terminal, you are asked.",
)
@click.option(
    "--empty-trash", is_flag=True, help="Delete what was removed earlier, which nothing undoes."
)
@click.option("--force", is_flag=True, help="Remove experiments that still run, too.")
@click.option("--yes", is_flag=True, help="Delete without asking.")
def rm(
    ids: tuple[str, ...],
    directory: str | None,
    forever: bool,
    empty_trash: bool,
    force: bool,
    yes: bool,
) -> None:
    """Remove the experiments ID: into the trash, from which `meticulous restore` brings them back.

    ID is a number or name, the path of a folder, or -1 for the one that was started last, -2 for
    the one before; 3-5 stands for all from 3 to 5. The trash is the folder .trash in the
    experiments directory. A number is not given again, even after its experiment was deleted for
    ever. Of an experiment that still runs nothing is removed without --force.
    """
    if empty_trash == bool(ids):
        raise click.UsageError("Name either the experiments to remove, or --empty-trash.")
    if empty_trash:
        _empty_trash(directory, yes)
        return
    folders = folders_of(ids, directory)
    if not force:
        _refuse_running(folders)
    from meticulous.cli.wording import count_text
    from meticulous.folder.trash import delete, remove

    what = count_text(len(folders), "experiment")
    if forever:
        _ask(f"Delete {what} for ever ({_names(folders)})?", yes)
        for folder in folders:
            delete(folder)
        click.echo(f"Deleted {what} for ever: {_names(folders)}.", err=True)
        return
    for folder in folders:
        remove(folder)
    click.echo(
        f"Moved {what} to the trash: {_names(folders)}. `meticulous restore ID` brings one back.",
        err=True,
    )


def _refuse_running(folders: list[str]) -> None:
    from meticulous.errors import ExperimentRunningError
    from meticulous.folder import status
    from meticulous.reader import read_record

    running = [folder for folder in folders if read_record(folder).status == status.RUNNING]
    if running:
        raise ExperimentRunningError(
            f"Nothing was removed, for these still run: {_names(running)}. Stop them or wait for "
            "their end, or remove them all the same with --force."
        )


def _empty_trash(directory: str | None, yes: bool) -> None:
    from meticulous.cli.wording import count_text
    from meticulous.folder.trash import empty, list_removed
    from meticulous.reader import locate

    place = locate(directory)
    what = count_text(len(list_removed(place)), "experiment")
    _ask(f"Delete {what} in the trash of {place} for ever?", yes)
    empty(place)
    click.echo(f"Deleted {what} for ever.", err=True)


def _ask(question: str, yes: bool) -> None:
    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError("Nobody can be asked here; say --yes to delete for ever.")
    if not click.confirm(question, err=True):
        click.echo("Nothing was deleted.", err=True)
        raise click.exceptions.Exit(1)


def _names(folders: list[str]) -> str:
    from meticulous.cli.wording import few_text, visible

    return few_text([visible(os.path.basename(folder)) for folder in folders], 10)
