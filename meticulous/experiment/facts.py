"""Facts of an experiment: properties that a declared one protects and any other may replace."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    fact = property
else:

    class fact:  # noqa: N801 - it is used as `property` is
        """A property that cannot be set on a declared experiment.

        Classes that derive from Experiment for reasons of their own may have attributes of the same
        names, and programs may set them: such an attribute then counts.
        """

        def __init__(self, read: Callable[[Any], Any]) -> None:
            self.read = read
            self.__doc__ = read.__doc__
            self.name = read.__name__

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is None:
                return self
            own = vars(instance)
            return own[self.name] if self.name in own else self.read(instance)

        def __set__(self, instance: Any, value: Any) -> None:
            if vars(instance).get("_declared") is not None:
                from meticulous.errors import FrozenParameterError

                raise FrozenParameterError(
                    f"Property {self.name} cannot be set: it tells what the record says."
                )
            vars(instance)[self.name] = value
