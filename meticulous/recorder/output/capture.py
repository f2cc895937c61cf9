"""Choose how a standard stream is captured."""

from __future__ import annotations

import io
import sys

from meticulous.errors import InvalidOptionError
from meticulous.recorder.output.carrier import DESCRIPTORS
from meticulous.recorder.output.descriptor import DescriptorStream
from meticulous.recorder.output.python import PythonStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CAPTURE_CHOICES = ("fd", "sys", "none")


def capture_stream(
    name: str, path: str, capture: str | None, failed: Callable[[str], None]
) -> DescriptorStream | PythonStream | None:
    """Return the object that captures a stream, not yet started; None where nothing shall be kept.

    Args:
        name: "stdout" or "stderr".
        path: The file that takes the output.
        capture: "fd", "sys", "none", or None to choose by looking.
        failed: Called once, with a sentence, when the file can take no more.
    """
    chosen = choose_capture(name)
    if chosen != "none" and capture is not None:
        chosen = capture
    if chosen == "fd":
        return DescriptorStream(name, path, failed)
    return PythonStream(name, path, failed) if chosen == "sys" else None


def choose_capture(name: str) -> str:
    """Return "fd" where the descriptor is the real output of the stream, "sys" where it is not."""
    stream = getattr(sys, name)
    if stream is None:
        return "none"
    try:
        descriptor = stream.fileno()
    except (OSError, AttributeError, ValueError):
        return "sys"
    if descriptor != DESCRIPTORS[name] or not isinstance(stream, io.TextIOWrapper):
        return "sys"
    return "fd"


def check_capture(capture: str | None) -> None:
    """Check the choice of what to capture.

    Raises:
        InvalidOptionError: `capture` is not one of the choices.
    """
    if capture is not None and capture not in CAPTURE_CHOICES:
        raise InvalidOptionError(
            f"capture={capture!r} is not known; choose one of {', '.join(CAPTURE_CHOICES)}, "
            "or None to have it chosen."
        )
