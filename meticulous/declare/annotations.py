"""Read type annotations: resolve those kept as text, take their metadata off, write them down."""

from __future__ import annotations

import builtins
import sys
import types

from meticulous.declare.marks import BOUNDS, MISSING, Param

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def own_annotations(thing: Any) -> dict[str, Any]:
    """Return the annotations that a class or function states itself, as they are."""
    if sys.version_info >= (3, 14):
        import annotationlib

        found = annotationlib.get_annotations(thing, format=annotationlib.Format.FORWARDREF)
        return dict(found)
    found = vars(thing).get("__annotations__") if isinstance(thing, type) else None
    if not isinstance(thing, type):
        found = getattr(thing, "__annotations__", None)
    return dict(found) if isinstance(found, dict) else {}


class Unknown:
    """Stands in a resolved annotation for a name that does not exist while the program runs.

    Names imported under `if TYPE_CHECKING` are such. What is around them is still understood:
    `Annotated[Tensor, Param("weights")]` marks a parameter, and `list[Tensor]` is a list.

    Args:
        name: The name.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def __getattr__(self, name: str) -> Unknown:
        if name.startswith("__"):  # or typing would take it for anything that has such attributes
            raise AttributeError(name)
        return Unknown(f"{self.name}.{name}")

    def __getitem__(self, key: Any) -> Unknown:
        keys = key if isinstance(key, tuple) else (key,)
        return Unknown(f"{self.name}[{', '.join(map(text_of, keys))}]")

    def __call__(self, *_: Any, **__: Any) -> Unknown:
        """Return itself; typing refuses what cannot be called."""
        return self

    def __or__(self, other: Any) -> Unknown:
        return Unknown(f"{self.name} | {text_of(other)}")

    def __ror__(self, other: Any) -> Unknown:
        return Unknown(f"{text_of(other)} | {self.name}")


class _Names(dict[str, "Any"]):
    """The names an annotation may use; what is none of them is Unknown."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name) if hasattr(builtins, name) else Unknown(name)


def resolve(annotation: Any, names: Mapping[str, Any], local: Mapping[str, Any]) -> Any:
    """Return the object that an annotation means; MISSING where its text cannot be understood.

    Args:
        annotation: An object, or the text of one, as `from __future__ import annotations` keeps it.
        names: The globals of the module it stands in.
        local: The names of the class it stands in.
    """
    annotation = getattr(annotation, "__forward_arg__", annotation)
    if isinstance(annotation, str):
        try:
            # It is the user's own code, which Python itself would have evaluated on import.
            annotation = eval(annotation, {}, _Names({**names, **local}))  # noqa: S307
        except Exception:  # what only a type checker can resolve allows every value
            return MISSING
    if isinstance(annotation, Unknown):
        return MISSING
    if annotation is None:
        return type(None)
    if _holds_text(annotation):
        return _resolve_inner(annotation, names, local)
    return annotation


def _holds_text(annotation: Any) -> bool:
    """Say whether a part of an annotation, as in `list["Model"]`, is still text."""
    if isinstance(annotation, Unknown):
        return False
    if isinstance(annotation, str) or hasattr(annotation, "__forward_arg__"):
        return True
    if is_literal(annotation):
        return False
    return any(map(_holds_text, arguments(annotation)))


def _resolve_inner(annotation: Any, names: Mapping[str, Any], local: Mapping[str, Any]) -> Any:
    import typing

    def holder() -> None:
        """Carry the annotation, for that is what can be asked for its hints."""

    holder.__annotations__ = {"it": annotation}
    try:
        known = _Names({**names, **local})
        return typing.get_type_hints(holder, dict(names), known, include_extras=True)["it"]
    except Exception:
        return annotation  # its parts that are text allow everything


def arguments(annotation: Any) -> tuple[Any, ...]:
    """Return what stands in the brackets of an annotation, without the metadata of Annotated."""
    found = getattr(annotation, "__args__", ())
    return found if isinstance(found, tuple) else ()


def origin(annotation: Any) -> Any:
    """Return the class that an annotation with brackets is about; None without brackets."""
    found = getattr(annotation, "__origin__", None)
    return None if isinstance(annotation, type) and not is_generic(annotation) else found


def is_generic(annotation: Any) -> bool:
    """Say whether it is a built-in class with brackets, such as `list[int]`."""
    return isinstance(annotation, types.GenericAlias)


