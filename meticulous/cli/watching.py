"""Redraw a list in place until the user has seen enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from meticulous.cli.listing import Layout, draw
from meticulous.cli.view import View

_OTHER_LINES = 3
"""Lines of the screen that are not the list: its remarks, and the one that the cursor is in."""


def watch(console: Console, seconds: float, look: Callable[[], tuple[View, str]]) -> None:
    """Draw what `look` returns again and again, until Ctrl-C.

    Args:
        console: A terminal.
        seconds: The time between two looks.
        look: Returns the list, and what is said below it.
    """
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        try:
            while True:
                view, remark = look()
                now = f"{datetime.now():%H:%M:%S}, every {seconds:g} s; Ctrl-C ends"
                live.update(_screen(console, view, remark, now), refresh=True)
                time.sleep(seconds)
        except KeyboardInterrupt:
            return


def _screen(console: Console, view: View, remark: str, now: str) -> RenderableType:
    """Return the list with as many rows, the last ones, as the screen has room for."""
    lines = [Text(line, "dim", no_wrap=True, overflow="ellipsis") for line in (remark, now) if line]
    count = len(view)
    while count:
        picture = draw(view.take(range(len(view) - count, len(view))), Layout(console.width))
        excess = len(console.render_lines(picture.body)) + _OTHER_LINES - console.height
        if excess <= 0 or count == 1:
            return Group(picture.body, *lines)
        count = max(1, count - excess)
    return Group(*lines)
