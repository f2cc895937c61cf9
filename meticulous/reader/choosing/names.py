"""The columns in the text of a filter, found and replaced by names that Python accepts."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection
from dataclasses import dataclass

from meticulous.errors import UnknownColumnError
from meticulous.reader.table.columns import candidates, nearest, resolve, unknown
from meticulous.reader.wording import visible

CONSTANTS = {
    "true": "True",
    "false": "False",
    "True": "True",
    "False": "False",
    "None": "None",
    "none": "None",
    "null": "None",
    "nan": "None",
    "NaN": "None",
    "inf": "1e999",
    "Infinity": "1e999",
}
"""Names that stand for a value, unless a column is called so; how Python writes the value."""

_TOKEN = re.compile(
    r"""
    (?P<string>[rRuU]?(?:'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"))
    |`(?P<quoted>[^`]*)`
    |(?P<number>\.?[0-9](?:(?<=[eE])[+-]|[0-9a-zA-Z_.])*)
    |(?P<name>[^\W\d]\w*)
    |(?P<logic>&&?|\|\|?|~)
    |(?P<comparison>==|!=|<=|>=)
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_LOGIC = {"&": " and ", "&&": " and ", "|": " or ", "||": " or ", "~": " not "}
_COMPARISONS = ("==", "!=", "<=", ">=", "<", ">", "=", "in")
_DOTTED = re.compile(r"\w+(?:\.\w+)*")
_METHOD = re.compile(r"(?:\.str)?\.\w+\Z")
_CALLED = re.compile(r"\s*\(")
_KEYWORD = re.compile(r"\s*=(?!=)")


@dataclass(frozen=True, slots=True)
class Spelling:
    """A filter in which each column has a name that Python accepts.

    Attributes:
        text: The filter, with `column_0`, `column_1`... in place of the columns.
        columns: Which column each of these names stands for.
        has_lone_equals: Whether there is a = where == may be meant.
    """

    text: str
    columns: dict[str, str]
    has_lone_equals: bool


def spell_out(text: str, columns: Collection[str]) -> Spelling:
    """Replace the columns in the text of a filter.

    Args:
        text: The filter. A column is found by the longest name that fits, so that also names with
            - need no backticks: `metadata.git-branch`. What stands in quotes is left alone.
        columns: The names there are.

    Raises:
        UnknownColumnError: A name is no column, or could be several.
    """
    scanner = _Scanner(text, columns)
    scanner.scan()
    return Spelling("".join(scanner.pieces).strip(), scanner.found, scanner.has_lone_equals)


class _Scanner:
    def __init__(self, text: str, columns: Collection[str]) -> None:
        self.text = text.strip()
        self.columns = dict.fromkeys(columns).keys()
        self.pieces: list[str] = []
        self.found: dict[str, str] = {}
        self.has_lone_equals = False
        self._spellings: dict[str, list[str]] | None = None

    def scan(self) -> None:
        position = 0
        is_attribute = False
        while token := _TOKEN.match(self.text, position):
            position = token.end()
            kind, word = token.lastgroup, token[0]
            if kind == "name" and not is_attribute:
                position = self._name(word, token.start())
            elif kind == "quoted":
                self._column(resolve(token["quoted"], self.columns))
            elif kind == "logic":
                self.pieces.append(_LOGIC[word])
            else:
                # Line ends separate words like spaces do.
                self.pieces.append(" " if word.isspace() else word)
                self.has_lone_equals |= word == "="
            is_attribute = word == "." or (is_attribute and word.isspace())

    def _name(self, word: str, start: int) -> int:
        """Add what a name stands for; return where the text continues."""
        end = start + len(word)
        is_keyword = keyword.iskeyword(word) and word not in CONSTANTS
        is_argument = self._last() in ("(", ",") and _KEYWORD.match(self.text, end)
        if is_keyword or is_argument or _CALLED.match(self.text, end):
            self.pieces.append(word)
            return start + len(word)
        for name in self._named(word):
            if self._fits(name, start):
                self._column(resolve(name, self.columns))
                return start + len(name)
        if word in CONSTANTS:
            self.pieces.append(CONSTANTS[word])
            return start + len(word)
        raise self._unknown(self._written(start))

    def _unknown(self, written: str) -> UnknownColumnError:
        if self._last() not in _COMPARISONS:
            return unknown(written, self.columns)
        near = nearest(written, self.columns)
        meant = f" Or did you mean {visible(' or '.join(near))}?" if near else ""
        return UnknownColumnError(
            f"No experiment here has a column {written!r}. Text goes in quotes: "
            f"{visible(repr(written))}.{meant}"
        )

    def _last(self) -> str:
        """Return what stands before, spaces aside."""
        return next((piece for piece in reversed(self.pieces) if not piece.isspace()), "")

    def _named(self, word: str) -> list[str]:
        """Return the spellings of columns that begin with a word, the longest first."""
        if self._spellings is None:
            self._spellings = {}
            for column in self.columns:
                part, _, rest = column.partition(".")
                for name in (
                    (column, rest) if part in ("args", "summary", "metadata") else (column,)
                ):
                    first = _DOTTED.match(name)
                    if first:
                        begin = first[0].partition(".")[0]
                        self._spellings.setdefault(begin, []).append(name)
            for names in self._spellings.values():
                names.sort(key=len, reverse=True)
        names = self._spellings.get(word, [])
        return names if names or not candidates(word, self.columns) else [word]

    def _fits(self, name: str, start: int) -> bool:
        end = start + len(name)
        return self.text.startswith(name, start) and not re.match(r"\w", self.text[end : end + 1])

    def _column(self, column: str) -> None:
        name = f"column_{len(self.found)}"
        self.found[name] = column
        # Spaces, so that what stands beside it does not become part of the name.
        self.pieces.append(f" {name} ")

    def _written(self, start: int) -> str:
        dotted = _DOTTED.match(self.text, start)
        written = dotted[0] if dotted else ""
        if dotted and _CALLED.match(self.text, dotted.end()):
            written = _METHOD.sub("", written)
        return written
