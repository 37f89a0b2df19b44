"""Run one notebook as a stage: the command behind every line of dvc.yaml.

The source is `notebooks/<stage>.py`; its parameters come from `params.yaml`; the executed
notebook goes to `reports/notebooks/<stage>.ipynb` with the same bytes for the same inputs, and a
page for people, timings included, to `<stage>.html` beside it.
"""

import ast
import hashlib
import os
import re
import shutil
import sys
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any

import jupytext
import nbformat
import papermill
import typer
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from traitlets.config import Config

from boxoffice import paths
from boxoffice.compute import environment
from boxoffice.files import replacing

KERNEL = "python3"
CELL_TIMEOUT = 3600  # seconds: a hung kernel ends instead of holding the pipeline for ever
ENCRYPTED = Config({"KernelManager": {"transport_encryption": "auto"}})  # else the kernel warns
# What differs in every run: the id that pandas draws for a styled table, and places in memory.
STYLED_TABLE = re.compile(r"\bT_[0-9a-f]{5}(?![0-9a-f])")
ADDRESS = re.compile(r"(?<= at )0x[0-9a-f]+")
# Parameters that any notebook may ask for, and where params.yaml holds them.
SHARED = {"seed": ("seed",), "source": ("data", "source")}


class StageError(Exception):
    """What is wrong with a stage, in words for the person who runs it."""


def read_notebook(stage: str) -> NotebookNode:
    """Read `notebooks/<stage>.py`."""
    path = paths.NOTEBOOKS / f"{stage}.py"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in paths.NOTEBOOKS.glob("*.py")))
        raise StageError(
            f"no stage {stage!r}: {path.name} is not in notebooks/ (there are: {known})"
        )
    return jupytext.read(path)


