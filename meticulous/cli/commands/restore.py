"""`meticulous restore`: bring removed experiments back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from meticulous.cli.completion import complete_removed
from meticulous.cli.identifiers import ID, CountsBackwards, directory_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meticulous.folder.trash import Removed

_EXAMPLES = """\b
Examples:
  meticulous restore --list
  meticulous restore 3 5-8
  meticulous restore baseline --as old-baseline
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@click.argument("ids", metavar="[ID]...", type=ID, nargs=-1, shell_complete=complete_removed)
@directory_option
@click.option("--list", "show", is_flag=True, help="List what is in the trash.")
@click.option("--as", "new_id", metavar="NAME", help="Restore a single experiment under this name.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with one object for each.")
def restore(
    ids: tuple[str, ...], directory: str | None, show: bool, new_id: str | None, as_json: bool
) -> None:
    """Bring the experiments ID back from the trash, into which `meticulous rm` moved them.

    ID is a number or name; 3-5 stands for all from 3 to 5, -1 for the one that was removed last.
    Of several in the trash with one name, the one that was removed last is meant. Where there is
    another experiment of that name by now, --as gives a new one. They come back as they were: those
    that `meticulous clean` removed are still unlinked, and `meticulous relink` lists them again.
    """
    from meticulous.cli.rendering import print_json
    from meticulous.cli.wording import visible
    from meticulous.folder import trash
    from meticulous.reader import locate

    if show == bool(ids):
        raise click.UsageError("Name either the experiments to restore, or --list.")
    place = locate(directory)
    removed = trash.list_removed(place)
    if show:
        _list(removed, place, as_json)
        return
    chosen = trash.choose(removed, ids)
    if new_id is not None and len(chosen) != 1:
        raise click.UsageError(f"--as names one experiment, and {len(chosen)} are to be restored.")
    folders = [trash.restore(entry, new_id) for entry in chosen]
    if as_json:
        pairs = zip(chosen, folders, strict=True)
        print_json([{"id": entry.id, "directory": folder} for entry, folder in pairs])
        return
    for folder in folders:
        click.echo(f"Restored {visible(folder)}.", err=True)
    _tell_unlinked(folders, directory)


def _tell_unlinked(folders: Sequence[str], directory: str | None) -> None:
    """Say of those that were unlinked before they were removed that they still are."""
    import os
    import shlex

    from meticulous.cli.wording import visible
    from meticulous.folder.layout import UNLINKED
    from meticulous.reader import read_record

    out = [folder for folder in folders if UNLINKED in read_record(folder).tags]
    if not out:
        return
    ids = [os.path.basename(folder) for folder in out]
    words = [*ids, *(["--directory", directory] if directory is not None else [])]
    are, them = ("is", "it") if len(out) == 1 else ("are", "them")
    click.echo(
        f"{visible(', '.join(ids))} {are} unlinked, as before, and so not listed; `meticulous "
        f"relink {visible(shlex.join(words))}` puts {them} back.",
        err=True,
    )


def _list(removed: list[Removed], place: str, as_json: bool) -> None:
    from meticulous.cli.aligning import aligned
    from meticulous.cli.rendering import print_json
    from meticulous.cli.screen import print_remark
    from meticulous.cli.wording import minute_text, visible
    from meticulous.reader import read_record

    found = [(entry, read_record(entry.folder)) for entry in removed]
    if as_json:
        print_json(
            [
                {
                    "id": entry.id,
                    "removed": entry.moment.isoformat(),
                    "status": record.status,
                    "start": record.start.isoformat() if record.start else None,
                    "description": record.description,
                    "directory": entry.folder,
                }
                for entry, record in found
            ]
        )
        return
    if not found:
        print_remark(f"The trash of {place} is empty.")
        return
    rows = [["id", "removed", "status", "description"]]
    for entry, record in found:
        cells = (entry.id, minute_text(entry.moment), record.status, record.description)
        rows.append([visible(cell) for cell in cells])
    for line in aligned(rows, [False] * 4):
        click.echo(line)
