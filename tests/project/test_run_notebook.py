"""The stage runner: in a checkout of its own, with a real kernel."""

import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import jupytext
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import render_pages
import run_notebook
from boxoffice.core import paths
from run_notebook import (
    StageError,
    notebook_defaults,
    read_notebook,
    read_params,
    stage_params,
)

HEADER = """\
# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---
"""
NOTEBOOK = """
# %% [markdown]
# # A small stage

# %% tags=["parameters"]
rate = 0.1
depth = [5, 10, None]
fate = "succeed"
seed = 42
source = "open_films"

# %% tags=["plumbing"]
import os, sys, time, warnings
from pathlib import Path

print("got", repr(rate), repr(depth), repr(fate), repr(seed), repr(source))
print("kernel", sys.prefix)

# %%
import boxoffice

assert Path(boxoffice.__file__).is_relative_to(Path.cwd()), "another checkout's package"
warnings.warn("careful")
{"seed": seed}

# %%
import pandas as pd

display(pd.DataFrame({"a": [1]}).style)
pd.DataFrame({"b": [2]}).style

# %%
from tqdm import tqdm

for _ in tqdm(range(3), desc="films", mininterval=0):
    time.sleep(0.1)

# %%
for _ in range(3):
    print("a film", flush=True)
    time.sleep(0.1)

# %% tags=["timing"]
print("it took", time.time_ns())

# %%
if fate == "fail":
    raise ValueError("the budget is in roubles")
if fate == "die":
    os._exit(9)
"""
STUCK = """
# %% tags=["parameters"]
seed = 42

# %%
import time; time.sleep(600)
"""
PARAMS = """\
seed: 7
data:
  source: tmdb5000
small:
  rate: 1e-05
  depth: null
  fate: {fate}
"""


def checkout(root, **notebooks):
    """A checkout with small stages; paths.ROOT follows the package's place."""
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(paths.ROOT / "scripts", root / "scripts", ignore=ignore)
    (root / "notebooks").mkdir()
    for stage, source in notebooks.items():
        (root / "notebooks" / f"{stage}.py").write_text(HEADER + source)
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("checkout").resolve(), small=NOTEBOOK)


def python(root, *arguments, fate="succeed"):
    (root / "params.yaml").write_text(PARAMS.format(fate=fate))
    environment = {key: os.environ[key] for key in os.environ.keys() - {"PYTHONPATH"}}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


def snapshot(root, **run):
    """What one run of the stage left, for several tests to look at."""
    done = python(root, "scripts/run_notebook.py", "small", **run)
    folder = root / "reports" / "notebooks"
    return SimpleNamespace(
        code=done.returncode,
        errors=done.stderr,
        files={path.name: path.read_bytes() for path in folder.iterdir()},
    )


@pytest.fixture(scope="module")
def runs(root):
    """Success, a failing cell, a kernel that dies, success again: one after the other."""
    return SimpleNamespace(
        first=snapshot(root),
        failed=snapshot(root, fate="fail"),
        died=snapshot(root, fate="die"),
        again=snapshot(root),
    )


def outputs(content):
    notebook = nbformat.reads(content.decode(), as_version=4)
    return [cell.get("outputs", []) for cell in notebook.cells]


# Whole runs


def test_success_writes_the_notebook_and_its_page(runs):
    assert runs.first.code == 0, runs.first.errors
    assert sorted(runs.first.files) == ["small.html", "small.ipynb"]
    assert runs.first.files["small.html"].startswith(b"<!DOCTYPE html>")
    assert b"<title>small</title>" in runs.first.files["small.html"]
    nbformat.validate(nbformat.reads(runs.first.files["small.ipynb"].decode(), as_version=4))


def test_the_same_inputs_give_the_same_bytes(runs):
    assert runs.again.code == 0, runs.again.errors
    assert runs.again.files["small.ipynb"] == runs.first.files["small.ipynb"]


