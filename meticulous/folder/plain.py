"""Turn any Python value into plain JSON values: predictably, and without ever raising."""

from __future__ import annotations

import os
import sys

from meticulous.folder.arrays import array_values, numpy_scalar, tensor_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

SMALLEST_INTEGER = -(2**63)
LARGEST_INTEGER = 2**64 - 1
"""Fast JSON readers turn an integer outside these bounds into a rounded float."""

MAX_DEPTH = 100
"""Containers nested deeper than this are marked; jq 1.6 gives up at 256, CPython near 1000."""

MAX_CONTAINERS = 1_000_000
"""Containers converted in one call; objects that refer to each other multiply without end."""

MAX_REPR = 1000
"""Characters kept of the `repr` of an object that nothing knows."""


def plain(value: Any) -> Any:
    """Return `value` as None, bools, numbers, strings, lists and dicts with string keys.

    The result holds no NaN, no infinity, no integer beyond 64 bits and no lone surrogate, so every
    JSON encoder writes it and every JSON parser reads it back unchanged. What JSON does not know is
    translated by its type; what nothing knows becomes `{"__repr__": ..., "__type__": ...}`. The
    same value gives the same result in every process: memory addresses are removed and sets are
    sorted. Iterators are not consumed. Plain values come back equal, so it may be applied twice.

    Args:
        value: anything, hostile objects and structures that contain themselves included.
    """
    try:
        return _Conversion().convert(value, 0)
    except RecursionError:
        return _omitted("no room left on the stack")


