"""Recording inside a Jupyter kernel and inside pytest, where the descriptors are not the output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")


@pytest.fixture
def execute(repository):
    """Execute cells in a real kernel and return the texts each cell showed."""

    def run(*cells: str) -> list[str]:
        notebook = nbformat.v4.new_notebook()
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        client = nbclient.NotebookClient(
            notebook,
            timeout=120,
            kernel_name="python3",
            allow_errors=True,
            resources={"metadata": {"path": str(repository.directory)}},
        )
        client.execute()
        return [
            "".join(
                output.get("text", output.get("ename", "")) for output in cell.get("outputs", [])
            )
            for cell in notebook.cells
        ]

    return run


def status(repository, number: int) -> str:
    return (repository.directory / f"experiments/{number}/STATUS").read_text()


def kept(repository, number: int) -> str:
    return (repository.directory / f"experiments/{number}/stdout").read_text()


def test_each_with_block_is_a_run_and_its_output_is_kept_and_shown(repository, execute):
    shown = execute(
        "from meticulous import Experiment",
        "with Experiment({'k': 1}) as experiment:\n    print('in the block')\nprint('after it')",
        "with Experiment({'k': 2}) as experiment:\n    print('second')\n    experiment.log(loss=1)",
    )
    assert shown == ["", "in the block\nafter it\n", "second\n"]
    assert kept(repository, 1) == "in the block\n"
    assert kept(repository, 2) == "second\n"
    assert status(repository, 1) == status(repository, 2) == "SUCCESS\n"


def test_an_error_in_a_cell_marks_that_run_only(repository, execute):
    shown = execute(
        "from meticulous import Experiment",
        "with Experiment({'k': 1}):\n    1 / 0",
        "with Experiment({'k': 2}):\n    print('fine')",
    )
    assert shown[1] == "ZeroDivisionError"
    assert "ZeroDivisionError: division by zero" in status(repository, 1)
    assert status(repository, 2) == "SUCCESS\n"


def test_a_run_over_several_cells_ends_with_finish(repository, execute):
    execute(
        "from meticulous import Experiment\nexperiment = Experiment({})",
        "print('one')",
        "print('two')\nexperiment.summary(a=1)",
        "experiment.finish()",
        "print('three')",
    )
    assert kept(repository, 1) == "one\ntwo\n"
    assert status(repository, 1) == "SUCCESS\n"
    folder = repository.directory / "experiments/1"
    assert json.loads((folder / "summary.json").read_text()) == {"a": 1}


def test_a_dirty_repository_is_refused_in_a_notebook_too(repository, execute):
    repository.write("README", "changed")
    shown = execute("from meticulous import Experiment\nExperiment({})")
    assert shown == ["DirtyRepoException"]


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
    assert kept(repository, 1) == "inside\n"
    assert kept(repository, 2) == "second\n"
    assert Path(repository.directory, "experiments/2/STATUS").read_text() == "SUCCESS\n"
