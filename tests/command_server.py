"""`meticulous` as a process of its own, forked from an interpreter that has imported it already.

A forked process has streams, an environment, a working directory and an end of its own, as one
that was started anew, and costs a tenth of it. What the start of an interpreter decides (which
modules are imported, what PYTHON... variables do) is not tested this way.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

_LONGEST_REQUEST = 1 << 20

_USUAL = ("rich.live", "rich.progress", "orjson", "psutil", "pandas", "ruamel.yaml")
_FOR_PLOTS = (
    "plotext",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
)


class CommandServer:
    """The interpreter that is forked; it ends with `close` or with this process.

    It is nobody's child: tests may wait for all children of this process.
    """

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            subprocess.run(
                [sys.executable, __file__, str(theirs.fileno())],
                check=True,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    @contextlib.contextmanager
    def started(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], streams: Sequence[int]
    ) -> Iterator[int]:
        """Start `meticulous WORDS...` and give its process id; it is killed when one leaves early.

        Args:
            words: What follows `meticulous`.
            cwd: Its working directory.
            env: Its whole environment.
            streams: The descriptors of its input, output and error output.
        """
        request = json.dumps([*map(list, (words, env.items())), str(cwd)]).encode()
        assert len(request) < _LONGEST_REQUEST
        socket.send_fds(self._socket, [request], streams)
        pid = int(self._socket.recv(100))
        self._ended = False
        try:
            yield pid
        finally:
            if not self._ended:
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    os.kill(pid, signal.SIGKILL)
                self.wait()

    def wait(self) -> int:
        """Return how the started command ended, as `subprocess` says it."""
        code = int(self._socket.recv(100))
        self._ended = True
        return code

    def close(self) -> None:
        """End the interpreter."""
        self._socket.close()


def _serve(requests: socket.socket) -> None:
    while True:
        request, streams, _, _ = socket.recv_fds(requests, _LONGEST_REQUEST, 3)
        if not request:
            return
        words, env, cwd = json.loads(request)
        if words[:1] == ["plot"]:
            _import(_FOR_PLOTS)
        pid = os.fork()
        if pid == 0:
            requests.close()
            _become(words, dict(env), cwd, streams)
        for stream in streams:
            os.close(stream)
        requests.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        requests.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(words: list[str], env: dict[str, str], cwd: str, streams: list[int]) -> None:
    """Be `python -m meticulous WORDS...` until the end of this process."""
    import meticulous.cli

    code: object = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, max(streams) + 1)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        time.tzset()
        sys.argv[:] = [str(Path(meticulous.cli.__file__).parents[1] / "__main__.py"), *words]
        sys.orig_argv[:] = [sys.executable, "-m", "meticulous", *words]
        sys.path[0] = cwd
        errors = ("strict", "strict", "backslashreplace")
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, errors=errors[number], closefd=False)  # noqa: SIM115
            for number, mode in enumerate("rww")
        )
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
        code = meticulous.cli.main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        _end(code)


def _end(code: object) -> None:
    """End this process as an interpreter ends."""
    import atexit
    import threading

    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(code if isinstance(code, int) else 1 if code else 0)


def _import_ours() -> None:
    import pkgutil

    import meticulous.cli
    import meticulous.declare
    import meticulous.experiment
    import meticulous.reader
    import meticulous.sweep

    packages = (meticulous.cli, meticulous.declare, meticulous.experiment)
    for package in (*packages, meticulous.reader, meticulous.sweep):
        modules = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        _import(module.name for module in modules)


def _import(names: Iterable[str]) -> None:
    """Import what commands import when they need it."""
    import importlib

    for name in names:
        importlib.import_module(name)


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    _import_ours()
    _import(_USUAL)
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        _serve(requests)
