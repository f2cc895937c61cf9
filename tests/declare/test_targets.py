"""Targets: naming a class or function, loading it, and describing it for other processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from meticulous.declare.targets import Target, describe, load_described, load_target, parse_target
from meticulous.errors import TargetError

TRAIN = """
from typing import Literal
from meticulous import Experiment
import helper

class Base(Experiment):
    lr: float = 0.1  # @p

class Train(Base):
    def run(self):
        pass
    class Inner(Experiment): pass

class Plain: pass

value = 3
if __name__ == "__main__":
    raise SystemExit("carried out")
"""

FUNCTION = """
from __future__ import annotations
import meticulous
def evaluate(experiment: meticulous.Experiment, split: str = "test"): ...
def other(x): ...
"""


HELPER = "from functools import partial as odd\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of programs, in which the test stands, with the imports of the test undone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in ("train", "helper", "evaluate"):  # of a test before, in the same process
        monkeypatch.delitem(sys.modules, name, raising=False)
    before = set(sys.modules)
    for name, text in {"train.py": TRAIN, "helper.py": HELPER, "evaluate.py": FUNCTION}.items():
        (tmp_path / name).write_text(text)
    yield tmp_path
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]


class TestNaming:
    @pytest.mark.parametrize(
        ("text", "target"),
        [
            ("train.py", Target("train.py")),
            ("train.py:Train", Target("train.py", "Train")),
            ("a b/t.py:Train.Inner", Target("a b/t.py", "Train.Inner")),
            ("package.module:name", Target("package.module", "name")),
            ("a:b/train.py", Target("a:b/train.py")),
        ],
    )
    def test_a_target_is_a_file_or_module_and_a_name(self, text, target):
        assert parse_target(text) == target
        assert str(target) == text

    @pytest.mark.parametrize("text", ["", "train", "train.py:", "a-b:c", ":x", "train.py:a b"])
    def test_anything_else_is_refused_with_the_forms(self, text):
        with pytest.raises(TargetError, match=r"write file.py:name, module:name, or file.py"):
            parse_target(text)


class TestLoading:
    def test_a_file_is_loaded_as_if_it_were_run_but_not_as_the_program(self, folder):
        found = load_target("train.py:Train")
        assert found.__name__ == "Train"
        assert found.__module__ == "train"
        assert sys.path[0] == str(folder)

    def test_the_one_thing_that_is_declared_needs_no_name(self, folder):
        assert load_target("train.py").__name__ == "Train"
        assert load_target("evaluate.py").__name__ == "evaluate"

    def test_it_is_loaded_once(self, folder):
        first = load_target("train.py")
        assert load_target(str(folder / "train.py")) is first
        assert load_target("train:Train") is first

    def test_a_module_is_found_from_here(self, folder):
        (folder / "package").mkdir()
        (folder / "package" / "module.py").write_text("def run(experiment): ...\n")
        assert load_target("package.module:run").__name__ == "run"

    def test_nested_names_are_found(self, folder):
        assert load_target("train.py:Train.Inner").__qualname__ == "Train.Inner"

    @pytest.mark.parametrize("name", ["json.py", "a b.py", "meticulous.py", "3.py"])
    def test_a_file_may_have_any_name(self, folder, name):
        import json as before

        (folder / name).write_text("def run(experiment): ...\n")
        found = load_target(f"{name}:run")
        assert describe(found)["file"] == str(folder / name)
        assert sys.modules["json"] is before

    def test_two_files_of_one_name_are_two(self, folder):
        (folder / "other").mkdir()
        (folder / "other" / "train.py").write_text("def run(experiment): ...\n")
        load_target("train.py:Train")
        assert load_target("other/train.py:run").__name__ == "run"
        assert load_target("train.py:Train").__name__ == "Train"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("trian.py", "There is no file trian.py; the nearest: train.py."),
            ("nowhere/x.py", "There is no file nowhere/x.py."),
            ("train.py:Trian", "train.py has no 'Trian'; the nearest: Train."),
            (
                "train.py:value",
                "train.py:value is a value of the type int, and no experiment: neither a subclass "
                "of Experiment nor a function. What can be run is train.py:Train.",
            ),
            ("train.py:Literal", "train.py:Literal is typing.Literal, which is imported there, "),
            ("train.py:Literal", "What can be run is train.py:Train."),
            ("train.py:Plain", "train.py:Plain is a class, and no experiment: neither"),
            ("train.py:Experiment", "is meticulous.experiment.Experiment, which is imported"),
            ("helper.py:odd", "helper.py:odd is functools.partial, "),
            ("helper.py:odd", "helper.py declares no experiment."),
            ("nowhere.at.all:x", "There is no module nowhere that could be imported from"),
            ("helper.py", "helper.py declares no experiment"),
        ],
    )
    def test_what_is_not_there_is_told_with_the_nearest(self, folder, text, message):
        with pytest.raises(TargetError) as caught:
            load_target(text)
        assert message in str(caught.value)

    def test_of_several_declared_things_one_must_be_chosen(self, folder):
        with open("train.py", "a") as file:
            file.write("class Second(Train): ...\ndef third(e: Experiment): ...\n")
        with pytest.raises(TargetError) as caught:
            load_target("train.py")
        assert str(caught.value) == (
            "train.py declares several experiments; "
            "choose one of train.py:Train, train.py:Second, train.py:third."
        )

    def test_what_is_imported_is_not_declared_there(self, folder):
        Path("user.py").write_text(
            "from train import Train\nfrom meticulous import Experiment\nclass Mine(Train): ...\n"
        )
        assert load_target("user.py").__name__ == "Mine"


class TestFailing:
    def test_the_error_has_the_traceback_of_the_user_only(self, folder):
        Path("broken.py").write_text("import deeper\n")
        Path("deeper.py").write_text("def fail():\n    1 / 0\n\nfail()\n")
        with pytest.raises(TargetError) as caught:
            load_target("broken.py:Train")
        first, _, traceback = str(caught.value).partition("\n\n")
        assert first == "broken.py cannot be imported:"
        assert traceback.splitlines()[0] == "Traceback (most recent call last):"
        assert traceback.splitlines()[-1] == "ZeroDivisionError: division by zero"
        files = [line.split('"')[1] for line in traceback.splitlines() if line.startswith("  File")]
        assert [os.path.basename(file) for file in files] == ["broken.py", "deeper.py", "deeper.py"]

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("x = (\n", "SyntaxError"),
            ("import sys; sys.exit(3)", "it ended itself (exit code 3)"),
            (
                "import not_installed_anywhere",
                "ModuleNotFoundError: No module named 'not_installed",
            ),
            ("raise BaseException('odd')", "BaseException: odd"),
            ("\0", "cannot be imported"),
        ],
    )
    def test_whatever_a_module_does_is_one_typed_error(self, folder, source, message):
        Path("broken.py").write_text(source)
        for target in ("broken.py:Train", "broken:Train"):
            with pytest.raises(TargetError) as caught:
                load_target(target)
            assert message in str(caught.value)

    def test_a_failed_import_leaves_nothing_behind(self, folder):
        path = list(sys.path)
        Path("broken.py").write_text("raise ValueError('first')")
        with pytest.raises(TargetError):
            load_target("broken.py:run")
        assert "broken" not in sys.modules
        assert sys.path == path
        Path("broken.py").write_text("def run(experiment): ...")
        assert load_target("broken.py:run").__name__ == "run"

    def test_an_interrupt_goes_on_its_way(self, folder):
        Path("broken.py").write_text("raise KeyboardInterrupt")
        with pytest.raises(KeyboardInterrupt):
            load_target("broken.py:run")


def elsewhere(folder: Path, *words: str, cwd: str = "/") -> dict[str, str]:
    """Describe in one process, load what is described in another, and return the description."""
    described = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=True, cwd=folder
    ).stdout
    program = (
        "import json, sys\n"
        "from meticulous.declare.targets import describe, load_described\n"
        "described = json.loads(sys.argv[1])\n"
        "print(json.dumps([describe(load_described(described)), described]))\n"
    )
    words = ("-c", program, described)
    again, once = json.loads(
        subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, check=True, cwd=cwd
        ).stdout
    )
    assert again == once
    return once


DESCRIBING = """
import json
from meticulous import Experiment
from meticulous.declare.targets import describe
class Train:
    class Inner(Experiment): ...
