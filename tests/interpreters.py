"""Find the interpreters of other versions of Python that this machine has."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys

import pytest

_HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
_PYENV = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")


def interpreter(version: str) -> str:
    """Return an interpreter of that version; skip where there is none."""
    candidates = [sys.executable] if version == _HERE else []
    candidates += filter(None, [shutil.which(f"python{version}")])
    candidates += sorted(glob.glob(os.path.join(_PYENV, "versions", f"{version}.*", "bin/python")))
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in candidates:
        words = [candidate, "-I", "-S", "-c", program]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return candidate
    pytest.skip(f"there is no Python {version} here")
