"""Declaration: which parameters a class, function or object has, and what their values may be."""

from __future__ import annotations

from meticulous.declare.kinds.kind import UnfitError
from meticulous.declare.parameters import Parameter, Partial, overlaid
from meticulous.errors import DeclarationError, ParameterError, UnknownParameterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any


def _as_option(name: str) -> str:
    return f"--{name.replace('_', '-')} on the command line"


class Declaration:
    """What a class, function or object declares. It does not change.

    Attributes:
        name: The name of the class or function.
        prose: Its docstring, without indentation; "" where there is none.
        parameters: Name -> parameter: those of base classes first, then in the order in which they
            are declared.
        thing: The class, function or object itself.
    """

    __slots__ = ("name", "parameters", "prose", "thing")

    name: str
    prose: str
    parameters: dict[str, Parameter]
    thing: Any

    def __init__(self, name: str, prose: str, parameters: Iterable[Parameter], thing: Any) -> None:
        set_once = super().__setattr__
        set_once("name", name)
        set_once("prose", prose)
        set_once("parameters", {parameter.name: parameter for parameter in parameters})
        set_once("thing", thing)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"A Declaration does not change; {name} cannot be set.")

    def __reduce__(self) -> tuple[Any, tuple[Any]]:
        return declaration_of, (self.thing,)

    def __repr__(self) -> str:
        return f"<Declaration of {self.name}: {', '.join(self.parameters) or 'no parameters'}>"

    @property
    def target(self) -> dict[str, str]:
        """Where the class or function is found again, as `targets.describe` tells it.

        Raises:
            TargetError: No other process could find it.
        """
        from meticulous.declare.targets import describe

        return describe(self.thing)

    def help_text(self) -> str:
        """Return the docstring and the parameters, one group for each class that declares some."""
        from meticulous.declare.help import help_text

        return help_text(self)

    def defaults(self) -> dict[str, Any]:
        """Return the defaults, copied; parameters that need a value are left out.

        Raises:
            ParameterError: A default does not fit the type it is declared with.
        """
        return {
            name: parameter.own_default()
            for name, parameter in self.parameters.items()
            if not parameter.required
        }

    def check(
        self,
        values: Mapping[str, Any],
        *,
        partial: bool = False,
        spell: Callable[[str], str] = _as_option,
    ) -> dict[str, Any]:
        """Return the values as the parameters have them, in the order of the declaration.

        A name with dots, `model.width`, means one field or entry; the others are those of the
        default. So are the fields that a mapping for a nested object does not name.

        Args:
            values: Name -> value.
            partial: Whether to return only what is given. Otherwise parameters that are not given
                have their defaults, copied.
            spell: How a parameter is given here, for the message that one is missing.

        Raises:
            UnknownParameterError: A name is declared by nobody; has the nearest ones.
            ParameterError: A value does not fit, or is missing.
        """
        given = self._gathered(values)
        result = {}
        missing = []
        for name, parameter in self.parameters.items():
            if name in given:
                result[name] = parameter.cast(given[name])
            elif partial:
                continue
            elif parameter.required:
                missing.append(name)
            else:
                result[name] = parameter.own_default()
        if missing:
            names, have = ", ".join(missing), "has" if len(missing) == 1 else "have"
            raise ParameterError(
                f"{names} of {self.name} {have} no value and no default; give one, such as "
                f"{spell(missing[0])}."
            )
        return result

    def completed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values with dictionaries that are given in part completed by the defaults.

        Only mappings for parameters whose default is a mapping change. Nothing is checked.
        """
        result = dict(values)
        for name, value in values.items():
            parameter = self.parameters.get(name)
            if parameter is not None and isinstance(value, dict):
                default = parameter.default
                result[name] = overlaid(default, value) if isinstance(default, dict) else value
        return result

    def parameter(self, name: str) -> Parameter:
        """Return the parameter of this name; of a dotted one, that of the nested object.

        Raises:
            UnknownParameterError: There is none; has the nearest names.
        """
        first, _, rest = name.partition(".")
        found = self.parameters.get(first)
        if found is None:
            raise self.unknown(name)
        if not rest:
            return found
        nested = found.nested
        if nested is None:
            raise self.unknown(name)
        try:
            return nested.parameter(rest)
        except UnknownParameterError:
            raise self.unknown(name) from None

    def flattened(self) -> Iterator[tuple[str, Parameter]]:
        """Yield dotted name and parameter of all that are no nested objects themselves."""
        yield from _flattened(self, "", (_class_of(self.thing),))

    def unknown(self, name: str) -> UnknownParameterError:
        """Return the error for a name that is declared by nobody."""
        import difflib

        known = list(dict.fromkeys([*self.parameters, *(name for name, _ in self.flattened())]))
        near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
        if near:
            hint = f"the nearest: {', '.join(near)}"
        else:
            hint = f"its parameters: {', '.join(self.parameters) or 'none'}"
        return UnknownParameterError(f"{self.name} has no parameter {name!r}; {hint}.")

    def _gathered(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values by parameter, those with dots gathered into mappings."""
        given: dict[str, Any] = {}
        dotted: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            first, dot, rest = name.partition(".") if isinstance(name, str) else (name, "", "")
            if first not in self.parameters:
                raise self.unknown(name)
            if not dot:
                given[name] = value
                continue
            nested = self.parameters[first].nested
            if nested is not None:
                self.parameter(name)  # which knows what to say of a field that is none
            place = dotted.setdefault(first, {})
            *outer, last = rest.split(".")
            for part in outer:
                place = place.setdefault(part, {})
            place[last] = value
        for name, entries in dotted.items():
            given[name] = self._placed(name, given, entries)
        return given

    def _placed(self, name: str, given: dict[str, Any], entries: dict[str, Any]) -> Any:
        """Return what is given of a parameter, with the entries that were given one by one."""
        if name not in given:
            return Partial(entries)
        whole = given[name]
        if isinstance(whole, dict):
            return type(whole)(overlaid(whole, entries))
        parameter = self.parameters[name]
        try:
            return parameter.fit(Partial(entries), base=whole)
        except UnfitError as error:
            raise ParameterError(error.about(name)) from None


