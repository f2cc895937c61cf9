"""Read the text of a sweep: YAML in which `|` means "or", or the short form `lr=0.1,0.2`.

    {lr: 0.1 | 0.2, optimiser: sgd | adam}
    {layers: [64, 64] | [128, 64 | 32], model: {width: 8 | 16}}
    lr=log(1e-4,1e-1,4) optimiser=sgd,adam

`|` may stand between values of every kind and at every depth. Quotes protect it, as they protect
everything else. The braces around the whole may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from meticulous.declare import yaml
from meticulous.errors import InvalidSweepError, InvalidYamlError
from meticulous.sweep.tree import Choice, Mapping, Node, Scalar, Sequence, Sweep

_NAME = re.compile(r"[^\W\d][\w.-]*")
_RESERVED = "!&*?@`%>"
"""What begins no plain text in YAML: tags, anchors, aliases, and characters kept for the future."""

_NULLS = ("None", "none", "NONE")
"""What Python calls null and YAML a text; quoted it is a text here too."""

_DEEPEST = 64
"""How often values may be nested: far below what would exhaust the interpreter's stack."""


def parse_sweep(text: str) -> Sweep:
    """Read which experiments are meant.

    Values are what YAML 1.2 makes of them, and None for `None`; they are not yet cast to the types
    of any parameters. An empty text is one point without names.

    Args:
        text: A mapping in YAML, with or without its braces, or the short form.

    Raises:
        InvalidSweepError: The text cannot be read; points to the place and says what is expected.
    """
    from meticulous.sweep.short_form import is_short_form, parse_short_form

    if is_short_form(text):
        return Sweep(parse_short_form(text))
    return Sweep(_Reader(text).read())


