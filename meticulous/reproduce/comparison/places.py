"""Where the two runs lay on disk, so that a path into one folder equals that into the other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

EXPERIMENT, PROJECT = "<experiment>", "<project>"
"""What stands in a text for the folder of the experiment and for the checkout."""


@dataclass(frozen=True, slots=True)
class Place:
    """The paths by which the output of one run may name its own surroundings.

    Attributes:
        folder: The folder of the experiment.
        root: The root of the checkout in which the program ran; None when unknown.
    """

    folder: Path
    root: Path | None = None
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        words = sorted(self._words(), key=lambda pair: -len(pair[0]))
        # A path ends where a further letter of the name would begin: 1 is not meant by 12.
        pattern = "|".join(rf"(?<![\w.-]){re.escape(word)}(?![\w-])" for word, _ in words)
        object.__setattr__(self, "_pattern", re.compile(pattern))

    def _words(self) -> Iterator[tuple[str, str]]:
        short = os.path.join(self.folder.parent.name, self.folder.name)
        for word in {*_spellings(self.folder), short}:
            yield word, EXPERIMENT
        if self.root is not None:
            for word in _spellings(self.root):
                yield word, PROJECT

    def generalize(self, text: str) -> str:
        """Return the text with general words for the paths of this run."""
        if os.sep not in text:
            return text
        short = self.folder.name

        def general(found: re.Match[str]) -> str:
            return EXPERIMENT if found[0].endswith(os.sep + short) else PROJECT

        return self._pattern.sub(general, text)


@dataclass(frozen=True, slots=True)
class Places:
    """Both runs' places."""

    recorded: Place
    reproduced: Place

    def is_same(self, recorded: str, reproduced: str) -> bool:
        """Say whether two texts are the same when each path is seen from its own run."""
        return recorded == reproduced or (
            self.recorded.generalize(recorded) == self.reproduced.generalize(reproduced)
        )


def _spellings(path: Path) -> Iterable[str]:
    text = os.path.abspath(path)
    return [word for word in {text, os.path.realpath(text)} if word != os.sep]
