"""Find secrets in text by what they look like: tokens of known services, keys, URLs, headers."""

from __future__ import annotations

from meticulous.recorder.secrets.names import looks_secret, split_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from re import Pattern

MARKER = "<redacted>"
"""What stands in a record where a secret was."""

Span = tuple[int, int, str]
"""A part of a text, from its start up to its end, and what to put there."""

PREFIXES = (
    ("_", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "hf_", "npm_", "_live_")),
    ("-", ("sk-", "glpat-", "xox", "pypi-", "-----BEGIN ")),
    (".", ("eyJ",)),
    ("A", ("AKIA", "ASIA", "AIza")),
)
"""How tokens begin, after a character that they hold: most texts are passed by looking for four."""

SHORTEST_TOKEN = 14
"""Characters of the shortest token that is recognised."""

# Lengths are below those in use today. "sk-" also ends words such as "task-" and begins names such
# as "sk-learn-forest": what follows must be one long run, or a word of the services that use it.
_SHAPES = r"""(?<![A-Za-z0-9])(?:
    gh[oprsu]_[A-Za-z0-9]{20,}
  | github_pat_\w{20,}
  | glpat-[\w-]{16,}
  | sk-(?:ant|proj|svcacct|admin|or)-[\w-]{16,}
  | sk-(?:[\w-]{0,40}-)?[A-Za-z0-9]{20}[\w-]*
  | [sr]k_live_[A-Za-z0-9]{16,}
  | hf_[A-Za-z0-9]{20,}
  | A[KS]IA[A-Z0-9]{16}
  | xox[abeoprs]-[\w-]{10,}
  | AIza[\w-]{30,}
  | eyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*
  | npm_[A-Za-z0-9]{30,}
  | pypi-[\w-]{40,}
) | -----BEGIN\ (?:[A-Z0-9]+\ )*PRIVATE\ KEY(?:\ BLOCK)?-----
    (?:.*?-----END\ (?:[A-Z0-9]+\ )*PRIVATE\ KEY(?:\ BLOCK)?----- | .*)"""

# The second form is a password with an unescaped "/": what follows the colon is no port.
_URL = r"""(?<=[A-Za-z0-9+.-])://
    ([^\s/?\#"'<>\\]* | [^\s/?\#@:"'<>\\]*:(?!\d*(?:[/?\#,;)\]]|$))[^\s@"'<>\\]{1,200})@"""

_PARAMETER = r"""[?&;\#]([\w.~%\[\]-]+)=([^\s&;\#"'<>\\]+)"""

_HEADER = r"""(?:
    [Aa]uthorization["']?\s*[:=]\s*["']?(?:[A-Za-z]+\s+)?([^\s"'<>,\\]{8,})
  | [Bb]earer\s+([\w.~+/=-]{16,})
)"""

_patterns: dict[str, Pattern[str]] = {}


def _compiled(pattern: str) -> Pattern[str]:
    found = _patterns.get(pattern)
    if found is None:
        import re

        found = _patterns[pattern] = re.compile(pattern, re.VERBOSE | re.ASCII | re.DOTALL)
    return found


def secret_spans(text: str, is_secret: Callable[[str], bool] = looks_secret) -> list[Span]:
    """Return the parts of `text` that are secrets by their form, with what is to replace them.

    Credentials vanish from URLs (of `ssh://user:password@host` only the password); everything else
    becomes `MARKER`. Costs less than a microsecond for a short text without anything suspicious.

    Args:
        text: any text.
        is_secret: decides about the parameters of URLs by their names.
    """
    spans: list[Span] = []
    if len(text) >= SHORTEST_TOKEN and _may_hold_token(text):
        spans += [(*match.span(), MARKER) for match in _compiled(_SHAPES).finditer(text)]
    if "://" in text and "@" in text:
        for match in _compiled(_URL).finditer(text):
            user, colon, _ = match[1].partition(":")
            scheme = text[max(0, match.start() - 7) : match.start()].lower()
            if not user or not scheme.endswith(("ssh", "ssh+git")):
                spans.append((match.start(1), match.end(), ""))
            elif colon:
                spans.append((match.start(1) + len(user), match.end(1), ""))
    if "=" in text and ("?" in text or "#" in text or "&" in text):
        for match in _compiled(_PARAMETER).finditer(text):
            if is_secret(match[1]) or split_words(match[1])[-1:] in (["sig"], ["signature"]):
                spans.append((*match.span(2), MARKER))
    if "uthorization" in text or "earer " in text:
        for match in _compiled(_HEADER).finditer(text):
            spans.append((*match.span(match.lastindex or 1), MARKER))
    return spans


def _may_hold_token(text: str) -> bool:
    for character, prefixes in PREFIXES:
        if character in text:
            for prefix in prefixes:
                if prefix in text and (prefix != "sk-" or _begins_a_word(prefix, text)):
                    return True
    return False


def _begins_a_word(prefix: str, text: str) -> bool:
    """Say whether `prefix` is more than the end of a word, as in "task-1"."""
    place = text.find(prefix)
    while place > 0 and text[place - 1].isalnum():
        place = text.find(prefix, place + 1)
    return place >= 0


def url_passwords(text: str) -> Iterator[str]:
    """Yield the passwords of the URLs in `text`."""
    if "://" in text and "@" in text:
        for match in _compiled(_URL).finditer(text):
            password = match[1].partition(":")[2]
            if password:
                yield password


_NAME = r"""([\w.-]{1,64})["']?\s{0,4}\Z"""
_VALUE = r"""\s{0,4}(?: \\*"([^"]*) | \\*'([^']*) | ([^\s"'&;]+))"""


def assigned_spans(word: str, is_secret: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """Yield the parts of a command line's word that it assigns to a secret name.

    Such as `API_KEY=xyz` in a shell command or `"password": "xyz"` in JSON.
    """
    place = -1
    while (place := _next_assignment(word, place + 1)) >= 0:
        name = _compiled(_NAME).search(word, max(0, place - 70), place)
        if name is None or not is_secret(name[1]):
            continue
        value = _compiled(_VALUE).match(word, place + 1)
        if value is not None:
            start, end = value.span(value.lastindex or 0)
            is_header = word[place] == ":"
            if name.start() == 0 and (is_header or ("?" not in word and word.split() == [word])):
                end = len(word)
            if end > start and word[start:end] != MARKER:
                yield start, end
            place = end - 1


def _next_assignment(word: str, start: int) -> int:
    equals, colon = word.find("=", start), word.find(":", start)
    return max(equals, colon) if min(equals, colon) < 0 else min(equals, colon)


def replace_spans(text: str, spans: list[Span]) -> str:
    """Return `text` with the spans replaced; those that overlap are replaced as one."""
    merged: list[Span] = []
    for start, end, replacement in sorted(spans):
        if merged and start < merged[-1][1]:
            first, last, earlier = merged[-1]
            # What is to vanish takes along only what lies inside it.
            kept = earlier if last >= end else replacement if first == start else MARKER
            merged[-1] = (first, max(last, end), kept)
        elif merged and start == merged[-1][1] and replacement == merged[-1][2]:
            merged[-1] = (merged[-1][0], end, replacement)
        else:
            merged.append((start, end, replacement))
    pieces: list[str] = []
    place = 0
    for start, end, replacement in merged:
        pieces += (text[place:start], replacement)
        place = end
    return "".join([*pieces, text[place:]])
