"""A folder in the user's cache for one reproduction, removed with it, however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

from meticulous.errors import NoRoomError
from meticulous.folder import liveness
from meticulous.git.checkout import no_room
from meticulous.reproduce.descendants import marks_of

_OWNER = "owner.json"
"""In the folder: the process that works in it, or that it is to be kept."""

_ABANDONED_SECONDS = 3600.0
"""A folder without an owner is somebody's who is about to say so, unless it is as old as this."""

_SPARE_BYTES = 100_000_000
"""What must be left on the disk beside the worktree."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """The folder of one reproduction.

    Attributes:
        directory: Its path.
    """

    directory: str

    @property
    def elsewhere(self) -> str:
        """Where experiments of the program go that are not the one to be reproduced."""
        return os.path.join(self.directory, "elsewhere")

    def path(self, *names: str) -> str:
        """Return a path in it."""
        return os.path.join(self.directory, *names)


def usual_place() -> str:
    """Return the folder that holds the private worktrees of this user."""
    import platformdirs

    return os.path.join(platformdirs.user_cache_dir("meticulous"), "worktrees")


@contextlib.contextmanager
def workplace(keep: bool = False) -> Iterator[Workplace]:
    """Make a folder, and remove it at the end.

    What killed processes have left there is removed first.

    Args:
        keep: Leave the folder, and tell later reproductions to leave it as well.

    Raises:
        CheckoutError: It cannot be made.
        NoRoomError: The disk is full.
    """
    place = usual_place()
    remove_leftovers(place)
    directory = os.path.join(place, f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(4).hex()}")
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        os.mkdir(directory, mode=0o700)
        _say_whose(directory, keep)
    except OSError as error:
        # There may have been room for the folder, and none for what says whose it is.
        shutil.rmtree(directory, ignore_errors=True)
        raise no_room(directory, error) from error
    try:
        yield Workplace(os.path.realpath(directory))
    finally:
        if not keep:
            remove_tree(directory)


def check_room(work: Workplace, size: int) -> None:
    """Refuse what has no room on the disk.

    Raises:
        NoRoomError: There is less room than `size` bytes.
    """
    free = shutil.disk_usage(work.directory).free
    if free < size + _SPARE_BYTES:
        raise NoRoomError(
            f"There is no room for a private worktree in {os.path.dirname(work.directory)}: it "
            f"takes {size / 1e6:,.0f} MB, {_SPARE_BYTES / 1e6:,.0f} MB are to stay free for what "
            f"the program writes, and {free / 1e6:,.0f} MB are free. Free some space there, or "
            "set XDG_CACHE_HOME to a folder on a larger disk."
        )


def remove_leftovers(place: str) -> None:
    """Remove the folders of reproductions whose process is gone."""
    try:
        names = os.listdir(place)
    except OSError:
        return
    for name in names:
        directory = os.path.join(place, name)
        if _is_abandoned(directory):
            _end_programs(directory)
            remove_tree(directory)


def remove_tree(directory: str) -> None:
    """Remove a folder with all that is in it, also what a program has made read-only."""

    def open_up(function: object, path: str, error: object) -> None:
        del function, error
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), 0o700)
            if os.path.isdir(path) and not os.path.islink(path):
                os.chmod(path, 0o700)

    for _ in range(3):  # what still ends may write once more
        shutil.rmtree(directory, onerror=open_up)
        if not os.path.lexists(directory):
            return


def _end_programs(directory: str) -> None:
    """End the programs that a killed reproduction has left running in its folder."""
    place = os.path.realpath(directory)
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not name.isdecimal() or int(name) == os.getpid():
            continue
        if any(place in mark for mark in marks_of(int(name))):
            with contextlib.suppress(OSError):
                os.kill(int(name), signal.SIGKILL)


def _say_whose(directory: str, keep: bool) -> None:
    owner = {**liveness.identify(os.getpid()), "keep": keep}
    temporary = os.path.join(directory, f".{_OWNER}")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(owner, file)
    os.replace(temporary, os.path.join(directory, _OWNER))


def _is_abandoned(directory: str) -> bool:
    try:
        touched = os.stat(directory).st_mtime
        with open(os.path.join(directory, _OWNER), encoding="utf-8") as file:
            owner = json.load(file)
        if not isinstance(owner, dict) or owner.get("keep"):
            return False
    except FileNotFoundError:
        return os.path.isdir(directory) and time.time() - touched > _ABANDONED_SECONDS
    except (OSError, ValueError):
        return False
    # On another host that shares this cache the process cannot be seen: only after a day.
    heartbeat = touched + 86_400.0
    return liveness.is_alive(owner, heartbeat, time.time()) is False