def tagged(cell: NotebookNode, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def notebook_defaults(notebook: NotebookNode) -> dict[str, Any]:
    """Names and values assigned in the cell tagged `parameters`.

    Raises
    ------
    StageError
        If there is not exactly one such cell, or it holds more than plain assignments of literals.
    """
    cells = [cell for cell in notebook.cells if tagged(cell, "parameters")]
    if len(cells) != 1:
        raise StageError(f"expected one cell tagged `parameters`, found {len(cells)}")
    try:
        lines = ast.parse(cells[0].source).body
    except SyntaxError as error:
        raise StageError(f"the parameters cell is not Python: {error}") from error
    defaults = {}
    for line in lines:
        try:
            (target,) = line.targets
            defaults[target.id] = ast.literal_eval(line.value)
        except (AttributeError, ValueError) as error:
            raise StageError(
                f"the parameters cell takes only `name = literal`, not `{ast.unparse(line)}`: "
                "derive values in the next cell"
            ) from error
    return defaults


def read_params(path: Path = paths.ROOT / "params.yaml") -> dict[str, Any]:
    """Read params.yaml as YAML 1.2, in which 1e-05 is a number (PyYAML makes it a string).

    Raises
    ------
    StageError
        If there is no such file, or it is not YAML with a section per stage.
    """
    try:
        params = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StageError(f"{path.name} is missing: restore it with `git checkout`") from error
    except YAMLError as error:
        raise StageError(f"{path.name} is not YAML: {error}") from error
    if not isinstance(params, dict):
        raise StageError(f"{path.name} holds {params!r}, expected a section per stage")
    return params


def kinds(default: Any) -> tuple[type, ...]:
    """Types that may stand in place of `default`; an empty tuple stands for any."""
    if default is None:
        return ()
    if isinstance(default, list):
        elements = {kind for item in default for kind in kinds(item)}
        return (*elements, list, *([type(None)] if None in default else []))
    return (int, float) if isinstance(default, float) else (type(default),)


def check_type(name: str, value: Any, default: Any) -> None:
    """Raise StageError unless `value` is of the default's kind.

    A list in the notebook says that one value or several may be given, as a grid to search.
    """
    allowed = kinds(default)
    values = value if isinstance(default, list) and isinstance(value, list) else [value]
    for item in values:
        if allowed and type(item) not in allowed:
            names = ", ".join(sorted(kind.__name__ for kind in allowed))
            raise StageError(
                f"params.yaml: {name} is {item!r} ({type(item).__name__}), expected {names}"
            )


def stage_params(stage: str, params: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The values for one notebook: its section of params.yaml and the shared ones it asks for.

    Raises
    ------
    StageError
        If a name is unknown to the notebook or missing in params.yaml, or a value has another type.
    """
    section = params.get(stage) or {}
    if not isinstance(section, dict):
        raise StageError(f"params.yaml: {stage} is {section!r}, expected `name: value` lines")
    values = dict(section)
    for name, keys in SHARED.items():
        if name in defaults and name not in values:
            value = params
            for key in keys:
                if key not in value:
                    raise StageError(f"params.yaml: {'.'.join(keys)} is missing")
                value = value[key]
            values[name] = value
    if unknown := sorted(values.keys() - defaults.keys()):
        raise StageError(
            f"params.yaml: {stage}.{unknown[0]} is unknown to notebooks/{stage}.py, "
            f"which takes {', '.join(defaults)}"
        )
    if missing := sorted(defaults.keys() - values.keys()):
        raise StageError(
            f"params.yaml: {stage}.{missing[0]} is missing; "
            f"the notebook's default is {defaults[missing[0]]!r}"
        )
    for name, value in values.items():
        check_type(f"{stage}.{name}", value, defaults[name])
    return values


def parameterized(stage: str) -> tuple[NotebookNode, dict[str, Any]]:
    """The notebook of a stage and the values that it is to run with."""
    notebook = read_notebook(stage)
    return notebook, stage_params(stage, read_params(), notebook_defaults(notebook))


def failure(error: Exception, partial: NotebookNode) -> str:
    """Say which cell of a partly executed notebook failed, and why."""
    if isinstance(error, PapermillExecutionError):
        number, source = error.cell_index, error.source
        reason = f"{error.ename}: {error.evalue}"
    else:  # the kernel is gone, so the last cell that started is the one
        number, source = [
            (number, cell.source)
            for number, cell in enumerate(partial.cells)
            if cell.metadata.papermill.start_time
        ][-1]
        reason = f"{error} (the kernel ran out of memory or was stopped)"
        if isinstance(error, CellTimeoutError):
            reason = f"no result after {CELL_TIMEOUT} s"
    return f"cell {number} failed:\n\n{source}\n\n{reason}"


def execute(notebook: NotebookNode, values: dict[str, Any], failed: Path) -> NotebookNode:
    """Run a notebook with papermill from the root of the checkout.

    Raises
    ------
    StageError
        If a cell fails, hangs or kills the kernel: it says which and why, and `failed` keeps what
        ran until then.
    """
    # The kernel imports the package of this checkout, whatever is installed.
    modules = filter(None, [str(paths.ROOT / "scripts"), os.environ.get("PYTHONPATH")])
    os.environ["PYTHONPATH"] = os.pathsep.join(modules)
    os.environ.update(environment(values.get("exact", True)))
    failed.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "source.ipynb"), Path(folder, "output.ipynb")
        nbformat.write(notebook, source)
        try:
            papermill.execute_notebook(
                source,
                output,
                parameters=values,
                kernel_name=KERNEL,
                cwd=paths.ROOT,
                execution_timeout=CELL_TIMEOUT,
                progress_bar=True,
                log_output=False,
                stderr_file=sys.stderr,  # progress bars, as they grow
                config=ENCRYPTED,
            )
        except (PapermillExecutionError, DeadKernelError, CellTimeoutError) as error:
            with replacing(failed) as partial:
                shutil.copyfile(output, partial)
            raise StageError(
                f"{failure(error, nbformat.read(failed, as_version=4))}\n\n"
                f"What ran is in {failed.relative_to(paths.ROOT)}"
            ) from error
        # What is printed comes in pieces as time has it; of progress bars the last line counts.
        executed, _ = CoalesceStreamsPreprocessor().preprocess(
            nbformat.read(output, as_version=4), {}
        )
        return executed


def normalized(notebook: NotebookNode) -> NotebookNode:
    """Drop what differs between two runs on the same inputs and is no result.

    Warnings name the process and the folder they arose in: stderr stays in the page for people.
    """
    notebook = deepcopy(notebook)
    notebook.metadata.pop("papermill", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if tagged(cell, "timing"):
            cell.outputs = []
        elif cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
        for place, output in enumerate(cell.get("outputs", [])):
            data = output.get("data", {})
            if "text/html" in data:
                table = f"T_{number:02d}_{place:02d}"
                data["text/html"] = STYLED_TABLE.sub(table, data["text/html"])
            if "text/plain" in data:
                data["text/plain"] = ADDRESS.sub("0x...", data["text/plain"])
    return notebook


def to_html(notebook: NotebookNode, title: str) -> str:
    """Render a notebook as a page that loads nothing from elsewhere."""
    exporter = HTMLExporter(mathjax_url="", require_js_url="", mermaid_js_url="")
    html, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    return html


def page_mark(executed: Path) -> str:
    """A comment that ties a page to the bytes of its executed notebook."""
    return f"<!-- of {hashlib.sha256(executed.read_bytes()).hexdigest()} -->"


def page_is_of(executed: Path) -> bool:
    """Whether the page beside an executed notebook was made from it."""
    page = executed.with_suffix(".html")
    return page.exists() and page.read_text(encoding="utf-8").endswith(page_mark(executed))


def write_page(executed: Path, notebook: NotebookNode | None = None) -> None:
    """Write the page beside an executed notebook.

    `notebook` is the full run, where it is at hand: what is tracked lacks its timings.
    """
    notebook = notebook or nbformat.read(executed, as_version=4)
    with replacing(executed.with_suffix(".html")) as page:
        page.write_text(to_html(notebook, executed.stem) + page_mark(executed), encoding="utf-8")


def run(stage: str) -> None:
    """Execute `stage` and write its notebook and page under reports/notebooks.

    Raises
    ------
    StageError
        If the parameters don't fit or a cell fails.
    """
    notebook, values = parameterized(stage)
    executed = execute(notebook, values, failed=paths.EXECUTED / f"{stage}.failed.ipynb")
    path = paths.EXECUTED / f"{stage}.ipynb"
    with replacing(path) as result:
        nbformat.write(normalized(executed), result)
    write_page(path, executed)


def main(stage: Annotated[str, typer.Argument(help="A notebook of notebooks/, without .py")]):
    """Run one stage's notebook with the values of params.yaml.

    For example: python scripts/run_notebook.py regress
    """
    try:
        run(stage)
    except StageError as error:
        sys.exit(f"{stage}: {error}")


if __name__ == "__main__":
    typer.run(main)
