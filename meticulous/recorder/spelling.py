"""How the user gives the recorder an option here, for messages that tell him to."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def in_program(parameter: str, value: str | bool) -> str:
    """Return how to give an option to a program that uses `Experiment` itself.

    Args:
        parameter: A parameter of `Experiment`, such as "dirty".
        value: What it shall be; True for an option without a value.

    Returns:
        The option that the program offers, and what to write in the code; only the latter where
        the program offers none.
    """
    from meticulous.recorder.arguments.options import offered

    code = f'{parameter}="{value}"' if isinstance(value, str) else f"{parameter}={value}"
    option = offered.get(parameter)
    if option is None:
        return f"Experiment(..., {code})"
    return f"{_words(option, value)} (in code: {code})"


def before_command(command: Sequence[str]) -> Callable[[str, str | bool], str]:
    """Return the like of `in_program` for a command line under `meticulous run`.

    Only the beginning of the command is shown: it tells where the option goes.
    """
    import shlex

    shown = shlex.join(command[:2]) + " ..." * (len(command) > 2)

    def spell(parameter: str, value: str | bool) -> str:
        option = f"--{parameter.replace('_', '-')}"
        return f"meticulous run {_words(option, value)} -- {shown}"

    return spell


def _words(option: str, value: str | bool) -> str:
    return f"{option} {value}" if isinstance(value, str) else option
