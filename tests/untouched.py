"""What a folder holds to the last byte, to say in tests that nobody has touched it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any


def fingerprint(root: Path, *but: str) -> dict[str, tuple[Any, ...]]:
    """Return every file below a folder with mode, time of change and content.

    Args:
        root: The folder.
        *but: Folders in it that may change.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for directory, folders, files in os.walk(root):
        relative = os.path.relpath(directory, root)
        folders[:] = [name for name in folders if os.path.normpath(f"{relative}/{name}") not in but]
        for name in [*files, *folders]:
            path = Path(directory, name)
            status = path.lstat()
            content = b""
            if path.is_symlink():
                content = os.fsencode(os.readlink(path))
            elif path.is_file():
                content = hashlib.sha256(path.read_bytes()).digest()
            key = os.path.join(relative, name)
            found[key] = (status.st_mode, status.st_mtime_ns if path.is_file() else 0, content)
    return found
