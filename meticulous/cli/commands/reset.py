"""`meticulous reset`: make ended experiments new, for another attempt."""

from __future__ import annotations

import click

from meticulous.cli.identifiers import CountsBackwards, directory_option, ids_argument

_EXAMPLES = """\b
Examples:
  meticulous reset 12
  meticulous reset "lr=0.1*"
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@ids_argument("words", metavar="ID|NAME...", required=True)
@directory_option
def reset(words: tuple[str, ...], directory: str | None) -> None:
    """Register the experiments again that have ended: `meticulous launch` then runs them.

    Results, output and the history of the attempts stay, and the new attempt adds to them. ID is as
    for `meticulous show`; a NAME is a readable name, or a glob that names fit. An experiment that
    runs is refused, and then none is reset.
    """
    from meticulous.cli.sets import ids_text, records_named
    from meticulous.cli.wording import count_text
    from meticulous.errors import NotRegisteredError
    from meticulous.folder import states
    from meticulous.folder.status import REGISTERED
    from meticulous.sweep.choosing import can_be_carried_out
    from meticulous.sweep.upkeep import reset as reset_one

    records = records_named(words, directory)
    for record in records:
        if not can_be_carried_out(record):
            raise NotRegisteredError(
                f"Experiment {record.id} was not registered, so nothing says how to run it again. "
                f"`meticulous reproduce {record.id}` does. Nothing was reset."
            )
        states.check_move(f"Experiment {record.id}", record.status, REGISTERED)
    for record in records:
        reset_one(str(record.directory))
    click.echo(
        f"Registered {count_text(len(records), 'experiment')} anew: {ids_text(records)}. "
        "`meticulous launch` runs them.",
        err=True,
    )