if __name__ == "__main__":
    print(json.dumps(describe(Train.Inner)))
"""


class TestDescribing:
    def test_a_class_of_the_running_script_is_found_in_its_file(self, folder):
        (folder / "sub").mkdir()
        script = folder / "sub" / "script.py"
        script.write_text(DESCRIBING)
        assert elsewhere(folder, "sub/script.py") == {
            "file": str(script),
            "name": "Train.Inner",
            "import-path": str(folder / "sub"),
        }

    def test_a_class_of_a_module_that_is_run_is_found_in_the_module(self, folder):
        (folder / "package").mkdir()
        (folder / "package" / "__init__.py").write_text("")
        (folder / "package" / "module.py").write_text(DESCRIBING)
        assert elsewhere(folder, "-m", "package.module") == {
            "module": "package.module",
            "name": "Train.Inner",
            "import-path": str(folder),
        }

    def test_what_was_loaded_from_a_file_is_found_there_again(self, folder):
        found = load_target("train.py")
        description = describe(found)
        assert description == {
            "file": str(folder / "train.py"),
            "name": "Train",
            "import-path": str(folder),
        }
        assert load_described(description) is found

    def test_an_installed_class_needs_no_folder_on_the_path(self):
        assert describe(pytest.Item) == {"module": "_pytest.nodes", "name": "Item"}

    def test_an_object_is_found_by_its_class(self):
        assert describe(Target("a.py"))["name"] == "Target"

    def test_what_no_other_process_could_find_is_refused(self):
        def local(experiment): ...

        for thing in (local, lambda experiment: None):
            with pytest.raises(TargetError, match="is made within a function"):
                describe(thing)
        result = subprocess.run(
            [sys.executable, "-c", DESCRIBING], capture_output=True, text=True, check=False
        )
        assert "TargetError: Train.Inner is not defined in a file" in result.stderr