def test_params_reach_the_notebook_with_their_types(runs):
    """1e-05 is a number, null is None, one value stands for a grid, shared names are found."""
    assert b"got 1e-05 None 'succeed' 7 'tmdb5000'" in runs.first.files["small.ipynb"]


def test_the_kernel_is_of_this_environment(runs):
    assert f"kernel {sys.prefix}\\n".encode() in runs.first.files["small.ipynb"]


def test_timings_are_on_the_page_only(runs):
    told = str(outputs(runs.first.files["small.ipynb"]))
    assert "it took 1" not in told
    assert "it took 1" in runs.first.files["small.html"].decode()
    assert "{'seed': 7}" in told  # a result


@pytest.mark.parametrize("noise", ["UserWarning: careful", "films:  33%", "films: 100%"])
def test_progress_and_warnings_are_in_the_terminal_only(runs, noise):
    assert noise in runs.first.errors
    assert noise not in str(outputs(runs.first.files["small.ipynb"]))
    assert noise not in runs.first.files["small.html"].decode()


def test_the_page_folds_plumbing_and_shows_its_outputs(runs):
    page = runs.first.files["small.html"].decode()
    folded = re.findall("<details class=.plumbing.>(.*?)</details>", page, re.DOTALL)
    code = [re.sub("<[^>]+>", "", part) for part in folded]
    assert len(code) == 1
    assert "import os, sys" in code[0]
    assert "got 1e-05" not in code[0]
    assert "got 1e-05" in page


def test_the_parameters_are_shown_once_with_their_values(runs):
    cells = nbformat.reads(runs.first.files["small.ipynb"].decode(), as_version=4).cells
    (cell,) = [cell for cell in cells if "depth =" in cell.source]
    assert "rate = 1e-05" in cell.source
    assert "depth = None" in cell.source


def test_what_is_printed_in_pieces_is_kept_as_one(runs):
    texts = [out.get("text") for cell in outputs(runs.first.files["small.ipynb"]) for out in cell]
    assert "a film\n" * 3 in texts


def test_the_notebook_does_not_tell_where_or_when_it_ran(runs, root):
    notebook = runs.first.files["small.ipynb"].decode()
    for trace in (str(root), "papermill", "start_time", "iopub", "ipykernel_"):
        assert trace not in notebook
    cells = nbformat.reads(notebook, as_version=4).cells
    assert [cell.id for cell in cells] == [f"cell-{n:02d}" for n in range(len(cells))]


def test_styled_tables_have_ids_of_their_place(runs):
    notebook = runs.first.files["small.ipynb"].decode()
    assert set(re.findall(r'id=\\"(T_\w+?)(?:_level|_row|\\)', notebook)) == {"T_04_00", "T_04_01"}
    assert "Styler at 0x...>" in notebook


def test_the_page_loads_nothing(runs):
    page = runs.first.files["small.html"].decode()
    assert 'src="http' not in page
    assert "<link" not in page


def test_a_quiet_run_shows_its_progress_only(runs):
    assert "WARNING" not in runs.first.errors
    assert "Traceback" not in runs.first.errors
    assert "Executing" in runs.first.errors


def test_a_failing_cell_is_named_with_its_error(runs):
    assert runs.failed.code == 1
    assert "small: cell 8 failed:" in runs.failed.errors
    assert 'raise ValueError("the budget is in roubles")' in runs.failed.errors
    assert "ValueError: the budget is in roubles" in runs.failed.errors
    assert "What ran is in reports/notebooks/small.failed.ipynb" in runs.failed.errors
    assert "Traceback" not in runs.failed.errors


def test_a_dead_kernel_is_named_with_its_cell(runs):
    assert runs.died.code == 1
    assert "small: cell 8 failed:" in runs.died.errors
    assert "os._exit(9)" in runs.died.errors
    assert "Kernel died (the kernel ran out of memory or was stopped)" in runs.died.errors
    assert "Traceback" not in runs.died.errors


