"""`meticulous reproduce`: run experiments again, and say whether they agree."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from meticulous.cli.choosing import choosing_options
from meticulous.cli.identifiers import CountsBackwards, directory_option, folders_of, ids_argument
from meticulous.cli.sections import SectionedCommand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meticulous.reader import Record
    from meticulous.reproduce.reproduction import Options

_EXAMPLES = """\b
Examples:
  meticulous reproduce 12
  meticulous reproduce -1 --tolerance loss=1e-6 --tolerance '*=rel:1e-3'
  meticulous reproduce 12 --environment recreate --timeout 3600
  meticulous reproduce --all --filter "status == 'SUCCESS'" --jobs 2
  meticulous reproduce 12 --diagnose
  meticulous reproduce 12 --dry-run
"""


class _Reproduce(SectionedCommand, CountsBackwards):
    """With options in sections, and -1 for the experiment that was started last."""


@click.command(
    cls=_Reproduce, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@ids_argument("words", metavar="[ID]...", required=False)
@directory_option
@click.option("--all", "everything", is_flag=True, help="All that fit the conditions below.")
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    help="Run N at once.  [default: 1]",
)
@click.option(
    "--environment",
    type=click.Choice(["current", "match", "recreate"]),
    default="current",
    help="Run in the present interpreter; in it only if its packages are the recorded ones; or in "
    "a new environment made from the recorded pins.  [default: current]",
)
@click.option(
    "--python",
    metavar="PATH",
    help="The interpreter of current and match.  [default: what the recorded command names on "
    "PATH, for a program in Python the one of meticulous]",
)
@click.option(
    "--tolerance",
    "tolerances",
    metavar="SPEC",
    multiple=True,
    help="How far numbers may be off: 1e-6, loss=1e-6, '*=rel:1e-3', outputs.log.csv=ignore; may "
    "be given several times.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="End a program that takes longer.",
)
@click.option(
    "--set",
    "values",
    metavar="NAME=VALUE",
    multiple=True,
    help="The value of the option --NAME where it is a secret and so not in the record.",
)
@click.option(
    "--diagnose",
    is_flag=True,
    help="Where it does not agree, run the recorded state again, then with one thing changed at a "
    "time, and say what moves the numbers.",
)
@click.option(
    "--present",
    is_flag=True,
    help="With --diagnose: also where it agrees, and with your present code, inputs and variables.",
)
@click.option(
    "--allow-outside",
    is_flag=True,
    help="Run also what wrote outside of the repository, which is written over, and let the "
    "program write into the original checkout.",
)
@click.option("--keep", is_flag=True, help="Leave the private worktree, and say where it is.")
@click.option(
    "--repository",
    metavar="DIR",
    help="The repository with the code.  [default: where the experiment lies, or here]",
)
@click.option(
    "--experiments-directory",
    metavar="DIR",
    help="Record the reproductions in DIR.  [default: beside the original]",
)
@click.option("--verbose", is_flag=True, help="Show what the programs write, on standard error.")
@click.option(
    "--dry-run", is_flag=True, help="Run and record nothing; say what would be done, and why not."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@choosing_options
def reproduce(
    words: tuple[str, ...],
    directory: str | None,
    everything: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Run the experiments ID again, each as a new one, and say whether they agree.

    ID is a number or name, the path of a folder, or -1 for the one that was started last; 3-5
    stands for all from 3 to 5. The recorded commit or snapshot is checked out into a private
    worktree, which is removed afterwards; your own checkout is not touched. The same command runs
    there, and what comes out is compared: IDENTICAL, AGREES within the tolerance, DIFFERS, FAILED
    when the program did not end as it did then, CANNOT when it could not be run. The new folder
    holds the findings in reproduction.json.

    The exit code is 0 when every verdict is IDENTICAL or AGREES, else 1.
    """
    from meticulous.cli.reproducing import Printer, carry_out_all, print_outlooks
    from meticulous.reproduce.diagnosis import Diagnosed
    from meticulous.reproduce.reproduction import check_reproducible

    if options["present"] and not options["diagnose"]:
        raise click.UsageError("--present is about a diagnosis; give --diagnose as well.")
    records = _chosen(words, directory, everything, options)
    settings = _settings(options)
    _check_secrets(records, settings.values)
    as_list = everything or len(records) > 1
    if dry_run:
        return print_outlooks(records, settings, as_json, as_list)
    if not everything:
        for record in records:
            check_reproducible(record)
    printer = Printer(as_json, as_list, options["verbose"])
    wanted = Diagnosed(options["present"]) if options["diagnose"] else None
    return carry_out_all(records, settings, options["jobs"], printer, wanted)


def _chosen(
    words: tuple[str, ...], directory: str | None, everything: bool, options: dict[str, Any]
) -> list[Record]:
    from meticulous.cli.choosing import choose, is_choosing
    from meticulous.reader import locate, read_record

    if words:
        if everything or is_choosing(options):
            raise click.UsageError(
                "Name the experiments, or choose them with --all and conditions, not both."
            )
        return [read_record(folder) for folder in folders_of(words, directory)]
    if not everything:
        hint = " with --all" if is_choosing(options) else ", or choose them with --all"
        raise click.UsageError(f"Name the experiments to reproduce{hint}.")
    chosen = choose(locate(directory), options)
    # A reproduction is evidence about another experiment, and is not itself meant by "all".
    found = [record for record in chosen.records if "reproduces" not in record.metadata]
    ended = [record for record in found if record.status in ("SUCCESS", "ERROR")]
    left_out = len(chosen.records) - len(ended)
    if left_out:
        what = "reproductions, or did not come to an end of their own"
        click.echo(f"meticulous: {left_out} left out, which are {what}", err=True)
    if not ended:
        raise click.UsageError("No experiment fits the conditions.")
    return ended


def _check_secrets(records: list[Record], values: Mapping[str, str]) -> None:
    """Refuse a value that none of the records lacks, such as one whose name is misspelled."""
    from meticulous.reproduce.command import is_same_option, redacted_names

    lacking = dict.fromkeys(name for record in records for name in redacted_names(record))
    for name in values:
        if not any(is_same_option(name, one) for one in lacking):
            has = ", ".join(lacking) or "none"
            raise click.UsageError(
                f"--set {name}: no value of that name was left out of the record as a secret "
                f"(left out: {has})."
            )


def _settings(options: dict[str, Any]) -> Options:
    from meticulous.reproduce.comparison.tolerance import parse_tolerances
    from meticulous.reproduce.reproduction import Options

    values = {}
    for text in options["values"]:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--set {text!r} is not of the form NAME=VALUE.")
        values[name] = value
    place = options["experiments_directory"]
    return Options(
        environment=options["environment"],
        tolerances=parse_tolerances(options["tolerances"]),
        timeout=options["timeout"],
        keep=options["keep"],
        repository=options["repository"],
        experiments_directory=None if place is None else os.path.abspath(place),
        values=values,
        python=options["python"],
        allow_outside=options["allow_outside"],
    )
