"""The parameters of a class: each fact from the first class in the MRO that states it.

A class may carry two attributes that are read here:

- `_parameters_from`: "annotated" makes every annotated attribute of the class itself, and of its
  subclasses, a parameter; anything else, only those that are marked.
- `__doc__` may be an object with an attribute `prose`, the docstring as it was written, where what
  `help` shows is made later.
"""

from __future__ import annotations

import functools

from meticulous.declare.annotations import (
    is_class_variable,
    merged,
    metadata,
    own_annotations,
    plain_type,
    resolve,
    states_parameter,
    text_of,
)
from meticulous.declare.declaration import Declaration
from meticulous.declare.functions import module_names
from meticulous.declare.help import cleaned
from meticulous.declare.marks import MARKS, MISSING, Param
from meticulous.declare.parameters import Parameter
from meticulous.declare.sources import ClassSource, InitAssignment, class_source
from meticulous.errors import DeclarationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SWITCH = "_parameters_from"
ANNOTATED = "annotated"

_ABOVE = "meticulous.experiment"
"""The package of Experiment, known by name only, since its layer lies above this one."""


class Statement:
    """What one class states of one attribute.

    Attributes:
        value: Its value, or MISSING.
        annotation: Its resolved type, or MISSING.
        type_text: The type as one writes it, or "".
        help: Its help, or "".
        constraints: The values it may have besides, or None.
        marked: Whether it is stated to be a parameter.
        in_init: Whether it is assigned in `__init__`.
    """

    __slots__ = ("annotation", "constraints", "help", "in_init", "marked", "type_text", "value")

    def __init__(self, value: Any = MISSING) -> None:
        self.value = value
        self.annotation: Any = MISSING
        self.type_text = ""
        self.help = ""
        self.constraints: Param | None = None
        self.marked = False
        self.in_init = False

    @property
    def ends(self) -> bool:
        """Whether it is a property or method, which is no value of a parameter."""
        return not self.marked and is_behaviour(self.value)


def class_declaration(owner: type) -> Declaration:
    """Return what a class declares, with what it inherits."""
    lineage = [one for one in owner.__mro__ if one is not object and not is_ours(one)]
    facts = {one: statements(one) for one in lineage}
    found: list[tuple[tuple[int, int], str, type, list[Statement]]] = []
    for name in dict.fromkeys(name for own in facts.values() for name in own):
        owners = [one for one in lineage if name in facts[one]]
        stated = [facts[one][name] for one in owners]
        by = next((at for at, statement in enumerate(stated) if statement.marked), None)
        if by is None:
            continue
        keeps_callables = is_behaviour(stated[by].value)
        if any(statement.ends for statement in stated[:by]) and not keeps_callables:
            continue
        declaring = owners[by]
        place = (-lineage.index(declaring), list(facts[declaring]).index(name))
        found.append((place, name, declaring, stated))
    found.sort(key=lambda one: one[0])
    parameters = [
        _parameter(order, name, declaring, stated)
        for order, (_, name, declaring, stated) in enumerate(found)
    ]
    return Declaration(owner.__name__, prose_of(owner), parameters, owner)


def is_experiment(owner: type) -> bool:
    """Say whether a class is Experiment or derives from it."""
    return any(is_ours(one) and one.__name__ == "Experiment" for one in owner.__mro__)


def is_ours(owner: type) -> bool:
    """Say whether a class is Experiment or one of those it is made of."""
    return owner.__module__ == _ABOVE or owner.__module__.startswith(f"{_ABOVE}.")


def prose_of(owner: type) -> str:
    """Return the docstring of a class, or of the nearest base class that has one."""
    for one in owner.__mro__:
        if one is object or is_ours(one):
            break
        docstring = vars(one).get("__doc__")
        prose = cleaned(getattr(docstring, "prose", docstring))
        if prose:
            return prose
    return ""


@functools.cache
def statements(owner: type) -> dict[str, Statement]:
    """Return what a class itself states of its attributes, in order."""
    source = class_source(owner)
    values = {name: value for name, value in vars(owner).items() if not name.startswith("_")}
    types = {
        name: annotation
        for name, annotation in own_annotations(owner).items()
        if not name.startswith("_")
    }
    marks = vars(owner).get(MARKS, {})
    everything = getattr(owner, SWITCH, "") == ANNOTATED
    found: dict[str, Statement] = {}
    for name in _in_order(source, list(types), list(values), list(marks)):
        statement = found[name] = Statement(_value(values.get(name, MISSING)))
        if name in types:
            _read_type(statement, types[name], owner)
            is_field = not is_class_variable(types[name])
            is_field = is_field and not is_class_variable(resolved(types[name], owner))
            statement.marked |= everything and is_field
        if name in source.marked:
            statement.marked = True
            statement.help = source.marked[name] or statement.help
        if name in marks:
            statement.marked = True
            statement.constraints = merged(marks[name], statement.constraints)
            statement.help = marks[name].help or statement.help
    for name, assignment in source.in_init.items():
        if not name.startswith("_"):
            found[name] = _init_statement(owner, name, assignment, found.get(name))
    return found


