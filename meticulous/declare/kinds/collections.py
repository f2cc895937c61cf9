"""The kinds of lists, tuples, sets and dictionaries."""

# ruff: noqa: D102 - the methods are those of Kind, which documents them

from __future__ import annotations

from meticulous.declare.kinds.kind import Kind, UnfitError, described
from meticulous.declare.kinds.splitting import (
    UnbalancedError,
    split_entry,
    split_items,
    without_brackets,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

_BRACKETS = "[](){}"


class Items(Kind):
    """Collections of any number of items of one kind: list, set, frozenset, tuple[X, ...].

    Args:
        text: The type as one writes it.
        made: The type that is made: list, tuple, set, frozenset.
        item: The kind of the items.
        keeps_tuples: Whether a tuple may stay one, as for Sequence.
        brackets_only: Whether a text without brackets is left to other kinds.
    """

    greedy = 40
    stands_alone = True

    def __init__(
        self,
        text: str,
        made: type,
        item: Kind,
        *,
        keeps_tuples: bool = False,
        brackets_only: bool = False,
    ) -> None:
        super().__init__(text)
        self.made = made
        self.item = item
        self.keeps_tuples = keeps_tuples
        self.brackets_only = brackets_only

    def holds(self, value: Any) -> bool:
        made = type(value) is self.made or (self.keeps_tuples and type(value) is tuple)
        return made and all(map(self.item.holds, value))

    def cast(self, value: Any) -> Any:
        made = tuple if self.keeps_tuples and type(value) is tuple else self.made
        items = [_cast_at(self.item, n, one) for n, one in enumerate(_items(self, value))]
        try:
            return made(items)
        except TypeError:  # what cannot be hashed is no item of a set
            raise self.unfit(value) from None

    def parse(self, text: str) -> Any:
        parts = _parts(self, text, self.brackets_only)
        return self.made([_parse_at(self.item, n, part) for n, part in enumerate(parts)])

    def render(self, value: Any) -> str:
        texts = [self.item.render_item(item) for item in value]
        if self.made in (set, frozenset):  # whose order differs from process to process
            texts.sort()
        return f"[{', '.join(texts)}]"


class Fixed(Kind):
    """Tuples with a kind for each place: tuple[int, str], and named tuples.

    Args:
        text: The type as one writes it.
        items: The kinds of the places.
        made: The type of a named tuple; None for a plain one.
    """

    greedy = 40
    stands_alone = True

    def __init__(self, text: str, items: Sequence[Kind], made: Any = None) -> None:
        super().__init__(text)
        self.items = tuple(items)
        self.made = made

    def holds(self, value: Any) -> bool:
        return (
            type(value) is (self.made or tuple)
            and len(value) == len(self.items)
            and all(kind.holds(item) for kind, item in zip(self.items, value, strict=True))
        )

    def cast(self, value: Any) -> Any:
        if self.made is not None and isinstance(value, dict):  # as a record has them
            names = self.made._fields
            if set(value) != set(names):
                raise UnfitError(f"must be {self.text} with {', '.join(names)}", described(value))
            value = [value[name] for name in names]
        return self._made(_items(self, value), _cast_at)

    def parse(self, text: str) -> Any:
        return self._made(_parts(self, text, brackets_only=False), _parse_at)

    def _made(self, values: Iterable[Any], read: Any) -> Any:
        values = list(values)
        if len(values) != len(self.items):
            count = len(self.items)
            items = "item" if count == 1 else "items"
            raise UnfitError(f"must be {self.text}, {count} {items}", f"it has {len(values)}")
        pairs = zip(self.items, values, strict=True)
        made = [read(kind, n, value) for n, (kind, value) in enumerate(pairs)]
        return tuple(made) if self.made is None else self.made(*made)

    def render(self, value: Any) -> str:
        pairs = zip(self.items, value, strict=True)
        return f"[{', '.join(kind.render_item(item) for kind, item in pairs)}]"


class Entries(Kind):
    """Dictionaries.

    Args:
        text: The type as one writes it.
        key: The kind of the keys.
        value: The kind of the values.
    """

    greedy = 41
    stands_alone = True

    def __init__(self, text: str, key: Kind, value: Kind) -> None:
        super().__init__(text)
        self.key = key
        self.value = value

    def holds(self, value: Any) -> bool:
        return type(value) is dict and all(
            self.key.holds(key) and self.value.holds(item) for key, item in value.items()
        )

    def cast(self, value: Any) -> dict[Any, Any]:
        from collections.abc import Mapping

        if not isinstance(value, Mapping):
            raise self.unfit(value)
        made = {}
        for key, item in value.items():
            try:
                made[self._cast_key(key)] = self.value.cast(item)
            except UnfitError as error:
                raise error.within(f"[{key!r}]") from None
        return made

    def _cast_key(self, key: Any) -> Any:
        try:
            return self.key.cast(key)
        except UnfitError:
            if not isinstance(key, str):
                raise
            return self.key.parse(key)  # JSON knows no other keys than texts

    def parse(self, text: str) -> dict[Any, Any]:
        made = {}
        for key, item in entries_of(self, text):
            try:
                made[self.key.parse_item(key)] = self.value.parse_item(item)
            except UnfitError as error:
                raise error.within(f"[{key}]") from None
        return made

    def render(self, value: Any) -> str:
        texts = [
            f"{self.key.render_item(key)}: {self.value.render_item(item)}"
            for key, item in value.items()
        ]
        return f"{{{', '.join(texts)}}}"


def entries_of(kind: Kind, text: str) -> list[tuple[str, str]]:
    """Return the keys and values of `{a: 1, b: 2}`, still as text, each only once.

    Raises:
        UnfitError: The text is no mapping.
    """
    inner = without_brackets(text, "{}")
    try:
        parts = None if inner is None else [split_entry(part) for part in split_items(inner)]
    except UnbalancedError as error:
        raise UnfitError(f"must be {kind.text}", f"in {text!r} {error}") from None
    entries = [part for part in parts or () if part is not None]
    if parts is None or len(entries) != len(parts):
        raise UnfitError(f"must be {kind.text}, such as {{a: 1, b: 2}}", f"{text!r} is not")
    if len(dict(entries)) != len(entries):
        raise UnfitError(f"must be {kind.text}", f"in {text!r} a name is given twice")
    return entries


def _parts(kind: Kind, text: str, brackets_only: bool) -> list[str]:
    inner = without_brackets(text, _BRACKETS)
    if inner is None:
        if brackets_only:
            raise kind.unreadable(text)
        inner = text
    try:
        return split_items(inner)
    except UnbalancedError as error:
        raise UnfitError(f"must be {kind.text}", f"in {text!r} {error}") from None


def _items(kind: Kind, value: Any) -> Iterable[Any]:
    from collections.abc import Sequence, Set

    is_text = isinstance(value, (str, bytes, bytearray, memoryview))
    if is_text or not (isinstance(value, (Sequence, Set)) or _is_array(value)):
        raise kind.unfit(value)
    items: Iterable[Any] = value
    return items


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") and hasattr(value, "tolist") and bool(value.shape)


def _cast_at(kind: Kind, place: int, value: Any) -> Any:
    try:
        return kind.cast(value)
    except UnfitError as error:
        raise error.within(f"[{place}]") from None


def _parse_at(kind: Kind, place: int, text: str) -> Any:
    try:
        return kind.parse_item(text)
    except UnfitError as error:
        raise error.within(f"[{place}]") from None