class _Conversion:
    """One call of `plain`: which containers are being converted, and how many still may be."""

    __slots__ = ("ancestors", "left")

    def __init__(self) -> None:
        self.ancestors: set[int] = set()
        self.left = MAX_CONTAINERS

    def convert(self, value: Any, depth: int) -> Any:
        """Return the plain form of `value`, which lies `depth` containers deep."""
        kind = type(value)
        if kind is float:
            return value if value - value == 0.0 else _number_name(value)
        if kind is str:
            return value if value.isascii() else _text(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if SMALLEST_INTEGER <= value <= LARGEST_INTEGER else _long_integer(value)
        try:
            return self._convert_object(value, kind, depth)
        except RecursionError:
            return {"__omitted__": "no room left on the stack"}
        except Exception:  # objects may raise anything from anywhere; then only the repr is left
            return self._marked(value, depth)

    def _convert_object(self, value: Any, kind: type, depth: int) -> Any:
        scalar, handler = _handlers(kind)
        if scalar is not None:
            # What comes back is simpler, but may still be a NaN, a huge number, undecodable text.
            return self.convert(scalar(value), depth)
        if depth > MAX_DEPTH:
            return _omitted(f"nested more than {MAX_DEPTH} levels deep")
        identity = id(value)
        if identity in self.ancestors:
            return _omitted("contains itself")
        if self.left <= 0:
            return _omitted(f"more than {MAX_CONTAINERS} containers")
        self.left -= 1
        if handler is None:
            return self._marked(value, depth)
        self.ancestors.add(identity)
        try:
            return handler(self, value, depth)
        finally:
            self.ancestors.discard(identity)

    def _marked(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return _omitted(f"nested more than {MAX_DEPTH} levels deep")
        return {"__repr__": _readable(value), "__type__": _class_name(type(value))}

    def items(self, values: Iterable[Any], depth: int) -> list[Any]:
        """Convert what a list-like container at `depth` holds."""
        depth += 1
        convert = self.convert
        return [convert(value, depth) for value in values]

    def entries(self, pairs: list[tuple[Any, Any]], depth: int) -> dict[str, Any]:
        """Convert what a dict-like container at `depth` holds; no entry overwrites another."""
        depth += 1
        convert = self.convert
        for key, _ in pairs:
            if type(key) is not str or not key.isascii():
                names = self._names([key for key, _ in pairs], depth)
                values = [convert(value, depth) for _, value in pairs]
                return dict(zip(names, values, strict=True))
        return {key: convert(value, depth) for key, value in pairs}

    def _names(self, keys: list[Any], depth: int) -> list[str]:
        """Return one distinct string per key; strings that can be written keep their text."""
        exact = {key for key in keys if type(key) is str and _text(key) == key}
        taken = set(exact)
        names = []
        for key in keys:
            if type(key) is str and key in exact:
                names.append(key)
                continue
            text = name = self._key(key, depth)
            count = 1
            while name in taken:
                suffix = _text(type(key).__name__) + (f" {count}" if count > 1 else "")
                name = f"{text} ({suffix})"
                count += 1
            taken.add(name)
            names.append(name)
        return names

    def _key(self, key: Any, depth: int) -> str:
        converted = self.convert(key, depth)
        if type(converted) is str:
            return converted
        if converted is None:
            return "null"
        if type(converted) is bool:
            return "true" if converted else "false"
        if type(converted) in (int, float):
            return repr(converted)
        # The repr of a set follows the hash seed; its plain form does not.
        return str(converted) if issubclass(type(key), frozenset) else _readable(key)


def _omitted(reason: str) -> dict[str, Any]:
    return {"__omitted__": reason}


def _number_name(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _long_integer(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # sys.set_int_max_str_digits forbids long decimals; hex is not limited
        return hex(value)


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def _readable(value: Any) -> str:
    """Return a short `repr` without memory addresses."""
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{_class_name(type(value))} whose repr raised {_class_name(type(error))}>"
    # Addresses are removed before the final cut, so that their lengths do not move it.
    text = _text(text[: 4 * MAX_REPR])
    if "0x" in text or "id='" in text:
        import re

        text = re.sub(r",? (?:at|@) 0x[0-9a-fA-F]+| id='\d+'", "", text)
    return _shortened(text)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_REPR else text[: MAX_REPR - 1] + "…"


def _class_name(kind: type) -> str:
    try:
        module, name = kind.__module__, kind.__qualname__
        return _text(f"{module}.{name}" if isinstance(module, str) else name)
    except Exception:  # a metaclass may answer anything
        return "unknown"


# How to translate each type. Types are recognised by name along the classes they derive from, so
# that no module is imported for the sake of a value that cannot exist before its module is loaded.


def _enumeration(value: Any) -> Any:
    inner = value.value
    if inner is None or isinstance(inner, (bool, str, int, float)):
        return inner
    return value.name if isinstance(value.name, str) else str(value)


def _file_name(value: Any) -> str:
    if isinstance(value.name, int):
        raise TypeError("opened by descriptor, so there is no name; the repr says more")
    return os.fsdecode(value.name)


def _qualified(value: Any) -> str:
    module = getattr(value, "__module__", None)
    if module is None or module == "builtins":
        return str(value.__qualname__)
    return f"{module}.{value.__qualname__}"


SCALARS: dict[str, Callable[[Any], Any]] = {
    "_io._IOBase": _file_name,
    "builtins.builtin_function_or_method": _qualified,
    "builtins.complex": str,
    "builtins.float": float.__float__,
    "builtins.function": _qualified,
    "builtins.int": int.__int__,
    "builtins.method": _qualified,
    "builtins.method-wrapper": _qualified,
    "builtins.method_descriptor": _qualified,
    "builtins.module": lambda module: module.__name__,
    "builtins.range": str,
    "builtins.slice": str,
    "builtins.str": str.__str__,
    "builtins.type": _qualified,
    "builtins.wrapper_descriptor": _qualified,
    "collections.UserString": str,
    "datetime.date": lambda date: date.isoformat(),
    "datetime.time": lambda time: time.isoformat(),
    "datetime.timedelta": lambda duration: duration.total_seconds(),
    "decimal.Decimal": str,
    "fractions.Fraction": str,
    "functools._lru_cache_wrapper": _qualified,
    "io.IOBase": _file_name,
    "numpy.dtype": str,
    "numpy.generic": numpy_scalar,
    "torch.Size": str,
    "torch.device": str,
    "torch.dtype": str,
    "uuid.UUID": str,
}


def _bytes(conversion: _Conversion, value: Any, depth: int) -> Any:
    from binascii import b2a_base64

    return {"__bytes__": b2a_base64(memoryview(value).tobytes(), newline=False).decode("ascii")}


def _dict(conversion: _Conversion, value: Any, depth: int) -> Any:
    # What is stored counts, not what a subclass computes; and a copy is safe from other threads.
    return conversion.entries(list(dict.items(value)), depth)


def _mapping(conversion: _Conversion, value: Any, depth: int) -> Any:
    return conversion.entries([(key, value[key]) for key in _bounded(value)], depth)


def _list(conversion: _Conversion, value: Any, depth: int) -> Any:
    return conversion.items(list.__iter__(value), depth)


def _sequence(conversion: _Conversion, value: Any, depth: int) -> Any:
    return conversion.items(_bounded(value), depth)


def _bounded(value: Any) -> list[Any]:
    """Return what a sized container holds; an iterator that never ends is cut at its length."""
    return [item for _, item in zip(range(len(value)), value, strict=False)]


def _tuple(conversion: _Conversion, value: Any, depth: int) -> Any:
    names = getattr(type(value), "_fields", None)
    if isinstance(names, tuple) and len(names) == len(value):
        return conversion.entries(list(zip(names, value, strict=True)), depth)
    return conversion.items(tuple.__iter__(value), depth)


def _set(conversion: _Conversion, value: Any, depth: int) -> Any:
    return sorted(conversion.items(_bounded(value), depth), key=_rank)


def _rank(value: Any) -> tuple[int, Any]:
    """Order plain values of different types: None, bools, numbers, strings, then the rest."""
    if value is None:
        return (0, 0)
    order = {bool: 1, int: 2, float: 2, str: 3}.get(type(value), 4)
    return (order, repr(value) if order == 4 else value)


def _fields(conversion: _Conversion, value: Any, depth: int) -> Any:
    names = _field_names(type(value)) or ()
    pairs = [(name, getattr(value, name)) for name in names if hasattr(value, name)]
    return conversion.entries(pairs, depth)


def _field_names(kind: type) -> list[str] | None:
    """Return the fields that a dataclass, an attrs class or a pydantic model declares."""
    if isinstance(getattr(kind, "__dataclass_fields__", None), dict):
        return [field.name for field in sys.modules["dataclasses"].fields(kind)]
    declared = getattr(kind, "__attrs_attrs__", None)
    if isinstance(declared, tuple):
        return [field.name for field in declared]
    declared = getattr(kind, "__pydantic_fields__", None)
    return list(declared) if isinstance(declared, dict) else None


def _partial(conversion: _Conversion, value: Any, depth: int) -> Any:
    def shown(part: Any) -> str:
        converted = conversion.convert(part, depth + 1)
        return converted if callable(part) and isinstance(converted, str) else repr(converted)

    words = [shown(value.func), *map(shown, value.args)]
    words += [f"{name}={shown(part)}" for name, part in value.keywords.items()]
    return _shortened(_text(f"functools.partial({', '.join(words)})"))


def _array(conversion: _Conversion, value: Any, depth: int) -> Any:
    return conversion.convert(array_values(value), depth)


CONTAINERS: dict[str, Callable[[_Conversion, Any, int], Any]] = {
    "argparse.Namespace": lambda conversion, value, depth: _dict(conversion, vars(value), depth),
    "builtins.bytearray": _bytes,
    "builtins.bytes": _bytes,
    "builtins.dict": _dict,
    "builtins.frozenset": _set,
    "builtins.list": _list,
    "builtins.memoryview": _bytes,
    "builtins.set": _set,
    "builtins.tuple": _tuple,
    "collections.OrderedDict": _mapping,  # which has an order of its own
    "collections.deque": _sequence,
    "functools.partial": _partial,
    "numpy.ndarray": _array,
    "torch.Tensor": lambda conversion, value, depth: conversion.convert(
        tensor_values(value), depth
    ),
    "types.SimpleNamespace": lambda conversion, value, depth: _dict(conversion, vars(value), depth),
}

_handlers_of: dict[type, tuple[Any, Any]] = {}


def _handlers(kind: type) -> tuple[Any, Any]:
    """Return how to translate instances of `kind`: (scalar function, container method)."""
    known = _handlers_of.get(kind)
    if known is None:
        if len(_handlers_of) >= 256:  # classes made on the fly must not be kept alive for ever
            _handlers_of.clear()
        known = _handlers_of[kind] = _find_handlers(kind)
    return known


def _find_handlers(kind: type) -> tuple[Any, Any]:
    names = [f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__]
    if "unittest.mock.NonCallableMock" in names:  # it claims to support everything
        return None, None
    if "enum.Enum" in names:
        return _enumeration, None
    if _field_names(kind) is not None:
        return None, _fields
    for name in names:
        if name in SCALARS:
            return SCALARS[name], None
        if name in CONTAINERS:
            return None, CONTAINERS[name]
    if hasattr(kind, "__fspath__"):
        return os.fsdecode, None
    return None, _protocol(kind, names[0])


def _protocol(kind: type, name: str) -> Any:
    """Return how to translate a type that only behaves like a known one."""
    from collections.abc import Mapping, Sequence, Set, ValuesView

    if issubclass(kind, Mapping):
        return _mapping
    if issubclass(kind, Set):
        return _set
    if issubclass(kind, (Sequence, ValuesView)):
        return _sequence
    if "numpy" not in sys.modules or name.startswith("pandas."):  # whose labels would be lost
        return None
    # Arrays of jax, tensorflow and the like.
    is_array = all(hasattr(kind, word) for word in ("__array__", "dtype", "shape"))
    return _array if is_array else None
