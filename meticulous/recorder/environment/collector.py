"""Have the surroundings of this process described by another one, without waiting for it.

Only what the recorded process alone knows is gathered here (its import path, flags and chosen
variables); a process of its own looks up the rest and writes environment.json and requirements.txt.
That process

- is nobody's child: a shell starts it and ends at once, so that a program that waits for its own
  children (`os.wait`) or ends them all never meets it;
- has its own session and no stream of ours: Ctrl-C does not reach it, and a pipe behind the
  recorded program ends with the program;
- outlives the recorded process, unless that is bound to take everything with it (`must_wait`).
"""

from __future__ import annotations

import os
import sys
import time

from meticulous.folder import layout
from meticulous.folder.writing import write_all
from meticulous.recorder.environment.variables import (
    ENDS_WITH_ITS_JOB,
    SCHEDULERS,
    chosen_variables,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from threading import Thread
    from typing import Any

    from meticulous.recorder.secrets.gate import Gate


FRESH_SECONDS = 60.0
"""For how long one description serves further experiments of a process that has not changed."""

# The shell's job is to leave the collector without a parent. It closes what the recorded program
# was given beyond the three streams: somebody may wait for the end of a pipe there. An asynchronous
# command of a shell ignores interrupts and gets /dev/null as its input, hence the detour over 3.
_LEAVE_ALONE = 'cd /; exec 3<&0 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; "$@" <&3 3<&- &'

# The standard library comes first, then ourselves: a `json.py` beside the recorded script must
# neither break the collector nor be executed by it.
_COLLECT = (
    "import posix; posix.closerange(3, 1024); "
    "import json, sys; request = json.loads(sys.stdin.buffer.read()); "
    "sys.path += request['import-path']; "
    "from meticulous.recorder.environment.description import main; main(request)"
)


class Collector:
    """The description of one experiment's surroundings, on its way.

    Attributes:
        must_wait: Whether the end of this process ends the description too, so that the recorder
            should call `finished` with some seconds to spare before it lets the process go.
    """

    __slots__ = ("_before", "_directory", "_group", "_thread", "began", "key", "must_wait")

    def __init__(
        self,
        directory: str,
        key: object,
        before: int | None,
        group: int | None,
        thread: Thread | None,
    ) -> None:
        self._directory = directory
        self._before = before
        self._group = group
        self._thread = thread
        self.key = key
        self.began = time.monotonic()
        self.must_wait = thread is not None or _takes_everything_with_it()

    def __repr__(self) -> str:
        return f"Collector({self._directory!r}, group={self._group}, complete={self.complete})"

    @property
    def complete(self) -> bool:
        """Whether the description is there; its last file is environment.json."""
        # A resumed experiment has one of an earlier attempt, which ours will replace.
        return _inode(self._directory) not in (None, self._before)

    def finished(self, timeout: float = 0.0) -> bool:
        """Say whether the description is complete, or will never be, waiting up to `timeout` s.

        Never raises. A collector that died without a trace counts as finished; see `complete`.
        """
        deadline = time.monotonic() + timeout
        while not self._has_ended():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.005)
        return True

    def serve(self, directory: str) -> Collector | None:
        """Have this description written to another experiment's folder too.

        Returns:
            The collector of that folder, or None when this one cannot serve (it died, or its
            folder is gone).
        """
        from meticulous.recorder.environment import sharing

        collector = Collector(directory, self.key, _inode(directory), self._group, self._thread)
        try:
            if not self.complete:
                if self._has_ended():
                    return None
                sharing.ask(self._directory, directory)
            if self.complete:
                files = {}
                for name in (layout.REQUIREMENTS, layout.ENVIRONMENT):
                    with open(os.path.join(self._directory, name), "rb") as file:
                        files[name] = file.read()
                sharing.write(directory, files)
                sharing.hand_on(self._directory, files)
        except OSError:
            return None
        return collector

    def _has_ended(self) -> bool:
        if self._thread is not None:
            return self.complete or not self._thread.is_alive()
        if self._group is None:
            return True
        if os.getpid() == 1:
            # Orphans become children of process 1, which here is the recorded program.
            _reap(-self._group, os.WNOHANG)
        return self.complete or not _exists(self._group)


_latest: Collector | None = None


def start_collecting(directory: str, gate: Gate) -> Collector:
    """Begin to describe the surroundings of this process in an experiment's folder.

    Several experiments of one process share a description for `FRESH_SECONDS`, as long as import
    path, chosen variables, working directory and experiments directory stay the same.

    Args:
        directory: The experiment's folder, which gets environment.json and requirements.txt.
        gate: What removes secrets; everything recorded from this process passes it.

    Returns:
        The collector. Trouble is not raised: at worst the files never appear.
    """
    global _latest
    directory = os.path.abspath(directory)
    facts = _facts(os.path.dirname(directory))
    request = {
        "directory": directory,
        "import-path": _import_path(facts["path"]),
        "search-path": facts["path"],
        "working-directory": facts["working-directory"],
        "facts": gate.clean(facts),
    }
    key = (facts, [_modified(entry) for entry in facts["path"]])
    latest = _latest
    if latest is not None and latest.key == key and time.monotonic() - latest.began < FRESH_SECONDS:
        shared = latest.serve(directory)
        if shared is not None:
            return shared
    before = _inode(directory)
    group = _launch(request)
    thread = _collect_here(request) if group is None else None
    _latest = Collector(directory, key, before, group, thread)
    return _latest


