"""The items of an audit about the code and how it was called."""

from __future__ import annotations

import shlex

from meticulous.folder import layout
from meticulous.reader.files import Files
from meticulous.reader.wording import count_text
from meticulous.reproduce.answers import YES, Answer, no, unknown, yes
from meticulous.reproduce.audit.subject import Subject
from meticulous.reproduce.command import session_of
from meticulous.reproduce.repository import code_of, command_of
from meticulous.reproduce.verify.code import check_commit, check_sources, published


def commit(subject: Subject) -> Answer:
    """Say whether the repository holds the code."""
    return check_commit(subject.record, subject.holder)


def on_remote(subject: Subject) -> Answer:
    """Say whether a remote has the code, and one that others may reach."""
    answer = published(subject.record, subject.holder, name_branches=False)
    remote = subject.holder.remote
    if answer.outcome == YES and remote is not None and _is_folder(remote[1]):
        return unknown(
            f"a remote holds it, but {remote[0]} is a folder, and who can reach that is not known",
            "publish it, and git remote set-url there, or add the public remote",
        )
    return answer


def _is_folder(url: str) -> bool:
    """Say whether the address of a remote is a path, not one on the network such as host:path."""
    if url.startswith("file:"):
        return True
    return "://" not in url and ":" not in url.partition("/")[0]


def sources(subject: Subject) -> Answer:
    """Say whether all of the code is in the commit."""
    return check_sources(subject.record)


def readme(subject: Subject) -> Answer:
    """Say whether the code introduces itself."""
    return _at_the_top(subject, "readme", "write README.md: what it is, how to install and run it")


def license_file(subject: Subject) -> Answer:
    """Say whether the code tells what others may do with it."""
    return _at_the_top(subject, "license", "choose a license and commit its text as LICENSE")


def command(subject: Subject) -> Answer:
    """Say whether the command line is known."""
    words = command_of(subject.record)
    if words:
        return yes(shlex.join(words))
    return no("the record has no command", "run it again")


def arguments(subject: Subject) -> Answer:
    """Say whether arguments and defaults are known."""
    record = subject.record
    if any(problem.startswith(layout.ARGS) for problem in record.problems):
        return unknown(f"{layout.ARGS} cannot be read")
    if not record.args:
        return yes("the program was given no arguments")
    missing = [name for name in record.args if name not in record.default_args]
    count = count_text(len(record.args), "argument")
    if not missing:
        return yes(f"{count}, {len(record.changed_args)} of them not as by default")
    if len(missing) < len(record.args):
        return yes(f"{count}; {len(missing)} of them have no default")
    return no(
        f"{count}, but no default is recorded",
        "declare the arguments with argparse and Experiment.from_parser, or pass default_args",
    )


def description(subject: Subject) -> Answer:
    """Say whether its author said what it is for."""
    text = subject.record.description.strip()
    if text:
        return yes(text.partition("\n")[0])
    notes = Files(subject.record.directory).lines(layout.NOTES)
    if notes:
        return yes(f"note: {str(notes[0].get('text', '')).partition(chr(10))[0]}")
    return no(
        "there is neither a description nor a note",
        'give one: --description "..." in the run, '
        f'or afterwards `meticulous note {subject.record.id} "..."`',
    )


def unattended(subject: Subject) -> Answer:
    """Say whether the program needed nobody, and nothing, at its standard input."""
    if session_of(command_of(subject.record)) is not None:
        return no("it ran in an interactive session", "make a script of it, and run that")
    stdin = subject.record.metadata.get("stdin")
    if stdin in ("null", "closed"):
        return yes("its standard input was empty")
    if stdin in ("pipe", "file"):
        return unknown(
            f"its standard input was a {stdin}, the content of which is not recorded",
            "read from a file that is named by an argument, or run it with </dev/null",
        )
    if stdin == "terminal":
        return unknown(
            "its standard input was a terminal, where somebody may have typed",
            "run it with </dev/null to show that it needs nobody",
        )
    return unknown("the record does not say what its standard input was")


def _at_the_top(subject: Subject, attribute: str, remedy: str) -> Answer:
    presence = subject.holder.presence(code_of(subject.record))
    if presence is None or not presence.is_here:
        return unknown(subject.holder.why_unknown or "the commit is not here")
    name = getattr(presence, attribute)
    return yes(name) if name else no("there is none at the top of the commit", remedy)
