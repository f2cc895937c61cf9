"""Where in the program a generator is made, and whether the call gives it no seed."""

from __future__ import annotations

import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_UNPICKLING = os.path.join("numpy", "random", "_pickle.py")

_CALL = re.compile(r"(?P<path>(?:\w+\s*\.\s*)*)(?P<name>\w+)\s*\((?P<arguments>.*)\)", re.DOTALL)
_NONE = re.compile(r"\s*(seed\s*=\s*)?(None)?\s*,?\s*")

_ASKS_FOR_WHAT_IT_NEEDS = {
    *("default_rng", "seed", "SeedSequence", "BitGenerator"),
    *("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"),
}
"""What of numpy asks the system for a seed only when it is given none."""

_ALWAYS_ASKS = "RandomState"
"""What of numpy asks the system for a seed even if it is given one."""

_known: dict[tuple[CodeType, int], bool] = {}


def place_in_program(frame: FrameType) -> str:
    """Return "file:line" of the program's code that is being run; "" where it is not its doing.

    The standard library makes generators for names of temporary files and the like, libraries make
    some while they are imported, and one that is unpickled gets its state a moment later.

    Args:
        frame: Where the generator is made; frames of ours and of the module `random` are passed.
    """
    found: FrameType | None = frame
    standard = getattr(sys.modules.get("random"), "__file__", None)
    while found is not None and _file(found).startswith((_HERE, standard or _HERE)):
        found = found.f_back
    if found is None or _is_standard(_file(found)) or _file(found).endswith(_UNPICKLING):
        return ""
    direct = _place(found)
    while _is_standard(_file(found)) or _is_installed(_file(found)):
        found = found.f_back
        if found is None:
            return direct
        if _file(found).startswith("<frozen importlib"):
            return ""
    return _place(found)


def gives_no_seed(frame: FrameType) -> bool:
    """Say whether the call that a frame is in surely makes a generator of numpy without a seed.

    Only the words of the call can tell; where they are not to be had, it is not sure.
    """
    key = frame.f_code, frame.f_lasti
    if key not in _known:
        call = _CALL.fullmatch(_words_of_call(frame))
        _known[key] = call is not None and _is_without_seed(call, frame)
    return _known[key]


def _is_without_seed(call: re.Match[str], frame: FrameType) -> bool:
    name = call["name"]
    if not call["path"]:
        # Another name may have been given to it.
        value = frame.f_locals.get(name, frame.f_globals.get(name))
        name = getattr(value, "__name__", name)
    if name == _ALWAYS_ASKS:
        return _NONE.fullmatch(call["arguments"]) is not None
    return name in _ASKS_FOR_WHAT_IT_NEEDS


def _words_of_call(frame: FrameType) -> str:
    import linecache
    from itertools import islice

    positions = frame.f_code.co_positions()
    start, end, first, last = next(islice(positions, frame.f_lasti // 2, None))
    if start is None or end is None or first is None or last is None:
        return ""
    file, module = frame.f_code.co_filename, frame.f_globals
    lines = [linecache.getline(file, n, module).encode() for n in range(start, end + 1)]
    lines[-1] = lines[-1][:last]
    lines[0] = lines[0][first:]
    return b"".join(lines).decode(errors="replace")


def _file(frame: FrameType) -> str:
    return frame.f_code.co_filename


def _place(frame: FrameType) -> str:
    return f"{os.path.abspath(_file(frame))}:{frame.f_lineno}"


def _is_standard(file: str) -> bool:
    return file.startswith("<frozen ") or (file.startswith(_LIBRARY) and not _is_installed(file))


def _is_installed(file: str) -> bool:
    return any(part in file for part in _INSTALLED)