@pytest.mark.parametrize("run", ["failed", "died"])
def test_a_failed_run_keeps_what_ran_and_the_good_notebook(runs, run):
    files = getattr(runs, run).files
    assert sorted(files) == ["small.failed.ipynb", "small.html", "small.ipynb"]
    assert files["small.ipynb"] == runs.first.files["small.ipynb"]
    assert files["small.html"] == runs.first.files["small.html"]
    fate = {"failed": "'fail'", "died": "'die'"}[run]
    assert f"got 1e-05 None {fate}" in str(outputs(files["small.failed.ipynb"]))


def test_success_removes_what_failed(runs):
    assert sorted(runs.again.files) == ["small.html", "small.ipynb"]


def test_a_hanging_cell_ends_the_run(tmp_path):
    """The cells before it need far less than the limit, on a loaded machine too."""
    root = checkout(tmp_path, stuck=STUCK)
    program = "import run_notebook as r; r.CELL_TIMEOUT = 5; r.main('stuck')"
    code = f"import sys; sys.path.insert(0, 'scripts'); {program}"
    done = python(root, "-c", code)
    assert done.returncode == 1
    assert "time.sleep(600)" in done.stderr
    assert "no result after 5 s" in done.stderr


def test_bad_params_start_no_kernel_and_touch_nothing(root):
    before = {path: path.stat().st_mtime_ns for path in (root / "reports").rglob("*")}
    done = python(root, "scripts/run_notebook.py", "small", fate="[succeed]")
    assert done.returncode == 1
    assert done.stderr == ("small: params.yaml: small.fate is ['succeed'] (list), expected str\n")
    assert before == {path: path.stat().st_mtime_ns for path in (root / "reports").rglob("*")}


# The parameters cell


def notebook(*cells):
    """A notebook of code cells tagged `parameters`."""
    tagged = {"tags": ["parameters"]}
    return new_notebook(cells=[new_code_cell(source, metadata=tagged) for source in cells])


def test_defaults_are_literals():
    source = "rate = 1e-3\ndepths = [5, None]\nname = 'x'\nshift = -1\nnothing = None\non = True"
    assert notebook_defaults(notebook(source)) == {
        "rate": 1e-3,
        "depths": [5, None],
        "name": "x",
        "shift": -1,
        "nothing": None,
        "on": True,
    }


@pytest.mark.parametrize(
    "line",
    [
        "b: int = 1",
        "b = a + 1",
        "b = len('x')",
        "a, b = (1, 2)",
        "a = b = 1",
        "import os",
        "b.c = 1",
    ],
)
def test_a_parameter_that_is_no_plain_assignment_is_refused(line):
    with pytest.raises(StageError) as caught:
        notebook_defaults(notebook(f"a = 1\n{line}"))
    assert line in str(caught.value)
    assert "takes only `name = literal`" in str(caught.value)
    assert "derive values in the next cell" in str(caught.value)


@pytest.mark.parametrize("cells", [(), ("a = 1", "b = 2")])
def test_there_is_one_parameters_cell(cells):
    with pytest.raises(StageError, match=f"one cell tagged `parameters`, found {len(cells)}"):
        notebook_defaults(notebook(*cells))


def test_a_parameters_cell_that_is_not_python():
    with pytest.raises(StageError, match="the parameters cell is not Python"):
        notebook_defaults(notebook("a ="))


# params.yaml

DEFAULTS = {"rate": 0.1, "depth": [5, 10, None], "name": "x", "n": 3, "on": True, "limit": None}


def params(**changes):
    return {"stage": DEFAULTS | changes}


def test_params_that_fit():
    values = stage_params("stage", params(rate=1, depth=20, n=4, limit=9), DEFAULTS)
    assert values == DEFAULTS | {"rate": 1, "depth": 20, "n": 4, "limit": 9}


