"""`meticulous show`: one experiment in full."""

from __future__ import annotations

import os
import re

import click


class _CountsBackwards(click.Command):
    """A command whose argument may be -1, -2 and so on, which are no options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the negative numbers behind `--`, where click takes them for arguments."""
        if "--" not in args:
            numbers = [word for word in args if re.fullmatch(r"-[0-9]+", word)]
            others = [word for word in args if word not in numbers]
            args = [*others, "--", *numbers] if numbers else args
        return super().parse_args(ctx, args)


_EXAMPLES = """\b
Examples:
  meticulous show 3
  meticulous show -1 --json | jq .summary
  meticulous show baseline --directory ../other-project/experiments
"""


@click.command(
    cls=_CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@click.argument("experiment_id", metavar="ID")
@click.option(
    "--directory",
    metavar="DIR",
    help="The experiments directory.  [default: the nearest `experiments`, here or above]",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def show(experiment_id: str, directory: str | None, as_json: bool) -> None:
    """Show the experiment ID in full: how it ended, its code, arguments, results and files.

    ID is its number or name, the path of its folder, or -1 for the one that was started last, -2
    for the one before. Arguments that differ from their default are marked with *. Long
    tracebacks are cut to their end; --json has all of them. A failed experiment is not a failure
    of this command: the exit code is 0.
    """
    from meticulous.cli.rendering import print_json, print_sheet, terminal
    from meticulous.cli.sheet import as_object, sections
    from meticulous.reader import find_record, locate, read_contents

    if directory is None and os.sep in experiment_id:
        directory, experiment_id = os.path.split(os.path.abspath(experiment_id))
    record = find_record(locate(directory), experiment_id)
    contents = read_contents(record.directory)
    if as_json:
        print_json(as_object(record, contents))
    else:
        print_sheet(terminal(), sections(record, contents))
