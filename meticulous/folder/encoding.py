"""Write values as strict JSON, and read it back, torn or historic files included."""

from __future__ import annotations

from meticulous.errors import UnreadableRecordError
from meticulous.folder.plain import plain

try:  # the json package would cost every recorded start 2 ms, for this one function
    from _json import encode_basestring as _quoted
except ImportError:  # other interpreters than CPython
    from json.encoder import encode_basestring as _quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LINE_WIDTH = 96
"""A list of scalars that fits into so many characters is written on one line."""

LINES_BEFORE_ORJSON = 256
"""Lines written before orjson is imported: the import costs as much as encoding thousands."""

_DIGITS_AS_ZERO = bytes.maketrans(b"123456789", b"0" * 9)

SPECIAL_NUMBERS = {
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}
"""The strings that stand for numbers which JSON does not know (the protobuf JSON mapping)."""


def encode_document(value: Any) -> bytes:
    """Return `value`, made plain, as a JSON document for people: UTF-8, indented by 4.

    Each entry of an object has its own line; a short list of scalars stays on one. A line feed
    ends the document. Never raises, whatever the value is, short of running out of memory.
    """
    pieces: list[str] = []
    _document(plain(value), "\n", pieces)
    pieces.append("\n")
    return "".join(pieces).encode()


def _document(value: Any, margin: str, pieces: list[str]) -> None:
    """Append the text of a plain value; `margin` is the line feed and indentation it stands at."""
    kind = type(value)
    if kind is dict and value:
        opening = "{" + margin + "    "
        for key, item in value.items():
            pieces += (opening, _quoted(key), ": ")
            _document(item, margin + "    ", pieces)
            opening = "," + margin + "    "
        pieces += (margin, "}")
    elif kind is list and value:
        _list(value, margin, pieces)
    else:
        pieces.append(_SCALARS[kind](value))


def _list(values: list[Any], margin: str, pieces: list[str]) -> None:
    opening = margin + "    "
    if {dict, list}.isdisjoint(set(map(type, values))):
        texts = [_SCALARS[type(item)](item) for item in values]
        short = len(texts) < LINE_WIDTH and sum(map(len, texts)) + 2 * len(texts) < LINE_WIDTH
        start, between, end = ("", ", ", "") if short else (opening, "," + opening, margin)
        pieces += ("[", start, between.join(texts), end, "]")
        return
    separator = "["
    for item in values:
        pieces += (separator, opening)
        _document(item, opening, pieces)
        separator = ","
    pieces += (margin, "]")


def _compact(value: Any) -> str:
    kind = type(value)
    if kind is dict:
        return (
            f"{{{','.join([f'{_quoted(key)}:{_compact(item)}' for key, item in value.items()])}}}"
        )
    if kind is list:
        return f"[{','.join(map(_compact, value))}]"
    return _SCALARS[kind](value)


_SCALARS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "null",
    dict: lambda _: "{}",
    list: lambda _: "[]",
    bool: lambda value: "true" if value else "false",
    float: float.__repr__,
    int: int.__repr__,
    str: _quoted,
}

_dumps: Callable[[Any, None, int], bytes] | None = None
_dumps_option = 0
_lines_left = LINES_BEFORE_ORJSON


def encode_line(mapping: dict[str, Any]) -> bytes:
    """Return `mapping`, made plain, as one compact JSON object and a line feed.

    Made for training loops: a dict of plain scalars (also in dicts) costs little more than
    `orjson.dumps`. Never raises, whatever the values are, short of running out of memory.
    """
    if _dumps is None:
        if _lines_left:
            _count_line()
    elif type(mapping) is dict:
        # orjson would write a NaN as null and follow types of its own; so every value is looked at.
        for value in mapping.values():
            kind = type(value)
            if kind is float:
                if value - value != 0.0:
                    break
            elif kind is dict:
                if not _holds_scalars(value):
                    break
            elif kind is not int and kind is not str and kind is not bool and value is not None:
                break
        else:
            try:
                return _dumps(mapping, None, _dumps_option)
            except TypeError:  # a lone surrogate, an integer beyond 64 bits, a key of another type
                return _slow_line(mapping)
    return _slow_line(mapping)


def _slow_line(mapping: dict[str, Any]) -> bytes:
    line = plain(mapping)
    if _dumps is not None:
        return _dumps(line, None, _dumps_option)
    return (_compact(line) + "\n").encode()


def _holds_scalars(mapping: dict[str, Any]) -> bool:
    """Say whether a dict in a line holds only what orjson writes as we would."""
    for value in mapping.values():
        kind = type(value)
        if kind is float:
            if value - value != 0.0:
                return False
        elif kind is not int and kind is not str and kind is not bool and value is not None:
            return False
    return True


