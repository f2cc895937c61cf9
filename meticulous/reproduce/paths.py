"""Leads the paths of a recorded run into its reproduction: the old code and the old folder."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PathMap:
    """Where the places of the recorded run are now.

    Attributes:
        folders: The folder of the experiment then, in all its spellings, and that of now.
        roots: The same of the repository.
        working_directory: That of the recorded run, absolute; None when it is not known.
    """

    folders: tuple[str, ...]
    new_folder: str
    roots: tuple[str, ...]
    new_root: str
    working_directory: str | None = None
    mapped: list[str] = field(default_factory=list)

    def path(self, path: str) -> str | None:
        """Return where a path leads now; None for one that stays as it is.

        A relative path stays, unless it leads into the old folder: relative to the working
        directory, all else lies as it did.
        """
        base = self.working_directory
        if not os.path.isabs(path) and base is None:
            return None
        absolute = os.path.normpath(os.path.join(base or os.sep, path))
        ending = os.sep if path.endswith(os.sep) else ""
        for old in self.folders:
            if (inner := below(absolute, old)) is not None:
                return os.path.normpath(os.path.join(self.new_folder, inner)) + ending
        if not os.path.isabs(path):
            return None
        for old in self.roots:
            if (inner := below(absolute, old)) is not None:
                return os.path.normpath(os.path.join(self.new_root, inner)) + ending
        return None

    def word(self, word: str) -> str:
        """Return a word of a command line, with the path in it mapped: `PATH`, `--out=PATH`.

        The old folder of the experiment is mapped wherever it stands in the word.
        """
        before, equals, value = word.partition("=")
        if equals and (found := self.path(value)) is not None:
            self.mapped.append(value)
            return f"{before}={found}"
        found = self.path(word) if word and not word.startswith("-") else None
        if found is None:
            # Whatever else it says, the old folder in it is no other.
            found = _replaced(word, self.folders, self.new_folder)
        if found == word:
            return word
        self.mapped.append(word)
        return found

    def leftovers(self, words: Sequence[str]) -> list[str]:
        """Return the words in which a place of the old code still stands, inside other text."""
        return [word for word in words if self._names_old(word)]

    def _names_old(self, word: str) -> bool:
        # The new places may lie in the old checkout.
        rest = _replaced(word, (self.new_folder, self.new_root), "")
        return any(old in rest for old in (*self.roots, *self.folders))


def _replaced(text: str, folders: Sequence[str], new: str) -> str:
    """Return a text with another folder in the place of the folders that it names."""
    for folder in sorted(folders, key=len, reverse=True):
        if folder in text:
            # 1 is not meant by 12.
            text = re.sub(rf"(?<![\w.-]){re.escape(folder)}(?![\w.-])", lambda _: new, text)
    return text


def below(path: str, folder: str) -> str | None:
    """Return a path relative to a folder that it is, or lies in; None otherwise."""
    if path == folder:
        return os.curdir
    prefix = folder.rstrip(os.sep) + os.sep
    return path[len(prefix) :] if path.startswith(prefix) else None


def spellings(*paths: str | None) -> tuple[str, ...]:
    """Return the absolute paths as they are and with their links resolved, each once."""
    found: dict[str, None] = {}
    for path in paths:
        if path and os.path.isabs(path):
            found[os.path.normpath(path)] = None
            found[os.path.realpath(path)] = None
    return tuple(found)
