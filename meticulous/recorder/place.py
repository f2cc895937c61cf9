"""Which experiments directory is meant, seen from where the program is started."""

from __future__ import annotations

import os

from meticulous.errors import ExperimentsDirectoryError
from meticulous.folder import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

USUAL = layout.USUAL_DIRECTORY
"""The experiments directory of a project, unless its user chose another."""

_MARKS = (layout.NUMBERS, os.path.join("1", layout.STATUS))
"""What an experiments directory holds; the second is for those of the older recorder."""


class Place:
    """An experiments directory, and what is noteworthy about it.

    Attributes:
        directory: Its absolute path.
        is_found: Whether it lies elsewhere than below the project directory, since it was found
            above.
        warning: What the user should know of it; empty where it is what anyone would expect.
    """

    __slots__ = ("directory", "is_found", "warning")

    def __init__(self, directory: str, is_found: bool = False, warning: str = "") -> None:
        self.directory = directory
        self.is_found = is_found
        self.warning = warning

    @property
    def remark(self) -> str:
        """What is said where nobody named it; "" where it is the one below the project."""
        return f"recording in {self.directory}, found above this folder" if self.is_found else ""


def absolute(path: str | os.PathLike[str]) -> str:
    """Return a path from the working directory as an absolute one.

    Raises:
        ExperimentsDirectoryError: The working directory has been removed.
    """
    try:
        return os.path.abspath(path)
    except FileNotFoundError as error:
        raise ExperimentsDirectoryError(
            "The working directory has been removed, so nothing can be recorded from here. "
            "Change into a folder that is there.",
        ) from error


def choose_place(project: str, given: str, repository: str, *, look_above: bool) -> Place:
    """Return the experiments directory that is meant.

    An absolute one is what it is. A relative one is relative to the project directory, with one
    exception: from inside an experiments directory the same name means that one, so that a
    program which is started there, or went there, does not nest another in it.

    Args:
        project: The project directory, an absolute path.
        given: The experiments directory as the user gave it; `~` is the home.
        repository: The root of the working tree, a real path; nothing above it is looked at.
        look_above: Prefer the nearest directory of this name that holds experiments, in the
            project directory or above it, as `meticulous list` does.
    """
    given = os.path.expanduser(given)
    candidate = os.path.abspath(os.path.join(project, given))
    first = os.path.normpath(given).split(os.sep)[0]
    if os.path.isabs(given) or first in (os.curdir, os.pardir):
        return Place(candidate)
    existing = [
        place
        for folder in _upwards(project, repository)
        if _holds_experiments(place := os.path.abspath(os.path.join(folder, given)))
    ]
    around = [place for place in existing if contains(place, project)]
    if around:
        return Place(around[0], is_found=True)
    if existing and look_above:
        return Place(existing[0], is_found=existing[0] != candidate)
    return Place(candidate, warning=_warning(project, candidate, existing, repository))


def contains(folder: str, other: str) -> bool:
    """Say whether `other` is the folder or lies in it."""
    return folder == other or other.startswith(folder.rstrip(os.sep) + os.sep)


def _warning(project: str, candidate: str, existing: list[str], repository: str) -> str:
    if os.path.isdir(candidate):
        return ""
    for folder in _upwards(project, repository):
        if _holds_experiments(folder):
            return (
                f"the new experiments directory {candidate} lies inside {folder}, which holds "
                "experiments itself; name it by its absolute path if that is meant"
            )
    if existing:
        return (
            f"{candidate} is a new experiments directory, with numbers of its own; to go on in "
            f"{existing[0]}, name it as the experiments directory or start from the folder above it"
        )
    return ""


def _upwards(folder: str, repository: str) -> Iterator[str]:
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder or os.path.realpath(folder) == repository:
            return
        folder = above


def _holds_experiments(directory: str) -> bool:
    return any(os.path.exists(os.path.join(directory, mark)) for mark in _MARKS)