@pytest.mark.parametrize("depth", [None, 7, [7], [None], [5, 20, None], []])
def test_a_grid_takes_one_value_or_several(depth):
    assert stage_params("stage", params(depth=depth), DEFAULTS)["depth"] == depth


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rate", "1e-4", r"stage\.rate is '1e-4' \(str\), expected float, int"),
        ("rate", None, r"stage\.rate is None \(NoneType\), expected float, int"),
        ("rate", True, r"stage\.rate is True \(bool\), expected float, int"),
        ("n", 3.5, r"stage\.n is 3\.5 \(float\), expected int"),
        ("n", True, r"stage\.n is True \(bool\), expected int"),
        ("n", [3], r"stage\.n is \[3\] \(list\), expected int"),
        ("on", 1, r"stage\.on is 1 \(int\), expected bool"),
        ("name", 5, r"stage\.name is 5 \(int\), expected str"),
        ("depth", "deep", r"stage\.depth is 'deep' \(str\), expected NoneType, int"),
        ("depth", [5, "10"], r"stage\.depth is '10' \(str\), expected NoneType, int"),
        ("depth", {"max": 5}, r"stage\.depth is \{'max': 5\} \(dict\), expected"),
    ],
)
def test_a_value_of_another_type_is_refused(name, value, message):
    with pytest.raises(StageError, match=rf"params\.yaml: {message}"):
        stage_params("stage", params(**{name: value}), DEFAULTS)


@pytest.mark.parametrize(
    ("stage", "changes", "message"),
    [
        ("preprocess", {"test_size": 1.5}, "preprocess.test_size is 1.5: it should be less than 1"),
        ("synthesize", {"posters": 20}, "synthesize.trailers is 100: it should be at most posters"),
        ("synthesize", {"posters": -1}, "synthesize.posters is -1: it should be greater than or"),
        ("segment", {"k_max": 2}, "segment.k_max is 2: it should be greater than k_min, 2"),
        ("regress", {"folds": -1}, "regress.folds is -1: it should be greater than or equal to 2"),
        ("regress", {"n_estimators": [100, 0]}, "regress.n_estimators is 0: it should be greater"),
        ("regress", {"max_depth": 0}, "regress.max_depth is 0: it should be greater"),
        ("regress", {"max_depth": []}, "regress.max_depth is []: Value should have at least 1"),
        ("classify", {"logistic_c": 0}, "classify.logistic_c is 0: it should be greater than 0"),
        ("poster", {"learning_rate": float("nan")}, "poster.learning_rate is nan: it should be"),
        ("poster", {"test_size": 0.95}, "poster.test_size is 0.95: it should leave training films"),
        (
            "poster",
            {"encoder": "vgg"},
            "poster.encoder is 'vgg': it should be 'efficientnet_lite0'",
        ),
        ("multimodal", {"modalities": ["text", "smell"]}, "multimodal.modalities is 'smell': it"),
        ("multimodal", {"splits": ["50/20/20"]}, "multimodal.splits is '50/20/20': it should be"),
        ("multimodal", {"dropout": 1}, "multimodal.dropout is 1: it should be less than 1"),
    ],
)
def test_a_value_out_of_range_is_refused(stage, changes, message):
    given, defaults = read_params(), notebook_defaults(read_notebook(stage))
    given[stage] |= changes
    with pytest.raises(StageError, match=rf"^params\.yaml: {re.escape(message)}"):
        stage_params(stage, given, defaults)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed is -1: it should be greater than or equal to 0"),
        ({"data": {"source": "nothing"}}, "data.source is 'nothing': data/raw has "),
    ],
)
def test_a_shared_value_out_of_range_is_refused(changes, message):
    defaults = notebook_defaults(read_notebook("preprocess"))
    with pytest.raises(StageError, match=rf"^params\.yaml: {re.escape(message)}"):
        stage_params("preprocess", read_params() | changes, defaults)


