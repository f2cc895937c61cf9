"""The parameters of objects that declare fields: dataclasses, pydantic, OmegaConf."""

from __future__ import annotations

from meticulous.declare.annotations import (
    merged,
    metadata,
    own_annotations,
    plain_type,
    resolve,
    text_of,
)
from meticulous.declare.declaration import Declaration
from meticulous.declare.functions import module_names
from meticulous.declare.help import cleaned
from meticulous.declare.marks import BOUNDS, MARKS, MISSING, Param
from meticulous.declare.parameters import Parameter
from meticulous.declare.sources import class_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def dataclass_declaration(thing: Any) -> Declaration:
    """Return the fields of a dataclass, or of an object of one, whose values are the defaults.

    Help comes from `field(metadata={"help": ...})`, from `# @p help`, `param` or `Annotated`.
    """
    import dataclasses

    owner = thing if isinstance(thing, type) else type(thing)
    parameters = []
    for order, field in enumerate(field for field in dataclasses.fields(owner) if field.init):
        declaring = _declaring(owner, field.name)
        stated = own_annotations(declaring).get(field.name, field.type)
        annotation = resolve(stated, module_names(declaring), vars(declaring))
        facts = merged(vars(declaring).get(MARKS, {}).get(field.name), metadata(annotation))
        help = field.metadata.get("help") or (facts.help if facts else "")
        parameters.append(
            Parameter(
                field.name,
                _field_default(field, None if owner is thing else thing),
                plain_type(annotation),
                type_text=_type_text(stated, annotation),
                help=str(help or class_source(declaring).marked.get(field.name, "")),
                owner=declaring.__name__,
                order=order,
                constraints=facts,
            )
        )
    prose = cleaned(owner.__doc__)
    # A dataclass without a docstring is given its signature as one.
    prose = "" if prose.startswith(f"{owner.__name__}(") else prose
    return Declaration(owner.__name__, prose, parameters, thing)


def _field_default(field: Any, instance: Any) -> Any:
    import dataclasses

    if instance is not None:
        return getattr(instance, field.name)
    if field.default is not dataclasses.MISSING:
        return field.default
    return MISSING if field.default_factory is dataclasses.MISSING else field.default_factory()


def _declaring(owner: type, name: str) -> type:
    return next((one for one in owner.__mro__ if name in own_annotations(one)), owner)


def _type_text(stated: Any, annotation: Any) -> str:
    return stated if annotation is MISSING and isinstance(stated, str) else text_of(annotation)


def model_declaration(thing: Any) -> Declaration:
    """Return the fields of a model of pydantic, or of an object of one."""
    owner: Any = thing if isinstance(thing, type) else type(thing)
    parameters = []
    for order, (name, field) in enumerate(owner.model_fields.items()):
        default = MISSING if field.is_required() else field.get_default(call_default_factory=True)
        if owner is not thing:
            default = getattr(thing, name)
        facts = None
        for item in field.metadata:
            bounds: dict[str, Any] = {key: getattr(item, key, None) for key in BOUNDS}
            if any(bound is not None for bound in bounds.values()):
                facts = merged(facts, Param(**bounds))
        parameters.append(
            Parameter(
                name,
                default,
                plain_type(field.annotation),
                help=field.description or "",
                owner=_declaring(owner, name).__name__,
                order=order,
                constraints=facts,
            )
        )
    return Declaration(owner.__name__, cleaned(owner.__doc__), parameters, thing)


def configuration_declaration(thing: Any) -> Declaration:
    """Return the entries of a configuration of OmegaConf; `???` is one that needs a value."""
    from omegaconf import OmegaConf  # type: ignore[import-not-found, unused-ignore]

    parameters = []
    for order, name in enumerate(thing):
        is_missing = OmegaConf.is_missing(thing, name)
        value = MISSING if is_missing else thing[name]
        if OmegaConf.is_config(value):
            value = OmegaConf.to_container(value, resolve=True)
        parameters.append(
            Parameter(str(name), value, _entry_type(thing, name), owner="config", order=order)
        )
    return Declaration("config", "", parameters, thing)


def _entry_type(thing: Any, name: Any) -> Any:
    """Return the type that a structured configuration gives an entry; MISSING without one."""
    node = thing._get_node(name)
    kind = getattr(getattr(node, "_metadata", None), "ref_type", None)
    simple = (int, float, bool, str)
    if kind not in simple:
        return MISSING
    optional = node._is_optional()
    return kind | None if optional else kind