def _count_line() -> None:
    """Load orjson once enough lines were written for it to pay."""
    global _dumps, _dumps_option, _lines_left
    _lines_left -= 1
    if _lines_left:
        return
    try:
        from orjson import OPT_APPEND_NEWLINE, dumps
    except ImportError:  # also while the interpreter shuts down; lines then stay a little slower
        return
    _dumps_option = OPT_APPEND_NEWLINE
    _dumps = dumps


def decode_document(data: bytes) -> Any:
    """Return the value of a JSON document.

    Also understands what Python's json module writes by default and strict JSON forbids (NaN, lone
    surrogates, integers beyond 64 bits), as old folders hold it, and returns it in the form in
    which `encode_document` would write it.

    Args:
        data: the content of the whole file.

    Raises:
        UnreadableRecordError: the content is empty, binary, cut off or not JSON. The message has
            no subject ("is empty where JSON should be"), since only the caller knows the file.
    """
    from orjson import JSONDecodeError, loads

    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        value = loads(data)
    except JSONDecodeError as error:
        return _decode_leniently(data, str(error))
    return _decode_leniently(data, "") if _holds_long_integers(data) else value


def _holds_long_integers(data: bytes) -> bool:
    """Say whether orjson may have turned an integer into a rounded float (or it may be text)."""
    # Four times faster than a regular expression, which then tells them from long fractions.
    if b"0" * 19 not in data.translate(_DIGITS_AS_ZERO):
        return False
    import re

    return re.search(rb"(?<![0-9.])[0-9]{19}", data) is not None


def _decode_leniently(data: bytes, complaint: str) -> Any:
    if not data.strip(b" \t\r\n"):
        raise UnreadableRecordError("is empty where JSON should be")
    import json

    try:
        return plain(json.loads(data.decode(), parse_int=_integer))
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            raise UnreadableRecordError("is cut off before the end of its JSON") from None
        raise UnreadableRecordError(
            f"holds binary data (byte {data[error.start]:#04x} at offset {error.start}) "
            "where JSON should be"
        ) from None
    except RecursionError:
        raise UnreadableRecordError("holds JSON that is nested too deeply to be read") from None
    except ValueError as error:
        if "unexpected end of data" in complaint:
            raise UnreadableRecordError("is cut off before the end of its JSON") from None
        if b"\0" in data:
            raise UnreadableRecordError("holds binary data where JSON should be") from None
        raise UnreadableRecordError(f"is not valid JSON: {complaint or error}") from None


def _integer(digits: str) -> int | str:
    # Longer ones may be beyond 64 bits, or beyond what int() accepts: then the digits are kept.
    if len(digits) > 20:
        return digits
    return int(digits)


def decode_lines(data: bytes) -> list[Any]:
    """Return the values of JSON lines, without the last one if it is torn.

    A line is torn when it has no line feed at its end and cannot be read: its writer died, or is
    still writing. Empty lines are skipped.

    Args:
        data: the content of the whole file.

    Raises:
        UnreadableRecordError: another line cannot be read; the message gives its number and has
            no subject, as in `decode_document`.
    """
    from orjson import JSONDecodeError, loads

    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    torn = lines.pop()
    read = decode_document if _holds_long_integers(data) else loads
    values = []
    for number, line in enumerate(lines, 1):
        try:
            values.append(read(line))
        except (JSONDecodeError, UnreadableRecordError):
            if not line.strip():
                continue
            try:
                values.append(decode_document(line))
            except UnreadableRecordError as error:
                raise UnreadableRecordError(
                    f"has an unreadable line {number}: it {error}"
                ) from None
    if torn.strip():
        try:
            last = decode_document(torn)
        except UnreadableRecordError:
            return values
        # The front part of a number is a number too; of an object or array it is not.
        if isinstance(last, (dict, list)):
            values.append(last)
    return values


def revive_numbers(value: Any) -> Any:
    """Return a copy of a decoded value in which "NaN", "Infinity" and "-Infinity" are floats.

    Keys stay strings. Meant for the summary and the metrics, where a text "NaN" is a number.
    """
    root = [value]
    waiting: list[Any] = [root]
    while waiting:  # not recursive, since a document may be nested deeper than Python's stack
        container = waiting.pop()
        places = container.items() if type(container) is dict else enumerate(container)
        for place, item in list(places):
            kind = type(item)
            if kind is str:
                if item in SPECIAL_NUMBERS:
                    container[place] = SPECIAL_NUMBERS[item]
            elif kind is dict or kind is list:
                container[place] = copy = item.copy()
                waiting.append(copy)
    return root[0]
