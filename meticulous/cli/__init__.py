"""The command line: `meticulous`, or `python -m meticulous`."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command line and return the exit code.

    0: done; 1: the answer is no; 2: the user's mistake; 3: a bug; 130: interrupted.
    `meticulous run` returns the recorded program's own code.

    Args:
        argv: The words after `meticulous`; those of this process by default.
    """
    import os
    import sys

    try:
        from meticulous.cli.boundary import carry_out
        from meticulous.cli.group import meticulous
    except KeyboardInterrupt:
        return 130
    if "_METICULOUS_COMPLETE" in os.environ:
        from meticulous.cli.completion import complete

        return complete(meticulous)
    return carry_out(meticulous, list(sys.argv[1:] if argv is None else argv))
