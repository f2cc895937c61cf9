"""Tell from the state of Python's generator whether it was begun from a seed.

`random.seed(7)` spreads a key of few words over the 624 words of the state, over and over; without
a seed the operating system gives a key of 624 words. Both steps can be taken back, so a key that
repeats itself is seen in a state that has not been used for long.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SIZE = 624
_SHIFT = 397
_WORD = 0xFFFFFFFF
_TOP = 0x80000000

_LONGEST_KEY = 200
"""Words of a key that are surely a seed's; a text as seed has about twenty."""

_MOST_ROUNDS = 16
"""How often 624 numbers may have been drawn since; each round costs half a millisecond."""


def was_begun_from_seed(state: Sequence[int]) -> bool | None:
    """Say whether a state goes back to a seed; None where it has been used for too long.

    Args:
        state: The words that `random.getstate()[1]` returns, the last of them the position.
    """
    words, position = list(state[:_SIZE]), state[_SIZE]
    is_untouched = words[0] == _TOP and position == _SIZE
    for _ in range(1 if is_untouched else _MOST_ROUNDS):
        if not is_untouched:
            words = _round_before(words)
        if _repeats(_key(words)):
            return True
    return False if is_untouched else None


def _round_before(words: list[int]) -> list[int]:
    """Return the state of one round before; the lower bits of the first word of all are lost."""
    before = list(words)
    for i in range(_SIZE - 1, -1, -1):
        # Each word was made of the highest bit of one word and the lower bits of the next.
        high = _unmixed(before[i] ^ before[(i + _SHIFT) % _SIZE])
        low = _unmixed(before[i - 1] ^ before[(i + _SHIFT - 1) % _SIZE])
        before[i] = (high & _TOP) | (low & ~_TOP & _WORD)
    return before


def _unmixed(mixed: int) -> int:
    if mixed & _TOP:
        return ((mixed ^ 0x9908B0DF) << 1 | 1) & _WORD
    return mixed << 1 & _WORD


def _key(words: list[int]) -> list[int]:
    """Return the words of the key, each with its place in the key added, in the order of the state.

    This takes back `init_by_array` of the generator's inventors, whose numbers these are.
    """
    mixed = list(words)
    # The last pass began at word 2 and ended at word 1; word 0 stood for word 623 in between.
    for i in (1, *range(_SIZE - 1, 1, -1)):
        last = mixed[i - 1] if i > 1 else mixed[_SIZE - 1]
        mixed[i] = ((mixed[i] + i) & _WORD) ^ ((last ^ (last >> 30)) * 1566083941 & _WORD)
    plain = [19650218]
    for i in range(1, _SIZE):
        last = plain[-1]
        plain.append((1812433253 * (last ^ (last >> 30)) + i) & _WORD)
    # The pass before met word 1 twice; the words from 3 on tell enough.
    return [
        (mixed[i] - (plain[i] ^ ((mixed[i - 1] ^ (mixed[i - 1] >> 30)) * 1664525 & _WORD))) & _WORD
        for i in range(3, _SIZE)
    ]


def _repeats(key: list[int]) -> bool:
    lengths = [n for n in range(1, _LONGEST_KEY) if key[n] == key[0]]
    return any(key[:-length] == key[length:] for length in lengths)