def _facts(experiments_directory: str) -> dict[str, Any]:
    """Return what only this process knows about itself; plain values that JSON can hold."""
    try:
        working_directory = os.getcwd()
    except OSError:
        working_directory = None
    flags = sys.flags
    return {
        "version": sys.version,
        "implementation": sys.implementation.name,
        "executable": sys.executable,
        "prefix": sys.prefix,
        "base-prefix": sys.base_prefix,
        "flags": {
            name: getattr(flags, name)
            for name in dir(flags)
            if not name.startswith(("_", "n_")) and name not in ("count", "index")
        },
        "x-options": dict(sys._xoptions),
        "warn-options": list(sys.warnoptions),
        "file-system-encoding": sys.getfilesystemencoding(),
        "path": [
            os.path.normpath(os.path.join(working_directory or "/", entry))
            for entry in sys.path
            if isinstance(entry, str) and "\0" not in entry
        ],
        "working-directory": working_directory,
        "experiments-directory": experiments_directory,
        "variables": chosen_variables(),
    }


def _import_path(path: list[str]) -> list[str]:
    """Return where the collector finds us and the libraries that we need, in that order."""
    ours = os.path.abspath(__file__)
    for _ in range(4):
        ours = os.path.dirname(ours)
    libraries = [entry for entry in path if entry.endswith(("site-packages", "dist-packages"))]
    return [ours, *libraries, *path]


def _modified(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return None


def _inode(directory: str) -> int | None:
    try:
        return os.stat(os.path.join(directory, layout.ENVIRONMENT)).st_ino
    except OSError:
        return None


def _takes_everything_with_it() -> bool:
    # A container ends with its process 1. Children of process 1 are main processes of a service or
    # of a container's small init: what they leave behind is ended with them as well.
    if os.getpid() == 1 or os.getppid() == 1:
        return True
    return any(mark in os.environ for name, mark, _ in SCHEDULERS if name in ENDS_WITH_ITS_JOB)


def _launch(request: dict[str, Any]) -> int | None:
    """Start the collector and return its process group; None when that is not possible.

    By `posix_spawn`: importing `subprocess` costs more than all the rest of the start.
    """
    if not _is_python(sys.executable):
        return None
    import json
    import signal

    environment: Mapping[str, str] = os.environ
    words = ["/bin/sh", "-c", _LEAVE_ALONE, "sh", sys.executable, "-S"]
    if "PYTHONHOME" in environment and not sys.flags.ignore_environment:
        # Isolated, an interpreter that needs it would not find its standard library.
        environment = {
            name: value
            for name, value in environment.items()
            if name == "PYTHONHOME" or not name.startswith("PYTHON")
        }
        words += ["-s", "-P"]
    else:
        words.append("-I")
    if sys.dont_write_bytecode:
        words.append("-B")
    if sys.pycache_prefix is not None:
        words += ["-X", f"pycache_prefix={sys.pycache_prefix}"]
    words += ["-c", _COLLECT]
    try:
        descriptor = _unnamed_file(json.dumps(request).encode("ascii"), request["directory"])
        options: dict[str, Any] = {
            "file_actions": [
                (os.POSIX_SPAWN_DUP2, descriptor, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            "setsigmask": (),
            "setsigdef": (signal.SIGPIPE, signal.SIGCHLD, signal.SIGALRM),
        }
        try:
            shell = os.posix_spawn(words[0], words, environment, setsid=True, **options)
        except NotImplementedError:
            # Not every C library can; a group of its own keeps Ctrl-C away as well.
            shell = os.posix_spawn(words[0], words, environment, setpgroup=0, **options)
        finally:
            os.close(descriptor)
    except (AttributeError, OSError, ValueError):
        return None
    _reap(shell)
    return shell


def _reap(process: int, options: int = 0) -> None:
    try:
        os.waitpid(process, options)
    except ChildProcessError:
        return  # the program ignores SIGCHLD, or collects every child itself


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _unnamed_file(content: bytes, directory: str) -> int:
    """Return a descriptor of a file that holds `content`, is read from its start and has no name.

    Unlike a pipe it never blocks, however long the content, nor signals that its reader has died.
    """
    try:
        descriptor = os.memfd_create("meticulous")
    except (AttributeError, OSError):
        path = os.path.join(directory, f".request.{os.getpid()}")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.unlink(path)
    try:
        if descriptor == 0:
            # Given on as descriptor 0 it would be closed on the way.
            low, descriptor = descriptor, os.dup(descriptor)
            os.close(low)
        write_all(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_python(executable: str | None) -> bool:
    # An embedding or frozen program names itself; to start that again would run the user's program.
    if not executable or getattr(sys, "frozen", False):
        return False
    name = os.path.basename(executable).lower()
    return os.path.isabs(executable) and "py" in name and os.access(executable, os.X_OK)


def _collect_here(request: dict[str, Any]) -> Thread | None:
    import threading

    def collect() -> None:
        from meticulous.recorder.environment.description import describe

        describe(request)

    thread = threading.Thread(target=collect, name="meticulous-surroundings", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread
