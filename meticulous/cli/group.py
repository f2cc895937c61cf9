"""The command `meticulous` itself: which commands there are, each loaded when it is used."""

from __future__ import annotations

import importlib
import keyword
import os

import click

from meticulous import __version__
from meticulous.cli.names import COMMANDS, OTHER_WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


SECTIONS = {
    "Record": ("run",),
    "Find and look": ("list", "show", "logs", "path", "columns"),
    "Compare": ("diff", "why", "plot"),
    "Run many": ("register", "launch", "execute", "reset", "unlink", "relink", "target"),
    "Reproduce": ("reproduce", "verify", "audit", "export"),
    "Keep order": ("note", "tag", "rm", "restore", "clean", "copy", "move", "import"),
    "Settings": ("config", "completion"),
}
"""The commands under the headings of the help."""


class LazyGroup(click.Group):
    """A group whose commands are modules of `meticulous.cli.commands`, imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None when there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        module = importlib.import_module(f"meticulous.cli.commands.{name}")
        command: click.Command = getattr(module, name)
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
        # A directory to list, or the file of a target.
        return found or [CompletionItem(incomplete, type="file")]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands into the help, without importing them."""
        width = max(map(len, COMMANDS))
        for heading, names in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), COMMANDS[name]) for name in names])


def _unknown(word: str) -> str:
    if _names_experiment(word):
        return f"{word!r} is no command. `meticulous show {word}` shows the experiment {word}."
    import difflib

    meaning = [name for name, words in OTHER_WORDS.items() if word.lower() in words]
    close = meaning or difflib.get_close_matches(word, COMMANDS, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return (
        f"{word!r} is neither a command nor a directory of experiments, nor a target such as "
        f"train.py:Train.{meant} The commands are {', '.join(COMMANDS)}."
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
  meticulous train.py:Train --lr 0.2
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
    the place of a command lists its experiments. A declared experiment there (file.py:name,
    module:name, file.py, or a name that `meticulous target` knows) is run and recorded; what
    stands behind it is its command line.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
