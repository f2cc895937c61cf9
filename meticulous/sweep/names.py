"""Readable names of registered experiments: `lr=0.1__optimiser=sgd`, one safe word each.

A name serves shells, schedulers, file systems and globs without quotes: letters and digits of every
script stay, and so do `_ - . + ,`; everything else is percent-encoded, as in URLs.
"""

from __future__ import annotations

import fnmatch
import hashlib
import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any

LONGEST = 120
"""Bytes that a name may have before the number that tells it from others is added."""

_DIGEST = 8
"""Hexadecimal digits that stand for what was cut off."""

_PLAIN = frozenset("_-.+,")
_TORN_ESCAPE = re.compile(r"%[0-9A-F]?$")


def readable_name(values: Mapping[str, Any]) -> str:
    """Return the name of a point: `name=value` for each name, joined by `__`, in their order.

    Entries of mappings have dotted names. A name of more than `LONGEST` bytes ends in a digest of
    the whole instead of its rest.
    """
    return shortened("__".join(f"{escaped(name)}={text}" for name, text in _entries(values, "")))


def given_name(text: str) -> str:
    """Return a name that the user chose as one safe word."""
    return shortened(escaped(text))


def unique_name(name: str, taken: Collection[str], following: dict[str, int]) -> str:
    """Return the name, with `_1`, `_2` and so on behind it while it is taken.

    Args:
        name: The name.
        taken: The names that are taken.
        following: For each name the number to try next; changed, so that of a thousand equal names
            the last need not try them all.
    """
    number = following.get(name, 0)
    while (candidate := f"{name}_{number}" if number else name) in taken:
        number += 1
    following[name] = number + 1
    return candidate


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the names that a pattern means: the one that it is, else those that fit it as a glob.

    A name may be written as it was given, with the characters that are encoded in it.
    """
    names = list(names)
    literal = [name for name in names if name in (pattern, escaped(pattern))]
    if literal:
        return literal
    # What is encoded in names can also stand in a pattern as it is; only globs keep their meaning.
    encoded = "".join(letter if letter in "*?[]!=" else escaped(letter) for letter in pattern)
    return [
        name
        for name in names
        if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, encoded)
    ]


def escaped(text: str) -> str:
    """Return a text with everything percent-encoded that is no letter, digit or one of `_-.+,`."""
    if text.isascii() and text.isalnum():
        return text
    safe = "".join(map(_escaped_letter, text))
    # A dash begins an option, and a dot a hidden file.
    return f"%{ord(safe[0]):02X}{safe[1:]}" if safe[:1] in ("-", ".") and safe else safe


def shortened(name: str) -> str:
    """Return a name of at most `LONGEST` bytes; a longer one ends in a digest of the whole."""
    data = name.encode("utf-8")
    if len(data) <= LONGEST:
        return name
    digest = hashlib.sha256(data).hexdigest()[:_DIGEST]
    kept = data[: LONGEST - _DIGEST - 1].decode("utf-8", "ignore")
    return f"{_TORN_ESCAPE.sub('', kept)}-{digest}"


def _escaped_letter(letter: str) -> str:
    if (letter.isalnum() and letter.isascii()) or letter in _PLAIN:
        return letter
    # Marks are parts of letters in many scripts. What only formats text would be invisible.
    if not letter.isascii() and unicodedata.category(letter)[0] in "LNM":
        return letter
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))


def _entries(values: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _entries(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _value_text(value)


def _value_text(value: Any) -> str:
    """Return a value as short as it can be told, in safe characters; a minus sign may begin it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number_text(repr(value)) if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        inner = ",".join(f"{escaped(str(key))}.{_value_text(v)}" for key, v in value.items())
        return inner or "%7B%7D"
    if isinstance(value, (list, tuple)):
        items = [
            f"%5B{_value_text(item)}%5D" if isinstance(item, (list, tuple)) else _value_text(item)
            for item in value
        ]
        return ",".join(items) or "%5B%5D"
    return "".join(map(_escaped_letter, str(value)))


def _number_text(text: str) -> str:
    """Return the text of a number; the plus of an exponent says nothing."""
    return text.replace("e+", "e")
