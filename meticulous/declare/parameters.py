"""Parameter: one named, typed value that an experiment is given."""

from __future__ import annotations

import operator

from meticulous.declare.annotations import text_of
from meticulous.declare.kinds.choosing import inferred, kind_of, optional
from meticulous.declare.kinds.fields import Fields
from meticulous.declare.kinds.kind import Kind, UnfitError, described
from meticulous.declare.marks import BOUNDS, MISSING, Param
from meticulous.errors import ParameterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from meticulous.declare.declaration import Declaration

__all__ = ["MISSING", "Parameter", "Partial"]


class Partial(dict[str, "Any"]):
    """Some of the entries of a mapping; the others are those of the default."""


class Parameter:
    """One named, typed value that an experiment is given. It does not change.

    Attributes:
        name: How it is called.
        default: Its value unless another is given; MISSING where one must be given.
        annotation: Its type as declared; MISSING where none is, or where it cannot be resolved.
        type_text: The type as one writes it: `float`, `list[int]`; "" where none is declared.
        help: One line for people, or "".
        owner: The name of the class or function that declares it.
        order: Its place among all parameters, from 0.
        constraints: The values it may have besides, or None.
        in_init: Whether it is declared by an assignment in `__init__`.
        kind: What its values are, how they are read and written.
    """

    __slots__ = (
        "annotation",
        "constraints",
        "default",
        "help",
        "in_init",
        "kind",
        "name",
        "order",
        "owner",
        "type_text",
    )

    name: str
    default: Any
    annotation: Any
    type_text: str
    help: str
    owner: str
    order: int
    constraints: Param | None
    in_init: bool
    kind: Kind

    # Not a dataclass, whose module alone would cost a program more than its own --help may.
    def __init__(
        self,
        name: str,
        default: Any = MISSING,
        annotation: Any = MISSING,
        *,
        type_text: str = "",
        help: str = "",
        owner: str = "",
        order: int = 0,
        constraints: Param | None = None,
        in_init: bool = False,
    ) -> None:
        set_once = super().__setattr__
        set_once("name", name)
        set_once("default", default)
        set_once("annotation", annotation)
        set_once("type_text", type_text or text_of(annotation))
        set_once("help", help)
        set_once("owner", owner)
        set_once("order", order)
        set_once("constraints", constraints)
        set_once("in_init", in_init)
        set_once("kind", _kind(default, annotation, self.type_text))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"A Parameter does not change; {name} cannot be set.")

    def __repr__(self) -> str:
        return f"<Parameter {self.line()}>"

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is MISSING

    @property
    def nested(self) -> Declaration | None:
        """What the class of its values declares, where that is one with fields.

        Where the default is an object of the class, its values are the defaults.
        """
        fields = self._fields()
        if fields is None:
            return None
        if fields.holds(self.default):
            from meticulous.declare.declaration import declaration_of

            return declaration_of(self.default)
        return fields.declaration

    def _fields(self) -> Fields | None:
        members = getattr(self.kind, "members", (self.kind,))
        found = [kind for kind in members if isinstance(kind, Fields)]
        return found[0] if len(found) == 1 else None

    def line(self) -> str:
        """Return `name: type=default ~ help`, without the parts there are none of."""
        type_text = f": {self.type_text}" if self.type_text else ""
        default = "" if self.required else f"={default_text(self.default)}"
        return f"{self.name}{type_text}{default}" + (f" ~ {self.help}" if self.help else "")

    def own_default(self) -> Any:
        """Return a copy of the default, which the caller may change.

        Raises:
            ParameterError: The default does not fit the declared type.
        """
        return self.cast(unshared(self.default))

    def cast(self, value: Any) -> Any:
        """Return the value as this parameter has it.

        Raises:
            ParameterError: It does not fit; names the parameter, the type and the value.
        """
        try:
            return self.fit(value, base=self.default)
        except UnfitError as error:
            raise ParameterError(error.about(self.name)) from None

    def parse(self, text: str) -> Any:
        """Return the value that a text of the command line means.

        Raises:
            ParameterError: It means none that this parameter may have.
        """
        try:
            return self._within_bounds(self.kind.parse(text))
        except UnfitError as error:
            raise ParameterError(error.about(self.name)) from None
        except RecursionError:
            raise ParameterError(f"{self.name} is nested too deeply.") from None

    def render(self, value: Any) -> str:
        """Return the text that `parse` reads as this value."""
        return self.kind.render(value)

    def fit(self, value: Any, base: Any = None) -> Any:
        """Return the value as this parameter has it, partial mappings completed from `base`.

        Raises:
            UnfitError: It does not fit.
        """
        if base is MISSING:
            base = None
        if isinstance(value, Partial) and isinstance(base, dict):
            value = overlaid(base, value)
        fields = self._fields()
        if fields is not None and hasattr(value, "keys") and not fields.holds(value):
            kept = unshared(base) if fields.holds(base) else None
            return self._within_bounds(fields.cast_onto(kept, value))
        return self._within_bounds(self.kind.cast(value))

    def _within_bounds(self, value: Any) -> Any:
        if self.constraints is None or value is None:
            return value
        several = isinstance(value, (list, tuple, set, frozenset))
        for one in value if several else (value,):
            _require(self.constraints, one)
        return value