def test_an_unknown_name_is_refused():
    with pytest.raises(
        StageError, match=r"stage\.rat is unknown to notebooks/stage\.py, which takes"
    ):
        stage_params("stage", params(rat=0.2), DEFAULTS)


def test_a_missing_name_is_refused_with_its_default():
    section = {name: value for name, value in DEFAULTS.items() if name != "n"}
    with pytest.raises(StageError, match=r"stage\.n is missing; the notebook's default is 3"):
        stage_params("stage", {"stage": section}, DEFAULTS)


def test_shared_names_are_given_only_where_asked_for():
    shared = {"seed": 7, "data": {"source": "tmdb5000"}}
    assert stage_params("stage", shared, {"seed": 42}) == {"seed": 7}
    assert stage_params("stage", shared, {"source": "x"}) == {"source": "tmdb5000"}
    assert stage_params("stage", shared | {"stage": None}, {}) == {}
    assert stage_params("stage", shared | {"stage": {"seed": 8}}, {"seed": 42}) == {"seed": 8}


@pytest.mark.parametrize(
    ("content", "name"), [({"data": {}}, "data.source"), ({}, "data.source"), ({"seed": 1}, "data")]
)
def test_a_missing_shared_name_is_refused(content, name):
    with pytest.raises(StageError, match=rf"params\.yaml: {name}.* is missing"):
        stage_params("stage", content, {"source": "x"})


def test_a_section_that_is_no_mapping_is_refused():
    with pytest.raises(StageError, match=r"params\.yaml: stage is 3, expected `name: value` lines"):
        stage_params("stage", {"stage": 3}, DEFAULTS)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-05", 1e-5), ("1e-4", 1e-4), ("'1e-4'", "1e-4"), ("null", None), ("[1, null]", [1, None])],
)
def test_yaml_values(tmp_path, text, value):
    (tmp_path / "params.yaml").write_text(f"stage:\n  rate: {text}\n")
    read = read_params(tmp_path / "params.yaml")["stage"]["rate"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [1", "is not YAML"), ("", "holds None, expected a section per stage")],
)
def test_a_params_file_that_is_no_params_file(tmp_path, text, message):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(StageError, match=rf"params\.yaml {message}"):
        read_params(tmp_path / "params.yaml")


def test_a_missing_params_file(tmp_path):
    with pytest.raises(StageError, match=r"params\.yaml is missing"):
        read_params(tmp_path / "params.yaml")


# Stages


def test_an_unknown_stage_lists_the_known_ones(root, monkeypatch):
    monkeypatch.setattr(paths, "NOTEBOOKS", root / "notebooks")
    with pytest.raises(
        StageError, match=r"no stage 'smal': smal\.py is not .*\(there are: small\)"
    ):
        read_notebook("smal")


def test_read_notebook_is_the_source(root, monkeypatch):
    monkeypatch.setattr(paths, "NOTEBOOKS", root / "notebooks")
    assert jupytext.writes(read_notebook("small"), fmt="py:percent").endswith(NOTEBOOK)
    assert read_notebook("small").metadata["kernelspec"]["name"] == run_notebook.KERNEL


def test_pages_follow_their_notebooks(tmp_path, monkeypatch):
    """A stage that DVC restores from its cache brings a notebook and no page."""
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(paths, "EXECUTED", tmp_path)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    (tmp_path / "small.py").touch()
    executed, page = tmp_path / "small.ipynb", tmp_path / "small.html"
    for text in ("first", "second"):
        nbformat.write(new_notebook(cells=[new_code_cell(f"print('{text}')")]), executed)
        (tmp_path / "small.failed.ipynb").touch()
        render_pages.main()
        assert text in page.read_text()
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "small.html",
            "small.ipynb",
            "small.py",
        ]
    written = page.stat().st_mtime_ns
    render_pages.main()
    assert page.stat().st_mtime_ns == written  # what is in step is left alone
