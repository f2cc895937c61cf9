"""A list in the formats that other programs and documents take, on the output or in a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meticulous.cli import cells
from meticulous.cli.view import View
from meticulous.errors import ExportError, InvalidOptionError
from meticulous.folder.encoding import encode_document, encode_line

EXTENSIONS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "markdown",
    ".tex": "latex",
    ".html": "html",
    ".parquet": "parquet",
    ".pickle": "pickle",
    ".pkl": "pickle",
}
"""The format of a file by how its name ends."""

_TABULATE = {"markdown": "github", "latex": "latex", "html": "html"}

_PAGE = '<!doctype html>\n<meta charset="utf-8">\n<title>Experiments</title>\n'


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be written.

    Attributes:
        view: The rows and columns.
        objects: Makes one JSON object for each row.
        digits: How many significant digits numbers have in documents; None for as many as usual.
        is_exact: Whether documents have all digits instead.
    """

    view: View
    objects: Callable[[], list[dict[str, Any]]]
    digits: int | None = None
    is_exact: bool = False

    def digits_of(self, name: str) -> int | None:
        """Return how many significant digits the numbers of a column have; None for all."""
        return self.digits or (None if self.is_exact else self.view.digits(name))


def format_of(path: str) -> str:
    """Return the format that the name of a file asks for.

    Raises:
        InvalidOptionError: It ends in none that is known.
    """
    extension = os.path.splitext(path)[1].lower()
    if extension not in EXTENSIONS:
        what = f"ends in {extension}" if extension else "has no extension"
        raise InvalidOptionError(
            f"{path} {what}, which says nothing about the format. Use one of "
            f"{', '.join(EXTENSIONS)}, or name the format with --format."
        )
    return EXTENSIONS[extension]


def encode(content: Content, name: str, *, is_page: bool = False) -> bytes:
    """Return the content in one of the formats.

    Args:
        content: What.
        name: One of the formats of `--format` but table, or of the values of `EXTENSIONS`.
        is_page: Whether HTML becomes a page of its own, not a part of one.

    Raises:
        MissingExtraError: The format needs a package that is not installed.
    """
    from meticulous.reader.table import data_formats

    columns = content.view.columns
    if name == "parquet":
        return data_formats.as_parquet(columns)
    if name == "pickle":
        return data_formats.as_pickle(columns)
    if name == "json":
        return encode_document(content.objects())
    if name == "jsonl":
        return b"".join(encode_line(row) for row in content.objects())
    if name in ("csv", "tsv"):
        text = data_formats.as_csv(columns, "," if name == "csv" else "\t")
    else:
        text = _document(content, name)
        text = f"{_PAGE if is_page and name == 'html' else ''}{text}\n"
    return text.encode("utf-8", "backslashreplace")


def write_file(path: str, data: bytes) -> None:
    """Write a file in one step: whoever reads it meets the old content or the new one.

    Raises:
        ExportError: It cannot be written.
    """
    from meticulous.folder.writing import write_all, write_atomically

    try:
        target = os.path.realpath(path)  # what a link leads to is replaced, not the link
        if _is_special(path):
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            try:
                write_all(descriptor, data)
            finally:
                os.close(descriptor)
        else:
            write_atomically(target, data)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ExportError(
            f"{path} cannot be written: {said}. Name a file in a folder that exists and can be "
            "written to."
        ) from error


_FILES_IN_MEMORY = "/dev/shm/"  # noqa: S108 - a file system, for all its place among the devices


def _is_special(path: str) -> bool:
    """Say whether a path is a device, a pipe or an open file, which cannot be replaced."""
    place = os.path.abspath(path)
    if place.startswith(("/dev/", "/proc/")) and not place.startswith(_FILES_IN_MEMORY):
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _document(content: Content, name: str) -> str:
    from tabulate import tabulate

    view = content.view
    names = list(view.columns)
    titles = cells.titles(names)
    texts = [
        cells.cells(column, view.columns[column], full=True, digits=content.digits_of(column))
        for column in names
    ]
    sides = [
        "right" if cells.is_right_aligned(column, view.columns[column]) else "left"
        for column in names
    ]
    if name == "markdown":
        titles = [_escape_markdown(title) for title in titles]
        texts = [[_escape_markdown(text) for text in column] for column in texts]
    rows = [list(row) for row in zip(*texts, strict=True)]
    return tabulate(
        rows,
        headers=titles,
        tablefmt=_TABULATE[name],
        disable_numparse=True,
        colalign=sides if rows else None,
    )


def _escape_markdown(text: str) -> str:
    for character in "\\|<*_`[":
        text = text.replace(character, f"\\{character}")
    return text
