"""Every notebook runs to its last cell in a kernel of its own, without warnings, and is kept without outputs."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
nbformat = pytest.importorskip("nbformat", reason="pip install .[test]")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, monkeypatch):
    client = pytest.importorskip("nbclient", reason="pip install .[test]")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    client.NotebookClient(notebook, timeout=400, resources={"metadata": {"path": str(ROOT)}}).execute()
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        assert all(output.get("name") != "stderr" for output in outputs), cell.source  # warnings
        if cell.source.endswith(".figure"):
            assert "image/png" in outputs[-1].data, cell.source


def test_there_is_a_path_to_follow():
    assert NOTEBOOKS[0].stem.startswith("01_")
