"""What was imported before, so that importing twice does nothing twice."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import orjson

from meticulous.folder import layout
from meticulous.reader.collection import list_folders, position_of

KEY = "imported-from"
"""In metadata.json: where an imported experiment comes from."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An experiment that was imported before.

    Attributes:
        id: Its id here.
        is_same: Whether the original is as it was then.
    """

    id: str
    is_same: bool


class Known:
    """The imported experiments of a directory.

    Args:
        directory: The experiments directory; it need not exist yet.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._seen: set[str] = set()
        self._paths: dict[str, tuple[str, str]] = {}
        self._digests: dict[str, str] = {}
        self.names: set[str] = set()

    def refresh(self) -> None:
        """Take in the folders that have appeared since the last time.

        Raises:
            ExperimentsDirectoryError: The directory cannot be read.
        """
        if not os.path.isdir(self._directory):
            return
        for folder in sorted(list_folders(self._directory) - self._seen, key=position_of):
            metadata = _read(os.path.join(self._directory, folder, layout.METADATA))
            if metadata is None:
                continue  # it may just be made
            self._seen.add(folder)
            if isinstance(metadata.get("name"), str):
                self.names.add(metadata["name"])
            source = metadata.get(KEY)
            if isinstance(source, dict):
                path, digest = str(source.get("path")), str(source.get("sha256"))
                self._paths[path] = (folder, digest)
                self._digests[digest] = folder

    def find(self, path: str, digest: str) -> Earlier | None:
        """Return what was imported from a folder, or from one with the same record elsewhere.

        Args:
            path: The real path of the original folder.
            digest: The SHA-256 of its record.
        """
        if path in self._paths and self._paths[path][1] != digest:
            return Earlier(self._paths[path][0], is_same=False)
        found = self._digests.get(digest)
        return None if found is None else Earlier(found, is_same=True)


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path, "rb", opener=_opener) as file:
            metadata = orjson.loads(file.read())
    except (OSError, ValueError):
        return None
    return metadata if isinstance(metadata, dict) else None


def _opener(path: str, flags: int) -> int:
    # A named pipe in the place of a file must not make the reader wait for a writer.
    return os.open(path, flags | os.O_NONBLOCK)
