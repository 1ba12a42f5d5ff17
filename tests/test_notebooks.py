"""Notebooks are stored without output and run from top to bottom (``make notebooks``)."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob("*.ipynb"))]

pytestmark = pytest.mark.notebook


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS, f"{FOLDER.name}/ holds no notebook"


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_a_notebook_is_stored_without_output(path: Path) -> None:
    import nbformat

    cells = nbformat.read(path, as_version=4).cells
    assert [cell.id for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.parametrize("path", NOTEBOOKS)
@pytest.mark.filterwarnings("default")  # Jupyter's own; those of a notebook are the kernel's business
def test_a_notebook_runs_from_top_to_bottom(path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
