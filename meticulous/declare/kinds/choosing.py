"""Find the kind that a type annotation means."""

from __future__ import annotations

import sys

from meticulous.declare.annotations import (
    arguments,
    is_any,
    is_literal,
    is_union,
    origin,
    plain_type,
    text_of,
)
from meticulous.declare.kinds.alternatives import Anything, Either, Member, OneOf
from meticulous.declare.kinds.collections import Entries, Fixed, Items
from meticulous.declare.kinds.fields import Fields
from meticulous.declare.kinds.kind import Kind
from meticulous.declare.kinds.moments import Duration, Moment
from meticulous.declare.kinds.scalars import (
    Bytes,
    Callback,
    FilePath,
    Instance,
    Integer,
    Nothing,
    Real,
    Text,
    Truth,
)
from meticulous.declare.marks import MISSING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SIMPLE: dict[Any, Callable[[str], Kind]] = {
    type(None): Nothing,
    bool: Truth,
    int: Integer,
    float: Real,
    str: Text,
    bytes: Bytes,
    object: Anything,
}

_COLLECTIONS: dict[Any, type] = {list: list, tuple: tuple, set: set, frozenset: frozenset}

_ABSTRACT: dict[str, type] = {
    "Sequence": list,
    "MutableSequence": list,
    "Iterable": list,
    "Collection": list,
    "Set": set,
    "MutableSet": set,
}
"""The classes of collections.abc -> what is made where one of them is asked for."""


def kind_of(annotation: Any) -> Kind:
    """Return the kind of the values that an annotation allows; unknown ones allow everything."""
    annotation = plain_type(annotation)
    text = text_of(annotation)
    if annotation is None:
        return Nothing("None")
    if annotation is MISSING or isinstance(annotation, str) or is_any(annotation):
        return Anything(text or "anything")
    if is_union(annotation):
        return either([kind_of(one) for one in arguments(annotation)], text)
    if is_literal(annotation):
        return OneOf(text, arguments(annotation))
    kind = origin(annotation)
    if kind is None:
        kind = annotation
    if not isinstance(kind, type):
        return Anything(text)
    if kind in _SIMPLE:
        return _SIMPLE[kind](text)
    return _collection(kind, arguments(annotation), text) or _class_kind(kind, text)


def either(kinds: list[Kind], text: str) -> Kind:
    """Return the kind that is one of several."""
    if any(isinstance(kind, Anything) for kind in kinds):
        return Anything(text)
    return kinds[0] if len(kinds) == 1 else Either(text, kinds)


def optional(kind: Kind) -> Kind:
    """Return the kind that also allows None."""
    if isinstance(kind, (Anything, Nothing)) or kind.holds(None):
        return kind
    members = kind.members if isinstance(kind, Either) else (kind,)
    return Either(f"{kind.text} | None", [*members, Nothing("None")])


def inferred(default: Any) -> Kind:
    """Return the kind of a parameter that has a default and no annotation.

    A default that is an integer says nothing against fractions: `lr = 1` may become 0.5.
    """
    kind = type(default)
    if kind is int:
        return Either("int | float", [Integer("int"), Real("float")])
    if default is MISSING or default is None or callable(default):
        return Anything("anything")
    return kind_of(kind)


def _collection(kind: Any, inner: tuple[Any, ...], text: str) -> Kind | None:
    if kind is tuple and inner and inner[-1] is not Ellipsis:
        # What tuple[()] has in its brackets differs between versions of Python.
        return Fixed(text, [kind_of(one) for one in inner if one != ()])
    abstract = kind.__module__ in ("collections.abc", "typing")
    made = _COLLECTIONS.get(kind) or (_ABSTRACT.get(kind.__name__) if abstract else None)
    if made is not None:
        item = kind_of(inner[0]) if inner else Anything("anything")
        return Items(text, made, item, keeps_tuples=abstract and made is list)
    if kind is dict or (abstract and kind.__name__ in ("Mapping", "MutableMapping")):
        key, value = inner if len(inner) == 2 else (MISSING, MISSING)
        return Entries(text, kind_of(key), kind_of(value))
    if abstract and kind.__name__ == "Callable":
        return Callback(text)
    return None


def _class_kind(kind: type, text: str) -> Kind:
    names = {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}
    if "enum.Enum" in names:
        return Member(text, kind)
    if hasattr(kind, "__dataclass_fields__") or "pydantic.main.BaseModel" in names:
        return Fields(text, kind)
    if kind.__module__.startswith("omegaconf."):
        from meticulous.declare.kinds.configurations import Configuration, ConfigurationList

        configurations = {"DictConfig": Configuration, "ListConfig": ConfigurationList}
        if kind.__name__ in configurations:
            return configurations[kind.__name__](text, kind)
    if kind is type:
        return Instance(text, type)
    # A path or date is recognised without importing the modules of those that are not used.
    if "pathlib.PurePath" in names or "pathlib._local.PurePath" in names:
        return FilePath(text, kind)
    moments = sys.modules.get("datetime")
    if moments is not None and kind in (moments.date, moments.datetime, moments.time):
        return Moment(text, kind)
    if moments is not None and kind is moments.timedelta:
        return Duration(text)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _named_tuple(kind, text)
    if issubclass(kind, dict):
        return Entries(text, Anything("anything"), Anything("anything"))
    return Instance(text, kind)


def _named_tuple(kind: Any, text: str) -> Kind:
    from meticulous.declare.annotations import own_annotations, resolve

    names = vars(sys.modules.get(kind.__module__, kind))
    types = own_annotations(kind)
    return Fixed(
        text,
        [kind_of(resolve(types.get(name, MISSING), names, {})) for name in kind._fields],
        made=kind,
    )
