"""Reports: stable digits, finite numbers, and each file whole or not at all."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from boxoffice.core import paths, reports
from boxoffice.core.files import replacing
from boxoffice.core.reports import rounded, write_json


@pytest.fixture
def root(tmp_path, monkeypatch):
    for name in ("METRICS", "TABLES", "PLOTS", "CURVES"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    return tmp_path


def files(folder):
    """Every file below a folder, hidden ones too."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_rounding():
    value = {
        "float": 0.123456789,
        "large": 123456789.0,
        "tiny": 1.23456789e-12,
        "int": 123456789,
        "numpy": [np.float64(2 / 3), np.float32(0.1), np.int64(7), np.bool_(True)],
        "pair": (1.0, None, "text", False),
        7: {"nested": [1 / 3]},
    }
    assert rounded(value) == {
        "float": 0.123457,
        "large": 123457000.0,
        "tiny": 1.23457e-12,
        "int": 123456789,
        "numpy": [0.666667, 0.1, 7, True],
        "pair": [1.0, None, "text", False],
        "7": {"nested": [0.333333]},
    }


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_is_close_and_settles(value):
    once = rounded(value)
    assert once == pytest.approx(value, rel=5e-6, abs=1e-300)
    assert rounded(once) == once


def test_json_keeps_the_order_and_says_names_as_they_are(tmp_path):
    write_json(tmp_path / "new" / "x.json", {"b": 1, "a": "Amélie", "c": np.float64(0.25)})
    text = (tmp_path / "new" / "x.json").read_text(encoding="utf-8")
    assert text == '{\n  "b": 1,\n  "a": "Amélie",\n  "c": 0.25\n}\n'


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float64("nan"), np.float32("-inf")])
def test_numbers_that_json_cannot_hold_are_refused(tmp_path, bad):
    path = tmp_path / "x.json"
    write_json(path, {"r2": 0.5})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"r2": 0.6, "nested": {"rmse": [bad]}})
    assert path.read_bytes() == before
    assert files(tmp_path) == ["x.json"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "x.csv"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_text("half")
        assert path.read_text() == "old"
        raise error
    assert path.read_text() == "old"
    assert files(tmp_path) == ["x.csv"]


def test_success_replaces_the_old_file_and_makes_folders(tmp_path):
    path = tmp_path / "a" / "b" / "x.csv"
    for text in ("old", "new"):
        with replacing(path) as temporary:
            temporary.write_text(text)
    assert path.read_text() == "new"
    assert files(tmp_path) == ["x.csv"]


def test_the_temporary_file_keeps_the_suffix(tmp_path):
    """Writers choose their format by it."""
    with replacing(tmp_path / "plot.png") as temporary:
        assert temporary.suffix == ".png"
        assert temporary.parent == tmp_path
        temporary.touch()


def test_metrics_tables_and_plots_have_their_places(root):
    reports.write_metrics("regress", {"r2": 2 / 3})
    reports.save_table("regress", "models", pd.DataFrame({"r2": [2 / 3], "name": ["linear"]}))
    reports.save_plot_data("regress", "fit", pd.DataFrame({"x": [1.0], "y": [1e-9 / 3]}))
    assert json.loads((root / "metrics/regress.json").read_text()) == {"r2": 0.666667}
    assert (root / "tables/regress/models.csv").read_bytes() == b"r2,name\n0.666667,linear\n"
    assert (root / "curves/regress/fit.csv").read_bytes() == b"x,y\n1,3.33333e-10\n"


def test_a_frame_keeps_its_types(tmp_path):
    table = pd.DataFrame({"id": [7], "genres": [["Drama", "War"]]}, index=[3])
    reports.write_parquet(tmp_path / "new" / "films.parquet", table)
    read = pd.read_parquet(tmp_path / "new" / "films.parquet")
    assert read.index.tolist() == [0]
    assert read["id"].dtype == "int64"
    assert read["genres"].item().tolist() == ["Drama", "War"]


def test_a_plot_has_the_same_bytes_twice(root):
    for name in ("first", "second"):
        figure = Figure()
        figure.subplots().plot([1, 2, 3])
        reports.save_plot("eda", name, figure)
    first, second = (root / f"plots/eda/{name}.png" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"\x89PNG")
