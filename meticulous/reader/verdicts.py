"""What a folder says about the reproduction that it holds."""

from __future__ import annotations

import json
import os
from typing import Any

from meticulous.folder import layout


def read_verdict(directory: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the content of reproduction.json; None where there is none that can be read."""
    try:
        with open(os.path.join(directory, layout.REPRODUCTION), "rb") as file:
            content = json.loads(file.read())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and "verdict" in content else None
