"""`meticulous run`: record any program."""

from __future__ import annotations

import difflib
import shlex

import click

from meticulous.errors import ProgramNotFoundError

_EXAMPLES = """\b
Examples:
  meticulous run -- python train.py --lr 0.2
  meticulous run --tag baseline -- ./simulate.sh 3
"""


class _Run(click.Command):
    """Says where the program's options go when one of them stands among ours."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            ours = [option for parameter in self.params for option in parameter.opts]
            raise click.UsageError(_misplaced(error.option_name, ours, given), ctx) from error


def _misplaced(name: str, ours: list[str], given: list[str]) -> str:
    before, command = given, ["COMMAND"]
    if "--" in given:
        end = given.index("--")
        before, command = given[:end], given[end + 1 :] or command
    start = next((n for n, word in enumerate(before) if word.startswith(name)), 0)
    misplaced = before[start : start + 1]
    # The next word may be its value. Without the two dashes it may as well be the command.
    if "--" in given:
        misplaced += [word for word in before[start + 1 : start + 2] if not word.startswith("-")]
    close = difflib.get_close_matches(name, ours, n=1, cutoff=0.7)
    return (
        f"No such option: {name}.{f' Did you mean {close[0]}?' if close else ''} "
        "Options of `meticulous run` go before the command, those of the program "
        f"go behind it: meticulous run -- {shlex.join([*command, *misplaced])}"
    )


@click.command(
    cls=_Run,
    context_settings={"allow_interspersed_args": False, "help_option_names": ["-h", "--help"]},
    epilog=_EXAMPLES,
)
@click.option(
    "--project-directory",
    metavar="DIR",
    default="",
    help="A folder in the git repository of the program's code.  [default: here]",
)
@click.option(
    "--experiments-directory",
    metavar="DIR",
    help="Keep the numbered folders in DIR, relative to the project directory.  [default: the "
    "nearest folder 'experiments' with experiments in it, here or above; else one here]",
)
@click.option(
    "--experiment-id",
    metavar="ID",
    help="Name the folder ID instead of giving it the next number; a folder of that name is "
    "resumed if its arguments and commit are the same.",
)
@click.option("--description", metavar="TEXT", default="", help="Say what this run is about.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Mark the run; repeatable.")
@click.option(
    "--dirty",
    type=click.Choice(["refuse", "snapshot"]),
    default="refuse",
    show_default=True,
    help="With uncommitted changes, refuse to start, or keep the working tree as a snapshot that "
    "no branch shows.",
)
@click.option("--norecord", is_flag=True, help="Only run the program; nothing is recorded.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def run(
    context: click.Context, /, command: tuple[str, ...], norecord: bool, **settings: object
) -> None:
    """Record COMMAND, any program, without a change to it.

    Of a Python program, the first command line that argparse reads supplies the arguments and
    their defaults; of any other, options and positionals are told apart by their dashes. Signals
    are passed on, and the exit code is the program's own.
    """
    if norecord:
        from meticulous.recorder.program.running import replace_process

        replace_process(command)
    from meticulous.recorder.program.running import leave_like, run_program

    try:
        ending = run_program(command, **settings)
    except ProgramNotFoundError as error:
        raise ProgramNotFoundError(f"{error}{_hint_at_target(command)}") from None
    context.exit(leave_like(ending))


def _hint_at_target(command: tuple[str, ...]) -> str:
    """Say how a declared experiment is run that was given in the place of a program."""
    from meticulous.sweep.starting import is_target

    # What ends in .py may as well be a script that declares nothing.
    if not is_target(command[0]) or command[0].endswith(".py"):
        return ""
    return f" It is a target: `meticulous {shlex.join(command)}` runs and records it."
