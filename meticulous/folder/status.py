"""The words of STATUS and the grammar of the file: one word, then what is known of a failure."""

from __future__ import annotations

REGISTERED = "REGISTERED"
RUNNING = "RUNNING"
SUCCESS = "SUCCESS"
ERROR = "ERROR"
INTERRUPTED = "INTERRUPTED"
KILLED = "KILLED"
TIMEOUT = "TIMEOUT"
REQUEUED = "REQUEUED"

LOST = "LOST"
"""Derived while reading, never written: says RUNNING, but its process is gone."""
UNKNOWN = "UNKNOWN"
"""No readable STATUS, or an end whose exit code could not be seen."""

UNFINISHED = (REGISTERED, RUNNING)
"""The words of a run that is still to end."""

FINAL = (SUCCESS, ERROR, INTERRUPTED, KILLED, TIMEOUT, REQUEUED, UNKNOWN)
"""The words a run can end with."""

WORDS = (*UNFINISHED, *FINAL)
"""Every word that may be written as the first line of STATUS."""


def encode_status(word: str, reason: str = "") -> bytes:
    """Return the content of a STATUS file.

    Raises:
        ValueError: `word` is none of `WORDS`.
    """
    if word not in WORDS:
        raise ValueError(f"{word!r} is not a status; the statuses are {', '.join(WORDS)}")
    text = f"{word}\n{reason.strip()}\n" if reason.strip() else f"{word}\n"
    return text.encode("utf-8", "backslashreplace")


def decode_status(data: bytes) -> tuple[str, str]:
    """Return the word and the reason of a STATUS file; the word is UNKNOWN when it is none."""
    text = data.decode("utf-8", "replace")
    word, _, reason = text.partition("\n")
    word = word.strip()
    if word not in WORDS:
        return UNKNOWN, text.strip()
    return word, reason.strip()
