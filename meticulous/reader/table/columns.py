"""Columns by the names a person writes: in full, without their part, as a prefix or a glob."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from meticulous.errors import UnknownColumnError
from meticulous.reader.table.table import PARTS
from meticulous.reader.wording import visible

_SHORT_PARTS = (("args", "summary"), ("metadata",))
"""The parts whose names may stand alone; of the later ones when the earlier have no such name."""

_OTHER_NAMES = {
    "started": "start",
    "ended": "end",
    "tag": "tags",
    "problem": "problems",
    "commit": "metadata.githead-sha",
    "branch": "metadata.git-branch",
    "snapshot": "metadata.git-snapshot",
}

_NAMED = 5


def resolve(name: str, columns: Collection[str]) -> str:
    """Return the one column that a name means.

    Args:
        name: The full name of a column, such as `args.lr`; or, where only one can be meant, what
            follows the part: `lr`.
        columns: The names there are.

    Raises:
        UnknownColumnError: There is none, or both an argument and a result have this name.
    """
    if name in columns:
        return name
    found = candidates(name, columns)
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownColumnError(
            f"{name!r} could be {visible(' or '.join(found))}. Write the one that is meant."
        )
    raise unknown(name, columns)


def candidates(name: str, columns: Collection[str]) -> list[str]:
    """Return the columns that a name without its part can mean; none is often the answer."""
    other = _OTHER_NAMES.get(name)
    for parts in _SHORT_PARTS:
        found = [full for part in parts if (full := f"{part}.{name}") in columns]
        if found:
            return found
    return [other] if other is not None and other in columns else []


def find_columns(patterns: Iterable[str], columns: Sequence[str]) -> list[str]:
    """Return the columns that patterns name, each once, in the order of the patterns.

    Args:
        patterns: Each is a name, in full or without its part (`lr`); a part or what a group of
            names begins with (`summary`, `args.model`, `args.mo`); or a glob (`*.loss`, `lr_?`).
        columns: The names there are, in their order.

    Raises:
        UnknownColumnError: A pattern names nothing; the message has the nearest names.
    """
    found: dict[str, None] = {}
    known = set(columns)
    for pattern in patterns:
        matching = _matching(pattern, columns, known)
        if not matching:
            raise unknown(pattern, columns)
        found.update(dict.fromkeys(matching))
    return list(found)


def unknown(name: str, columns: Iterable[str]) -> UnknownColumnError:
    """Return the error for a name that no column has, with the nearest ones."""
    columns = list(columns)
    near = nearest(name, columns)
    if near:
        meant = f" Did you mean {' or '.join(near)}?"
    else:
        shown = [column for column in columns if not column.startswith(("metadata.", "default_"))]
        more = len(columns) - len(shown[: 4 * _NAMED])
        meant = f" There are {', '.join(shown[: 4 * _NAMED])}{f' and {more} more' * (more > 0)}."
    return UnknownColumnError(
        f"No experiment here has a column {name!r}.{visible(meant)} "
        "`meticulous list --list-columns` names all."
    )


def nearest(name: str, columns: Iterable[str], count: int = 3) -> list[str]:
    """Return the columns whose names are most like a name, with or without their part."""
    import difflib

    part, _, rest = name.lower()[:200].partition(".")
    is_part = part in PARTS and rest
    wanted = rest if is_part else name.lower()[:200]
    by_name: dict[str, list[str]] = {}
    for column in columns:
        owner, _, inner = column.partition(".")
        if owner == "default_args" and part != owner:
            continue
        by_name.setdefault((inner if owner in PARTS else column).lower(), []).append(column)
    near = difflib.get_close_matches(wanted, by_name, n=count, cutoff=0.6)
    if not near and len(wanted) > 2:
        near = [word for word in by_name if wanted in word]
    found = [column for word in near for column in by_name[word]]
    if is_part:
        found.sort(key=lambda column: not column.startswith(f"{part}."))
    return found[:count]


def _matching(pattern: str, columns: Sequence[str], known: set[str]) -> list[str]:
    if pattern in known:
        return [pattern]
    if found := candidates(pattern, known):
        return found
    if re.search(r"[*?\[]", pattern):
        return _globbed(pattern, columns)
    group = pattern.removesuffix(".") + "."
    inside = [column for column in columns if column.startswith(group)]
    return inside or [column for column in columns if pattern and column.startswith(pattern)]


def _globbed(pattern: str, columns: Sequence[str]) -> list[str]:
    from fnmatch import fnmatchcase

    found = [column for column in columns if fnmatchcase(column, pattern)]
    if found or "." in pattern:
        return found
    return [
        column
        for column in columns
        if column.startswith(("args.", "summary."))
        and fnmatchcase(column.partition(".")[2], pattern)
    ]
