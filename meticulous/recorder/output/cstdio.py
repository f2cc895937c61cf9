"""Have the C library write what its own printf still holds."""

from __future__ import annotations

import contextlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def flush_c_library() -> None:
    """Flush the C streams stdout and stderr, in programs that have loaded ctypes anyway.

    Who prints from C code has mostly come by it through numpy or torch, which load ctypes; all
    others are spared the time that this takes. Other C streams are left alone: one that a thread
    reads from would make us wait for that thread.
    """
    ctypes: Any = sys.modules.get("ctypes")
    if ctypes is None:
        return
    names = ("__stdoutp", "__stderrp") if sys.platform == "darwin" else ("stdout", "stderr")
    # A C library of another kind, or a module that only has this name.
    with contextlib.suppress(AttributeError, OSError, ValueError, TypeError):
        library = ctypes.CDLL(None)
        for name in names:
            library.fflush(ctypes.c_void_p.in_dll(library, name))
