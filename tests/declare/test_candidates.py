"""What a file can declare, seen in its source: only what certainly declares none is refused."""

from __future__ import annotations

import pytest

from meticulous.declare import candidates
from meticulous.declare.candidates import can_declare
from meticulous.declare.targets import load_target
from meticulous.errors import TargetError

PLAIN = [
    "",
    "x = 1\nprint(x)\n",
    "import argparse\nparser = argparse.ArgumentParser()\nargs = vars(parser.parse_args([]))\n",
    "def main(): ...\nif __name__ == '__main__':\n    main()\n",
    "def main(argv: list[str] | None = None) -> 'int': ...\n",
    "from pathlib import Path\ndef read(path: Path): ...\nclass Wrong(ValueError): ...\n",
    "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\nclass B(A): ...\n",
    "import orjson\nclass Odd(orjson.JSONEncodeError): ...\n",
    "import meticulous, sys\nexperiment = meticulous.Experiment(sys.argv)\nprint(type(1))\n",
]

MAYBE = [
    "from meticulous import Experiment\nclass A(Experiment): ...\n",
    "import meticulous as m\nclass A(\n    m.Experiment,\n): ...\n",
    "from base import Base\nclass A(Base): ...\n",
    "from .base import Base\nclass A(Base): ...\n",
    "from base import *\nclass A(Base): ...\n",
    "try:\n    from base import B\nexcept ImportError:\n    from abc import B\nclass A(B): ...\n",
    "def f(e: 'meticulous.Experiment'): ...\n",
    "import own\ndef f(e: 'own.Base | None', x=1): ...\n",
    "import meticulous\n@meticulous.Experiment.from_function\ndef f(e): ...\n",
    "from base import f\nA = f.from_function(lambda e: None)\n",
    "from base import Base\nA = type('A', (Base,), {})\n",
    "def make():\n    class A(base()): ...\n    return A\nA = make()\n",
    "exec('class A: pass')\n",
    "Base = __import__('base').Base\nclass A(Base): ...\n",
    "import json\nclass A(json.JSONEncoder): ...\n",  # where json.py lies beside it
    "x = (\n",
    "\0",
]


@pytest.mark.parametrize("source", PLAIN)
def test_a_plain_script_is_refused_without_being_run(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "script.py"
    path.write_text(source + "\nopen('ran', 'w').close()\n")
    assert not can_declare(str(path))
    with pytest.raises(TargetError, match=r"`meticulous run -- python script\.py`") as caught:
        load_target("script.py")
    assert "It was not run" in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("source", MAYBE)
def test_whatever_may_declare_one_is_not(tmp_path, source):
    (tmp_path / "json.py").write_text("")
    path = tmp_path / "script.py"
    path.write_bytes(source.encode())
    assert can_declare(str(path))


@pytest.mark.parametrize(
    ("needs", "may"),
    [
        (["numpy"], False),
        (["meticulous-ml>=0.1"], True),
        (["not-installed", "Layer.Of_Tests[all] (>1) ; python_version > '3'"], True),
    ],
)
def test_a_package_may_bring_base_classes_where_it_needs_this_one(
    tmp_path, monkeypatch, needs, may
):
    place = tmp_path / "site-packages"
    add_distribution(place, "framework_of_tests", needs)
    add_distribution(place, "layer_of_tests", ["framework-of-tests", "meticulous-ml"])
    monkeypatch.syspath_prepend(place)
    candidates._distributions.cache_clear()
    path = tmp_path / "script.py"
    path.write_text("from framework_of_tests import Base\nclass A(Base): ...\n")
    assert can_declare(str(path)) is may
    candidates._distributions.cache_clear()


def add_distribution(place, name, needs):
    information = place / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    needed = "".join(f"Requires-Dist: {one}\n" for one in needs)
    (information / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n{needed}")
    (information / "top_level.txt").write_text(f"{name}\n")


def test_a_module_of_the_import_path_may_have_the_name_of_one_of_the_interpreter(
    tmp_path, monkeypatch
):
    (tmp_path / "code").mkdir()
    (tmp_path / "scripts").mkdir()
    path = tmp_path / "scripts" / "script.py"
    path.write_text("from code.base import Base\nclass A(Base): ...\n")
    assert not can_declare(str(path))
    monkeypatch.syspath_prepend(tmp_path)
    assert can_declare(str(path))


def test_modules_beside_the_file_behind_a_link_are_the_users(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "code.py").write_text("")
    (tmp_path / "real" / "script.py").write_text("from code import B\nclass A(B): ...\n")
    (tmp_path / "script.py").symlink_to(tmp_path / "real" / "script.py")
    assert can_declare(str(tmp_path / "script.py"))


def test_of_what_was_run_the_error_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base_of_none.py").write_text("class Base: ...\n")
    (tmp_path / "seems.py").write_text("from base_of_none import Base\nclass A(Base): ...\n")
    with pytest.raises(TargetError, match="Its code was carried out for that, unrecorded"):
        load_target("seems.py")
