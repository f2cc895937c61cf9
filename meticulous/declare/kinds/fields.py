"""The kind of objects with named fields: dataclasses, and models of pydantic."""

# ruff: noqa: D102 - the methods are those of Kind, which documents them

from __future__ import annotations

from meticulous.declare.kinds.collections import entries_of
from meticulous.declare.kinds.kind import Kind, UnfitError, is_quoted, unquoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from meticulous.declare.declaration import Declaration


class Fields(Kind):
    """Objects of a class that declares its fields; a mapping becomes one.

    Args:
        text: The type as one writes it.
        made: The class.
    """

    greedy = 42
    stands_alone = True

    def __init__(self, text: str, made: Any) -> None:
        super().__init__(text)
        self.made = made

    @property
    def declaration(self) -> Declaration:
        """What the class declares."""
        # The fields of a class may have kinds that lead back to this one.
        from meticulous.declare.declaration import declaration_of

        return declaration_of(self.made)

    def holds(self, value: Any) -> bool:
        return isinstance(value, self.made)

    def cast(self, value: Any) -> Any:
        return self.cast_onto(None, value)

    def cast_onto(self, base: Any, value: Any) -> Any:
        """Return the object that a mapping means; fields it does not name are those of `base`.

        Args:
            base: An object of the class, or None for the defaults of the class.
            value: A mapping, or an object of the class.
        """
        from collections.abc import Mapping

        if self.holds(value):
            return value
        if not isinstance(value, Mapping):
            raise self.unfit(value)
        given = {}
        declaration = self.declaration
        self._require_known(value)
        for name, parameter in declaration.parameters.items():
            if name in value:
                try:
                    given[name] = parameter.fit(value[name], base=_field(base, name))
                except UnfitError as error:
                    raise error.within(f".{name}") from None
            elif base is not None and hasattr(base, name):
                given[name] = getattr(base, name)
            elif parameter.required:
                raise UnfitError(f"must be {self.text}", f"its field {name!r} has no value")
        try:
            return self.made(**given)
        except Exception as error:  # what the class itself checks, in whichever way
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UnfitError(f"must be {self.text}", f"{self.text} refuses: {reason}") from None

    def _require_known(self, names: Mapping[Any, Any] | list[str]) -> None:
        known = self.declaration.parameters
        for name in names:
            if name not in known:
                fields = ", ".join(known) or "none"
                actual = f"it has no field {name!r} (its fields: {fields})"
                raise UnfitError(f"must be {self.text}", actual)

    def parse(self, text: str) -> Any:
        entries = [
            (unquoted(key, self) if is_quoted(key) else key, item)
            for key, item in entries_of(self, text)
        ]
        self._require_known([key for key, _ in entries])
        values = {}
        for key, item in entries:
            try:
                values[key] = self.declaration.parameters[key].kind.parse_item(item)
            except UnfitError as error:
                raise error.within(f".{key}") from None
        return self.cast(values)

    def render(self, value: Any) -> str:
        texts = [
            f"{name}: {parameter.kind.render_item(getattr(value, name))}"
            for name, parameter in self.declaration.parameters.items()
        ]
        return f"{{{', '.join(texts)}}}"


def _field(base: Any, name: str) -> Any:
    return None if base is None else getattr(base, name, None)
