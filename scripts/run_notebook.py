"""Run one notebook as a stage: the command behind every line of dvc.yaml.

The source is `notebooks/<stage>.py` and its parameters come from `params.yaml`. The executed
notebook goes to `reports/notebooks/<stage>.ipynb`, with the same bytes for the same inputs. A page
for people, with plumbing folded and timings shown, goes to `<stage>.html` beside it.
"""

import ast
import os
import re
import sys
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any

import jupytext
import nbformat
import papermill
import typer
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert.preprocessors import CoalesceStreamsPreprocessor, TagRemovePreprocessor
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from traitlets.config import Config

from boxoffice.core import paths
from boxoffice.core.commands import one_line_errors
from boxoffice.core.compute import environment
from boxoffice.core.files import replacing
from parameters import SECTIONS
from render_pages import write_page

KERNEL = "python3"
CELL_TIMEOUT = 3600  # seconds, so that a hung kernel doesn't hold the pipeline for ever
ENCRYPTED = Config({"KernelManager": {"transport_encryption": "auto"}})  # else the kernel warns
# What differs in every run: the id that pandas draws for a styled table, and memory addresses.
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


def parameters_cell(notebook: NotebookNode) -> NotebookNode:
    """Find the cell tagged `parameters`, of which there must be one."""
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise StageError(f"expected one cell tagged `parameters`, found {len(cells)}")
    return cells[0]


def notebook_defaults(notebook: NotebookNode) -> dict[str, Any]:
    """Read names and values from the parameters cell.

    Raises
    ------
    StageError
        If there is not exactly one such cell, or it holds more than plain assignments of literals.
    """
    try:
        lines = ast.parse(parameters_cell(notebook).source).body
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


def check_type(name: str, value: Any, default: Any) -> None:
    """Raise StageError unless `value` has the type of `default`; None stands for any type.

    Where the default is a list, one value or several may be given, as a grid to search.
    """
    if default is None:
        return
    several = isinstance(default, list)
    allowed = {type(item) for item in (default if several else [default])}
    if float in allowed:
        allowed.add(int)
    for item in value if several and isinstance(value, list) else [value]:
        if type(item) not in allowed:
            names = ", ".join(sorted(kind.__name__ for kind in allowed))
            raise StageError(
                f"params.yaml: {name} is {item!r} ({type(item).__name__}), expected {names}"
            )


def check_values(stage: str, values: dict[str, Any]) -> None:
    """Raise StageError unless every parameter takes its value, see `parameters`."""
    try:
        SECTIONS[stage].model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(SHARED.get(fault["loc"][0], (stage, fault["loc"][0])))
        expected = fault["msg"].removeprefix("Value error, ").replace("Input", "it", 1)
        raise StageError(f"params.yaml: {name} is {fault['input']!r}: {expected}") from error


def stage_params(stage: str, params: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Collect a notebook's values: its section of params.yaml, and the shared ones it asks for.

    Raises
    ------
    StageError
        If a name is unknown to the notebook or missing in params.yaml, or a value has another type
        or is none that the parameter takes (see `parameters`).
    """
    section = params.get(stage) or {}
    if not isinstance(section, dict):
        raise StageError(f"params.yaml: {stage} is {section!r}, expected `name: value` lines")
    values = dict(section)
    for name in SHARED.keys() & defaults.keys() - values.keys():
        value = params
        for key in SHARED[name]:
            if key not in value:
                raise StageError(f"params.yaml: {'.'.join(SHARED[name])} is missing")
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
    for name, default in defaults.items():
        check_type(f"{stage}.{name}", values[name], default)
    if stage in SECTIONS:
        check_values(stage, values)
    return {name: values[name] for name in defaults}


def failure(error: Exception, partial: NotebookNode) -> str:
    """Say which cell of a partly executed notebook failed, and why."""
    if isinstance(error, PapermillExecutionError):
        reason = f"{error.ename}: {error.evalue}"
        return f"cell {error.cell_index} failed:\n\n{error.source}\n\n{reason}"
    # The kernel is gone, so it was the last cell that started.
    started = [n for n, cell in enumerate(partial.cells) if cell.metadata.papermill.start_time]
    reason = f"{error} (the kernel ran out of memory or was stopped)"
    if isinstance(error, CellTimeoutError):
        reason = f"no result after {CELL_TIMEOUT} s"
    return f"cell {started[-1]} failed:\n\n{partial.cells[started[-1]].source}\n\n{reason}"


def execute(notebook: NotebookNode, values: dict[str, Any], failed: Path) -> NotebookNode:
    """Run a notebook with papermill from the root of the checkout.

    Raises
    ------
    StageError
        If a cell fails, hangs or kills the kernel. The message says which and why, and `failed`
        keeps what ran.
    """
    # The kernel imports the package of this checkout, whatever is installed.
    modules = filter(None, [str(paths.ROOT / "scripts"), os.environ.get("PYTHONPATH")])
    os.environ["PYTHONPATH"] = os.pathsep.join(modules)
    os.environ.update(environment(values.get("exact", True)))
    # Papermill then replaces the cell, where it would else add a second one below it.
    parameters_cell(notebook).metadata["tags"].append("injected-parameters")
    failed.parent.mkdir(parents=True, exist_ok=True)
    try:
        executed = papermill.execute_notebook(
            notebook,
            failed,
            parameters=values,
            kernel_name=KERNEL,
            cwd=paths.ROOT,
            execution_timeout=CELL_TIMEOUT,
            stderr_file=sys.stderr,  # progress bars, as they grow
            config=ENCRYPTED,
        )
    except (PapermillExecutionError, DeadKernelError, CellTimeoutError) as error:
        raise StageError(
            f"{failure(error, nbformat.read(failed, as_version=4))}\n\n"
            f"What ran is in {failed.relative_to(paths.ROOT)}"
        ) from error
    failed.unlink()
    return cleaned(executed)


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """Drop what differs between two runs on the same inputs, except for timings.

    Progress and warnings (stderr) were shown in the terminal as they came.
    """
    notebook.metadata.pop("papermill")
    notebook.metadata.language_info.pop("version")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if cell.cell_type != "code":
            continue
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        for place, output in enumerate(cell.outputs):
            data = output.get("data", {})
            if "text/html" in data:
                table = f"T_{number:02d}_{place:02d}"
                data["text/html"] = STYLED_TABLE.sub(table, data["text/html"])
            if "text/plain" in data:
                data["text/plain"] = ADDRESS.sub("0x...", data["text/plain"])
    return CoalesceStreamsPreprocessor().preprocess(notebook, {})[0]


def without_timings(notebook: NotebookNode) -> NotebookNode:
    """Copy a notebook without the outputs of cells tagged `timing`."""
    remove = TagRemovePreprocessor(remove_all_outputs_tags={"timing"})
    return remove.preprocess(deepcopy(notebook), {})[0]


def run(stage: str) -> None:
    """Execute `stage` and write its notebook and page under reports/notebooks.

    Raises
    ------
    StageError
        If the parameters don't fit or a cell fails.
    """
    notebook = read_notebook(stage)
    values = stage_params(stage, read_params(), notebook_defaults(notebook))
    executed = execute(notebook, values, failed=paths.EXECUTED / f"{stage}.failed.ipynb")
    path = paths.EXECUTED / f"{stage}.ipynb"
    with replacing(path) as result:
        nbformat.write(without_timings(executed), result)
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
    with one_line_errors():
        typer.run(main)