def _flattened(
    declaration: Declaration, prefix: str, above: tuple[Any, ...]
) -> Iterator[tuple[str, Parameter]]:
    for name, parameter in declaration.parameters.items():
        nested = parameter.nested
        # A class may have fields of its own type, and would then never end.
        kind = _class_of(nested.thing) if nested is not None else None
        if nested is None or kind in above or not nested.parameters:
            yield prefix + name, parameter
        else:
            yield from _flattened(nested, f"{prefix}{name}.", (*above, kind))


def _class_of(thing: Any) -> Any:
    return thing if isinstance(thing, type) else type(thing)


_known: dict[Any, Declaration] = {}


def declaration_of(thing: Any) -> Declaration:
    """Return what a class, a function, or an object of configuration declares.

    - A class declares attributes marked `# @p help`, with `Annotated[float, Param("help")]` or with
      `param(default)`, and assignments in its `__init__` marked `# @p`; with
      `class Train(Experiment, parameters="annotated")`, all annotated attributes. Attributes of
      base classes count by the rules of Python: each fact comes from the nearest class that states
      it. A property or method of the same name in a nearer class ends a parameter.
    - A function declares its arguments but the first, which is the experiment.
    - Dataclasses, models of pydantic and configurations of OmegaConf declare their fields.

    What a class or function declares is read once; later changes to it do not show.

    Raises:
        DeclarationError: It declares nothing that can be understood; says why.
    """
    if isinstance(thing, Declaration):
        return thing
    try:
        found = _known.get(thing)
    except TypeError:  # a dictionary or configuration, which may change
        return _declared(thing)
    if found is None:
        found = _declared(thing)
        if isinstance(thing, type) or hasattr(thing, "__code__"):
            _known[thing] = found
    return found


def _declared(thing: Any) -> Declaration:
    from meticulous.declare.classes import class_declaration, is_experiment

    is_class = isinstance(thing, type)
    if is_class and is_experiment(thing):
        return class_declaration(thing)
    if is_experiment(type(thing)):
        return declaration_of(type(thing))
    if hasattr(thing, "__dataclass_fields__"):
        from meticulous.declare.objects import dataclass_declaration

        return dataclass_declaration(thing)
    names = [
        base.__module__.partition(".")[0] for base in (thing if is_class else type(thing)).__mro__
    ]
    if "pydantic" in names:
        from meticulous.declare.objects import model_declaration

        return model_declaration(thing)
    if "omegaconf" in names:
        from meticulous.declare.objects import configuration_declaration

        return configuration_declaration(thing)
    if is_class:
        return class_declaration(thing)
    if callable(thing):
        from meticulous.declare.functions import function_declaration

        return function_declaration(thing)
    raise DeclarationError(
        f"A {type(thing).__name__} declares no parameters; give a class, a function or a dataclass."
    )
