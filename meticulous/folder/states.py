"""Which status may follow which: the table that every change of a status obeys."""

from __future__ import annotations

from meticulous.errors import IllegalMoveError
from meticulous.folder.status import (
    ERROR,
    FINAL,
    INTERRUPTED,
    KILLED,
    LOST,
    REGISTERED,
    REQUEUED,
    RUNNING,
    TIMEOUT,
    UNKNOWN,
)

DEFAULT = "DEFAULT"
"""A declared experiment that is made and neither registered nor running; it has no folder."""

DETACHED = "DETACHED"
"""A declared experiment that runs, or ran, without a record."""

ENDED = (*FINAL, LOST)
"""The words of a run that is over; from each of them a new attempt may begin."""

MOVES: dict[str, tuple[str, ...]] = {
    DEFAULT: (REGISTERED, RUNNING, DETACHED),
    DETACHED: (DETACHED,),
    REGISTERED: (REGISTERED, RUNNING, DETACHED),
    RUNNING: (*FINAL, LOST),
    **dict.fromkeys(ENDED, (REGISTERED, RUNNING)),
    TIMEOUT: (REGISTERED, RUNNING, REQUEUED),
    # Slurm may have refused to take the job back.
    REQUEUED: (REGISTERED, RUNNING, TIMEOUT),
}
"""Status -> what may follow. RUNNING after an end is a new attempt, with the history kept."""

CARRIED_OUT = (REGISTERED, REQUEUED, TIMEOUT, LOST)
"""What `execute` takes up without being told to begin anew: it was never run, or was cut short."""

_ADVICE = {
    RUNNING: "Wait for its end, or stop it.",
    **dict.fromkeys((ERROR, INTERRUPTED, KILLED, UNKNOWN), "Reset it to begin a new attempt."),
}


def check_move(what: str, present: str, wanted: str) -> None:
    """Make sure that `wanted` may follow `present`.

    Args:
        what: What changes, for the message: "experiment 12".
        present: Its status, a word of STATUS or one of this module.
        wanted: The status it is to have.

    Raises:
        IllegalMoveError: It may not; names both and says what may follow.
    """
    followers = MOVES.get(present, ())
    if wanted not in followers:
        raise illegal_move(what, present, wanted)


def illegal_move(what: str, present: str, wanted: str) -> IllegalMoveError:
    """Return the error for a move that the table does not have."""
    followers = ", ".join(MOVES.get(present, ())) or "nothing"
    advice = _ADVICE.get(present, "")
    return IllegalMoveError(
        f"{what} is {present} and cannot become {wanted}: after {present} comes {followers}. "
        f"{advice}".rstrip()
    )


def not_to_be_carried_out(what: str, present: str) -> IllegalMoveError:
    """Return the error for an experiment that nobody may carry out as it stands."""
    if present == RUNNING:
        return IllegalMoveError(f"{what} is RUNNING and cannot become RUNNING again meanwhile.")
    return IllegalMoveError(
        f"{what} has run already, and {present} does not become RUNNING by itself. Reset it for a "
        f"new attempt (meticulous reset), which makes it {REGISTERED}; the history is kept."
    )
