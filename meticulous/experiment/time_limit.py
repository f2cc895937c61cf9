"""Let the code of a run be told at safe points that its time is over."""

from __future__ import annotations

from meticulous.recorder.ending.safe_points import SafePoints, obstacle
from meticulous.recorder.writer import announce

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def end_at_safe_points(experiment: Any, grace: float | None) -> None:
    """Hold SIGUSR1 back until the experiment is at a safe point.

    Args:
        experiment: The experiment, recorded or not.
        grace: How many seconds it may take to come to one; None for any time.

    Raises:
        TimeLimitReached: The time of this process is over already.
        InvalidOptionError: `grace` is no such number.
    """
    points = experiment._safe_points
    if points is not None and points.is_live:
        points.set_grace(grace)
    else:
        points = _begin(experiment, grace)
    points.check()


def _begin(experiment: Any, grace: float | None) -> SafePoints:
    def told() -> None:
        if experiment._recording is not None:
            experiment._recording.tell_time_limit()

    points = SafePoints(grace, told)
    experiment._safe_points = points
    points.start()
    recording = experiment._recording
    if recording is not None:
        recording.last_looks.append(points.stop)
    reason = obstacle()
    if reason:
        message = f"no safe point is told that the time is over: {reason}"
        if recording is not None:
            recording.writer.warn("safe points", message)
        else:
            announce(message)
    return points
