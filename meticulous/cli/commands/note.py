"""`meticulous note`: remarks of people on an experiment."""

from __future__ import annotations

import io
import os
import sys

import click

from meticulous.cli.identifiers import (
    WORD,
    CountsBackwards,
    directory_option,
    folder_of,
    id_argument,
)

_EXAMPLES = """\b
Examples:
  meticulous note 12 diverged after the warm-up, see 14
  git diff --stat | meticulous note -1 -
  meticulous note 12
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@id_argument()
@click.argument("words", metavar="[TEXT]...", type=WORD, nargs=-1)
@directory_option
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the notes as a JSON list, also after a note was added.",
)
def note(experiment_id: str, words: tuple[str, ...], directory: str | None, as_json: bool) -> None:
    """Add the note TEXT to the experiment ID, with the time and your name, or list its notes.

    Several words are one note; - takes the text from standard input. Without TEXT the notes are
    listed. They are lines of notes.jsonl in the folder of the experiment. What looks like a
    secret, such as a token, is not written. Words that begin with a dash belong behind --.
    """
    from meticulous.cli.wording import visible
    from meticulous.folder.annotation import add_note
    from meticulous.reader import read_contents

    folder = folder_of(experiment_id, directory)
    if words:
        add_note(folder, _clean(_text(words)), _author())
        if not as_json:
            click.echo(f"Noted on {visible(os.path.basename(folder))}.", err=True)
            return
    contents = read_contents(folder)
    if as_json:
        from meticulous.cli.rendering import print_json

        print_json(contents.notes)
        return
    _print_notes(contents.notes, folder)
    for problem in contents.problems:
        if problem.startswith("notes.jsonl"):
            click.echo(f"meticulous: warning: {problem}", err=True)


def _text(words: tuple[str, ...]) -> str:
    text = _read_input() if words == ("-",) else " ".join(words)
    if not text.strip():
        raise click.UsageError("The note is empty. Say something, or leave it out to list notes.")
    return text.rstrip("\n")


def _read_input() -> str:
    if sys.stdin is None:  # it was closed
        return ""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="backslashreplace")
    return sys.stdin.read()


def _clean(text: str) -> str:
    from meticulous.recorder.secrets.gate import Gate

    return Gate().clean_text(text)


def _author() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "unknown"


def _print_notes(notes: list[dict[str, object]], folder: str) -> None:
    from rich.text import Text

    from meticulous.cli.rendering import Line, print_sheet, terminal
    from meticulous.cli.screen import print_remark
    from meticulous.cli.wording import visible

    if not notes:
        print_remark("There are no notes yet; `meticulous note ID TEXT` adds one.")
        return
    console = terminal()
    for entry in notes:
        moment = visible(str(entry.get("time", "unknown time")))[:19].replace("T", " ")
        heading = f"{moment}  {visible(str(entry.get('author', 'unknown')))}"
        text = str(entry.get("text", ""))
        lines = [Line("", Text(visible(line))) for line in text.splitlines() or [""]]
        print_sheet(console, [[Line(heading), *lines]])
