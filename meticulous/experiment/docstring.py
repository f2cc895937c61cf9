"""The docstring of a declared experiment: its prose, then its parameters, read when it is shown."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Docstring:
    """Stands for the docstring of a class, so that making the class reads no source.

    Attributes:
        prose: The docstring as it was written, None where there is none.
    """

    __slots__ = ("prose",)

    def __init__(self, prose: str | None) -> None:
        self.prose = prose

    def __get__(self, instance: Any, owner: type) -> str | None:
        from meticulous.errors import MeticulousError
        from meticulous.experiment.declared import declaration_for

        try:
            declaration = declaration_for(owner)
        except MeticulousError:  # said by whoever makes or runs the experiment
            return self.prose
        return declaration.help_text() if declaration.parameters else self.prose
