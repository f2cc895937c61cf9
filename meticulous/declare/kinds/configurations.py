"""The kinds of configurations of OmegaConf: mappings become one, by its own rules of merging."""

# ruff: noqa: D102 - the methods are those of Kind, which documents them

from __future__ import annotations

from meticulous.declare.kinds.alternatives import Anything
from meticulous.declare.kinds.fields import Fields
from meticulous.declare.kinds.kind import Kind, UnfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from meticulous.declare.declaration import Declaration


class Configuration(Fields):
    """Configurations with named entries; those of the default are the only ones there are.

    Args:
        text: The type as one writes it.
        made: The class, `DictConfig`.
    """

    @property
    def declaration(self) -> Declaration:
        """Nothing: it is a configuration that has entries, not the class."""
        from meticulous.declare.declaration import Declaration

        return Declaration(self.text, "", [], None)

    def cast_onto(self, base: Any, value: Any) -> Any:
        from collections.abc import Mapping

        if self.holds(value):
            return value
        if not isinstance(value, Mapping):
            raise self.unfit(value)
        return self._merged({} if base is None else base, self._checked(base, value))

    def _checked(self, base: Any, value: Any) -> dict[str, Any]:
        """Return the entries as they are of the types that the default has."""
        from meticulous.declare.declaration import declaration_of

        if base is None:
            return dict(value)
        parameters = declaration_of(base).parameters
        given = {}
        for name, item in value.items():
            if name not in parameters:
                entries = ", ".join(parameters) or "none"
                actual = f"it has no entry {name!r} (its entries: {entries})"
                raise UnfitError(f"must be {self.text}", actual)
            try:
                given[name] = parameters[name].fit(item, base=parameters[name].default)
            except UnfitError as error:
                raise error.within(f".{name}") from None
        return given

    def _merged(self, base: Any, value: Any) -> Any:
        from omegaconf import OmegaConf  # type: ignore[import-not-found, unused-ignore]

        try:
            return OmegaConf.merge(base, value)
        except Exception as error:  # what the configuration itself checks
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UnfitError(f"must be {self.text}", f"OmegaConf refuses: {reason}") from None

    def parse(self, text: str) -> Any:
        return self.cast(Anything(self.text).parse(text))

    def render(self, value: Any) -> str:
        return Anything(self.text).render(_contained(value))


class ConfigurationList(Kind):
    """Lists of OmegaConf.

    Args:
        text: The type as one writes it.
        made: The class, `ListConfig`.
    """

    greedy = 42
    stands_alone = True

    def __init__(self, text: str, made: Any) -> None:
        super().__init__(text)
        self.made = made

    def holds(self, value: Any) -> bool:
        return isinstance(value, self.made)

    def cast(self, value: Any) -> Any:
        if self.holds(value):
            return value
        if not isinstance(value, (list, tuple)):
            raise self.unfit(value)
        from omegaconf import OmegaConf  # type: ignore[import-not-found, unused-ignore]

        return OmegaConf.create(list(value))

    def parse(self, text: str) -> Any:
        return self.cast(Anything(self.text).parse(text))

    def render(self, value: Any) -> str:
        return Anything(self.text).render(_contained(value))


def _contained(value: Any) -> Any:
    from omegaconf import OmegaConf  # type: ignore[import-not-found, unused-ignore]

    return OmegaConf.to_container(value)
