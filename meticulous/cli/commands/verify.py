"""`meticulous verify`: whether what records claim is still so; nothing is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meticulous.cli.choosing import choosing_options
from meticulous.cli.identifiers import directory_option, ids_argument
from meticulous.cli.questions import QuestionCommand, repository_option

if TYPE_CHECKING:
    from meticulous.reproduce.verify import Verification
    from meticulous.reproduce.verify.pins import Index

_IN_FULL = 5
"""Of so many experiments every check is shown; of more, one line for each."""

_EXAMPLES = """\b
Examples:
  meticulous verify 12
  meticulous verify 12 --online
  meticulous verify --all
  meticulous verify --status SUCCESS --tag paper
  meticulous verify 12 --json | jq '.checks[] | select(.outcome == "no") | .remedy'

\b
Exit code: 0; 1 when a check says no, or nothing fits the conditions; 2 for a
mistake in what was asked. What is unknown is told, and is no failure.
"""


@click.command(
    cls=QuestionCommand,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EXAMPLES,
)
@ids_argument("words", "[ID]...", required=False)
@choosing_options
@click.option("--all", "everything", is_flag=True, help="Verify all experiments.")
@click.option(
    "--online",
    is_flag=True,
    help="Ask the remote for the commit, and the package index for the packages.",
)
@repository_option
@directory_option
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print everything as one JSON object; of several experiments as a list of them.",
)
def verify(
    words: tuple[str, ...],
    everything: bool,
    online: bool,
    repository: str | None,
    directory: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Say whether what the records of the experiments ID claim is still so; nothing is run.

    The commit or snapshot: is it in the repository, kept by a ref, on a remote, and whole? Was
    other code loaded? Are inputs, outputs and the record itself as they were, by their sha256? Can
    the packages still be installed? Each answer is yes, no or unknown, with the evidence and, where
    something is to be done, the remedy. ID is as for `meticulous show`.
    """
    from meticulous.cli.questions import near, records_meant
    from meticulous.cli.rendering import print_json
    from meticulous.cli.screen import print_remark
    from meticulous.reproduce.repository import ask_repositories
    from meticulous.reproduce.verify import verify as verify_records

    records = records_meant(words, directory, options, everything)
    if records is None:
        raise click.UsageError("Name the experiments to verify, or say --all.")
    holders = ask_repositories(records, repository, near())
    found = list(verify_records(records, holders, online, _index() if online else None))
    if as_json:
        documents = [each.as_document() for each in found]
        print_json(documents[0] if words and len(documents) == 1 else documents)
    elif not found:
        print_remark("There is no experiment to verify.")
    elif len(found) <= _IN_FULL:
        _print_in_full(found)
    else:
        _print_lines(found)
    return int(not found or not all(each.holds for each in found))


def _index() -> Index:
    from meticulous.reproduce.environment.installing import installable

    return installable


def _print_in_full(found: list[Verification]) -> None:
    from rich.text import Text

    from meticulous.cli.questions import answer_lines, counts_text, experiment_line
    from meticulous.cli.rendering import Line, print_sheet, terminal
    from meticulous.cli.wording import visible

    print_sheet(
        terminal(),
        [
            [
                experiment_line(each.id, each.status),
                *(Line("", Text(visible(text), style="red")) for text in each.problems),
                *answer_lines(each.answers),
                Line("", Text(counts_text(each.counts), style="bold"), is_indented=False),
            ]
            for each in found
        ],
    )


def _print_lines(found: list[Verification]) -> None:
    from meticulous.cli.questions import print_overview
    from meticulous.cli.screen import print_remark

    print_overview([(each.id, each.status, each.answers) for each in found])
    held = sum(each.holds for each in found)
    print_remark(
        f"{held} of {len(found)} experiments hold. `meticulous verify ID` tells the evidence."
    )
