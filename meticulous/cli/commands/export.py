"""`meticulous export`: an experiment as a research object, to publish or to archive."""

from __future__ import annotations

import click

from meticulous.cli.identifiers import CountsBackwards, directory_option, folder_of, id_argument

_EXAMPLES = """\b
Examples:
  meticulous export 12 --crate run-12
  meticulous export -1 --crate run.zip --license https://spdx.org/licenses/MIT

\b
`meticulous list --export FILE` writes a table of experiments.
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@id_argument()
@click.option(
    "--crate",
    metavar="DIR",
    help="The folder to be made, a Process Run Crate (RO-Crate); a zip file if it ends in .zip.",
)
@click.option(
    "--license",
    "license_named",
    metavar="TEXT",
    help="Web address or text of the license.  [default: the license file of the commit]",
)
@click.option(
    "--repository",
    metavar="DIR",
    help="A clone that has the commit.  [default: where the experiments lie, or here]",
)
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print what was written as a JSON object.")
def export(
    experiment_id: str,
    crate: str | None,
    license_named: str | None,
    repository: str | None,
    directory: str | None,
    as_json: bool,
) -> None:
    """Write the experiment ID so that it can be published, archived and understood elsewhere.

    A Process Run Crate holds the files of the experiment and describes as linked data (JSON-LD)
    what ran, when, by whom, from which commit, with which arguments, inputs, packages and results.
    Inputs are named with their sha256, and not copied. What looks secret in the output of the
    program is taken out. An existing target is refused. Needs the package rocrate:
    `pip install 'meticulous-ml[crate]'`.
    """
    if not crate:
        raise click.UsageError("Say where to and in which form: --crate DIR.")
    from meticulous.cli.questions import near
    from meticulous.cli.rendering import print_json
    from meticulous.cli.wording import count_text, visible
    from meticulous.reader import read_record
    from meticulous.reproduce.crate import export_crate
    from meticulous.reproduce.repository import ask_repositories

    record = read_record(folder_of(experiment_id, directory))
    holder = ask_repositories([record], repository, near())[str(record.directory.parent)]
    done = export_crate(record, holder, crate, license_named)
    if as_json:
        print_json(
            {
                "crate": done.path,
                "files": done.files,
                "left_out": done.left_out,
                "cleaned": done.cleaned,
            }
        )
        return
    click.echo(f"Wrote {visible(done.path)}: {count_text(done.files, 'file')}.", err=True)
    if done.cleaned:
        click.echo(f"Secrets were taken out of {visible(', '.join(done.cleaned))}.", err=True)
    for remark in done.left_out:
        click.echo(f"Left out: {visible(remark)}.", err=True)
