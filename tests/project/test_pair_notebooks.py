"""Pairs of notebooks are compared by content; the .py is the source."""

import os

import jupytext
import pytest

import pair_notebooks
from boxoffice.core import paths

SOURCE = """\
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

# %% [markdown]
# # A question

# %% tags=["parameters"]
n = 1

# %%
n + 1
"""


@pytest.fixture
def notebooks(tmp_path, monkeypatch):
    """A checkout with two stages, not yet paired."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for stage in ("ask", "tell"):
        (folder / f"{stage}.py").write_text(SOURCE)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "NOTEBOOKS", folder)
    return folder


@pytest.fixture
def paired(notebooks):
    pair_notebooks.main(check=False)
    return notebooks


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_an_unpaired_notebook_fails_the_check_and_nothing_is_written(notebooks):
    before = contents(notebooks)
    with pytest.raises(SystemExit) as caught:
        pair_notebooks.main(check=True)
    assert caught.value.code == "out of step: ask, tell. Run `make format` (the .py is the source)."
    assert contents(notebooks) == before


def test_pairing_brings_them_in_step(notebooks, capsys):
    pair_notebooks.main(check=False)
    assert capsys.readouterr().out.splitlines() == [
        "wrote notebooks/ask.ipynb",
        "wrote notebooks/tell.ipynb",
    ]
    assert pair_notebooks.differing() == []
    pair_notebooks.main(check=True)
    assert {path.read_text() for path in notebooks.glob("*.py")} == {SOURCE}


def test_the_pair_tells_the_same_with_stable_ids_and_no_outputs(paired):
    notebook = jupytext.read(paired / "ask.ipynb")
    assert [cell.id for cell in notebook.cells] == ["cell-00", "cell-01", "cell-02"]
    assert [cell.source for cell in notebook.cells] == ["# A question", "n = 1", "n + 1"]
    assert notebook.cells[1].metadata["tags"] == ["parameters"]
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("n + 1", "n + 2"),
        ("# # A question", "# # An answer"),
        (' tags=["parameters"]', ""),
        ("\n# %%\nn + 1\n", ""),
    ],
    ids=["code", "prose", "tag", "cell"],
)
def test_a_change_of_the_source_is_out_of_step(paired, old, new):
    source = paired / "tell.py"
    assert old in source.read_text()
    source.write_text(source.read_text().replace(old, new))
    assert pair_notebooks.differing() == ["tell"]
    before = contents(paired)
    with pytest.raises(SystemExit, match="out of step: tell"):
        pair_notebooks.main(check=True)
    assert contents(paired) == before
    pair_notebooks.main(check=False)
    assert pair_notebooks.differing() == []
    assert contents(paired)["ask.ipynb"] == before["ask.ipynb"]


def test_a_change_of_the_pair_is_out_of_step_and_the_source_wins(paired):
    notebook = jupytext.read(paired / "ask.ipynb")
    notebook.cells[2].source = "n + 99"
    jupytext.write(notebook, paired / "ask.ipynb")
    assert pair_notebooks.differing() == ["ask"]
    pair_notebooks.main(check=False)
    assert jupytext.read(paired / "ask.ipynb").cells[2].source == "n + 1"
    assert (paired / "ask.py").read_text() == SOURCE


def test_a_run_saved_by_jupyter_is_swept_out(paired):
    clean = contents(paired)
    notebook = jupytext.read(paired / "ask.ipynb")
    notebook.metadata["language_info"] = {"name": "python"}
    jupytext.write(notebook, paired / "ask.ipynb")
    assert pair_notebooks.differing() == []  # what Jupyter notes of itself is no difference
    notebook.cells[2].execution_count = 3
    jupytext.write(notebook, paired / "ask.ipynb")
    assert pair_notebooks.differing() == ["ask"]
    pair_notebooks.main(check=False)
    assert contents(paired) == clean


@pytest.mark.parametrize("newer", [".py", ".ipynb"])
def test_file_times_do_not_matter(paired, newer):
    older = {".py": ".ipynb", ".ipynb": ".py"}[newer]
    os.utime(paired / f"ask{older}", (0, 0))
    assert pair_notebooks.differing() == []
    (paired / "tell.py").write_text(SOURCE.replace("n + 1", "n + 2"))
    os.utime(paired / f"tell{older}", (0, 0))
    assert pair_notebooks.differing() == ["tell"]


def test_pairing_again_writes_nothing(paired, capsys):
    before = contents(paired)
    capsys.readouterr()
    pair_notebooks.main(check=False)
    assert capsys.readouterr().out == ""
    assert contents(paired) == before


def test_two_pairings_give_the_same_bytes(paired):
    before = contents(paired)
    (paired / "ask.ipynb").unlink()
    pair_notebooks.main(check=False)
    assert contents(paired) == before
