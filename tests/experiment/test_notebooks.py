"""Recording inside a Jupyter kernel and inside pytest, where the descriptors are not the output."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from repositories import Repository

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")


CELLS = [
    "from meticulous import Experiment",
    "with Experiment({'k': 1}) as experiment:\n    print('in the block')\nprint('after it')",
    "with Experiment({'k': 2}):\n    1 / 0",
    "with Experiment({'k': 3}):\n    print('fine')",
    "experiment = Experiment({})",
    "print('one')",
    "print('two')\nexperiment.summary(a=1)",
    "experiment.finish()",
    "print('three')",
    "open('README', 'w').write('changed');",
    "Experiment({})",
]


@dataclass(frozen=True)
class Notebook:
    """A notebook that was executed.

    Attributes:
        directory: Its repository.
        shown: The text that each cell showed.
    """

    directory: Path
    shown: list[str]

    def read(self, number: int, name: str) -> str:
        return (self.directory / f"experiments/{number}" / name).read_text()


_executed: list[Notebook] = []


@pytest.fixture
def notebook(tmp_path_factory) -> Notebook:
    """The cells, executed once in a real kernel; tests only read."""
    if not _executed:
        repository = Repository(tmp_path_factory.mktemp("notebook"))
        repository.git("init", "-q", "-b", "main")
        repository.commit({"README": "a project\n"})
        cells = nbformat.v4.new_notebook()
        cells.cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
        nbclient.NotebookClient(
            cells,
            timeout=120,
            kernel_name="python3",
            allow_errors=True,
            resources={"metadata": {"path": str(repository.directory)}},
        ).execute()
        shown = [
            "".join(part.get("text", part.get("ename", "")) for part in cell.get("outputs", []))
            for cell in cells.cells
        ]
        _executed.append(Notebook(repository.directory, shown))
    return _executed[0]


def test_each_with_block_is_a_run_and_its_output_is_kept_and_shown(notebook):
    assert notebook.shown[:2] == ["", "in the block\nafter it\n"]
    assert notebook.read(1, "stdout") == "in the block\n"
    assert notebook.read(1, "STATUS") == "SUCCESS\n"


def test_an_error_in_a_cell_marks_that_run_only(notebook):
    assert notebook.shown[2:4] == ["ZeroDivisionError", "fine\n"]
    assert "ZeroDivisionError: division by zero" in notebook.read(2, "STATUS")
    assert notebook.read(3, "stdout") == "fine\n"
    assert notebook.read(3, "STATUS") == "SUCCESS\n"


def test_a_run_over_several_cells_ends_with_finish(notebook):
    assert notebook.shown[4:9] == ["", "one\n", "two\n", "", "three\n"]
    assert notebook.read(4, "stdout") == "one\ntwo\n"
    assert notebook.read(4, "STATUS") == "SUCCESS\n"
    assert json.loads(notebook.read(4, "summary.json")) == {"a": 1}


def test_a_dirty_repository_is_refused_in_a_notebook_too(notebook):
    assert notebook.shown[9:] == ["", "DirtyRepoException"]


@pytest.mark.parametrize("option", ["--capture=fd", "--capture=sys", "--capture=no"])
def test_recording_works_under_pytests_capture(repository, option):
    repository.commit(
        {
            "test_it.py": (
                "from meticulous import Experiment\n"
                "def test_records(capsys):\n"
                "    with Experiment({'a': 1}) as experiment: print('inside')\n"
                "    assert capsys.readouterr().out == 'inside\\n'\n"
                "def test_records_without_a_fixture():\n"
                "    with Experiment({'a': 2}) as experiment: print('second')\n"
            )
        }
    )
    done = repository.python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", option, "test_it.py"
    )
    assert done.returncode == 0, done.stdout
    first, second = (repository.directory / "experiments" / number for number in "12")
    assert (first / "stdout").read_text() == "inside\n"
    assert (second / "stdout").read_text() == "second\n"
    assert (second / "STATUS").read_text() == "SUCCESS\n"
