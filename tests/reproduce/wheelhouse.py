"""A package index of the test's own: a folder of tiny wheels, the only one that uv and pip see."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest


class Wheelhouse:
    """A folder of wheels that are built as the test goes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()

    def add(self, name: str, version: str = "1.0", requires: tuple[str, ...] = ()) -> Path:
        """Build a wheel of one module, which holds its version."""
        path = self.directory / f"{name}-{version}-py3-none-any.whl"
        info = f"{name}-{version}.dist-info"
        metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
        metadata += [f"Requires-Dist: {line}" for line in requires]
        files = {
            f"{name}.py": f"VERSION = {version!r}\n",
            f"{info}/METADATA": "\n".join(metadata) + "\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
        with zipfile.ZipFile(path, "w") as archive:
            for file, text in files.items():
                archive.writestr(file, text)
        return path

    def add_broken(self, name: str, version: str = "1.0") -> Path:
        """Write a wheel that cannot be read."""
        path = self.directory / f"{name}-{version}-py3-none-any.whl"
        path.write_bytes(b"no wheel at all")
        return path


def only_index(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    """Return a folder of wheels that uv and pip look into instead of any index."""
    for tool in ("UV", "PIP"):
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(directory))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    # An index without any package.
    monkeypatch.setenv("UV_DEFAULT_INDEX", directory.as_uri())
    for name in ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    return Wheelhouse(directory)
