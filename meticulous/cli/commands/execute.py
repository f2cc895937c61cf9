"""`meticulous execute`: carry out a registered experiment, here and now."""

from __future__ import annotations

import os

import click

from meticulous.sweep.code_choices import CHOICES, RECORDED


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", metavar="FOLDER")
@click.option(
    "--code",
    type=click.Choice(CHOICES),
    default=RECORDED,
    show_default=True,
    help="Refuse code that is not what was registered, or run the present code and record that.",
)
@click.pass_context
def execute(context: click.Context, /, folder: str, code: str) -> None:
    """Carry out the registered experiment in FOLDER, and leave with its exit code.

    This is what the script run.sh in the folder starts. Of several processes that carry out the
    same experiment, one does; the others say so and leave with 2.
    """
    from meticulous.recorder.program.running import leave_like
    from meticulous.sweep.execution import execute as carry_out

    if not os.path.isdir(folder):
        from meticulous.sweep.starting import is_target

        if is_target(folder):
            raise click.UsageError(
                f"{folder} is a target and no folder of a registered experiment. "
                f"`meticulous {folder}` runs and records it; `meticulous register {folder}` makes "
                "such a folder."
            )
    context.exit(leave_like(carry_out(folder, code=code)))
