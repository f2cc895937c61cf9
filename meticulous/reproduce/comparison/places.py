"""Where the two runs lay on disk, so that a path into one folder equals that into the other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from meticulous.reproduce.comparison.own_marks import OwnMarks

EXPERIMENT, PROJECT = "<experiment>", "<project>"
"""What stands in a text for the folder of the experiment and for the checkout."""

_CLIMB = r"(?:\.\.?/)*"


@dataclass(frozen=True, slots=True)
class Place:
    """The paths by which the output of one run may name its own surroundings.

    Attributes:
        folder: The folder of the experiment.
        root: The root of the checkout in which the program ran; None when unknown.
        own: When it ran and as which process; None when unknown.
    """

    folder: Path
    root: Path | None = None
    own: OwnMarks | None = None
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        words = sorted(self._words(), key=lambda pair: -len(pair[0]))
        # A path ends where a further letter of the name would begin: 1 is not meant by 12.
        # A relative one climbs as far as its working directory lies deep.
        pattern = "|".join(
            rf"(?<![\w.-]){'' if os.path.isabs(word) else _CLIMB}{re.escape(word)}(?![\w-])"
            for word, _ in words
        )
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

    def mark(self, text: str) -> str:
        """Return the text with general words for the paths, times and process of this run."""
        text = self.generalize(text)
        return text if self.own is None else self.own.replaced(text)


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

    def is_alike(self, recorded: str, reproduced: str) -> bool:
        """Say whether two texts are the same but for what each says of its own run."""
        return self.recorded.mark(recorded) == self.reproduced.mark(reproduced)

    def are_marks(self, recorded: float, reproduced: float) -> bool:
        """Say whether two numbers are the time of their own run, or that of its process."""
        if self.recorded.own is None or self.reproduced.own is None:
            return False
        mark = self.recorded.own.mark_of(recorded)
        return bool(mark) and mark == self.reproduced.own.mark_of(reproduced)


def _spellings(path: Path) -> Iterable[str]:
    text = os.path.abspath(path)
    return [word for word in {text, os.path.realpath(text)} if word != os.sep]
