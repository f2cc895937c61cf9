"""Redraw a list in place until the user has seen enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from meticulous.cli.listing import Layout, draw
from meticulous.cli.screen import Line, wrapped
from meticulous.cli.view import View
from meticulous.cli.wording import count_text


def watch(
    console: Console,
    seconds: float,
    look: Callable[[], tuple[View, str]],
    layout: Layout,
    *,
    from_top: bool = False,
) -> None:
    """Draw what `look` returns again and again, until Ctrl-C.

    Args:
        console: A terminal.
        seconds: The time between two looks.
        look: Returns the list, and what is said below it.
        layout: How the list is laid out; its width follows that of the terminal.
        from_top: Whether of a list that is too long the first rows are shown, not the last.
    """
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        try:
            while True:
                view, remark = look()
                now = f"{datetime.now():%H:%M:%S}, every {seconds:g} s; Ctrl-C ends"
                screen = _Screen(console, replace(layout, width=console.width), from_top)
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
        below: list[Line] = [[(remark, "dim")] for remark in remarks if remark]
        if not len(view):
            return _shown(below)
        room = self.console.height - len(below) - 1  # the cursor stands in a line of its own
        body = self._body(view, len(view))
        if len(body) > room:
            count = self._fitting(view, room - 1)
            body = self._body(view, count)
            where = "below" if self.from_top else "above"
            left_out = count_text(len(view) - count, "row")
            below.insert(0, [(f"{left_out} {where} do not fit into this window.", "dim")])
        return _shown([*body, *below])

    def _fitting(self, view: View, room: int) -> int:
        """Return how many rows fit, one at least."""
        least, most = 1, len(view) - 1
        while least < most:
            middle = (least + most + 1) // 2
            if len(self._body(view, middle)) <= room:
                least = middle
            else:
                most = middle - 1
        return least

    def _body(self, view: View, count: int) -> Sequence[Line]:
        first = 0 if self.from_top else len(view) - count
        lines = draw(view.take(range(first, first + count)), self.layout).lines
        if not self.layout.is_wide:
            return lines
        # The terminal would break longer lines itself, and then not know how many there are.
        return [part for line in lines for part in wrapped(line, self.layout.width)]


def _shown(lines: Iterable[Line]) -> RenderableType:
    return Group(*(Text.assemble(*line, no_wrap=True, overflow="ellipsis") for line in lines))
