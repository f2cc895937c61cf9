"""Complete what is typed in a shell: ids, columns, metrics, tags; quickly and silently."""

from __future__ import annotations

import contextlib
import functools
import io
import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import click

from meticulous.errors import MeticulousError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

VARIABLE = "_METICULOUS_COMPLETE"
"""Environment variable with which a shell asks for completions, such as "bash_complete"."""

SHELLS = ("bash", "zsh", "fish")

_DESCRIBED = 50
"""Experiments of which status and description are shown beside the id, at most."""

_LOOKED_AT = 100
"""Experiments whose names of columns, metrics and tags are offered: the last ones."""

_READ = 5
"""Experiments whose metrics are read, at most."""

_PLAIN = "_-.,:/@%+="
"""What bash takes as it stands, besides letters and digits."""

Names = Callable[[click.Context], Iterable[str]]
Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def complete(command: click.Command) -> int:
    """Answer the shell that set `VARIABLE`, and return the exit code.

    Nothing is ever written but completions: an error message would land in the line being typed.
    """
    from click.shell_completion import shell_complete

    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return shell_complete(command, {}, "meticulous", VARIABLE, os.environ[VARIABLE])
    except (Exception, SystemExit, KeyboardInterrupt):
        return 1


def script(command: click.Command, shell: str) -> str:
    """Return the script that makes a shell ask for completions; `shell` is one of `SHELLS`."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise ValueError(f"there are no completions for {shell!r}, only for {', '.join(SHELLS)}")
    # The version of bash is that of this machine, and not of the one the script is for.
    maker = found(command, {}, "meticulous", VARIABLE)
    return maker.source_template % maker.source_vars()


_NOT_TO_BE_HAD = (MeticulousError, OSError)
"""No directory, or nothing in it that can be read: then nothing is offered, and nothing is said."""


def completing(names: Names) -> Completer:
    """Return the `shell_complete` of a parameter whose values are some names.

    Several names may be separated by commas. Should the names not be had, there are none.
    """

    @functools.wraps(names)
    def completer(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        del param
        before, comma, begun = incomplete.rpartition(",")
        try:
            found = [name for name in names(ctx) if name.startswith(begun) and name.isprintable()]
        except _NOT_TO_BE_HAD:
            return []
        return [_item(f"{before}{comma}{name}") for name in found]

    return completer


def complete_ids(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the ids that begin as typed, the last numbers first, with status and description."""
    del param
    before, comma, begun = incomplete.rpartition(",")
    try:
        from meticulous.reader.collection import list_ids

        place = _place(ctx)
        ids = [name for name in list_ids(place)[::-1] if name.startswith(begun)]
    except _NOT_TO_BE_HAD:
        return []
    items = []
    for number, name in enumerate(name for name in ids if name.isprintable()):
        describes = number < _DESCRIBED and not _is_bash()  # bash shows no descriptions
        text = _describe(os.path.join(place, name)) if describes else None
        items.append(_item(f"{before}{comma}{name}", text))
    return items


def _describe(folder: str) -> str | None:
    from meticulous.cli.wording import pairs_text, visible
    from meticulous.reader.record import read_record

    try:
        record = read_record(folder)
    except _NOT_TO_BE_HAD:
        return None
    about = visible(record.description) or pairs_text(record.changed_args)
    return f"{record.status} {about}".strip()[:60]


def complete_columns(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the columns of the last experiments whose names begin as typed, in full or short.

    They may stand behind others and a comma, and behind the - of a descending order.
    """
    del param
    before, comma, begun = incomplete.rpartition(",")
    sign, begun = ("-", begun[1:]) if begun.startswith("-") else ("", begun)
    try:
        names = _columns(ctx)
        if begun:
            names += _short_names(names)
        found = [name for name in names if name.startswith(begun) and name.isprintable()]
    except _NOT_TO_BE_HAD:
        return []
    return [_item(f"{before}{comma}{sign}{name}") for name in found]


def _columns(ctx: click.Context) -> list[str]:
    from meticulous.reader.record import read_record
    from meticulous.reader.table.table import make_table

    return ["id", *make_table([read_record(folder) for folder in _last_folders(ctx)]).columns]


def _short_names(names: list[str]) -> list[str]:
    """Return the names of arguments and results without their part, where that is enough."""
    parts = (name.partition(".") for name in names)
    counts = Counter(rest for part, _, rest in parts if part in ("args", "summary"))
    return [name for name, count in counts.items() if count == 1 and name not in names]


def complete_statuses(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the statuses that begin as typed, in capitals or not."""
    from meticulous.reader.choosing.selection import STATUSES

    del ctx, param
    before, comma, begun = incomplete.rpartition(",")
    found = [word for word in STATUSES if word.startswith(begun.upper())]
    return [_item(f"{before}{comma}{word}") for word in found]


@completing
def complete_metrics(ctx: click.Context) -> Iterable[str]:
    """Return what the last experiments have logged."""
    return _metrics(ctx)


@completing
def complete_tags(ctx: click.Context) -> Iterable[str]:
    """Return the tags that the last experiments have."""
    from meticulous.reader.record import read_record

    found = (tag for folder in _last_folders(ctx) for tag in read_record(folder).tags)
    return dict.fromkeys(found)


@completing
def complete_removed(ctx: click.Context) -> Iterable[str]:
    """Return the ids that are in the trash, the last first."""
    from meticulous.folder.trash import list_removed

    return dict.fromkeys(entry.id for entry in list_removed(_place(ctx))[::-1])


def complete_metrics_and_ids(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return metrics for the first word; for the others ids as well."""
    found = complete_metrics(ctx, param, incomplete)
    return [*found, *complete_ids(ctx, param, incomplete)] if ctx.params.get("words") else found


def _metrics(ctx: click.Context) -> Iterable[str]:
    from meticulous.folder.layout import METRICS
    from meticulous.reader.contents import read_contents
    from meticulous.reader.table.flattening import flatten

    found: dict[str, Any] = {}
    folders = [f for f in _last_folders(ctx) if os.path.exists(os.path.join(f, METRICS))]
    for folder in folders[-_READ:]:
        metrics = read_contents(folder).metrics
        if metrics is not None:
            found.update(flatten(metrics.last))
    return [name for name in found if name not in ("step", "time")]


def _last_folders(ctx: click.Context) -> list[str]:
    from meticulous.reader.collection import list_ids

    place = _place(ctx)
    return [os.path.join(place, name) for name in list_ids(place)[-_LOOKED_AT:]]


def _place(ctx: click.Context) -> str:
    from meticulous.reader.collection import locate

    return locate(ctx.params.get("directory") or ctx.params.get("in_directory"))


def _is_bash() -> bool:
    return os.environ.get(VARIABLE, "").startswith("bash")


def _item(name: str, text: str | None = None) -> CompletionItem:
    """Return a name as it must stand in the command line; all shells but bash see to that."""
    from click.shell_completion import CompletionItem

    if _is_bash():
        # Doubly, for its own `read` takes one of the backslashes away.
        name = "".join(c if c.isalnum() or c in _PLAIN else rf"\\{c}" for c in name)
    return CompletionItem(name, help=text)
