"""Part the text of a list or mapping, as the command line has it, at its commas and colons."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_OPENING = {"[": "]", "{": "}", "(": ")"}


class UnbalancedError(ValueError):
    """A bracket or quote is not closed; the message says which."""


def split_items(text: str) -> list[str]:
    """Return the parts between commas that stand outside brackets and quotes.

    A comma at the end adds nothing, and an empty text has no parts.

    Raises:
        UnbalancedError: A bracket or quote is not closed.
    """
    cuts = [at for at, letter in _outside(text) if letter == ","]
    parts = [text[start + 1 : end] for start, end in zip([-1, *cuts], [*cuts, None], strict=True)]
    if not parts[-1].strip():
        parts.pop()
    return [part.strip() for part in parts]


def split_entry(text: str) -> tuple[str, str] | None:
    """Return the two sides of the first colon that a space or the end follows; None without one.

    Behind a key in quotes no space is needed.

    Raises:
        UnbalancedError: A bracket or quote is not closed.
    """
    for at, letter in _outside(text):
        key = text[:at].strip()
        if letter != ":" or not key:
            continue
        if not text[at + 1 : at + 2].strip() or key[-1] in "'\"":
            return key, text[at + 1 :].strip()
    return None


def without_brackets(text: str, brackets: str) -> str | None:
    """Return what stands within the outermost brackets; None where there are none around it all.

    Args:
        text: The text.
        brackets: Which brackets, each as its pair: `[]()`.
    """
    text = text.strip()
    for opening, closing in zip(brackets[::2], brackets[1::2], strict=True):
        if len(text) > 1 and text[0] == opening and text[-1] == closing:
            inner = text[1:-1]
            # In `[1], [2]` the first and the last bracket are not of one pair.
            return inner if _is_balanced(inner) or not _is_balanced(text) else None
    return None


def _is_balanced(text: str) -> bool:
    try:
        for _ in _outside(text):
            pass
    except UnbalancedError:
        return False
    return True


def _outside(text: str) -> Iterator[tuple[int, str]]:
    """Yield the commas and colons outside brackets and quotes, with their places."""
    waiting: list[str] = []
    at, starts_item = 0, True
    while at < len(text):
        letter = text[at]
        if letter in "'\"" and starts_item:
            at = end_of_quotes(text, at)
            starts_item = False
        elif letter in _OPENING:
            waiting.append(_OPENING[letter])
            starts_item = True
        elif letter in "]})":
            if not waiting or waiting.pop() != letter:
                raise UnbalancedError(f"{letter!r} closes nothing")
            starts_item = False
        else:
            if letter in ",:":
                if not waiting:
                    yield at, letter
                starts_item = True
            elif not letter.isspace():
                # Within a word an apostrophe is none: it's.
                starts_item = False
        at += 1
    if waiting:
        raise UnbalancedError(f"{waiting[-1]!r} is missing")


def end_of_quotes(text: str, start: int) -> int:
    """Return where the quotes end that begin at `start`.

    Raises:
        UnbalancedError: They do not end.
    """
    quote, at = text[start], start + 1
    while at < len(text) and text[at] != quote:
        at += 2 if text[at] == "\\" and quote == '"' else 1
        if quote == "'" and text[at : at + 2] == "''":
            at += 2
    if at >= len(text):
        raise UnbalancedError(f"{quote} is not closed")
    return at
