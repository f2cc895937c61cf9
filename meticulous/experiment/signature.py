"""The signature of a declared experiment, as `help()` shows it: its parameters, not ours."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import inspect
    from typing import Any


class ShownSignature:
    """Stands for `__signature__` of a class, so that making the class reads no source.

    Classes with an `__init__` of their own have the signature of that.
    """

    __slots__ = ()

    def __get__(self, instance: Any, owner: Any) -> inspect.Signature:
        from meticulous.errors import MeticulousError
        from meticulous.experiment.declared import declaration_for
        from meticulous.experiment.experiment import Experiment

        declaring = owner.__mro__[: owner.__mro__.index(Experiment)]
        if instance is not None or not declaring or any("__init__" in vars(c) for c in declaring):
            raise AttributeError("__signature__")
        try:
            declaration = declaration_for(owner)
        except MeticulousError as error:  # said by whoever makes or runs the experiment
            raise AttributeError("__signature__") from error
        if not declaration.parameters:
            raise AttributeError("__signature__")
        import inspect

        shown = [
            inspect.Parameter(
                one.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if one.required else one.default,
                annotation=_Text(one.type_text) if one.type_text else inspect.Parameter.empty,
            )
            for one in declaration.parameters.values()
            if one.name.isidentifier()
        ]
        settings = inspect.Parameter("settings", inspect.Parameter.VAR_KEYWORD)
        return inspect.Signature([*shown, settings])


class _Text:
    """An annotation that is shown as it was written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text
