from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "meticulous").rglob("*.py"))
MODULES = [
    path
    for path in SOURCES
    if (path.parent / "__init__.py").exists() and path.name != "__main__.py"
]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


IMPORTS_EACH_FIRST = """
import gc, importlib, os, sys, traceback

def import_each(module, parts):
    try:
        importlib.import_module(module)
        print(module, flush=True)
    except BaseException:
        traceback.print_exc()
    gc.freeze()
    for part in parts:
        # A fork has imported nothing but the packages around its module, as always comes first.
        child = os.fork()
        if child == 0:
            import_each(f"{module}.{part}", parts[part])
            sys.stderr.flush()
            os._exit(0)
        os.waitpid(child, 0)

for library in ("click", "importlib.metadata", "orjson", "platformdirs", "rich.live"):
    importlib.import_module(library)
assert not any(name.startswith("meticulous") for name in sys.modules)
gc.disable()
import_each("meticulous", eval(sys.argv[1])["meticulous"])
"""


def test_every_module_can_be_imported_first_without_a_warning(tmp_path):
    modules = [module_name(path) for path in MODULES]
    tree: dict[str, Any] = {}
    for module in modules:
        place = tree
        for part in module.split("."):
            place = place.setdefault(part, {})

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORTS_EACH_FIRST, repr(tree)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == sorted(modules)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The built package, from a copy of the sources so that nothing is left among them."""
    source = tmp_path_factory.mktemp("source")
    shutil.copytree(
        ROOT / "meticulous", source / "meticulous", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, source)
    # What must stay out of the wheel has to be there when it is built.
    for name in ("tests", "scripts", "examples"):
        (source / name).mkdir()
        (source / name / "__init__.py").write_text("")
    target = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", target, source],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (path,) = target.iterdir()
    return path


def test_the_wheel_holds_every_module_and_the_type_marker_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    sources = {path.relative_to(ROOT).as_posix() for path in SOURCES}
    assert packed == sources | {"meticulous/py.typed"}


def test_the_wheel_carries_licence_command_version_and_requirements(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        (commands,) = (name for name in names if name.endswith(".dist-info/entry_points.txt"))
        fields = Parser().parsestr(archive.read(metadata).decode())
        entry_points = archive.read(commands).decode()

    assert any(name.endswith("/LICENSE") for name in names)
    assert "meticulous = meticulous.cli:main" in entry_points
    assert fields["Name"] == "meticulous-ml"
    assert fields["Requires-Python"] == ">=3.11"
    assert fields["Version"] == version_in_sources()
    needed = [line for line in fields.get_all("Requires-Dist") if "extra ==" not in line]
    assert any(line.startswith("orjson") for line in needed)
    assert not any(line.startswith(("pytest", "torch", "numpy")) for line in needed)


def version_in_sources() -> str:
    code = "import meticulous; print(meticulous.__version__)"
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip()


class Installed:
    """The wheel unpacked where the sources cannot be seen."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def run(self, *words: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(self.directory)},
            check=check,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Installed:
    directory = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-index", "--quiet", "--target", str(directory)]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(wheel)],
        check=True,
        capture_output=True,
    )
    return Installed(directory)


def test_the_installed_package_records_without_the_sources(installed, repository):
    repository.commit(
        {
            "train.py": "import argparse, meticulous\n"
            "parser = argparse.ArgumentParser()\n"
            "parser.add_argument('--lr', type=float, default=0.1)\n"
            "meticulous.Experiment.add_argument_group(parser)\n"
            "experiment = meticulous.Experiment.from_parser(parser)\n"
            "print(meticulous.__file__)\n"
        }
    )

    done = installed.run(sys.executable, "train.py", "--lr", "0.2", cwd=repository.directory)

    folder = repository.directory / "experiments" / "1"
    assert done.stdout.startswith(str(installed.directory))
    assert (folder / "stdout").read_text() == done.stdout
    assert (folder / "STATUS").read_text().startswith("SUCCESS")


@pytest.mark.parametrize("command", ["module", "script"])
def test_the_command_line_records_lists_and_shows(command, installed, repository):
    words = {
        "module": [sys.executable, "-m", "meticulous"],
        "script": [str(installed.directory / "bin" / "meticulous")],
    }[command]

    recorded = installed.run(*words, "run", "--", "echo", "hello", cwd=repository.directory)
    listed = installed.run(*words, "list", cwd=repository.directory)
    shown = installed.run(*words, "show", "1", cwd=repository.directory)

    assert recorded.stdout == "hello\n"
    assert "SUCCESS" in listed.stdout
    assert "SUCCESS" in shown.stdout


def test_the_command_line_tells_its_commands_and_its_version(installed, tmp_path):
    words = (sys.executable, "-m", "meticulous")

    helped = installed.run(*words, "--help", cwd=tmp_path)
    version = installed.run(*words, "--version", cwd=tmp_path)

    for command in ("run", "list", "show"):
        assert command in helped.stdout
    assert version_in_sources() in version.stdout


def test_an_unknown_command_is_the_users_mistake(installed, tmp_path):
    done = installed.run(
        sys.executable, "-m", "meticulous", "frobnicate", cwd=tmp_path, check=False
    )

    assert done.returncode == 2
    assert "frobnicate" in done.stderr
    assert "Traceback" not in done.stderr