def is_behaviour(value: Any) -> bool:
    """Say whether a value of a class is a property, a method, or anything else one calls."""
    return value is not MISSING and (callable(value) or hasattr(type(value), "__get__"))


def resolved(annotation: Any, owner: type) -> Any:
    """Return the object that an annotation of a class means; MISSING where it is not known."""
    return resolve(annotation, module_names(owner), vars(owner))


def _value(value: Any) -> Any:
    # With __slots__, an attribute without a value shows in the class as its slot.
    return MISSING if type(value).__name__ == "member_descriptor" else value


def _read_type(statement: Statement, stated: Any, owner: type) -> None:
    annotation = resolved(stated, owner)
    facts = metadata(annotation)
    statement.annotation = plain_type(annotation)
    statement.type_text = stated if isinstance(stated, str) else ""
    if annotation is not MISSING:
        statement.type_text = text_of(annotation)
    statement.constraints = facts
    statement.help = facts.help if facts else ""
    statement.marked = states_parameter(annotation)


def _in_order(
    source: ClassSource, types: list[str], values: list[str], marks: list[str]
) -> list[str]:
    """Return all names in the order of the class, as far as it can be known.

    The annotations and the values of a class each keep their order; a name that has both ties the
    two together. The source, where there is one, knows the whole order.
    """
    found: list[str] = []
    waiting = list(types)
    for name in values:
        if name in waiting:
            cut = waiting.index(name) + 1
            found += waiting[:cut]
            waiting = waiting[cut:]
        elif name not in found:
            found.append(name)
    found += [name for name in [*waiting, *marks] if name not in found]
    found = list(dict.fromkeys(found))
    known = {name: place for place, name in enumerate(source.order)}
    return sorted(found, key=lambda name: known.get(name, -1 if name not in types else len(known)))


def _init_statement(
    owner: type, name: str, assignment: InitAssignment, above: Statement | None
) -> Statement:
    """Return what an assignment in `__init__` states; what the class body states counts more."""
    statement = Statement()
    statement.marked = statement.in_init = True
    if assignment.annotation is not None:
        _read_type(statement, assignment.annotation, owner)
    statement.marked = True
    statement.help = assignment.help or statement.help
    statement.value = _init_default(owner, name, assignment)
    if above is not None:
        statement.in_init = above.value is MISSING
        if above.value is not MISSING:
            statement.value = above.value
        if above.type_text and assignment.annotation is None:
            statement.annotation, statement.type_text = above.annotation, above.type_text
        statement.help = statement.help or above.help
        statement.constraints = merged(above.constraints, statement.constraints)
    return statement


def _init_default(owner: type, name: str, assignment: InitAssignment) -> Any:
    import ast

    if assignment.default is None:
        return MISSING
    try:
        return ast.literal_eval(assignment.default)
    except (ValueError, TypeError, SyntaxError):
        pass
    init = vars(owner).get("__init__")
    known = dict(zip(reversed(_argument_names(init)), reversed(_defaults(init)), strict=False))
    try:
        # The class's own code, as its __init__ would carry it out.
        code = compile(ast.Expression(assignment.default), f"<default of {name}>", "eval")
        return eval(code, {**getattr(init, "__globals__", {}), **known})  # noqa: S307
    except Exception as error:
        raise DeclarationError(
            f"The default of {owner.__name__}.{name}, assigned in __init__, is only known there "
            f"({type(error).__name__}: {error}). Declare it as an attribute of the class instead."
        ) from None


def _argument_names(function: Any) -> tuple[str, ...]:
    code = getattr(function, "__code__", None)
    return () if code is None else tuple(code.co_varnames[: code.co_argcount])


def _defaults(function: Any) -> tuple[Any, ...]:
    return getattr(function, "__defaults__", None) or ()


def _parameter(order: int, name: str, declaring: type, stated: list[Statement]) -> Parameter:
    """Return a parameter, each fact from the first statement that has it, nearest class first."""
    value = next((one for one in stated if one.value is not MISSING), stated[-1])
    typed = next((one for one in stated if one.type_text), stated[-1])
    return Parameter(
        name,
        value.value,
        typed.annotation,
        type_text=typed.type_text,
        help=next((one.help for one in stated if one.help), ""),
        owner=declaring.__name__,
        order=order,
        constraints=next((one.constraints for one in stated if one.constraints), None),
        in_init=value.in_init,
    )
