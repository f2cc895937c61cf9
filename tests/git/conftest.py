"""Repositories inside repositories, and a git that does something extra, for the git tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def add_submodule(make_repository: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that adds a submodule with `inner.py` and commits; returns the inner one.

    The inner repository object works in the submodule's folder.
    """

    def add(outer: Any, name: str = "library") -> Any:
        source = make_repository(f"source-of-{name.replace('/', '-')}")
        source.commit({"inner.py": "x = 1\n"}, "inner code")
        allow = ("-c", "protocol.file.allow=always")
        outer.git(*allow, "submodule", "add", "-q", str(source.directory), name)
        outer.commit(message="add a submodule")
        return type(outer)(outer.directory / name)

    return add


@pytest.fixture
def wrapped_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts a git before the real one which first runs a shell fragment.

    The fragment sees the command line in "$*" and the real git in "$GIT"; `exec "$GIT" "$@"`
    follows it.
    """

    def wrap(fragment: str) -> None:
        real = shutil.which("git")
        folder = tmp_path / "wrapped-git"
        folder.mkdir()
        script = folder / "git"
        script.write_text(f'#!/bin/sh\nGIT={real}\n{fragment}\nexec "$GIT" "$@"\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return wrap
