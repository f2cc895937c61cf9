"""`meticulous diff`: what differs between two experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from meticulous.cli.identifiers import CountsBackwards
from meticulous.cli.pair import pair_options, read_pair

if TYPE_CHECKING:
    from meticulous.reader import Record

# As in meticulous.reader.comparing.comparison, which --help need not import.
_SECTIONS = (
    *("status", "command", "args", "code", "environment", "packages"),
    *("inputs", "summary", "outputs"),
)

_EXAMPLES = """\b
Examples:
  meticulous diff 3 5
  meticulous diff -2 -1 --only args --only summary
  meticulous diff 3 5 --only code
  meticulous diff 3 ../other/experiments/12 --json | jq .sections.summary
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@pair_options
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(_SECTIONS),
    metavar="SECTION",
    help=f"Compare only this; may be given several times. One of {', '.join(_SECTIONS)}.",
)
@click.option("--all", "everything", is_flag=True, help="Cut nothing, and show the whole patch.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as a JSON object.")
def diff(
    first: str,
    second: str,
    directory: str | None,
    only: tuple[str, ...],
    repository: str | None,
    everything: bool,
    as_json: bool,
) -> int:
    """Show what differs between the experiments A and B.

    Each is a number or name, the path of a folder, or -1 for the one that was started last, -2
    for the one before. Compared are arguments, code (the files in which the commits or snapshots
    differ, where a repository has both), surroundings, packages, inputs, results and the files in
    the folders. Times, process numbers and what else differs always are left out, and so are
    commands that only give the arguments above; of a traceback the last line is shown, and all of
    it with --json. A long patch is shown with --only code or --all. The exit code is 1 when
    something differs, else 0.
    """
    from meticulous.cli.differences import (
        SHORT_PATCH,
        comparison_object,
        comparison_sections,
        print_patch,
    )
    from meticulous.cli.rendering import print_json, print_sheet, terminal
    from meticulous.experiments.code import compare_with_code

    a, b = read_pair(first, second, directory)
    comparison, place = compare_with_code(a, b, repository, only or _SECTIONS)
    is_wanted = everything or set(only) == {"code"}
    if as_json:
        patch = place.patch() if place is not None and is_wanted else None
        print_json(comparison_object(comparison, patch))
        return int(comparison.differs)
    console = terminal()
    if verdict := _verdict(a, b):
        click.echo(f"{verdict}\n")
    print_sheet(console, comparison_sections(comparison, console.is_terminal and not everything))
    patch = place.patch() if place is not None else ""
    if patch and (is_wanted or patch.count("\n") <= SHORT_PATCH):
        print_patch(console, patch)
    return int(comparison.differs)


def _verdict(a: Record, b: Record) -> str:
    """Say what came of reproducing one of them as the other; "" where neither is that."""
    from meticulous.cli.verdicts import verdict_line
    from meticulous.reader.verdicts import read_verdict

    for original, other in ((a, b), (b, a)):
        uid = original.metadata.get("uid")
        if uid is not None and other.metadata.get("reproduces-uid") == uid:
            document = read_verdict(other.directory) or {}
            verdict = str(document.get("verdict") or "no verdict yet")
            return f"{other.id} reproduces {original.id}: {verdict}. {verdict_line(document)}"
    return ""
