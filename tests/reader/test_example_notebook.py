"""The example notebook runs from its first cell to its last, and is kept without outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

NOTEBOOK = Path(__file__).parent.parent.parent / "examples" / "reading.ipynb"


@pytest.fixture
def executed(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources=resources
    ).execute()
    return notebook


def shown(cell) -> str:
    """Return everything a cell showed, as text and as HTML."""
    parts = []
    for output in cell.get("outputs", []):
        parts.append(output.get("text", ""))
        parts += output.get("data", {}).values()
    return "\n".join(parts)


def test_it_is_kept_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_every_cell_runs_and_shows_what_the_text_says(executed):
    outputs = {cell.source: shown(cell) for cell in executed.cells if cell.cell_type == "code"}
    for source, said in (
        ("experiments = Experiments(project)\nexperiments", "8 experiments in"),
        ("experiments[3]", "<details"),
        ("table = experiments.table()\ntable", "args.start.x"),
        ("experiments.diff(2, 4)", "args"),
    ):
        assert "<table" in outputs[source], source
        assert said in outputs[source], source
    everything = "\n".join(outputs.values())
    assert "diverged in step" in everything
    assert "Did you mean summary.loss?" in everything
    assert "8 9" in everything
    assert "Traceback" not in everything
