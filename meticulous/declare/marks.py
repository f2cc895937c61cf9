"""Say in code that an attribute or an argument is a parameter, and what it may be."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, Final

BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
"""What may bound a value -> how a message says it."""

MARKS = "_parameter_marks"
"""The attribute of a class that keeps what `param` said about its parameters."""


class Missing:
    """The type of MISSING."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "MISSING"  # so that a copy, and what another process unpickles, is the same object


MISSING: Final = Missing()
"""Stands where there is no value, since None is one."""


class Param:
    """What is known of a parameter besides its type and default, for use in `Annotated`.

        lr: Annotated[float, Param("learning rate", gt=0)] = 0.1

    Args:
        help: One line for people.
        ge: The smallest value it may have; of each item, where the parameter is a collection.
        gt: A bound that every value must exceed.
        le: The largest value it may have.
        lt: A bound that every value must stay below.
        choices: All values it may have.
    """

    __slots__ = ("choices", "ge", "gt", "help", "le", "lt")

    def __init__(
        self,
        help: str = "",
        *,
        ge: Any = None,
        gt: Any = None,
        le: Any = None,
        lt: Any = None,
        choices: Collection[Any] | None = None,
    ) -> None:
        self.help = help
        self.ge, self.gt, self.le, self.lt = ge, gt, le, lt
        self.choices = None if choices is None else tuple(choices)

    def __repr__(self) -> str:
        said = [f"{key}={getattr(self, key)!r}" for key in (*BOUNDS, "choices") if self._has(key)]
        return f"Param({', '.join([repr(self.help), *said])})"

    def _has(self, key: str) -> bool:
        return getattr(self, key) is not None


class Marked:
    """What `param` returns: a default, and what else was said, until the class is complete."""

    __slots__ = ("default", "facts")

    def __init__(self, default: Any, facts: Param) -> None:
        self.default = default
        self.facts = facts

    def __set_name__(self, owner: type, name: str) -> None:
        """Leave the default in the class, so that `Train.lr` is a number and no mark."""
        own = vars(owner).get(MARKS)
        if own is None:
            own = {}
            setattr(owner, MARKS, own)
        own[name] = self.facts
        if self.default is MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, self.default)

    def __repr__(self) -> str:
        return f"param({self.default!r}, {self.facts!r})"


def param(
    default: Any = MISSING,
    *,
    help: str = "",
    ge: Any = None,
    gt: Any = None,
    le: Any = None,
    lt: Any = None,
    choices: Collection[Any] | None = None,
) -> Any:
    """Declare a parameter, as a class attribute or as the default of an argument.

        lr: float = param(0.1, help="learning rate", gt=0)

    Args:
        default: Its value unless another is given; without one, a value must be given. Experiments
            get copies, so it may be a list.
        help: One line for people.
        ge: The smallest value it may have; of each item, where the parameter is a collection.
        gt: A bound that every value must exceed.
        le: The largest value it may have.
        lt: A bound that every value must stay below.
        choices: All values it may have.
    """
    return Marked(default, Param(help, ge=ge, gt=gt, le=le, lt=lt, choices=choices))
