"""Repositories inside repositories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def add_submodule(make_repository: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that adds a submodule with `inner.py` and commits; returns its source."""

    def add(outer: Any, name: str = "library") -> Any:
        source = make_repository(f"source-of-{name.replace('/', '-')}")
        source.commit({"inner.py": "x = 1\n"}, "inner code")
        allow = ("-c", "protocol.file.allow=always")
        outer.git(*allow, "submodule", "add", "-q", str(source.directory), name)
        outer.commit(message="add a submodule")
        return source

    return add
