"""Have the exit code of this process written down by another one, after the interpreter is gone.

Before Python 3.12 nothing inside Python sees the code of a `raise SystemExit(3)` that leaves the
main program. The C library does: glibc hands the exit code to every function registered with
`on_exit(function, argument)` as `function(code, argument)`. That is the signature of
`fputc(byte, stream)`, so the code is written into a pipe by the C library alone. Functions
registered with `__cxa_atexit` get their argument first, so `pclose(stream)` can follow: it closes
the pipe and waits for the process behind it, which completes the record (see `finisher`). When the
exit of this process is seen from outside, the record is complete.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes


def is_available() -> bool:
    """Say whether the C library is glibc, the one that has `on_exit`."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError, OSError):
        return False


def hand_over(directory: str, reason: str = "", was_told: bool = False, farewell: str = "") -> bool:
    """Arrange that the record in `directory` is completed with this process's exit code.

    To be called while the interpreter ends, after everything else has been written.

    Args:
        directory: The experiment folder.
        reason: What else STATUS shall say.
        was_told: Whether the program was told that its time is over.
        farewell: What it shall say besides if the code is 1, the text of `sys.exit("text")`.

    Returns:
        Whether that is arranged; False where the C library cannot do it or no process can start.
    """
    if not is_available() or not sys.executable:
        return False
    import ctypes

    libc = ctypes.CDLL(None)
    told = "told" if was_told else ""
    stream = _open_pipe(libc, [os.path.abspath(directory), reason, told, farewell])
    if not stream:
        return False
    close = ctypes.cast(libc.pclose, ctypes.c_void_p)
    put = ctypes.cast(libc.fputc, ctypes.c_void_p)
    # They run in the reverse order: first the code is put into the pipe, then the pipe is closed.
    failed = libc.__cxa_atexit(close, stream, None) or libc.on_exit(put, stream)
    return not failed


def _open_pipe(libc: ctypes.CDLL, arguments: list[str]) -> ctypes.c_void_p | None:
    import ctypes
    import shlex

    root = os.path.abspath(__file__)
    for _ in range(4):
        root = os.path.dirname(root)
    program = (
        f"import sys; sys.path.insert(0, {root!r}); "
        "from meticulous.recorder.ending.finisher import main; main(*sys.argv[1:])"
    )
    words = [sys.executable, "-I", "-S", "-B", "-c", program, *arguments]
    command = f"exec {shlex.join(words)} >/dev/null 2>&1"
    libc.popen.restype = ctypes.c_void_p
    opened: int | None = libc.popen(os.fsencode(command), b"we")
    return ctypes.c_void_p(opened) if opened else None
