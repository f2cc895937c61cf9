"""`meticulous tag`: words to find experiments by."""

from __future__ import annotations

import os
import re
import shlex

import click

from meticulous.cli.completion import complete_tags
from meticulous.cli.identifiers import (
    ID,
    WORD_OR_ID,
    CountsBackwards,
    directory_option,
    folders_of,
    is_verbatim,
)

_LIKE_IDS = re.compile("-[0-9]+|[0-9][0-9,-]*")

_EXAMPLES = """\b
Examples:
  meticulous tag 3 baseline best
  meticulous tag 3-9,12 ablation
  meticulous tag 3 --remove best
  meticulous tag
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@click.argument("wanted", metavar="[IDS]", type=ID, required=False)
@click.argument(
    "added", metavar="[TAG]...", type=WORD_OR_ID, nargs=-1, shell_complete=complete_tags
)
@click.option(
    "--remove",
    "removed",
    metavar="TAG",
    multiple=True,
    shell_complete=complete_tags,
    help="Remove a tag; repeatable.",
)
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print the tags as a JSON list of objects.")
@click.pass_context
def tag(
    context: click.Context,
    wanted: str | None,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    directory: str | None,
    as_json: bool,
) -> None:
    """Give the experiments IDS each TAG, remove tags from them, or list tags.

    The first word names the experiments: a number or name, the path of a folder, -1 for the one
    that was started last, 3-9 for several, or these separated by commas. Without a TAG, their tags
    are listed; without IDS, all tags of the directory and how many experiments have each. An
    experiment may be tagged while it runs. Tags are the key `tags` in metadata.json. A TAG that
    is the number of an experiment, or begins with a dash, belongs behind --.
    """
    if wanted is None:
        if removed:
            raise click.UsageError("--remove needs IDS before it: the experiments that are meant.")
        _list_all(directory, as_json)
        return
    for name in (*added, *removed):
        _check(name)
    folders = folders_of((wanted,), directory)
    _refuse_ids(
        wanted, [name for name in added if not is_verbatim(name, context)], added, directory
    )
    from meticulous.folder.annotation import change_tags
    from meticulous.reader import read_record

    if not added and not removed:
        _list_each([(folder, read_record(folder).tags) for folder in folders], as_json)
        return
    before = [(folder, read_record(folder).tags) for folder in folders]
    present = {name for _, tags in before for name in tags}
    for name in removed:
        if name not in present:
            named = ", ".join(sorted(present)) or "none"
            raise click.UsageError(f"There is no tag {name!r} to remove; the tags are: {named}.")
    after = [(folder, change_tags(folder, added, removed)) for folder in folders]
    if as_json:
        _list_each(after, as_json)
        return
    if added:
        _say("Tagged", folders, added)
    for name in dict.fromkeys(removed):
        _say("Removed from", [folder for folder, tags in before if name in tags], (name,))


def _refuse_ids(
    wanted: str, words: list[str], added: tuple[str, ...], directory: str | None
) -> None:
    """Refuse `tag 1 2 3 best`, which would give the tags "2" and "3"."""
    ids = [word for word in words if _is_id(word, directory)]
    if not ids:
        return
    tags = [word for word in added if word not in ids]
    several = ",".join([wanted, *ids])
    raise click.UsageError(
        f"{ids[0]!r} names an experiment, and only the first word says which are tagged: "
        f"`meticulous tag {several} {shlex.join(tags) or 'NAME'}`. "
        f"Should it be a tag: `meticulous tag {wanted} -- {shlex.join(added)}`."
    )


def _is_id(word: str, directory: str | None) -> bool:
    from meticulous.errors import ExperimentNotFoundError

    if not _LIKE_IDS.fullmatch(word):
        return False
    try:
        return bool(folders_of((word,), directory))
    except ExperimentNotFoundError:
        return False


def _say(what: str, folders: list[str], tags: tuple[str, ...]) -> None:
    from meticulous.cli.wording import few_text, visible

    names = few_text([visible(os.path.basename(folder)) for folder in folders], 10)
    click.echo(f"{what} {names}: {visible(', '.join(dict.fromkeys(tags)))}.", err=True)


def _check(name: str) -> None:
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise click.UsageError(
            f"{name!r} cannot be a tag: it is empty, has space at its ends, or holds what cannot "
            "be printed. Choose a word such as 'baseline'."
        )


def _list_each(found: list[tuple[str, list[str]]], as_json: bool) -> None:
    from meticulous.cli.aligning import aligned
    from meticulous.cli.rendering import print_json
    from meticulous.cli.wording import ABSENT, visible

    named = [(os.path.basename(folder), tags) for folder, tags in found]
    if as_json:
        print_json([{"id": name, "tags": tags} for name, tags in named])
        return
    rows = [[visible(name), visible(", ".join(tags)) or ABSENT] for name, tags in named]
    for line in aligned(rows, [False, False]):
        click.echo(line)


def _list_all(directory: str | None, as_json: bool) -> None:
    from collections import Counter

    from meticulous.cli.aligning import aligned
    from meticulous.cli.rendering import print_json
    from meticulous.cli.screen import print_remark
    from meticulous.cli.wording import count_text, visible
    from meticulous.reader import locate
    from meticulous.reader.index import read_records

    counts = Counter(name for record in read_records(locate(directory)) for name in record.tags)
    found = sorted(counts.items())
    if as_json:
        print_json([{"tag": name, "experiments": count} for name, count in found])
    elif not found:
        print_remark("There are no tags yet; `meticulous tag ID TAG` gives one.")
    else:
        rows = [[visible(name), count_text(count, "experiment")] for name, count in found]
        for line in aligned(rows, [False, True]):
            click.echo(line)