def is_union(annotation: Any) -> bool:
    """Say whether it is `A | B`, or Union or Optional of the typing module."""
    return isinstance(annotation, types.UnionType) or _special(annotation) == "Union"


def is_literal(annotation: Any) -> bool:
    """Say whether it is Literal of the typing module."""
    return _special(annotation) == "Literal"


def is_any(annotation: Any) -> bool:
    """Say whether it is Any of the typing module, which is a class in some versions of Python."""
    return _name(annotation) == "Any"


def is_class_variable(annotation: Any) -> bool:
    """Say whether it is ClassVar of the typing module, with brackets or without."""
    if isinstance(annotation, str):
        return annotation.partition("[")[0].strip().rpartition(".")[2] == "ClassVar"
    return _special(annotation) == "ClassVar" or _name(annotation) == "ClassVar"


def _special(annotation: Any) -> str:
    """Return the name of the form of the typing module that an annotation has, or ""."""
    return _name(getattr(annotation, "__origin__", None))


def _name(form: Any) -> str:
    if type(form).__module__ != "typing" and getattr(form, "__module__", "") != "typing":
        return ""
    return getattr(form, "_name", None) or getattr(form, "__name__", "") or ""


def plain_type(annotation: Any) -> Any:
    """Return an annotation without what only wraps it: Annotated, Final, NewType, type aliases."""
    while True:
        if hasattr(annotation, "__metadata__"):
            annotation = annotation.__origin__
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        elif _special(annotation) in ("Final", "ClassVar", "Required", "NotRequired", "ReadOnly"):
            annotation = arguments(annotation)[0]
        else:
            return annotation


def metadata(annotation: Any) -> Param | None:
    """Return what Annotated says about a parameter; None where it says nothing of the kind.

    Understands `Param`, and the bounds of the packages annotated-types and pydantic.
    """
    found: Param | None = None
    while hasattr(annotation, "__metadata__"):
        for item in annotation.__metadata__:
            if isinstance(item, Param):
                found = merged(item, found)
            elif any(getattr(item, key, None) is not None for key in BOUNDS):
                bounds: dict[str, Any] = {key: getattr(item, key, None) for key in BOUNDS}
                found = merged(found, Param(**bounds))
        annotation = annotation.__origin__
    return found


def states_parameter(annotation: Any) -> bool:
    """Say whether Annotated marks a parameter, with a `Param`."""
    return any(isinstance(item, Param) for item in getattr(annotation, "__metadata__", ()))


def merged(first: Param | None, second: Param | None) -> Param | None:
    """Return what both say; where they differ, the first one counts."""
    if first is None or second is None:
        return first or second
    both = {}
    for key in (*BOUNDS, "choices"):
        own = getattr(first, key)
        both[key] = own if own is not None else getattr(second, key)
    return Param(first.help or second.help, **both)


def text_of(annotation: Any) -> str:
    """Return an annotation as one would write it: `float`, `list[int]`, `str | None`."""
    if annotation is MISSING:
        return ""
    annotation = getattr(annotation, "__forward_arg__", annotation)
    if isinstance(annotation, (str, Unknown)):
        return str(annotation)
    annotation = _unwrapped(annotation)
    if annotation is type(None) or annotation is None:
        return "None"
    if annotation is Ellipsis:
        return "..."
    if isinstance(annotation, list):  # the arguments of a Callable
        return f"[{', '.join(map(text_of, annotation))}]"
    if is_union(annotation):
        return " | ".join(map(text_of, arguments(annotation)))
    if is_literal(annotation):
        return f"Literal[{', '.join(map(_literal_text, arguments(annotation)))}]"
    inner = arguments(annotation)
    outer = origin(annotation)
    if outer is not None and inner:
        if getattr(outer, "__name__", "") == "Callable":
            *taken, returned = inner
            what = "..." if taken == [Ellipsis] else f"[{', '.join(map(text_of, taken))}]"
            return f"Callable[{what}, {text_of(returned)}]"
        return f"{text_of(outer)}[{', '.join(map(text_of, inner))}]"
    name = getattr(annotation, "__name__", None) or getattr(annotation, "_name", None)
    return name if isinstance(name, str) else repr(annotation)


def _unwrapped(annotation: Any) -> Any:
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    return annotation


def _literal_text(value: Any) -> str:
    return f"{type(value).__name__}.{value.name}" if hasattr(value, "name") else repr(value)
