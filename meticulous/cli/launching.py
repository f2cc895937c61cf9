"""How `meticulous launch` tells what it does, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from meticulous.cli.wording import ABSENT, count_text, duration_text, visible
from meticulous.sweep.choosing import name_of

if TYPE_CHECKING:
    from meticulous.reader import Record
    from meticulous.sweep.choosing import Choice
    from meticulous.sweep.launching import Outcome
    from meticulous.sweep.submitting import Submission, Submitter


def carry_out(words: Sequence[str], options: Mapping[str, Any]) -> int:
    """Launch what is asked for; return the exit code.

    Raises:
        MeticulousError: An option cannot be understood, or something cannot be read or written.
    """
    from meticulous.reader import locate
    from meticulous.sweep.launching import in_order
    from meticulous.sweep.settings import setting
    from meticulous.sweep.staging import recover
    from meticulous.sweep.submitting import Submitter
    from meticulous.sweep.upkeep import make_registered

    place = locate(options["directory"])
    recover(place)
    choice = _choose(place, words, options)
    records = in_order(choice.runnable)
    code = options["code"] or setting("code")
    command = options["with_"] if options["with_"] is not None else setting("with")
    submitter = Submitter(command) if command else None
    if options["dry_run"] and records:
        _print_plan(records, submitter)
        _print_remarks(choice)
        return 0
    if not records:
        click.echo(f"No registered experiment to run in {visible(place)}.", err=True)
        _print_remarks(choice)
        return 1
    make_registered(records)
    if submitter is not None:
        result = _hand_over(submitter, records, code, options["take_up"], choice)
    else:
        result = _run(records, options["jobs"] or setting("jobs"), code, choice)
    return result or (1 if choice.unknown else 0)


def _choose(place: str, words: Sequence[str], options: Mapping[str, Any]) -> Choice:
    from meticulous.cli.choosing import choose, is_choosing
    from meticulous.reader import by_start
    from meticulous.reader.index import read_records
    from meticulous.sweep.choosing import named, sort_out

    if is_choosing(options):
        records = choose(place, options).records
    else:
        records = by_start(read_records(place))
    return sort_out(
        named(records, words, place),
        are_named=bool(words),
        any_status=bool(options["statuses"]),
        take_up=options["take_up"],
    )


def _run(records: Sequence[Record], jobs: int, code: str, choice: Choice) -> int:
    import signal

    from meticulous.sweep.code import CodeFinder
    from meticulous.sweep.launching import STARTED, Launcher

    def tell(what: str, record: Record, outcome: Outcome | None) -> None:
        name = visible(f"{record.id} {name_of(record)}".rstrip())
        if what == STARTED:
            click.echo(f"started  {name}", err=True)
        elif outcome is not None and outcome.is_ours:
            click.echo(f"{outcome.status:<7}  {name}", err=True)

    launcher = Launcher(jobs, CodeFinder(code), tell)
    outcomes = launcher.launch(records)
    _print_outcomes(outcomes)
    _print_remarks(choice)
    left = len(records) - len(outcomes)
    if launcher.signal is not None:
        stay = "stays" if left == 1 else "stay"
        click.echo(f"meticulous: interrupted; {left} {stay} registered.", err=True)
        return 128 + signal.Signals(launcher.signal)
    return 1 if any(outcome.has_failed for outcome in outcomes) else 0


def _print_outcomes(outcomes: Sequence[Outcome]) -> None:
    from meticulous.cli.aligning import aligned

    if not outcomes:
        return
    rows = [["id", "status", "duration", "name"]]
    rows += [
        [
            visible(one.id),
            one.status,
            ABSENT if one.seconds is None else duration_text(one.seconds),
            visible(one.name),
        ]
        for one in outcomes
    ]
    for line in aligned(rows, [True, False, True, False]):
        click.echo(line)
    for one in outcomes:
        if one.remark:
            lines = [visible(line) for line in one.remark.splitlines()]
            click.echo(f"{visible(one.id)}: " + "\n   ".join(lines), err=True)
    ours = [one for one in outcomes if one.is_ours]
    failed = sum(one.has_failed for one in ours)
    kept = sum(one.has_failed for one in outcomes) - failed
    text = f"{count_text(len(ours), 'experiment')} run, {len(ours) - failed} with success"
    text += f", {failed} failed" if failed else ""
    text += f"; {kept} could not be started" if kept else ""
    click.echo(f"{text}.", err=True)


def _hand_over(
    submitter: Submitter, records: Sequence[Record], code: str, take_up: bool, choice: Choice
) -> int:
    from meticulous.folder import status
    from meticulous.reader import read_record
    from meticulous.sweep.submitting import submit_all

    def tell(done: Submission) -> None:
        name = visible(f"{done.record.id} {name_of(done.record)}".rstrip())
        what = "passed over" if done.code is None else "handed over" if not done.code else "failed"
        job = f"  job {done.job}" if done.job else ""
        word = read_record(done.record.directory).status
        job += f"  {word}" if word != status.REGISTERED else ""
        remark = f": {visible(done.remark.splitlines()[-1])}" if done.remark else ""
        click.echo(f"{what}  {name}{job}{remark}")

    done = submit_all(submitter, records, code, take_up=take_up, tell=tell)
    _print_remarks(choice)
    return 1 if any(one.code for one in done) else 0


def _print_plan(records: Sequence[Record], submitter: Submitter | None) -> None:
    import shlex

    for record in records:
        line = f"{record.id}  {name_of(record)}".rstrip()
        if submitter is not None:
            line = f"{line}  {shlex.join(submitter.command_for(record))}"
        click.echo(visible(line))
    click.echo(f"{count_text(len(records), 'experiment')} would be run; none was.", err=True)


def _print_remarks(choice: Choice) -> None:
    from meticulous.cli.sets import ids_text
    from meticulous.sweep.launching import in_order

    reasons = {record.id: reason for record, reason in choice.passed_over}
    for record in in_order([record for record, _ in choice.passed_over]):
        reason = reasons[record.id]
        click.echo(f"{visible(record.id)} was passed over: {reason}.", err=True)
    for record in in_order(choice.unknown):
        click.echo(
            f"{visible(record.id)} cannot be run, since its record cannot be read: "
            f"{visible(record.why_unknown)}.",
            err=True,
        )
    for records, what in (
        (choice.lost, "lost, their processes are gone"),
        (choice.submitted, "handed to another command before, and not begun"),
        (choice.unlinked, "unlinked"),
    ):
        if records:
            remedy = (
                "`meticulous relink` brings them back"
                if what == "unlinked"
                else ("--take-up runs them")
            )
            click.echo(
                f"{count_text(len(records), 'experiment')} {what} ({ids_text(records)}); {remedy}.",
                err=True,
            )
