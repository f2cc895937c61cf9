"""The program's own arguments, as a dict whose values are also attributes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_NAMES_SHOWN = 3


class Arguments(dict):  # type: ignore[type-arg]  # subscripting dict here costs start-up time
    """What `experiment.args` is: a dict (`args["lr"]`) with attributes (`args.lr`, `vars(args)`).

    Writing one way is seen the other way. An argument called like a method of dict, such as
    `items` or `copy`, wins as an attribute; the dict itself goes on working (`args["items"]`,
    `dict(args)`, `**args`, `==`, `in`, iteration, pickling, `copy.copy`). Only a library that calls
    that very method, as `json.dumps` calls `items`, needs `dict(args)` in such a program.

    Raises:
        AttributeError: For an attribute that is no argument; the message names the nearest ones.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        dict.__init__(self, *args, **kwargs)
        # One storage for both: the attributes of this object are its items.
        self.__dict__ = self

    def __getattr__(self, name: str) -> Any:
        raise _NoSuchArgument(name, self)

    def __repr__(self) -> str:
        shown, others = [], {}
        for key in self:
            if isinstance(key, str) and key.isidentifier():
                shown.append(f"{key}={self[key]!r}")
            else:
                others[key] = self[key]
        if others:
            shown.append(f"**{others!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def __copy__(self) -> Arguments:
        return type(self)(self)

    def copy(self) -> Arguments:
        """Return a new `Arguments` with the same values."""
        return type(self)(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # The inherited way would call `self.items`, which may be an argument's value.
        return type(self), (), None, None, iter(dict.items(self))

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return self.__reduce__()


class _NoSuchArgument(AttributeError):
    """Composes its message only when shown, since `getattr(args, name, default)` is frequent."""

    def __init__(self, wanted: str, arguments: dict[Any, Any]) -> None:
        # Without a name Python adds no second suggestion of its own to the message.
        super().__init__(wanted, name=None, obj=None)
        self.wanted = wanted
        self.names = [key for key in arguments if isinstance(key, str)]

    def __reduce__(self) -> tuple[Any, ...]:
        return _NoSuchArgument, (self.wanted, dict.fromkeys(self.names))

    def __str__(self) -> str:
        import difflib

        if not self.names:
            return f"there is no argument {self.wanted!r}: the program has none at all"
        nearest = difflib.get_close_matches(self.wanted, self.names, _MOST_NAMES_SHOWN)
        if nearest:
            return f"there is no argument {self.wanted!r}; the nearest: {', '.join(nearest)}"
        return f"there is no argument {self.wanted!r}; there are: {', '.join(self.names)}"