class _Reader:
    """Reads one text from left to right.

    Args:
        text: The text of a sweep.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def read(self) -> Mapping:
        self._skip()
        if not self._ahead():
            return Mapping({})
        if self._ahead() == "{":
            root = self._mapping()
        elif self._ahead() == "[":
            raise self._error("a sweep gives names and values, such as {lr: 0.1 | 0.2}, no list")
        else:
            root = Mapping(self._entries(""))
        self._skip()
        if self._ahead():
            raise self._error("nothing is expected after the end of the sweep")
        return root

    def _mapping(self) -> Mapping:
        self.at += 1
        entries = self._entries("}")
        self.at += 1
        return Mapping(entries)

    def _entries(self, end: str) -> dict[str, Node]:
        """Read `name: value, ...` up to `end`, or, where that is empty, the end of the text."""
        entries: dict[str, Node] = {}
        while True:
            self._skip()
            if self._ahead() == end:
                return entries
            start = self.at
            name = self._name()
            if name in entries:
                raise self._error(f"{name!r} is given twice", start)
            # Without braces a line may end an entry, as in any YAML file.
            entries[name] = self._choice(f",{end}", ends_at_line=not end)
            self._skip()
            if self._ahead() == ",":
                self.at += 1
            elif self._ahead() != end and end:
                raise self._error(f"a comma or {end!r} is expected")

    def _name(self) -> str:
        if self._ahead() in ("'", '"'):
            name = self._quoted()
            if not isinstance(name, str):  # a quoted text always is one; for the type checker
                raise self._error("a name is expected")
        else:
            found = _NAME.match(self.text, self.at)
            if found is None:
                raise self._error("a name is expected, such as lr")
            name = found[0]
            self.at = found.end()
        self._skip_blanks()
        if self._ahead() != ":":
            raise self._error(f"a colon is expected after the name {name!r}")
        self.at += 1
        if self._ahead() not in ("", " ", "\t", "\n", "\r", "{", "[", "'", '"'):
            raise self._error(f"a space is expected after the colon, as in `{name}: 1`")
        return name

    def _choice(self, ends: str, *, ends_at_line: bool = False) -> Node:
        options = [self._value(ends, ends_at_line)]
        while True:
            (self._skip_blanks if ends_at_line else self._skip)()
            if self._ahead() != "|":
                return options[0] if len(options) == 1 else Choice(tuple(options))
            self.at += 1
            options.append(self._value(ends, ends_at_line))

    def _value(self, ends: str, ends_at_line: bool) -> Node:
        (self._skip_blanks if ends_at_line else self._skip)()
        first = self._ahead()
        if first and first in "{[":
            if self.depth == _DEEPEST:
                raise self._error(f"values are nested more than {_DEEPEST} times")
            self.depth += 1
            node = self._mapping() if first == "{" else self._sequence()
            self.depth -= 1
            return node
        if first in ("'", '"') and first:
            return Scalar(self._quoted())
        return Scalar(self._plain(ends, ends_at_line))

    def _sequence(self) -> Sequence:
        self.at += 1
        items: list[Node] = []
        while True:
            self._skip()
            if self._ahead() == "]":
                self.at += 1
                return Sequence(tuple(items))
            items.append(self._choice(",]"))
            self._skip()
            if self._ahead() == ",":
                self.at += 1
            elif self._ahead() != "]":
                raise self._error("a comma or ']' is expected")

    def _quoted(self) -> Any:
        start, quote = self.at, self._ahead()
        self.at += 1
        while (letter := self._ahead()) and letter != quote:
            self.at += 2 if letter == "\\" and quote == '"' else 1
            # In single quotes, two of them are one.
            if quote == "'" and self.text[self.at : self.at + 2] == "''":
                self.at += 2
        if not letter:
            raise self._error(f"the quote {quote} is not closed", start)
        self.at += 1
        return self._as_yaml(start)

    def _plain(self, ends: str, ends_at_line: bool) -> Any:
        start = self.at
        while self.at < len(self.text) and not self._ends_plain(ends, ends_at_line):
            self.at += 1
        text = self.text[start : self.at].strip()
        if not text:
            raise self._error("a value is missing here; for no value write null", start)
        if text[0] in _RESERVED:
            raise self._error(
                f"{text[0]!r} has a meaning of its own in YAML; quote the text", start
            )
        if ": " in text or text.endswith(":"):
            raise self._error("a text with a colon must be quoted, a mapping be in braces", start)
        return None if text in _NULLS else self._as_yaml(start)

    def _ends_plain(self, ends: str, ends_at_line: bool) -> bool:
        letter = self.text[self.at]
        if letter == "\n":
            return ends_at_line
        if letter == "#":
            return self.text[self.at - 1].isspace()
        return letter in ends or letter in "|{}[]"

    def _as_yaml(self, start: int) -> Any:
        try:
            return yaml.load(self.text[start : self.at].strip(), "a value")
        except InvalidYamlError as error:
            raise self._error(str(error).removesuffix("."), start) from None

    def _ahead(self) -> str:
        return self.text[self.at : self.at + 1]

    def _skip(self) -> None:
        self._pass_over(str.isspace)

    def _skip_blanks(self) -> None:
        self._pass_over(lambda letter: letter in " \t")

    def _pass_over(self, is_blank: Callable[[str], bool]) -> None:
        while self.at < len(self.text):
            if is_blank(self.text[self.at]):
                self.at += 1
            elif self.text[self.at] == "#" and (self.at == 0 or self.text[self.at - 1].isspace()):
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def _error(self, problem: str, at: int | None = None) -> InvalidSweepError:
        return mistake(self.text, self.at if at is None else at, problem)


def mistake(text: str, at: int, problem: str) -> InvalidSweepError:
    """Return the error that points to a place in the text of a sweep."""
    line_start = text.rfind("\n", 0, at) + 1
    line = text[line_start:].partition("\n")[0]
    pointer = " " * (at - line_start) + "^"
    return InvalidSweepError(f"The sweep cannot be read: {problem}.\n  {line}\n  {pointer}")
