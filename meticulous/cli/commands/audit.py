"""`meticulous audit`: what stands between experiments and being reproducible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meticulous.cli.choosing import choosing_options
from meticulous.cli.identifiers import directory_option, ids_argument
from meticulous.cli.questions import QuestionCommand, repository_option

if TYPE_CHECKING:
    from meticulous.reader import Record
    from meticulous.reproduce.audit import Audit

_EXAMPLES = """\b
Examples:
  meticulous audit 12
  meticulous audit 3-9,12
  meticulous audit --tag paper --format markdown --output REPRODUCIBILITY.md
  meticulous audit --format json | jq '.remedies[0]'

\b
Exit code: 0; 1 when an item is answered with no, or nothing fits the
conditions; 2 for a mistake in what was asked.
"""


@click.command(
    cls=QuestionCommand,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EXAMPLES,
)
@ids_argument("words", "[IDS]...", required=False)
@click.option("--all", "everything", is_flag=True, help="All experiments, reproductions as well.")
@choosing_options
@click.option(
    "--format",
    "data_format",
    type=click.Choice(("table", "markdown", "json")),
    default="table",
    show_default=True,
    help="How to write it. markdown and json have everything about each experiment.",
)
@click.option("--output", metavar="FILE", help="Write it to a file instead of the screen.")
@repository_option
@directory_option
def audit(
    words: tuple[str, ...],
    everything: bool,
    data_format: str,
    output: str | None,
    repository: str | None,
    directory: str | None,
    **options: Any,
) -> int:
    """Say what stands between the experiments IDS and being reproducible.

    Without IDS these are all that fit the conditions, but for reproductions: these are evidence
    about others.

    The items are those of the NeurIPS paper checklist, of the checklists of machine learning
    reproducibility and of code completeness, and of the artifact badges of ACM, that a record can
    answer: the code, how it was called, packages, hardware, randomness, data and results. Each is
    answered with yes, no or unknown, with the evidence and the remedy. Of several experiments a
    summary is shown, with the hours of computing by hardware. Nothing is run, and nobody is asked
    but the repository. IDS are as for `meticulous show`.
    """
    from meticulous.cli.questions import near, records_meant
    from meticulous.cli.screen import print_remark
    from meticulous.reproduce.audit import audit as audit_records
    from meticulous.reproduce.repository import ask_repositories

    if everything and words:
        raise click.UsageError("Name the experiments, or say --all, not both.")
    records = records_meant(words, directory, options, everything=True) or []
    if not words and not everything:
        records = [record for record in records if "reproduces" not in record.metadata]
    if not records:
        print_remark("There is no experiment to audit.")
        return 1
    holders = ask_repositories(records, repository, near())
    found = audit_records(records, holders, _relatives(records))
    if output is not None:
        _write(found, data_format, output)
    elif data_format == "table":
        _print_table(found)
    else:
        _print(found, data_format)
    return int(not found.passes)


def _relatives(records: list[Record]) -> list[Record]:
    """Return all experiments among which repetitions and reproductions may be."""
    from meticulous.reader.index import read_records

    places = dict.fromkeys(str(record.directory.parent) for record in records)
    return [record for place in places for record in read_records(place)]


def _print_table(found: Audit) -> None:
    from meticulous.cli.audit_report import run_sections, set_sections
    from meticulous.cli.rendering import print_sheet, terminal

    sections = run_sections(found) if len(found.runs) == 1 else set_sections(found)
    print_sheet(terminal(), sections)


def _print(found: Audit, data_format: str) -> None:
    from meticulous.cli.exact_output import print_exactly

    print_exactly(_encoded(found, data_format))


def _write(found: Audit, data_format: str, path: str) -> None:
    from meticulous.cli.formats import write_file

    write_file(path, _encoded(found, data_format))
    click.echo(f"Wrote {path}.", err=True)


def _encoded(found: Audit, data_format: str) -> bytes:
    if data_format == "json":
        from meticulous.cli.exact_output import escaped_json
        from meticulous.folder.encoding import encode_document

        return escaped_json(encode_document(found.as_document()))
    from meticulous.cli.audit_report import markdown, plain_text

    text = markdown(found) if data_format == "markdown" else plain_text(found)
    return text.encode("utf-8", "backslashreplace")
