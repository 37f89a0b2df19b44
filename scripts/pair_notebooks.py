"""Write notebooks/*.ipynb from their .py sources, or check that the two agree by content.

Content and not file times: after `git clone` both files are equally new.
"""

import sys
from pathlib import Path
from typing import Annotated

import jupytext
import typer
from nbformat import NotebookNode

from boxoffice.core import paths
from boxoffice.core.commands import one_line_errors


def paired(source: Path) -> NotebookNode:
    """The notebook that belongs beside a .py source: no outputs, numbered cell ids."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
    return notebook


def content(notebook: NotebookNode) -> list[tuple]:
    """What a pair shares: cells and tags, and no trace of a run (Jupyter saves some)."""
    return [
        (
            cell.cell_type,
            cell.source,
            cell.metadata.get("tags", []),
            bool(cell.get("outputs") or cell.get("execution_count")),
        )
        for cell in notebook.cells
    ]


def differing() -> list[str]:
    """Stages whose .ipynb is missing or tells something else than its .py."""
    stages = []
    for source in sorted(paths.NOTEBOOKS.glob("*.py")):
        pair = source.with_suffix(".ipynb")
        if not pair.exists() or content(jupytext.read(pair)) != content(jupytext.read(source)):
            stages.append(source.stem)
    return stages


def main(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail on a difference")
    ] = False,
):
    """Pair the notebooks with their sources. The .py is the source.

    For example: python scripts/pair_notebooks.py --check
    """
    stages = differing()
    if check and stages:
        sys.exit(f"out of step: {', '.join(stages)}. Run `make format` (the .py is the source).")
    for stage in stages:
        source = paths.NOTEBOOKS / f"{stage}.py"
        jupytext.write(paired(source), source.with_suffix(".ipynb"))
        print(f"wrote {source.with_suffix('.ipynb').relative_to(paths.ROOT)}")


if __name__ == "__main__":
    with one_line_errors():
        typer.run(main)
