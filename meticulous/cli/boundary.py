"""The one place where a command's failures become messages and exit codes."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
from collections.abc import Sequence

import click

from meticulous.errors import MeticulousError

MISTAKE = 2
"""Exit code of what the user can put right."""

BUG = 3
"""Exit code of a failure that only a change to this package can put right."""

INTERRUPTED = 128 + signal.SIGINT

_OUTPUT_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def carry_out(command: click.Command, words: Sequence[str]) -> int:
    """Carry out a command and return the exit code; nothing but SystemExit gets past.

    Args:
        command: The command.
        words: What follows its name on the command line.
    """
    _accept_every_character()
    try:
        code = _invoke(command, list(words))
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except MeticulousError as error:
        return _refuse(str(error))
    except click.ClickException as error:
        return _refuse(_usage(error))
    except (KeyboardInterrupt, click.Abort):
        _say("meticulous: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # What reads our output has had enough. A Unix tool would die of SIGPIPE without a word.
        _abandon_output()
        return 128 + signal.SIGPIPE
    except Exception as error:
        if _is_about_output(error):
            _abandon_output()
            return _refuse(f"The output cannot be written: {error}.")
        _say(_report(words))
        return BUG


def _invoke(command: click.Command, words: list[str]) -> int:
    try:
        with command.make_context("meticulous", words) as context:
            result = command.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    return result if isinstance(result, int) else 0


def _refuse(message: str) -> int:
    from meticulous.cli.wording import visible

    # It may name what somebody else called a folder or a value, which must not steer the terminal.
    lines = f"meticulous: error: {message}".expandtabs().split("\n")
    _say("\n".join(map(visible, lines)))
    return MISTAKE


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    message = error.format_message()
    if context is None:
        return message
    return f"{message}\nTry '{context.command_path} --help'."


def _report(words: Sequence[str]) -> str:
    import platform
    import shlex
    import traceback

    from meticulous import __version__

    facts = (
        f"meticulous {__version__}, {platform.python_implementation()} "
        f"{platform.python_version()}, {platform.platform()}\n"
        f"command: {_without_secrets(shlex.join(['meticulous', *words]), words)}\n"
        f"{_without_secrets(traceback.format_exc(), words)}"
    )
    return (
        "meticulous: this is a bug in meticulous, not a mistake of yours. "
        "Please report it with the lines below.\n\n" + facts
    )


def _without_secrets(text: str, words: Sequence[str]) -> str:
    """Return the text without what looks secret on the command line, for it will be published."""
    try:
        from meticulous.recorder.secrets.gate import Gate

        gate = Gate()
        gate.learn_words(words)
        return gate.clean_text(text)
    except Exception as error:  # the bug may be in there, and the report must still come out
        return f"(left out: its secrets could not be removed, {type(error).__name__})"


def _say(message: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(message.rstrip("\n"), err=True)


def _accept_every_character() -> None:
    # An id, an argument or a path may hold what the terminal's encoding has no character for.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _is_about_output(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in _OUTPUT_ERRORS and error.filename is None


def _abandon_output() -> None:
    # The interpreter flushes once more at its end and would complain again.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
