"""The documents that xmen wrote as plain values; those of a folder are parsed once and kept."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from meticulous.folder.plain import plain
from meticulous.reader.index import cachefile
from meticulous.reader.xmen.document import load

_KIND = "xmen"
"""Under this word they are kept in the user's cache directory."""

_FORM = 1
"""Of what is kept; what has another form is read anew."""

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")


class Documents:
    """Reads documents without the long parts of their surroundings.

    Parsing YAML takes a hundred times as long as all the rest. What a document says is known by its
    bytes, whatever the times of its file are: xmen wrote it again in place.

    Args:
        directory: The folder that is read; what was parsed in it is kept until the next time. None:
            nothing is kept.
    """

    def __init__(self, directory: str | None = None) -> None:
        self._directory = directory
        self._known: dict[str, dict[str, Any]] = {}
        self._used: dict[str, dict[str, Any]] = {}
        found = None if directory is None else cachefile.load(directory, _KIND)
        if found is not None and found[0].get("form") == _FORM:
            self._known = found[0]["documents"]

    def read(self, data: bytes) -> dict[str, Any]:
        """Return the names and values, for the caller to change; what they hold is shared.

        Raises:
            InvalidYamlError: It is no YAML, or no mapping; says where and why.
        """
        digest = hashlib.sha256(data, usedforsecurity=False).hexdigest()
        fields = self._known.get(digest)
        if fields is None:
            fields = read_document(data, is_whole=False)
            if isinstance(fields.get("_meta"), dict):
                fields["_meta"].pop("environ", None)  # has passwords, and is not for keeping
        self._used[digest] = fields
        return dict(fields)

    def keep(self) -> None:
        """Keep what was read, and nothing else; where that is not possible, do nothing."""
        if self._directory is not None and self._used.keys() != self._known.keys():
            header = {"form": _FORM, "documents": self._used}
            cachefile.save(self._directory, _KIND, header, [])


def read_document(data: bytes, is_whole: bool = True) -> dict[str, Any]:
    """Return the names and plain values of a document, without the credentials of its remote.

    Args:
        data: The content of the file.
        is_whole: Whether the long parts of the surroundings are wanted.

    Raises:
        InvalidYamlError: It is no YAML, or no mapping; says where and why.
    """
    fields: dict[str, Any] = plain(load(data, is_whole))
    version = fields.get("_version")
    for git in (fields.get("git"), version.get("git") if isinstance(version, dict) else None):
        for name in ("remote", "remote_url"):
            if isinstance(git, dict) and isinstance(git.get(name), str):
                git[name] = _CREDENTIALS.sub("", git[name])
    return fields
