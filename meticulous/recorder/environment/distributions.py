"""Find the metadata of the distributions along an import path, as importlib.metadata does.

That module brings the standard library's parsers of mail and archives along, whose import would
cost a description of the surroundings more than all its looking up. It is asked about archives.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator


class Metadata:
    """What one distribution says of itself, in a folder (or, by distutils, in one file).

    Attributes:
        path: The folder.
        location: The entry of the import path that holds it.
    """

    __slots__ = ("_read_text", "location", "path")

    def __init__(
        self, path: str, location: str, read_text: Callable[[str], str | None] | None = None
    ) -> None:
        self.path = path
        self.location = location.rstrip("/") or "/"
        self._read_text = read_text

    def read_text(self, name: str) -> str | None:
        """Return the text of a file in the folder, of the folder itself for "".

        Returns:
            The text, its lines ended by line feeds alone; None where there is no such file.

        Raises:
            UnicodeDecodeError: It is not UTF-8.
            OSError: It cannot be read.
        """
        if self._read_text is not None:
            return self._read_text(name)
        try:
            with open(os.path.join(self.path, name).rstrip("/"), encoding="utf-8") as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
            return None


def find_distributions(path: Iterable[str]) -> Iterator[Metadata]:
    """Yield the metadata of every distribution along an import path, entry after entry.

    Args:
        path: Directories and archives; what is neither, or cannot be read, holds nothing.
    """
    for entry in path:
        place = entry or os.curdir
        try:
            names = os.listdir(place)
        except (OSError, ValueError):
            yield from _in_archive(place)
            continue
        is_egg = place.lower().endswith(".egg")
        for name in names:
            low = name.lower()
            if low.endswith((".dist-info", ".egg-info")) or (is_egg and low == "egg-info"):
                yield Metadata(os.path.join(place, name), place)


def _in_archive(path: str) -> Iterator[Metadata]:
    if not os.path.isfile(path):
        return
    import importlib.metadata

    for distribution in importlib.metadata.distributions(path=[path]):
        folder = str(getattr(distribution, "_path", ""))
        yield Metadata(folder, str(distribution.locate_file("")), distribution.read_text)
