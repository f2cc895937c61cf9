"""Names of a package that are loaded from its modules on their first use."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def on_first_use(
    package: dict[str, Any], home: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the functions `__getattr__` and `__dir__` of a package.

    Args:
        package: Its `globals()`; a name is kept there once it was loaded.
        home: The module of each name.
    """

    def load(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        import importlib

        value = getattr(importlib.import_module(home[name]), name)
        package[name] = value
        return value

    def names() -> list[str]:
        return sorted({*package, *home})

    return load, names
