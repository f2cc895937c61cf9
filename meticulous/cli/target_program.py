"""`meticulous TARGET`: a class or function as a program, which ends as its own script would."""

from __future__ import annotations

import os
import sys

from meticulous.errors import MeticulousError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, TracebackType

_MISTAKE = 2


def run(text: str, words: Sequence[str]) -> int:
    """Run a target with its command line; return 0, or 2 where it cannot be found.

    What the experiment raises goes on its way, as from any other program, and is shown without the
    frames that led here.

    Args:
        text: The target.
        words: The words behind it.
    """
    if os.path.isdir(text):
        return _refuse(_ambiguous(text))
    try:
        from meticulous.sweep.starting import load_program

        program = load_program(text, words)
    except MeticulousError as error:
        return _refuse(str(error))
    _show_errors_from(run.__code__)
    program.run()
    return 0


def _show_errors_from(code: CodeType) -> None:
    """Have an error that ends the program shown as its own script would show it.

    Args:
        code: The frames of this code, and those before and behind it that are ours, are left out.
    """
    before = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, whole: TracebackType | None) -> None:
        from meticulous.declare.tracebacks import behind

        # Python shows the traceback of the error, and how a run ended is told by its whole one.
        error.__traceback__ = behind(whole, code)
        try:
            before(kind, error, error.__traceback__)
        finally:
            error.__traceback__ = whole

    sys.excepthook = show


def _refuse(message: str) -> int:
    print(f"meticulous: error: {message}", file=sys.stderr)
    return _MISTAKE


def _ambiguous(name: str) -> str:
    from meticulous.sweep.known_targets import resolve

    return (
        f"{name} is a directory here, and the name of the target {resolve(name)}. Write "
        f"`meticulous list {name}` to list the one, and `meticulous {resolve(name)}` to run the "
        "other."
    )
