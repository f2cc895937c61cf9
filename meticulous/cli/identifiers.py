"""How commands are told which experiments are meant: their arguments and the option --directory."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any] | click.Command)

_COUNTING_BACK = re.compile("-[0-9]+")
_VERBATIM = "meticulous.verbatim"


class CountsBackwards(click.Command):
    """A command whose arguments may be -1, -2 and so on, which are no options.

    Its arguments must be of the types `ID`, `WORD` or `WORD_OR_ID`, which refuse what looks like a
    mistyped option.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave unknown options among the arguments, where their types look at them."""
        ctx.ignore_unknown_options = True
        if "--" in args:
            ctx.meta[_VERBATIM] = frozenset(args[args.index("--") + 1 :])
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption:
            raise
        except click.UsageError as error:
            # Where one argument too many is an option that does not exist, that is the mistake.
            for word in given[: given.index("--")] if "--" in given else given:
                name = word.partition("=")[0]
                if name.startswith("--") and name not in _options(self, ctx):
                    raise _no_such_option(name, ctx) from error
            raise


if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    _TextType = click.ParamType[str]
else:
    _TextType = click.ParamType


class _Identifier(_TextType):
    """The word with which a person names experiments; see `meticulous.reader.ids`."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse options that do not exist."""
        word = str(value)
        if ctx is not None and _is_like_option(word, ctx) and not _COUNTING_BACK.fullmatch(word):
            raise _no_such_option(word, ctx)
        return word

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the ids that begin as typed."""
        from meticulous.cli.completion import complete_ids

        return complete_ids(ctx, param, incomplete)


class _Word(_TextType):
    """A word that is data; it begins with a dash only behind `--`."""

    name = "text"

    def __init__(self, may_count_back: bool) -> None:
        self.may_count_back = may_count_back

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what would be an option if it existed."""
        word = str(value)
        if ctx is None or not _is_like_option(word, ctx):
            return word
        if self.may_count_back and _COUNTING_BACK.fullmatch(word):
            return word
        raise _no_such_option(word, ctx, "What is none and begins with a dash belongs behind --.")


def is_verbatim(word: str, ctx: click.Context) -> bool:
    """Say whether a word of the command line stands behind `--`, and so is nothing but itself."""
    return word in ctx.meta.get(_VERBATIM, ())


def _is_like_option(word: str, ctx: click.Context) -> bool:
    return word.startswith("-") and word != "-" and not is_verbatim(word, ctx)


def _options(command: click.Command, ctx: click.Context) -> list[str]:
    names = [
        name for known in command.get_params(ctx) for name in (*known.opts, *known.secondary_opts)
    ]
    return [name for name in names if name.startswith("-")]


def _no_such_option(word: str, ctx: click.Context, hint: str = "") -> click.NoSuchOption:
    name = word.partition("=")[0]
    message = f"No such option {name!r}. {hint}".rstrip()
    possible = difflib.get_close_matches(name, _options(ctx.command, ctx))
    return click.NoSuchOption(name, message, possibilities=possible or None, ctx=ctx)


ID = _Identifier()
"""The type of an argument that names experiments."""

WORD = _Word(may_count_back=False)
"""The type of an argument that is data, such as the text of a note."""

WORD_OR_ID = _Word(may_count_back=True)
"""The type of an argument that is data, but could be taken for an identifier such as -1."""


def directory_option(command: Decorated) -> Decorated:
    """Give a command the option --directory, passed on as `directory: str | None`."""
    add = click.option(
        "--directory",
        metavar="DIR",
        help="The experiments directory.  [default: the nearest `experiments`, here or above]",
    )
    return add(command)


def id_argument(
    name: str = "experiment_id", metavar: str = "ID"
) -> Callable[[Decorated], Decorated]:
    """Return the decorator that gives a command one identifier, passed on as `name: str`."""
    return click.argument(name, metavar=metavar, type=ID)


def ids_argument(
    name: str = "ids", metavar: str = "ID...", required: bool = True
) -> Callable[[Decorated], Decorated]:
    """Return the decorator for several identifiers, passed on as `name: tuple[str, ...]`."""
    return click.argument(name, metavar=metavar, type=ID, nargs=-1, required=required)


def folders_of(
    words: tuple[str, ...], directory: str | None, *, with_foreign: bool = False
) -> list[str]:
    """Return the folders that the identifiers name, each once, in their order.

    Args:
        words: The identifiers.
        directory: The experiments directory; None for the nearest.
        with_foreign: Whether experiments of xmen may be meant, which can only be read.

    Raises:
        ExperimentNotFoundError: One names none.
        ExperimentsDirectoryError: There is no experiments directory, or it cannot be read.
    """
    from meticulous.reader import locate
    from meticulous.reader.ids import resolve_folders

    place = None if directory is None else locate(directory)
    return resolve_folders(words, place, with_foreign=with_foreign)


def folder_of(word: str, directory: str | None) -> str:
    """Return the one folder that an identifier names; see `folders_of`."""
    from meticulous.reader import locate
    from meticulous.reader.ids import resolve_folder

    return resolve_folder(word, None if directory is None else locate(directory))
