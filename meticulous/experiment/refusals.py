"""How a refusal is shown: a message about the program, not a tour of our code."""

from __future__ import annotations

import os


def show_only_the_message(error: BaseException) -> None:
    """Leave of a traceback what is the program's: a refusal is about that, not about our code."""
    if "METICULOUS_DEBUG" not in os.environ:
        error.__traceback__ = None
        error.__cause__ = None
