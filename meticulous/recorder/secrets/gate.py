"""The gate before everything that is written about a run: secrets become "<redacted>"."""

from __future__ import annotations

import os

from meticulous.folder.plain import plain
from meticulous.recorder.secrets.names import (
    STRONG_WORD,
    looks_secret,
    may_look_secret,
    secrecy,
    split_words,
    words_of,
)
from meticulous.recorder.secrets.shapes import (
    MARKER,
    Span,
    assigned_spans,
    replace_spans,
    secret_spans,
    url_passwords,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

__all__ = ["MARKER", "VARIABLE", "Gate", "looks_secret"]

VARIABLE = "METICULOUS_SECRETS"
"""Environment variable with further names of secrets, separated by commas."""

SHORTEST = 8
"""Characters; a shorter secret is redacted under its name, but not searched for elsewhere."""

LOOKS = 5
"""How often a text is looked at before all of it is redacted; nearly always two looks do."""

REMEMBERED_NAMES = 10_000
"""Names whose judgement is kept; a program may make up new ones without end."""

COMMON = words_of(
    "anonymous changeme changeit default disabled enabled external internal keychain keyring "
    "localhost password passphrase postgres postgresql required optional undefined username "
    "unlimited administrator password1 password123"
)
"""Values that stand under secret names and in many other places, where they are no secret."""

SWITCHES = words_of(
    "use no with without has have enable disable skip is show ask require need check save"
)
"""First words of options that are on or off; the word after them is not their value."""

PLURALS = words_of("passwords secrets credentials creds keys tokens apikeys passphrases")


class Gate:
    """Knows the secrets of one run, and takes them out of what is to be written.

    A value is a secret if its name says so (`looks_secret`), if the same value was learnt under
    such a name and has at least 8 characters, or if it has the form of a known token, a private
    key or the credentials of a URL. Everything else passes unchanged, and what the gate returned
    passes it unchanged again.

    Args:
        environ: the environment variables; those with secret names are learnt. Default: those of
            this process.
        extra_names: further names of secrets, each one matched as a whole or as words of a longer
            name. The variable `METICULOUS_SECRETS` adds more.
    """

    __slots__ = ("_extra", "_judged", "_names", "_numbers", "_values")

    def __init__(
        self, environ: Mapping[str, str] | None = None, extra_names: Iterable[str] = ()
    ) -> None:
        environ = os.environ if environ is None else environ
        names = [*extra_names, *environ.get(VARIABLE, "").split(",")]
        self._extra = {name.strip().lower(): split_words(name) for name in names if name.strip()}
        self._judged: dict[str, int] = {VARIABLE: 0}
        self._names: dict[str, tuple[str, int]] = {}
        self._values: tuple[str, ...] = ()
        self._numbers: frozenset[int] = frozenset()
        for name, value in environ.items():
            if len(value) < SHORTEST:
                continue
            if self._secrecy(name):
                self._remember(value)
            elif "://" in value:
                for password in url_passwords(value):
                    self._remember(password)

    def learn(self, value: Any) -> None:
        """Remember what stands under secret names in `value`, a mapping or anything with names."""
        self._collect(plain(value), 0)

    def learn_words(self, words: Iterable[str]) -> None:
        """Remember the secrets in a command line: `--api-key=xyz`, `--password xyz`."""
        words = list(map(str, words))
        for place, start, end in self._secret_parts(words):
            self._remember(words[place][start:end])
        for word in words:
            for password in url_passwords(word):
                self._remember(password)

    def clean(self, value: Any) -> Any:
        """Return the plain form of `value` without secrets.

        Under a secret name strings are redacted, at any depth; integers only if the name leaves no
        doubt (a `token` may be a number of text tokens); None, booleans and floats never. Keys and
        names stay, except for secrets in them.
        """
        return self._clean(plain(value))

    def clean_words(self, words: Iterable[str]) -> list[str]:
        """Return a command line without secrets, word by word."""
        cleaned = [plain(str(word)) for word in words]
        for _ in range(LOOKS):
            before, cleaned = cleaned, self._clean_words(cleaned)
            if cleaned == before:
                break
        return cleaned

    def _clean_words(self, words: list[str]) -> list[str]:
        cleaned = list(words)
        parts: dict[int, list[Span]] = {}
        for place, start, end in self._secret_parts(cleaned):
            parts.setdefault(place, []).append((start, end, MARKER))
        for place, spans in parts.items():
            word = cleaned[place]
            cleaned[place] = replace_spans(word, spans + self._spans(word))
        return [self.clean_text(word) for word in cleaned]

    def clean_text(self, text: str) -> str:
        """Return `text` without the secrets that were learnt or that show by their form."""
        # What is left on both sides of a replaced part may form a secret with the marker, or with
        # each other where a part has vanished.
        for _ in range(LOOKS):
            spans = self._spans(text) if len(text) >= SHORTEST else []
            if not spans:
                return text
            text = replace_spans(text, spans)
        return MARKER

    def _secrecy(self, name: str) -> int:
        level = self._judged.get(name)
        if level is None:
            level = STRONG_WORD if self._extra and self._is_extra(name) else secrecy(name)
            if len(self._judged) > REMEMBERED_NAMES:
                self._judged.clear()
                self._judged[VARIABLE] = 0
            self._judged[name] = level
        return level

    def _is_extra(self, name: str) -> bool:
        if name.lower().lstrip("-") in self._extra:
            return True
        words = split_words(name)
        return any(
            extra and words[place : place + len(extra)] == extra
            for extra in self._extra.values()
            for place in range(len(words))
        )

    def _is_secret(self, name: str) -> bool:
        return self._secrecy(name) > 0

    def _collect(self, value: Any, level: int) -> None:
        if isinstance(value, dict):
            if level and isinstance(value.get("__bytes__"), str):
                self._remember(_decoded(value["__bytes__"]).decode("utf-8", "replace"))
            for name, item in value.items():
                if name != "__type__" or "__repr__" not in value:  # of an object nothing knows
                    self._collect(item, max(level, self._secrecy(name)))
        elif isinstance(value, list):
            for item in value:
                self._collect(item, level)
        elif isinstance(value, str):
            if level:
                self._remember(value)
            for password in url_passwords(value):
                self._remember(password)
        elif type(value) is int and level == STRONG_WORD:
            self._remember(str(value))

    def _remember(self, value: str) -> None:
        if len(value) < SHORTEST or value.lower() in COMMON:
            return
        if "/" in value and os.path.exists(value):  # not the secret, but where it lies
            return
        known = set(self._values)
        known.update(form for form in _forms(value) if len(form) >= SHORTEST and form not in MARKER)
        self._values = tuple(sorted(known))
        self._names.clear()
        if value.isdecimal() and len(value) < 20:
            self._numbers |= {int(value)}

    def _secret_parts(self, words: list[str]) -> Iterator[tuple[int, int, int]]:
        """Yield the secret parts of a command line: number of the word, start, end."""
        owner: list[str] = []
        for place, word in enumerate(words):
            name, equals, value = word.lstrip("-").partition("=")
            is_option = word.startswith("-") and name != ""
            if owner and not is_option and name:
                if word != MARKER:
                    yield place, 0, len(word)
                owner = owner if owner[-1] in PLURALS else []
                continue
            owner = []
            if is_option and self._is_secret(name):
                if value and value != MARKER:
                    yield place, len(word) - len(value), len(word)
                elif not equals:
                    owner = split_words(name) or [name]
                    owner = [] if owner[0] in SWITCHES else owner
            elif ("=" in word or ":" in word) and (self._extra or may_look_secret(word)):
                for start, end in assigned_spans(word, self._is_secret):
                    yield place, start, end

    def _spans(self, text: str) -> list[Span]:
        spans = secret_spans(text, self._is_secret)
        for value in self._values:
            start = text.find(value)
            while start >= 0:
                spans.append((start, start + len(value), MARKER))
                start = text.find(value, start + len(value))
        return spans

    def _clean(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return self.clean_text(value)
        if kind is dict:
            return self._clean_entries(value, 0)
        if kind is list:
            return [self._clean(item) for item in value]
        return MARKER if kind is int and value in self._numbers else value

    def _clean_entries(self, mapping: dict[str, Any], level: int) -> dict[str, Any]:
        if len(mapping) == 1 and isinstance(mapping.get("__bytes__"), str):
            return self._clean_bytes(mapping, level)
        result: dict[str, Any] = {}
        for key, item in mapping.items():
            name, inner = self._names.get(key) or self._clean_name(key)
            if name != key or name in result:
                name = _free_name(name, result, mapping)
            if (level or inner) and not (name == "__type__" and "__repr__" in mapping):
                result[name] = self._redact(item, max(level, inner))
            elif type(item) is float:
                result[name] = item
            else:
                result[name] = self._clean(item)
        return result

    def _clean_name(self, key: str) -> tuple[str, int]:
        if len(self._names) > REMEMBERED_NAMES:
            self._names.clear()
        name = self.clean_text(key)
        # What is left of a name may look secret too: then a second look must find nothing new.
        found = self._names[key] = name, max(self._secrecy(key), self._secrecy(name))
        return found

    def _clean_bytes(self, mapping: dict[str, Any], level: int) -> dict[str, Any]:
        encoded = mapping["__bytes__"]
        hidden = bool(level)
        if not hidden and (self._values or len(encoded) >= SHORTEST):
            text = _decoded(encoded).decode("utf-8", "replace")
            hidden = self.clean_text(text) != text
        return {"__bytes__": MARKER if hidden and encoded else self.clean_text(encoded)}

    def _redact(self, value: Any, level: int) -> Any:
        kind = type(value)
        if kind is str:
            return MARKER if value else value
        if kind is int:
            return MARKER if level == STRONG_WORD else value
        if kind is dict:
            return self._clean_entries(value, level)
        if kind is list:
            return [self._redact(item, level) for item in value]
        return value


def _free_name(name: str, taken: dict[str, Any], reserved: dict[str, Any]) -> str:
    """Return `name`, numbered if needed, so that no entry overwrites another."""
    candidate = name
    count = 2
    while candidate in taken or candidate in reserved:
        candidate = f"{name} ({count})"
        count += 1
    return candidate


def _decoded(encoded: str) -> bytes:
    from binascii import Error, a2b_base64

    try:
        return a2b_base64(encoded)
    except (Error, ValueError):  # a mapping of the program that only looks like encoded bytes
        return b""


def _forms(value: str) -> Iterator[str]:
    """Yield a secret as it may appear: as it is, quoted for Python, JSON, a shell or a URL."""
    yield value
    yield value.strip()
    if len(value) > 10_000:
        return
    if value.isascii() and value.replace("-", "").replace("_", "").isalnum():
        return
    yield plain(value)
    yield repr(value)[1:-1]
    yield value.replace("\\", "\\\\").replace('"', '\\"')
    yield value.replace("'", "'\"'\"'")
    for safe in ("-._~", "-._~/"):
        yield "".join(
            letter
            if (letter.isascii() and letter.isalnum()) or letter in safe
            else _percent(letter)
            for letter in value
        )


def _percent(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "backslashreplace"))
