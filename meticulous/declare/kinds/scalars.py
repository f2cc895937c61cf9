"""The kinds of single values: numbers, truth values, texts, paths, objects."""

# ruff: noqa: D102 - the methods are those of Kind, which documents them

from __future__ import annotations

import os
import re

from meticulous.declare.kinds.kind import NULLS, Kind, UnfitError, described

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WORDS = {"true": True, "yes": True, "on": True, "1": True}
_WORDS |= {"false": False, "no": False, "off": False, "0": False}

_SPECIAL = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
"""How a record spells the numbers that JSON does not know."""

_INTEGER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|[0-9](?:_?[0-9])*)")
_RECORDED_AS_TEXT = 2**63
"""From here on a record spells integers as text, since JSON readers would round them."""


class Nothing(Kind):
    """None."""

    greedy = 0

    def holds(self, value: Any) -> bool:
        return value is None

    def parse(self, text: str) -> None:
        if text not in NULLS:
            raise self.unreadable(text)

    def render(self, value: Any) -> str:
        del value
        return "null"


class Truth(Kind):
    """True and False.

    Args:
        text: The type as one writes it.
        words_only: Whether only `true` and `false` are read, for others may mean something else.
    """

    greedy = 10

    def __init__(self, text: str, *, words_only: bool = False) -> None:
        super().__init__(text)
        self.words_only = words_only

    def holds(self, value: Any) -> bool:
        return type(value) is bool

    def cast(self, value: Any) -> bool:
        if type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_"):
            return bool(value)
        return bool(super().cast(value))

    def parse(self, text: str) -> bool:
        value = _WORDS.get(text.strip().lower())
        if value is None or (self.words_only and text.lower() not in ("true", "false")):
            raise UnfitError("must be true or false", f"{text!r} is neither")
        return value

    def render(self, value: Any) -> str:
        return "true" if value else "false"


