"""The arguments of a program nothing is known about, read plainly from its words."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

POSITIONALS = "positionals"
"""The key of the list of words that belong to no option."""

_MOST_DIGITS = 15


def parse_words(words: Iterable[str]) -> dict[str, Any]:
    """Read the words after a program's name as options and positionals.

    The rules, since there is no parser to ask:

    - `--key value`, `--key=value`, `-key value` and `-key=value` set key to value. Dashes inside
      the key become underscores. `-abc` is one key, `abc`, not three.
    - An option that is last, or that another option follows, is a flag: its value is True. (So in
      `--verbose input.txt` the value of verbose is "input.txt": nothing says otherwise.)
    - A key that comes again collects its values in a list, in order.
    - All other words are positionals: a list, under "positionals", absent when there are none. So
      are all words after `--`. An option that is itself called so keeps its dashes:
      "--positionals".
    - A lone `-`, the empty word and negative numbers are values, never options.
    - A value that is a number becomes one, unless a digit or a sign would be lost by that: 3, -3,
      0.2, .5, 1e-3 are numbers; "007", "+3", "3.10", "1_000", "nan", "inf", anything of more than
      15 significant digits or beyond the range of a double stay strings. So do true and null.

    Args:
        words: What follows the program's name.
    """
    options: dict[str, list[Any]] = {}
    positionals: list[Any] = []
    waiting: str | None = None
    rest = iter(words)
    for word in rest:
        if word == "--":
            positionals.extend(_value(later) for later in rest)
            break
        if not _is_option(word):
            if waiting is None:
                positionals.append(_value(word))
            else:
                options[waiting][-1] = _value(word)
                waiting = None
            continue
        name, equals, text = word.partition("=")
        key = name.lstrip("-").replace("-", "_")
        if key == POSITIONALS:
            key = name
        options.setdefault(key, []).append(_value(text) if equals else True)
        waiting = None if equals else key
    result = {key: values[0] if len(values) == 1 else values for key, values in options.items()}
    if positionals:
        result[POSITIONALS] = positionals
    return result


def _is_option(word: str) -> bool:
    named = word.partition("=")[0].lstrip("-") != ""
    return word.startswith("-") and named and not _is_negative_number(word)


def _is_negative_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return word[1] in ".0123456789"


def _value(word: str) -> int | float | str:
    """Return the number that `word` is, if the number says all that the word says."""
    import re
    import sys

    number = re.fullmatch(
        r"-?(?P<whole>0|[1-9][0-9]*)?(?P<fraction>\.[0-9]*)?(?P<exponent>[eE][+-]?[0-9]+)?", word
    )
    if number is None:
        return word
    whole, fraction, exponent = (number[name] or "" for name in ("whole", "fraction", "exponent"))
    digits = whole + fraction[1:]
    if not digits or len(digits.lstrip("0")) > _MOST_DIGITS:
        return word
    if not fraction and not exponent:
        return int(word) if str(int(word)) == word else word
    value = float(word)
    if not exponent and fraction.endswith("0") and str(value) != word:
        return word
    if digits.strip("0") and not sys.float_info.min <= abs(value) <= sys.float_info.max:
        return word
    return value
