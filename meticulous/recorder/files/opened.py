"""Sees which files a process opens, and notes each of them once, at once, in the run's folder.

An audit hook is told of every `open` of Python. What it sees for the first time becomes one line
of a journal in the folder (see `journal`), written at once, so that it survives whatever happens to
the process, and so that children write to the same journal. What it has seen before costs a look
into a set. There are no locks: a hook may run in any thread and inside any other call.

An audit hook stays for the life of the process. Without anybody who tracks it does nothing.
"""

from __future__ import annotations

import os
import sys

from meticulous.folder import layout
from meticulous.recorder.files.left_out import CODE, LeftOut, is_loading
from meticulous.recorder.files.tracker import LIMIT, READ, UPDATED, WRITTEN, Tracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

REMEMBERED = 4 * LIMIT
"""Calls that are known to tell nothing new; when there are more, all are forgotten."""

_RECORDER = ("meticulous.recorder.", "meticulous.folder.")

_trackers: tuple[Tracker, ...] = ()
_seen: set[Any] = set()
_left_out = LeftOut([])
_is_installed = False
_heard = False
_guard: Callable[[str, tuple[Any, ...]], None] | None = None
_guarded: frozenset[str] = frozenset()


def watch(tracker: Tracker) -> bool:
    """Let a tracker see what is opened from now on; False where other hooks do not allow it."""
    global _trackers
    if not _install():
        return False
    _trackers = (*_trackers, tracker)
    _look_anew()
    return True


def follow(directory: str) -> None:
    """Note the files of this process in the journal of a run that another process records.

    Without a journal the run is over, and there is nothing to do.
    """
    tracker = Tracker(directory, os.environ.get(layout.REPOSITORY_VARIABLE))
    if tracker.open(create=False):
        watch(tracker)
    if layout.REPRODUCTION_VARIABLE in os.environ:
        from meticulous.recorder.files import guarding
        from meticulous.recorder.reproduction import find_order

        order = find_order()
        if order is not None:
            guarding.begin(order)


def guard_with(check: Callable[[str, tuple[Any, ...]], None], events: frozenset[str]) -> bool:
    """Have something look at the events before they happen; what it raises prevents them.

    Returns:
        False where other hooks do not allow ours.
    """
    global _guard, _guarded
    if not _install():
        return False
    _guard, _guarded = check, events
    return True


def unwatch(tracker: Tracker) -> None:
    """Let a tracker see nothing more; may be called twice."""
    global _trackers
    _trackers = tuple(other for other in _trackers if other is not tracker)
    _look_anew()
    tracker.close()


def unwatch_all() -> None:
    """Let nobody see anything more: the interpreter is about to end."""
    for tracker in _trackers:
        unwatch(tracker)


def _look_anew() -> None:
    global _left_out
    folders = [folder for tracker in _trackers for folder in tracker.folders]
    _left_out = LeftOut(folders)
    # Another run has not seen what this one has.
    _seen.clear()


def _install() -> bool:
    """Install the hook, once; say whether it is heard, for other hooks may refuse it."""
    global _is_installed
    if not _is_installed:
        try:
            sys.addaudithook(_hook)
        except Exception:
            return False
        sys.audit("meticulous.listening")
        _is_installed = _heard
    return _is_installed


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _guard is not None and event in _guarded:
        _guard(event, arguments)
    if not _trackers:
        if event == "meticulous.listening":
            _hear()
        return
    if event == "open":
        try:
            if arguments in _seen:
                return
        except TypeError:  # a path that cannot be hashed
            arguments = (os.fspath(arguments[0]), *arguments[1:])
        try:
            if _see_open(*arguments):
                _remember(arguments)
        except Exception as error:
            if not _is_ours(error.__traceback__):
                raise
    elif event in _OTHERS:
        try:
            _OTHERS[event](*arguments)
        except Exception as error:
            if not _is_ours(error.__traceback__):
                raise
    elif event == "meticulous.listening":
        _hear()


