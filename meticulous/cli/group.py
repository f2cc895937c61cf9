"""The command `meticulous` itself: which commands there are, each loaded when it is used."""

from __future__ import annotations

import importlib
import os

import click

from meticulous import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "list": "List the experiments of a directory.",
    "run": "Record any program, without a change to it.",
    "register": "Make experiments that are to be run later.",
    "launch": "Run registered experiments, here or with another command.",
    "execute": "Carry out a registered experiment, here and now.",
    "reset": "Make ended experiments new, for another attempt.",
    "unlink": "Take experiments out of their set; their folders stay.",
    "relink": "Put experiments back into their set.",
    "show": "Show experiments in full.",
    "logs": "Print what an experiment wrote, or follow it.",
    "diff": "Show what differs between two experiments.",
    "why": "Say what most likely explains a different result.",
    "verify": "Check whether what a record claims is still so.",
    "audit": "Say what stands between experiments and being reproducible.",
    "export": "Write an experiment as a research object (RO-Crate).",
    "reproduce": "Run experiments again, and say whether they agree.",
    "plot": "Draw metrics, in the terminal or into a file.",
    "path": "Print the folders of experiments.",
    "note": "Add a note to an experiment, or list its notes.",
    "tag": "Give experiments tags, or list tags.",
    "columns": "List the names to show, filter and sort by.",
    "rm": "Remove experiments, into a trash or for ever.",
    "restore": "Bring removed experiments back.",
    "clean": "Remove unlinked experiments and what killed processes left.",
    "copy": "Copy an experiments directory.",
    "move": "Move an experiments directory.",
    "target": "Give classes and functions short names for `register`.",
    "config": "Read and write settings.",
    "completion": "Let your shell complete what you type.",
}
"""The commands and their short help, which needs none of their modules."""


_OTHER_WORDS = {
    "list": ("ls", "ps", "table", "find", "search", "status"),
    "run": ("exec", "record", "start"),
    "register": ("sweep", "grid", "create", "enqueue", "link", "init"),
    "launch": ("sbatch", "submit", "queue", "work"),
    "show": ("info", "inspect", "view", "open", "cat", "get", "describe"),
    "logs": ("tail", "follow", "output", "stdout", "stderr"),
    "diff": ("compare", "cmp"),
    "verify": ("check", "validate", "fsck"),
    "audit": ("checklist", "badges", "review"),
    "export": ("crate", "archive", "publish", "rocrate"),
    "plot": ("graph", "chart", "draw", "curves", "metrics"),
    "reproduce": ("rerun", "repeat", "replay", "redo", "again"),
    "path": ("dir", "folder", "cd", "where"),
    "note": ("comment", "annotate"),
    "rm": ("remove", "delete", "del", "trash"),
    "reset": ("retry", "again"),
    "clean": ("gc", "prune", "tidy"),
    "copy": ("cp", "duplicate"),
    "move": ("mv", "rename"),
    "config": ("settings", "configure", "set", "options"),
    "restore": ("undelete", "undo", "recover"),
}
"""What people write for a command, for suggestions."""


class LazyGroup(click.Group):
    """A group whose commands are modules of `meticulous.cli.commands`, imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None when there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"meticulous.cli.commands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names; a directory alone means `list`."""
        word = args[0]
        if word not in COMMANDS:
            if not os.path.isdir(word):
                ctx.fail(_unknown(word))
            args = ["list", *args]
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin as typed, and say where a folder may stand."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=text)
            for name, text in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        found += click.Command.shell_complete(self, ctx, incomplete)
        return found or [CompletionItem(incomplete, type="dir")]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands into the help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _unknown(word: str) -> str:
    if _names_experiment(word):
        return f"{word!r} is no command. `meticulous show {word}` shows the experiment {word}."
    import difflib

    meaning = [name for name, words in _OTHER_WORDS.items() if word.lower() in words]
    close = meaning or difflib.get_close_matches(word, COMMANDS, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return (
        f"{word!r} is neither a command nor a directory of experiments.{meant} "
        f"The commands are {', '.join(COMMANDS)}."
    )


def _names_experiment(word: str) -> bool:
    if word.isascii() and word.isdecimal():
        return True
    from meticulous.errors import MeticulousError
    from meticulous.reader.ids import resolve_folders

    try:
        return bool(resolve_folders([word]))
    except MeticulousError:
        return False


_EXAMPLES = """\b
Examples:
  meticulous run -- python train.py --lr 0.2
  meticulous list
  meticulous show -1
"""


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EXAMPLES,
)
@click.version_option(__version__, message="meticulous %(version)s")
@click.pass_context
def meticulous(context: click.Context) -> None:
    """Record experiments so that they can be believed, found again and run again.

    Every run is a numbered folder of plain text, tied to the commit that made it. A directory in
    the place of a command lists its experiments.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
