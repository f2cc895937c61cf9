"""Redraw a list in place until the user has seen enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from meticulous.cli.listing import Layout, draw
from meticulous.cli.view import View
from meticulous.cli.wording import count_text


def watch(
    console: Console,
    seconds: float,
    look: Callable[[], tuple[View, str]],
    *,
    digits: int | None = None,
    from_top: bool = False,
) -> None:
    """Draw what `look` returns again and again, until Ctrl-C.

    Args:
        console: A terminal.
        seconds: The time between two looks.
        look: Returns the list, and what is said below it.
        digits: See `Layout`.
        from_top: Whether of a list that is too long the first rows are shown, not the last.
    """
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        try:
            while True:
                view, remark = look()
                now = f"{datetime.now():%H:%M:%S}, every {seconds:g} s; Ctrl-C ends"
                screen = _Screen(console, Layout(console.width, digits=digits), from_top)
                live.update(screen.draw(view, (remark, now)), refresh=True)
                time.sleep(seconds)
        except KeyboardInterrupt:
            return


@dataclass(frozen=True, slots=True)
class _Screen:
    console: Console
    layout: Layout
    from_top: bool

    def draw(self, view: View, remarks: Iterable[str]) -> RenderableType:
        """Return the list with as many rows as there is room for, and what is said below it."""
        lines = [_line(remark) for remark in remarks if remark]
        if not len(view):
            return Group(*lines)
        room = self.console.height - len(lines) - 1  # the cursor stands in a line of its own
        body = self._body(view, len(view))
        if self._height(body) > room:
            count = self._fitting(view, room - 1)
            body = self._body(view, count)
            where = "below" if self.from_top else "above"
            left_out = count_text(len(view) - count, "row")
            lines.insert(0, _line(f"{left_out} {where} do not fit into this window."))
        return Group(body, *lines)

    def _fitting(self, view: View, room: int) -> int:
        """Return how many rows fit, one at least."""
        least, most = 1, len(view) - 1
        while least < most:
            middle = (least + most + 1) // 2
            if self._height(self._body(view, middle)) <= room:
                least = middle
            else:
                most = middle - 1
        return least

    def _body(self, view: View, count: int) -> RenderableType:
        first = 0 if self.from_top else len(view) - count
        return draw(view.take(range(first, first + count)), self.layout).body

    def _height(self, body: RenderableType) -> int:
        return len(self.console.render_lines(body))


def _line(text: str) -> Text:
    return Text(text, "dim", no_wrap=True, overflow="ellipsis")
