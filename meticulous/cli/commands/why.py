"""`meticulous why`: the few differences that most likely explain a different result."""

from __future__ import annotations

import click

from meticulous.cli.identifiers import CountsBackwards
from meticulous.cli.pair import pair_options, read_pair

_EXAMPLES = """\b
Examples:
  meticulous why 3 5
  meticulous why -2 -1 --all
  meticulous why 3 5 --json | jq '.causes[0]'
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@pair_options
@click.option("--all", "everything", is_flag=True, help="Show all differences, not only a few.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as a JSON object.")
def why(
    first: str,
    second: str,
    directory: str | None,
    repository: str | None,
    everything: bool,
    as_json: bool,
) -> int:
    """Say why the experiments A and B may have come to different results.

    The differences that `meticulous diff` finds are ranked: code that the program uses, then
    arguments, inputs, packages that it imports, seeds, processors and thread variables, and the
    rest. What the program uses is told from its source, by following its imports through the
    commit; where no repository has the commit, that is not known. Where the results are the same,
    that is said first. The exit code is 1 when the results differ and nothing else does.
    """
    from meticulous.cli.differences import explanation_object, explanation_sections
    from meticulous.cli.rendering import print_json, print_sheet, terminal
    from meticulous.experiments.code import compare_with_code, reached_code
    from meticulous.reader.comparing.causes import explain

    a, b = read_pair(first, second, directory)
    comparison, _ = compare_with_code(a, b, repository)
    reached = None
    if comparison["code"] or comparison["packages"]:
        reached = reached_code(a, b, repository)
    explanation = explain(comparison, reached)
    if as_json:
        print_json(explanation_object(comparison, explanation))
    else:
        console = terminal()
        cut = console.is_terminal and not everything
        print_sheet(console, explanation_sections(comparison, explanation, everything, cut))
    return int(bool(explanation.results) and not explanation.causes)
