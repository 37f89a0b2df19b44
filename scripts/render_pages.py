"""Render executed notebooks as pages for people.

A stage that runs writes its own page, timings included. DVC doesn't track pages, so a stage that is
restored from the cache has none, or that of another run: this command renders those.
"""

import hashlib
from pathlib import Path

import nbformat
import typer
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from boxoffice.core import paths
from boxoffice.core.commands import one_line_errors
from boxoffice.core.files import replacing

TEMPLATE = Path(__file__).with_name("page.html.j2")


def to_html(notebook: NotebookNode, title: str) -> str:
    """Render a notebook as a page that loads nothing from elsewhere."""
    exporter = HTMLExporter(
        template_file=str(TEMPLATE),
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        mathjax_url="",
        require_js_url="",
        mermaid_js_url="",
    )
    html, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    return html


def page_mark(executed: Path) -> str:
    """Make a comment that ties a page to its executed notebook and to the template."""
    digest = hashlib.sha256(executed.read_bytes() + TEMPLATE.read_bytes())
    return f"<!-- of {digest.hexdigest()} -->"


def page_is_of(executed: Path) -> bool:
    """Whether the page beside an executed notebook was made from it."""
    page = executed.with_suffix(".html")
    return page.exists() and page.read_text(encoding="utf-8").endswith(page_mark(executed))


def write_page(executed: Path, notebook: NotebookNode | None = None) -> None:
    """Write the page beside an executed notebook.

    `notebook` is the run itself, where it is at hand: the tracked one lacks the timings.
    """
    notebook = notebook or nbformat.read(executed, as_version=4)
    with replacing(executed.with_suffix(".html")) as page:
        page.write_text(to_html(notebook, executed.stem) + page_mark(executed), encoding="utf-8")


def main():
    """Bring every page in reports/notebooks in step with its notebook.

    For example: python scripts/render_pages.py
    """
    for notebook in sorted(paths.NOTEBOOKS.glob("*.py")):
        executed = paths.EXECUTED / f"{notebook.stem}.ipynb"
        if executed.exists() and not page_is_of(executed):
            write_page(executed)
            print(f"wrote {executed.with_suffix('.html').relative_to(paths.ROOT)}")
        if executed.exists():
            executed.with_suffix(".failed.ipynb").unlink(missing_ok=True)


if __name__ == "__main__":
    with one_line_errors():
        typer.run(main)