def _hear() -> None:
    global _heard
    _heard = True


def _remember(arguments: tuple[Any, ...]) -> None:
    if len(_seen) > REMEMBERED:
        _seen.clear()
    _seen.add(arguments)


def _is_ours(traceback: TracebackType | None) -> bool:
    """Say whether an error arose in this module, not in a signal's handler of the program."""
    ours = {__file__, os.__file__, os.path.__file__, "<frozen os>", "<frozen posixpath>"}
    package = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name not in ours and not name.startswith((package, "<frozen ")):
            return False
        traceback = traceback.tb_next
    return True


def _see_open(path: Any, mode: str | None, flags: int) -> bool:
    del mode  # the flags say the same
    if type(path) is int:
        return False
    path = absolute(path)
    if not path or _left_out.holds(path):
        return False
    # What the recorder itself opens for one run is no file of another one around it.
    if str(sys._getframe(2).f_globals.get("__name__")).startswith(_RECORDER):
        return False
    access = flags & os.O_ACCMODE
    if access == os.O_RDONLY:
        if path.endswith(CODE) and is_loading(sys._getframe(2)):
            return False
        role = READ
    elif _is_nameless(flags) or (flags & os.O_EXCL and os.path.lexists(path)):
        return False
    elif flags & (os.O_TRUNC | os.O_EXCL):
        role = WRITTEN
    elif access == os.O_RDWR:
        # No generator, which would leave out the trackers after the first that says no.
        return all([tracker.see_read_and_written(path) for tracker in _trackers])  # noqa: C419
    else:
        role = UPDATED
    return all([tracker.see(role, path) for tracker in _trackers])  # noqa: C419


def _is_nameless(flags: int) -> bool:
    """Say whether a temporary file without a name is opened, in the folder that is named."""
    nameless: int = getattr(os, "O_TMPFILE", 0)
    return nameless != 0 and flags & nameless == nameless


def _see_move(source: Any, target: Any, source_folder: int = -1, target_folder: int = -1) -> None:
    source, target = absolute(source, source_folder), absolute(target, target_folder)
    if source and target and not _left_out.holds(target):
        for tracker in _trackers:
            tracker.see_moved(source, target)


def _see_database(path: Any) -> None:
    path = os.fsdecode(path)
    if path.startswith("file:"):
        from urllib.parse import unquote

        path = unquote(path[5:].partition("?")[0].partition("#")[0])
        path = path[path.find("/", 2) :] if path.startswith("//") else path
    if path in ("", ":memory:"):
        return
    path = absolute(path)
    if path and not _left_out.holds(path):
        for tracker in _trackers:
            tracker.see_read_and_written(path)


def _forget_folder(*arguments: object) -> None:
    del arguments
    _seen.clear()


_OTHERS: dict[str, Callable[..., None]] = {
    "os.rename": _see_move,
    "os.chdir": _forget_folder,
    "sqlite3.connect": _see_database,
}


def absolute(path: Any, folder: int = -1) -> str:
    """Return the whole path, empty when there is none; links stay as they are.

    Args:
        path: As a program gives it.
        folder: A descriptor of the folder that it is relative to; -1 for the working directory.
    """
    if type(path) is not str:
        path = os.fsdecode(path)
    if "\0" in path or not path:
        return ""
    if path[0] != "/":
        try:
            base = os.getcwd() if folder == -1 else os.readlink(f"/proc/self/fd/{folder}")
        except OSError as error:
            if error.errno is None:
                raise
            return ""
        path = f"{base}/{path}"
    if "/." in path and (f"{path}/".find("/../") >= 0):
        above, _, name = path.rpartition("/")
        path = os.path.normpath(f"{os.path.realpath(above)}/{name}")
    elif "/./" in path or "//" in path:
        path = os.path.normpath(path)
        path = path[1:] if path.startswith("//") else path
    result: str = path
    return result
