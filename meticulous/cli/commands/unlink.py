"""`meticulous unlink`: take experiments out of their set."""

from __future__ import annotations

import click

from meticulous.cli.identifiers import CountsBackwards, directory_option, ids_argument

_EXAMPLES = """\b
Examples:
  meticulous unlink 13
  meticulous unlink "lr=0.2*"
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@ids_argument("words", metavar="ID|NAME...", required=True)
@directory_option
def unlink(words: tuple[str, ...], directory: str | None) -> None:
    """Take experiments out of their set: they are neither listed nor launched.

    Their folders stay; they get the tag `unlinked`. `meticulous list --all` shows them,
    `meticulous relink` brings them back, `meticulous clean` moves them to the trash.
    """
    from meticulous.cli.sets import ids_text, records_named
    from meticulous.cli.wording import count_text
    from meticulous.sweep.upkeep import unlink as unlink_all

    records = unlink_all(records_named(words, directory))
    what = count_text(len(records), "experiment")
    click.echo(f"Unlinked {what}{f': {ids_text(records)}' if records else ''}.", err=True)
