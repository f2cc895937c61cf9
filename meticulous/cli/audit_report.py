"""An audit as sections for the terminal, and as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from meticulous.cli.questions import answer_lines, counts_text, experiment_line
from meticulous.cli.rendering import Line
from meticulous.cli.wording import count_text, duration_text, visible
from meticulous.reproduce.answers import NO, OUTCOMES, UNKNOWN, YES, some_of
from meticulous.reproduce.audit import CRITERIA, SOURCES, Audit
from meticulous.reproduce.audit.report import AuditedRun, Compute

_MOST_REMEDIES = 10
"""How many remedies for a whole set are shown."""

_MOST_GROUPS = 20
"""How many groups of experiments that lack the same the terminal shows."""


def run_sections(audit: Audit) -> Iterator[list[Line]]:
    """Yield everything about the only experiment of an audit."""
    run = audit.runs[0]
    outcomes = [answer.outcome for answer in run.answers.values()]
    counts = {outcome: outcomes.count(outcome) for outcome in OUTCOMES}
    yield [
        experiment_line(run.id, run.status),
        *answer_lines(run.answers),
        Line("", Text(counts_text(counts), style="bold"), is_indented=False),
    ]
    yield list(_by_checklist(audit))


def set_sections(audit: Audit) -> Iterator[list[Line]]:
    """Yield what is to be said about several experiments together."""
    counts = audit.counts
    heading = f"{count_text(len(CRITERIA), 'item')} for {count_text(len(audit.runs), 'experiment')}"
    lines = [Line(heading)]
    for criterion in CRITERIA:
        found = counts[criterion.name]
        style = "red" if found[NO] else "yellow" if found[UNKNOWN] else "green"
        text = Text.assemble((f"{counts_text(found):<28}", style), f" {criterion.claim}")
        lines.append(Line(criterion.name, text))
    yield lines
    yield [
        Line("compute"),
        *(
            Line(duration_text(3600 * each.hours), Text(_compute_text(each)))
            for each in audit.compute
        ),
    ]
    yield list(_by_checklist(audit))
    remedies = audit.remedies
    if remedies:
        yield [
            Line("what would help most"),
            *(
                Line(
                    each.criterion, Text(f"{count_text(each.runs, 'run')}: {visible(each.remedy)}")
                )
                for each in remedies[:_MOST_REMEDIES]
            ),
        ]
    yield list(_what_they_lack(audit))


def markdown(audit: Audit) -> str:
    """Return an audit as a page."""
    return "\n".join(_page(audit))


def plain_text(audit: Audit) -> str:
    """Return what the terminal shows, for a file."""
    sections = set_sections(audit) if len(audit.runs) > 1 else run_sections(audit)
    lines = []
    for section in sections:
        width = max((len(line.label) for line in section if line.text is not None), default=0)
        for line in section:
            if line.text is None:
                lines.append(line.label)
            elif line.is_indented:
                lines.append(f"  {line.label:<{width}}  {line.text.plain}".rstrip())
            else:
                lines.append(line.text.plain)
        lines.append("")
    return "\n".join(lines)


def _by_checklist(audit: Audit) -> Iterator[Line]:
    yield Line("by checklist")
    for name, items in audit.checklists.items():
        style = "red" if items[NO] else "yellow" if items[UNKNOWN] else "green"
        yield Line(name, Text(_in_the_way(items), style=style))


def _in_the_way(items: Mapping[str, Sequence[str]]) -> str:
    parts = [f"{outcome}: {', '.join(items[outcome])}" for outcome in (NO, UNKNOWN)]
    return "; ".join(part for part in parts if not part.endswith(": ")) or YES


def _what_they_lack(audit: Audit) -> Iterator[Line]:
    """Yield what experiments lack, those together that lack the same."""
    groups: dict[str, list[str]] = {}
    for run in audit.runs:
        names = [name for name, each in run.answers.items() if each.outcome == NO]
        groups.setdefault(", ".join(names) or "nothing", []).append(visible(run.id))
    yield Line("what they lack")
    for lacking, runs in list(groups.items())[:_MOST_GROUPS]:
        yield Line(count_text(len(runs), "run"), Text(f"{some_of(runs)}: {lacking}"))
    if len(groups) > _MOST_GROUPS:
        more = count_text(len(groups) - _MOST_GROUPS, "more group")
        yield Line("", Text(f"... and {more}; --format json has all", style="dim"))


def _compute_text(each: Compute) -> str:
    parts = [visible(each.hardware) or "hardware unknown", count_text(each.runs, "run")]
    if each.hours_without_success:
        parts.append(f"{duration_text(3600 * each.hours_without_success)} of it without success")
    if each.unmeasured:
        parts.append(f"{each.unmeasured} of unknown duration")
    return "; ".join(parts)


def _page(audit: Audit) -> Iterator[str]:
    yield "# Reproducibility of the experiments"
    yield ""
    yield (
        f"{count_text(len(audit.runs), 'experiment')}, "
        f"{duration_text(3600 * sum(each.hours for each in audit.compute))} of computing. "
        f"{'Nothing stands in the way.' if audit.passes else 'What stands in the way is below.'}"
    )
    yield from ("", "## Compute", "")
    yield "| hardware | runs | hours | hours without success |"
    yield "| --- | ---: | ---: | ---: |"
    for each in audit.compute:
        hours = f"{each.hours:.3g} | {each.hours_without_success:.3g}"
        yield f"| {_cell(each.hardware) or 'unknown'} | {each.runs} | {hours} |"
    yield from ("", "## Items", "", "| item | what is asked | yes | no | unknown | asked by |")
    yield "| --- | --- | ---: | ---: | ---: | --- |"
    counts = audit.counts
    for criterion in CRITERIA:
        found = counts[criterion.name]
        numbers = " | ".join(str(found[outcome]) for outcome in (YES, NO, UNKNOWN))
        sources = ", ".join(criterion.sources)
        yield f"| {criterion.name} | {criterion.claim} | {numbers} | {sources} |"
    yield from ("", "| asked by | answer |", "| --- | --- |")
    for name, items in audit.checklists.items():
        yield f"| {name} | {_in_the_way(items)} |"
    yield ""
    yield "Asked by:"
    yield ""
    for name, (title, url) in SOURCES.items():
        yield f"- {name}: [{title}]({url})"
    if audit.remedies:
        yield from (
            "",
            "## What would help",
            "",
            "| item | runs | remedy |",
            "| --- | ---: | --- |",
        )
        for remedy in audit.remedies:
            yield f"| {remedy.criterion} | {remedy.runs} | {_cell(remedy.remedy)} |"
    yield from ("", "## Experiments", "")
    for run in audit.runs:
        yield from _run_page(run)


def _run_page(run: AuditedRun) -> Iterator[str]:
    yield f"### {_cell(run.id)} ({run.status})"
    yield ""
    yield "| item | answer | evidence | remedy |"
    yield "| --- | --- | --- | --- |"
    for name, answer in run.answers.items():
        evidence, remedy = _cell(answer.evidence), _cell(answer.remedy)
        yield f"| {name} | {answer.outcome} | {evidence} | {remedy} |"
    yield ""


def _cell(text: str) -> str:
    """Return a text as Markdown shows it, in a cell of a table."""
    for character in "\\`*_{}[]<>|#":
        text = text.replace(character, f"\\{character}")
    return visible(text)
