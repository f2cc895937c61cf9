"""`meticulous launch`: run registered experiments."""

from __future__ import annotations

from typing import Any

import click

from meticulous.cli.choosing import choosing_options
from meticulous.cli.identifiers import CountsBackwards, directory_option, ids_argument
from meticulous.cli.sections import SectionedCommand
from meticulous.sweep.code_choices import CHOICES

_EXAMPLES = """\b
Examples:
  meticulous launch
  meticulous launch "lr=0.1*" --jobs 4
  meticulous launch 3-9 --with "sbatch --time 1:00:00"
  meticulous launch --status ERROR,LOST

\b
Exit code: 0 when all that was run has succeeded; 1 when one has failed or could
not be started, or there was nothing to run; 130 after Ctrl-C.
"""


class LaunchCommand(CountsBackwards, SectionedCommand):
    """A command whose arguments are identifiers and names."""


@click.command(
    cls=LaunchCommand, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@ids_argument("words", metavar="[ID|NAME]...", required=False)
@choosing_options
@directory_option
@click.option(
    "--jobs", metavar="N", type=click.IntRange(1), help="Run N at a time. [default: 1, or as set]"
)
@click.option(
    "--with",
    "with_",
    metavar="COMMAND",
    help="Hand each run.sh to COMMAND, such as sh, screen -dm sh, sbatch --time 1:00:00.",
)
@click.option(
    "--code",
    type=click.Choice(CHOICES),
    help="Run the code of the registration, from a worktree of its commit where the checkout has "
    "moved on; or what is checked out, and record that. [default: recorded, or as set]",
)
@click.option(
    "--take-up",
    is_flag=True,
    help="Also run those whose process died (LOST), and those handed over and never begun.",
)
@click.option("--dry-run", is_flag=True, help="Only show which would be run.")
def launch(words: tuple[str, ...], **options: Any) -> int:
    """Run the registered experiments: all, or those that IDs, NAMEs and conditions choose.

    They run in the order of their numbers, each in a process of its own, and a table tells how they
    ended. A NAME is a readable name, or a glob that names fit. Ctrl-C ends those that run; the
    others stay registered. Of several launchers at once, only one runs an experiment.

    With --status other experiments than registered ones are chosen: they are reset first.
    """
    from meticulous.cli.launching import carry_out

    return carry_out(words, options)
