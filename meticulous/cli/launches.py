"""Say what a registered experiment was handed to, such as the queue of a scheduler."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from meticulous.cli.rendering import Line
from meticulous.cli.wording import value_text, visible


def launch_lines(launches: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    """Yield one line for each command that `meticulous launch --with` called, and each reset.

    Args:
        launches: The lines of launches.jsonl. Before a command is called there is one without its
            exit code, after it one with it.
    """
    if launches:
        yield Line("launches")
    for number, launch in enumerate(launches):
        following = launches[number + 1] if number + 1 < len(launches) else {}
        is_answered = "exit-code" not in launch and "exit-code" in following
        if is_answered and following.get("command") == launch.get("command"):
            continue
        when = str(launch.get("time") or "").partition(".")[0].replace("T", " ")
        yield Line(visible(when), Text(_words(launch)))


def _words(launch: Mapping[str, Any]) -> str:
    if launch.get("state") == "reset":
        return "reset: new again"
    host = f"{visible(str(launch['host']))}: " if launch.get("host") else ""
    text = f"{host}{_command(launch.get('command'))}"
    if "exit-code" not in launch:
        return f"{text}, which has not answered"
    if launch["exit-code"]:
        return f"{text}, refused with exit code {value_text(launch['exit-code'])}"
    return f"{text}, job {visible(str(launch['job-id']))}" if launch.get("job-id") else text


def _command(command: Any) -> str:
    if not isinstance(command, list) or not command:
        return value_text(command)
    *words, script = map(str, command)
    return visible(shlex.join([*words, os.path.basename(script)]))
