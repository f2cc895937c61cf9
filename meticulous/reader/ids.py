"""What a person may write to name experiments: numbers, names, -1, ranges, paths of folders."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator

from meticulous.errors import ExperimentNotFoundError
from meticulous.folder import layout
from meticulous.folder.allocation import is_number
from meticulous.reader.collection import is_record, list_ids, locate, not_found
from meticulous.reader.record import is_foreign

_RANGE = re.compile("([0-9]{1,18})-([0-9]{0,18})")


def resolve_ids(
    words: Iterable[str], directory: str | os.PathLike[str], *, with_foreign: bool = False
) -> list[str]:
    """Return the ids that the words name, each once, in the order of the words.

    Args:
        words: Each is the number or the name of an experiment; "-1" for the one started last, "-2"
            for the one before; a range of numbers such as "3-9" or, open, "3-", of which those
            count that exist; several of these separated by commas; or the path of a folder in
            `directory`. What is the name of a folder is that folder, whatever else it looks like.
        directory: The experiments directory.
        with_foreign: Whether experiments of xmen are meant, too, which can only be read. Their id
            is the path of their folder in `directory`.

    Raises:
        ExperimentNotFoundError: There is none with this id, in this range or in this folder; the
            message names the nearest ids.
        ExperimentsDirectoryError: The directory cannot be read.
    """
    place = os.path.realpath(directory)
    found = []
    for folder in resolve_folders(words, directory, with_foreign=with_foreign):
        if with_foreign and is_foreign(folder):
            found.append(os.path.relpath(folder, os.path.abspath(directory)))
            continue
        if os.path.realpath(os.path.dirname(folder)) != place:
            raise ExperimentNotFoundError(
                f"{folder} does not lie in the experiments directory {directory}. "
                f"Choose its own with `--directory {os.path.dirname(folder)}`."
            )
        found.append(os.path.basename(folder))
    return list(dict.fromkeys(found))


def resolve_folders(
    words: Iterable[str],
    directory: str | os.PathLike[str] | None = None,
    *,
    with_foreign: bool = False,
) -> list[str]:
    """Return the absolute paths of the folders that the words name, each once, in their order.

    Args:
        words: As for `resolve_ids`; but paths may lead to any folder of an experiment.
        directory: The experiments directory, or None for the nearest one, which is looked for
            only when a word is no path.
        with_foreign: As for `resolve_ids`; otherwise they are refused with the way out.

    Raises:
        ExperimentNotFoundError: As in `resolve_ids`.
        ExperimentsDirectoryError: There is no experiments directory, or it cannot be read.
    """
    found: list[str] = []
    for word in words:
        if directory is None and not _is_path(word):
            directory = locate()
        try:
            found += _folders(word, directory)
        except ExperimentNotFoundError:
            folder = _of_xmen(word, directory)
            if folder is None:
                raise
            if not with_foreign:
                raise _only_read(folder) from None
            found.append(folder)
    return list(dict.fromkeys(found))


def resolve_folder(word: str, directory: str | os.PathLike[str] | None = None) -> str:
    """Return the absolute path of the one folder that a word names; see `resolve_folders`.

    Raises:
        ExperimentNotFoundError: It names none, or several.
        ExperimentsDirectoryError: There is no experiments directory, or it cannot be read.
    """
    folders = resolve_folders([word], directory)
    if len(folders) != 1:
        raise ExperimentNotFoundError(
            f"{word!r} names {len(folders)} experiments where one is wanted. Name one of "
            f"{', '.join(os.path.basename(folder) for folder in folders[:5])}"
            f"{', ...' if len(folders) > 5 else ''}."
        )
    return folders[0]


def _folders(word: str, directory: str | os.PathLike[str] | None) -> list[str]:
    if directory is None or _is_path(word):
        return [_folder_at(word)]
    place = os.path.abspath(directory)
    return [os.path.join(place, name) for name in _named(word, place)]


def _named(word: str, directory: str) -> Iterator[str]:
    if _exists(word, directory):
        yield word
    elif "," in word:
        for part in filter(None, map(str.strip, word.split(","))):
            yield from _named(part, directory)
    elif bounds := _RANGE.fullmatch(word):
        yield from _in_range(word, bounds[1], bounds[2], directory)
    elif word.startswith("-") and is_number(word[1:]):
        yield _counted_back(word, directory)
    else:
        raise ExperimentNotFoundError(not_found(directory, word))


def _counted_back(word: str, directory: str) -> str:
    from meticulous.reader.index.latest import read_latest

    count = int(word[1:])
    latest, total = read_latest(directory, min(count, sys.maxsize >> 8))
    if count > total or count > len(latest):
        raise ExperimentNotFoundError(not_found(directory, word))
    return latest[-count].id


def _in_range(word: str, first: str, last: str, directory: str) -> list[str]:
    least, most = int(first), int(last) if last else None
    if most is not None and most < least:
        raise ExperimentNotFoundError(
            f"The range {word!r} ends before it begins. Write {most}-{least}."
        )
    ids = list_ids(directory)
    numbers = [name for name in ids if is_number(name) and least <= int(name)]
    numbers = [name for name in numbers if most is None or int(name) <= most]
    if not numbers:
        raise ExperimentNotFoundError(not_found(directory, word))
    return numbers


def _exists(word: str, directory: str) -> bool:
    if not word or "\0" in word or word in (os.curdir, os.pardir):
        return False
    path = os.path.join(directory, word)
    return os.path.isdir(path) and is_record(path)


def _is_path(word: str) -> bool:
    return os.sep in word or word in (os.curdir, os.pardir)


def _has_trash(directory: str) -> bool:
    return os.path.isdir(os.path.join(directory, layout.TRASH))


def _of_xmen(word: str, directory: str | os.PathLike[str] | None) -> str | None:
    """Return the folder of the experiment of xmen that a word names; None where it names none."""
    if "\0" in word:
        return None
    places = [] if directory is None else [os.path.join(os.path.abspath(directory), word)]
    for folder in (*places, os.path.abspath(word)):
        if is_foreign(folder):
            return folder
    if directory is None or not (word.startswith("-") and is_number(word[1:])):
        return None
    from meticulous.reader.index import read_latest

    count = min(int(word[1:]), sys.maxsize >> 8)
    latest, total = read_latest(directory, count, with_foreign=True)
    return str(latest[-count].directory) if count <= total else None


def _only_read(folder: str) -> ExperimentNotFoundError:
    return ExperimentNotFoundError(
        f"{folder} is an experiment of xmen, which is only listed and shown. "
        f"`meticulous import xmen {shlex.quote(folder)}` makes one of meticulous from it."
    )


def _folder_at(path: str) -> str:
    folder = os.path.abspath(path)
    if "\0" not in folder and os.path.isdir(folder) and is_record(folder):
        return folder
    parent, name = os.path.split(folder)
    if "\0" not in folder and os.path.isdir(parent) and (list_ids(parent) or _has_trash(parent)):
        raise ExperimentNotFoundError(not_found(parent, name))
    raise ExperimentNotFoundError(
        f"There is no experiment in the folder {folder}. "
        "`meticulous list DIRECTORY` shows those of a directory."
    )
