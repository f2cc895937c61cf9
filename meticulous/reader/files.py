"""Read the files of a folder so that a broken one costs only itself."""

from __future__ import annotations

import os
import stat
from typing import Any, BinaryIO, NamedTuple

from meticulous.errors import UnreadableRecordError
from meticulous.folder.encoding import decode_document, decode_lines

_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    type(None): "null",
}


class Content(NamedTuple):
    """The bytes of a file and when it was last written, in seconds since the epoch."""

    data: bytes
    modified: float


class Files:
    """The files of one folder; what is wrong with them is noted, never raised.

    Attributes:
        directory: The folder.
        problems: One sentence for each trouble met so far, beginning with the file's name.
    """

    __slots__ = ("directory", "problems")

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = os.fspath(directory)
        self.problems: list[str] = []

    def open(self, name: str, required: bool = False) -> BinaryIO | None:
        """Return a file opened for reading; None when it is missing or cannot be opened.

        Args:
            name: The file's name in the folder.
            required: Whether its absence is a problem.
        """
        try:
            # A named pipe in the place of a file must not make the reader wait for a writer.
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
            descriptor = os.open(os.path.join(self.directory, name), flags)
        except FileNotFoundError:
            if required:
                self.problems.append(f"{name} is missing")
            return None
        except OSError as error:
            self.failed(name, error)
            return None
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return open(descriptor, "rb")
        os.close(descriptor)
        self.problems.append(f"{name} is not a file")
        return None

    def modified(self, name: str) -> float | None:
        """Return when a file was last written, in seconds since the epoch; None when unknown."""
        try:
            return os.stat(os.path.join(self.directory, name)).st_mtime
        except OSError:
            return None

    def failed(self, name: str, error: OSError) -> None:
        """Note that a file cannot be read."""
        self.problems.append(f"{name} cannot be read: {error.strerror or error}")

    def read(self, name: str, required: bool = False) -> Content | None:
        """Return a file's content; None when it is missing or cannot be read."""
        file = self.open(name, required)
        if file is None:
            return None
        with file:
            try:
                return Content(file.read(), os.fstat(file.fileno()).st_mtime)
            except OSError as error:
                self.failed(name, error)
        return None

    def mapping(self, name: str, required: bool = False) -> dict[str, Any]:
        """Return the JSON object in a file; an empty one when there is none that can be read."""
        content = self.read(name, required)
        if content is None:
            return {}
        try:
            value = decode_document(content.data)
        except UnreadableRecordError as error:
            self.problems.append(f"{name} {error}")
            return {}
        if not isinstance(value, dict):
            kind = _KINDS.get(type(value), "a number")
            self.problems.append(f"{name} holds {kind} where an object should be")
            return {}
        return value

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Return the objects in a file of JSON lines; none when it is missing or broken."""
        content = self.read(name)
        return [] if content is None else self.decode_lines(name, content.data)

    def decode_lines(self, name: str, data: bytes) -> list[dict[str, Any]]:
        """Return the objects in `data`, which was read from a file of JSON lines."""
        try:
            values = decode_lines(data)
        except UnreadableRecordError as error:
            self.problems.append(f"{name} {error}")
            return []
        objects = [value for value in values if isinstance(value, dict)]
        if len(objects) < len(values):
            self.problems.append(f"{name} has lines that are not objects")
        return objects