def _kind(default: Any, annotation: Any, type_text: str) -> Kind:
    if annotation is MISSING:
        # A type that cannot be resolved says at least that the default does not tell it.
        return kind_of(MISSING) if type_text else inferred(default)
    kind = kind_of(annotation)
    return optional(kind) if default is None else kind


def _require(constraints: Param, value: Any) -> None:
    choices = constraints.choices
    if choices is not None and not _is_among(value, choices):
        raise UnfitError(f"must be one of {', '.join(map(repr, choices))}", described(value))
    for key, words in BOUNDS.items():
        bound = getattr(constraints, key)
        if bound is None:
            continue
        try:
            is_within = bool(getattr(operator, key)(value, bound))
        except Exception:  # the two cannot be compared
            raise UnfitError(f"must be {words} {bound}", described(value)) from None
        if not is_within:
            raise UnfitError(f"must be {words} {bound}", f"it is {value!r}")


def _is_among(value: Any, choices: tuple[Any, ...]) -> bool:
    try:
        return value in choices
    except Exception:  # an array is neither equal to another nor not
        return False


def overlaid(base: Mapping[Any, Any], update: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a mapping with the entries of both, mappings in it merged too; `update` counts."""
    result = dict(base)
    for key, value in update.items():
        below = result.get(key)
        both = isinstance(value, dict) and isinstance(below, dict)
        result[key] = overlaid(below, value) if both and below is not None else value
    return result


def unshared(value: Any) -> Any:
    """Return a copy that shares nothing with the value, as far as it can be copied."""
    import copy

    try:
        return copy.deepcopy(value)
    except Exception:  # an open file, a lock, a module
        return value


def default_text(value: Any) -> str:
    """Return a default as help shows it: the same in every process."""
    if isinstance(value, (set, frozenset)):
        items = ", ".join(sorted(map(default_text, value)))
        return f"{{{items}}}" if items else f"{type(value).__name__}()"
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        items = ", ".join(map(default_text, value))
        if isinstance(value, tuple):
            return f"({items},)" if len(value) == 1 else f"({items})"
        return f"[{items}]"
    if type(value) is dict:
        entries = (f"{default_text(key)}: {default_text(item)}" for key, item in value.items())
        return f"{{{', '.join(entries)}}}"
    if hasattr(value, "__fspath__"):
        return repr(str(value))
    if type(value).__module__ == "datetime":
        return str(value)
    if hasattr(value, "name") and hasattr(type(value), "__members__"):
        return f"{type(value).__name__}.{value.name}"
    if hasattr(value, "__qualname__"):
        return str(value.__qualname__)
    try:
        text = repr(value)
    except Exception:
        text = ""
    return text if text and " at 0x" not in text else f"<{type(value).__name__}>"
