"""The command line: `meticulous`, or `python -m meticulous`."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command line and return the exit code.

    0: done; 1: the answer is no; 2: the user's mistake; 3: a bug; 130: interrupted.
    `meticulous run` returns the recorded program's own code, and a target in the place of a
    command, such as train.py:Train, ends as its script would.

    Args:
        argv: The words after `meticulous`; those of this process by default.
    """
    import os
    import sys

    words = list(sys.argv[1:] if argv is None else argv)
    is_completion = "_METICULOUS_COMPLETE" in os.environ
    try:
        from meticulous.cli.names import stands_for_target

        is_target = bool(words) and not is_completion and stands_for_target(words[0])
        if not is_target:
            from meticulous.cli.boundary import carry_out
            from meticulous.cli.group import meticulous
    except KeyboardInterrupt:
        return 130
    if is_target:
        # Without click, which is none of its modules.
        from meticulous.cli.target_program import run

        return run(words[0], words[1:])
    if is_completion:
        from meticulous.cli.completion import complete

        return complete(meticulous)
    return carry_out(meticulous, words)
