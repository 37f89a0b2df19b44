"""Render the pages of executed notebooks that came from DVC's cache, or that changed since.

A stage that runs writes its own page, timings included. DVC doesn't track pages, so a stage that is
restored from the cache has none, or that of another run.
"""

import typer

from boxoffice import paths
from run_notebook import page_is_of, write_page


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
    typer.run(main)
