"""A real git repository, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


class Repository:
    """A real git repository in a temporary folder, with the few verbs the tests need."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def git(self, *words: str, check: bool = True, cwd: Path | None = None) -> str:
        """Run git in this repository and return what it printed."""
        done = subprocess.run(
            ["git", *words],
            cwd=cwd or self.directory,
            check=check,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def write(self, name: str, text: str = "") -> Path:
        """Write a file (and its folders) without telling git."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, files: Mapping[str, str] | None = None, message: str = "a change") -> str:
        """Write the files, commit everything, return the sha."""
        for name, text in (files or {}).items():
            self.write(name, text)
        self.git("add", "-A")
        # Looking after each commit whether there is something to clean up is a process more.
        self.git("-c", "maintenance.auto=false", "commit", "-q", "--allow-empty", "-m", message)
        return self.head

    @property
    def head(self) -> str:
        """The sha of the current commit."""
        place = self.directory / ".git"
        try:  # In all but special repositories two files say it, without a process.
            branch = (place / "HEAD").read_text().removeprefix("ref: ").strip()
            return (place / branch).read_text().strip()
        except OSError:
            return self.git("rev-parse", "HEAD").strip()

    def python(
        self,
        *words: str,
        check: bool = False,
        env: Mapping[str, str] | None = None,
        **options: object,
    ) -> subprocess.CompletedProcess[str]:
        """Run the tests' Python in this repository, output captured as text."""
        settings: dict[str, object] = {"capture_output": True, "text": True, "timeout": 120}
        settings.update(options)
        return subprocess.run(  # type: ignore[call-overload]
            [sys.executable, *words],
            cwd=self.directory,
            check=check,
            env={**os.environ, **(env or {})},
            **settings,
        )