class Integer(Kind):
    """Whole numbers; 1.0 is one, True is none.

    Args:
        text: The type as one writes it.
        digits_only: Whether `1e3` and `2.0` are left to floats.
    """

    greedy = 11

    def __init__(self, text: str, *, digits_only: bool = False) -> None:
        super().__init__(text)
        self.digits_only = digits_only

    def holds(self, value: Any) -> bool:
        return type(value) is int

    def cast(self, value: Any) -> int:
        if type(value) is int:
            return value
        if isinstance(value, bool) or not hasattr(type(value), "__index__"):
            return self._from_other(value)
        try:
            return int(value.__index__())
        except Exception:  # a tensor of floats; objects may raise anything
            return self._from_other(value)

    def _from_other(self, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            number = self._number(value)
            if abs(number) >= _RECORDED_AS_TEXT:
                return number
        raise self.unfit(value)

    def _number(self, digits: str) -> int:
        try:
            return int(digits, 0)
        except ValueError:  # 007, which Python takes for a mistake; or more digits than it reads
            try:
                return int(digits)
            except ValueError:
                raise self.unreadable(digits) from None

    def parse(self, text: str) -> int:
        text = text.strip()
        if _INTEGER.fullmatch(text):
            return self._number(text)
        if not self.digits_only:
            try:
                number = float(text)
            except ValueError:
                raise self.unreadable(text) from None
            if number.is_integer():
                return int(number)
        raise self.unreadable(text)


class Real(Kind):
    """Floating-point numbers; whole numbers widen to them."""

    greedy = 12

    def holds(self, value: Any) -> bool:
        return type(value) is float

    def cast(self, value: Any) -> float:
        if type(value) is float:
            return value
        if isinstance(value, str) and value in _SPECIAL:
            return float(_SPECIAL[value])
        if isinstance(value, (bool, str, bytes)) or not _is_one_number(value):
            raise self.unfit(value)
        try:
            return float(value)
        except Exception:  # too large for one; objects may raise anything
            raise self.unfit(value) from None

    def parse(self, text: str) -> float:
        spelled = text.strip().lower()
        if spelled.lstrip("+-") in (".inf", ".nan"):  # as YAML has them
            spelled = spelled.replace(".", "")
        try:
            return float(spelled)
        except ValueError:
            raise self.unreadable(text) from None

    def render(self, value: Any) -> str:
        return repr(float(value))


def _is_one_number(value: Any) -> bool:
    return hasattr(type(value), "__float__") or hasattr(type(value), "__index__")


class Text(Kind):
    """Texts, taken as they are."""

    greedy = 100

    def holds(self, value: Any) -> bool:
        return type(value) is str

    def cast(self, value: Any) -> str:
        if isinstance(value, str):
            return str.__str__(value)
        error = self.unfit(value)
        if isinstance(value, (int, float)):
            error.actual += " (in YAML, quotes make it a text)"
        raise error

    def parse(self, text: str) -> str:
        return text


class FilePath(Kind):
    """Paths of the pathlib module; a text is one too.

    Args:
        text: The type as one writes it.
        path_type: Path, PurePath or one of their kind.
    """

    greedy = 90

    def __init__(self, text: str, path_type: Any) -> None:
        super().__init__(text)
        self.path_type = path_type

    def holds(self, value: Any) -> bool:
        return isinstance(value, self.path_type)

    def cast(self, value: Any) -> Any:
        if self.holds(value):
            return value
        if isinstance(value, (str, os.PathLike)):
            return self.path_type(value)
        raise self.unfit(value)

    def parse(self, text: str) -> Any:
        return self.path_type(text)


class Callback(Kind):
    """Anything that can be called; no text means one."""

    def holds(self, value: Any) -> bool:
        return callable(value)

    def parse(self, text: str) -> Any:
        raise UnfitError(f"must be {self.text}", f"{text!r} is a text, and no text means one")


class Instance(Kind):
    """Objects of a class that nothing else here knows.

    Args:
        text: The type as one writes it.
        checked: The class.
    """

    greedy = 80

    def __init__(self, text: str, checked: type) -> None:
        super().__init__(text)
        self.checked = checked

    def holds(self, value: Any) -> bool:
        try:
            return isinstance(value, self.checked)
        except TypeError:  # a protocol that cannot be checked while running
            return True

    def cast(self, value: Any) -> Any:
        if self.holds(value):
            return value
        if isinstance(value, str) and _is_read_from_text(self.checked):
            return self.parse(value)
        if _is_read_from_text(self.checked) and type(value) in (int, float, complex):
            try:
                return self.checked(value)
            except (TypeError, ValueError, ArithmeticError):
                raise self.unfit(value) from None
        raise self.unfit(value)

    def parse(self, text: str) -> Any:
        if not _is_read_from_text(self.checked):
            raise UnfitError(f"must be {self.text}", f"{text!r} is a text, and no text means one")
        try:
            return self.checked(text)
        except (TypeError, ValueError, ArithmeticError):
            raise self.unreadable(text) from None


def _is_read_from_text(checked: type) -> bool:
    name = f"{checked.__module__}.{checked.__qualname__}"
    return name in ("builtins.complex", "decimal.Decimal", "fractions.Fraction", "uuid.UUID")


class Bytes(Kind):
    """Bytes; their text is hexadecimal, as that of no other spelling is exact and short."""

    greedy = 70

    def holds(self, value: Any) -> bool:
        return type(value) is bytes

    def cast(self, value: Any) -> bytes:
        if isinstance(value, (bytes, bytearray)):
            return bytes(value)
        if isinstance(value, dict) and list(value) == ["__bytes__"]:  # as a record has them
            from binascii import a2b_base64

            try:
                return a2b_base64(value["__bytes__"], strict_mode=True)
            except (TypeError, ValueError):
                raise self.unfit(value) from None
        raise UnfitError(f"must be {self.text}", described(value))

    def parse(self, text: str) -> bytes:
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise UnfitError("must be bytes in hexadecimal", f"{text!r} is none") from None

    def render(self, value: Any) -> str:
        return str(value.hex())
