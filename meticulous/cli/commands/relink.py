"""`meticulous relink`: put experiments back into their set."""

from __future__ import annotations

import click

from meticulous.cli.identifiers import CountsBackwards, directory_option, ids_argument

_EXAMPLES = """\b
Examples:
  meticulous relink
  meticulous relink 13
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@ids_argument("words", metavar="[ID|NAME]...", required=False)
@directory_option
def relink(words: tuple[str, ...], directory: str | None) -> None:
    """Put experiments back into their set: all that were unlinked, or those that are named."""
    from meticulous.cli.sets import ids_text, records_named
    from meticulous.cli.wording import count_text
    from meticulous.sweep.upkeep import relink as relink_one

    found = records_named(words, directory)
    records = [record for record in found if relink_one(str(record.directory))]
    what = count_text(len(records), "experiment")
    click.echo(f"Linked {what} again{f': {ids_text(records)}' if records else ''}.", err=True)
