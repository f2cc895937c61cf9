"""The items of an audit about what was read and written, and what came of it."""

from __future__ import annotations

import os

from meticulous.folder import layout, status
from meticulous.reader.files import Files
from meticulous.reader.record import Record
from meticulous.reader.wording import count_text
from meticulous.reproduce.answers import Answer, no, some_of, unknown, yes
from meticulous.reproduce.audit.subject import Subject
from meticulous.reproduce.passing import is_temporary
from meticulous.reproduce.repository import code_of
from meticulous.reproduce.verdict import CANNOT, POSITIVE
from meticulous.reproduce.verify.files import ELSEWHERE, REPOSITORY

_NOT_LISTED = f"the record has no {layout.FILES}, so that its files are not known"


def inputs(subject: Subject) -> Answer:
    """Say whether everything that was read can be recognised again."""
    listing = subject.listing
    if listing is None:
        return unknown(_NOT_LISTED)
    unhashed = [file.path for file in listing.inputs if file.sha256 is None]
    if unhashed or listing.not_listed:
        more = [f"{listing.not_listed} beyond the list"] if listing.not_listed else []
        return no(
            f"without a digest: {some_of([*unhashed, *more])}",
            "name them with experiment.add_input(PATH), or raise the budget for hashing",
        )
    if not listing.inputs:
        return yes("the program read no file of its own")
    return yes(f"{count_text(len(listing.inputs), 'file')} with sha256")


def data(subject: Subject) -> Answer:
    """Say whether the inputs come with the code."""
    listing = subject.listing
    if listing is None:
        return unknown(_NOT_LISTED)
    outside = [file for file in listing.inputs if file.place == ELSEWHERE]
    within = [file for file in listing.inputs if file.place == REPOSITORY]
    ignored = [file for file in within if file.path in (subject.uncommitted or ())]
    if not outside and within and not _is_commit_here(subject):
        return unknown(subject.holder.why_unknown or "the commit is not here")
    if not outside and not ignored:
        return yes(
            "every file that was read is in the commit" if listing.inputs else "none is read"
        )
    temporary = [file.path for file in outside if is_temporary(file.path)]
    if temporary:
        return no(
            f"read from a temporary folder: {some_of(temporary)}",
            "write them below the repository, by a step that is recorded as well",
        )
    names = [file.path for file in (*outside, *ignored)]
    return no(
        f"not in the commit: {some_of(names)}",
        "say in the README where they can be downloaded, or commit them (git lfs, git annex)",
    )


def outputs(subject: Subject) -> Answer:
    """Say whether what was written stays with the experiment."""
    listing = subject.listing
    if listing is None:
        return unknown(_NOT_LISTED)
    astray = [file.path for file in listing.outputs if file.place == ELSEWHERE]
    if astray:
        return no(
            f"written elsewhere: {some_of(astray)}",
            "write results with experiment.open(NAME), into the folder of the experiment",
        )
    return yes(count_text(len(listing.outputs), "file") if listing.outputs else "it wrote no file")


def success(subject: Subject) -> Answer:
    """Say whether it ended well."""
    record = subject.record
    if record.status == status.SUCCESS:
        return yes("its status is SUCCESS")
    if record.status in (status.RUNNING, status.REGISTERED):
        return unknown(f"it has not ended, its status is {record.status}")
    reason = record.cause or next(iter(reversed(record.reason.splitlines())), "")
    said = f": {reason}" if reason else ""
    return no(f"its status is {record.status}{said}", f"meticulous show {record.id}")


def results(subject: Subject) -> Answer:
    """Say whether the record has results of its own."""
    record = subject.record
    if record.summary:
        return yes(f"summary: {some_of(list(record.summary))}")
    if os.path.lexists(record.directory / layout.METRICS):
        return yes(f"series in {layout.METRICS}")
    listing = subject.listing
    if listing is not None and listing.outputs:
        return yes(f"files: {some_of([file.path for file in listing.outputs])}")
    return no("there is neither a summary nor a series", "call experiment.summary({...})")


def reproduced(subject: Subject) -> Answer:
    """Say whether somebody ran it again, and what came of it."""
    record = subject.record
    verdicts = [(each.id, _verdict(each)) for each in subject.relatives.reproductions(record)]
    if record.metadata.get("reproduces") is not None:
        verdicts.append((record.id, _verdict(record)))
    command = f"meticulous reproduce {record.id}"
    known = [(name, verdict) for name, verdict in verdicts if verdict is not None]
    for name, verdict in known:
        if verdict in POSITIVE:
            return yes(f"by experiment {name}: {verdict}")
    for name, verdict in known:
        if verdict != CANNOT:
            return no(f"experiment {name} ran it again: {verdict}", f"{command} --diagnose")
    if verdicts:
        return unknown("it was tried, without a verdict", command)
    return no("nobody ran it again", command)


def _is_commit_here(subject: Subject) -> bool:
    presence = subject.holder.presence(code_of(subject.record))
    return presence is not None and presence.is_here and subject.uncommitted is not None


def _verdict(record: Record) -> str | None:
    word = Files(record.directory).mapping(layout.REPRODUCTION).get("verdict")
    return word if isinstance(word, str) else None
