"""`meticulous list`: the experiments of a directory, one a line."""

from __future__ import annotations

import click

USUAL_COUNT = 20


_EXAMPLES = """\b
Examples:
  meticulous list
  meticulous list --tail 5 ../other-project/experiments
  meticulous list --json | jq '.[] | select(.status == "ERROR") | .id'
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES)
@click.argument("directory", required=False)
@click.option("--all", "everything", is_flag=True, help="List all experiments.")
@click.option(
    "--tail",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"List the N that were started last.  [default: {USUAL_COUNT}; all with --json]",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with one object for each.")
def list(directory: str | None, everything: bool, tail: int | None, as_json: bool) -> None:
    """List the experiments of DIRECTORY, the latest last.

    Without DIRECTORY the nearest folder `experiments` is taken, here or above. Shown are the
    arguments that differ from their defaults or between experiments, and the summary. LOST is an
    experiment that says it runs, but its process is gone. A ! after the status marks a folder of
    which something cannot be read. Piped, the list is plain text with nothing cut.
    """
    if everything and tail is not None:
        raise click.UsageError("--all and --tail exclude each other; give one of them.")
    from meticulous.cli.listing import PROBLEM_MARK, as_objects, print_records
    from meticulous.cli.rendering import print_json, print_remark, terminal
    from meticulous.cli.wording import count_text
    from meticulous.reader import by_start, find_records, locate

    place = locate(directory)
    found = by_start(find_records(place))
    if tail is None and not as_json:
        tail = USUAL_COUNT
    shown = found if everything or tail is None else found[-tail:]
    if as_json:
        print_json(as_objects(shown))
        return
    console = terminal()
    if not found:
        click.echo(
            f"No experiments in {place} yet. "
            "Record the first with `meticulous run -- python train.py`."
        )
        return
    print_records(console, shown)
    if any(record.problems for record in shown):
        print_remark(
            console,
            f"{PROBLEM_MARK} something in this folder cannot be read; "
            "`meticulous show ID` says what.",
        )
    if len(shown) < len(found):
        print_remark(
            console,
            f"The last {len(shown)} of {count_text(len(found), 'experiment')} in {place}; "
            "--all lists all.",
        )
