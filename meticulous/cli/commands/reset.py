"""`meticulous reset`: make ended experiments new, for another attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from meticulous.cli.identifiers import CountsBackwards, directory_option, ids_argument

if TYPE_CHECKING:
    from meticulous.reader import Record

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

    They need not have been registered before: of a declared experiment, any run can be reset. What
    `meticulous run` and other scripts recorded is refused; `meticulous reproduce` runs that again.

    Results, output and the history of the attempts stay, and the new attempt adds to them. ID is as
    for `meticulous show`; a NAME is a readable name, or a glob that names fit. An experiment that
    runs is refused, and then none is reset.
    """
    from meticulous.cli.sets import ids_text, records_named
    from meticulous.cli.wording import count_text
    from meticulous.errors import NotRegisteredError, UnreadableRecordError
    from meticulous.folder import states
    from meticulous.folder.status import REGISTERED
    from meticulous.sweep.choosing import can_be_carried_out, was_registered
    from meticulous.sweep.upkeep import reset as reset_one

    records = records_named(words, directory)
    for record in records:
        if record.why_unknown:
            raise UnreadableRecordError(
                f"Experiment {record.id} cannot be reset, since its record cannot be read: "
                f"{record.why_unknown}. Mend the file first. Nothing was reset."
            )
        if not can_be_carried_out(record):
            raise NotRegisteredError(_refusal(record))
        states.check_move(f"Experiment {record.id}", record.status, REGISTERED)
    for record in records:
        reset_one(str(record.directory))
    click.echo(
        f"Registered {count_text(len(records), 'experiment')} anew: {ids_text(records)}. "
        "`meticulous launch` runs them.",
        err=True,
    )
    fresh = [record for record in records if not was_registered(record)]
    if fresh:
        were, says = (
            ("was", "its record says") if len(fresh) == 1 else ("were", "their records say")
        )
        click.echo(
            f"{ids_text(fresh)} {were} first run without being registered; {says} what to "
            "carry out.",
            err=True,
        )


def _refusal(record: Record) -> str:
    if record.is_foreign:
        why = "it was imported from xmen, which does not say how to run it here"
    else:
        why = (
            "it was not registered, and is no declared experiment, so nothing says how to run it "
            f"here. `meticulous reproduce {record.id}` runs it again, as a new experiment"
        )
    return f"Experiment {record.id} cannot be reset: {why}. Nothing was reset."
