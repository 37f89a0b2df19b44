"""The whole pipeline in a fresh clone: a sample of films, small params, real DVC and kernels."""

import json
import math
import os
import sys
from contextlib import contextmanager

import nbformat
import pandas as pd
from clones import RAW, SMALL
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from boxoffice.core.compute import environment
from boxoffice.films.features import FEATURE_SETS
from boxoffice.films.splits import SPLITS
from run_notebook import notebook_defaults, read_params, stage_params

PARAMS = read_params(SMALL)
STAGES = ["preprocess", "synthesize", "segment", "regress", "classify", "poster", "multimodal"]


def test_a_killed_run_leaves_no_kernel_behind(built):
    assert built.left_half_done
    assert built.kernel_ended


def test_the_next_run_finishes_what_was_interrupted(built):
    done = {"preprocess", "synthesize"}
    for stage in STAGES:
        assert (f"Running stage '{stage}'" in built.printed) == (stage not in done)
        assert (f"Stage '{stage}' didn't change, skipping" in built.printed) == (stage in done)
    for name in built.outs():
        assert (built.root / name).exists(), name


def test_a_second_run_has_nothing_to_do(built):
    said = built.said("dvc", "repro")
    assert "Data and pipelines are up to date" in said
    assert "Running stage" not in said
    assert json.loads(built.said("dvc", "status", "--json")) == {}


def test_a_run_changes_what_git_holds_only_where_results_are(built):
    changed = {line[3:] for line in built.changed}
    assert "dvc.lock" in changed
    results = ("dvc.lock", "reports/curves/", "reports/metrics/", "reports/plots/")
    assert [name for name in changed if not name.startswith(results)] == []


def test_no_metric_differs_from_what_is_committed(built):
    assert json.loads(built.said("dvc", "metrics", "diff", "--json")) == {}


def test_every_film_is_accounted_for(built):
    rows = built.metrics("preprocess")["rows"]
    assert rows["movies"] == built.films
    movies = pd.read_csv(built.root / RAW / "movies.csv")
    known = int(((movies["budget"] > 0) & (movies["revenue"] > 0)).sum())
    assert known - rows["rejected"] <= rows["usable"] <= min(known, rows["kept"])
    assert built.metrics("regress")["rows"] == built.metrics("classify")["rows"] == rows["usable"]
    assert len(pd.read_parquet(built.root / "data/processed/films.parquet")) == rows["kept"]
    asked = PARAMS["synthesize"]
    assert len(pd.read_csv(built.root / "data/synthetic/movies.csv")) == asked["rows"]
    for kind in ("posters", "trailers"):
        assert len(list((built.root / "data/synthetic" / kind).iterdir())) == asked[kind]
        assert built.metrics("synthesize")["stand_ins"][kind] == asked[kind]


def test_metrics_are_sane(built):
    regress, classify = built.metrics("regress"), built.metrics("classify")
    for split in SPLITS:
        for feature_set in FEATURE_SETS:
            revenue = regress[split][feature_set]
            assert revenue["baseline"]["r2"] <= 0 < revenue["selected"]["r2"] < 1
            assert all(math.isfinite(scores["usd_mae"]) for scores in revenue.values())
            success = classify["success"][split][feature_set]
            assert success["baseline"]["recall_0"] == 0
            assert success["baseline"]["recall_1"] == 1
            assert success["baseline"]["roc_auc"] == 0.5
            assert all(0 <= score <= 1 for model in success.values() for score in model.values())
    assert set(regress["interval"]) == set(FEATURE_SETS)
    assert all(interval["nominal"] == 0.8 for interval in regress["interval"].values())
    assert built.metrics("segment")["original"]["k"] == 2


def test_what_rendered_media_gave_is_called_so(built):
    poster, multimodal = built.metrics("poster"), built.metrics("multimodal")
    assert poster["media"] == multimodal["media"] == "stand_in"
    assert poster["rows"]["with_poster"] == sum(
        poster["rows"][part] for part in ("train", "validation", "test")
    )
    assert multimodal["rows"]["compared"] == PARAMS["synthesize"]["trailers"]
    assert multimodal["rows"]["usable"] == built.metrics("preprocess")["rows"]["usable"]
    card = json.loads(built.read("models/poster.json"))
    assert card["media"] == "stand_in"
    assert any("stand-ins" in words for words in card["not_for"])
    card = json.loads(built.read("models/multimodal.json"))
    assert card["media"] == "none"  # no stand-in reaches it
    assert list(card["widths"]) == ["text", "metadata"]
    assert "stand-ins" in card["unread"]["trailer"]
    assert card["metrics"] == multimodal["served"]
    assert card["metrics"]["text_metadata"]["tested"] == "the latest films"


def test_the_poster_is_compared_on_films_that_pass_the_filter(built):
    poster = built.metrics("poster")
    card = json.loads(built.read("models/poster.json"))
    assert "revenue above $100,000" in poster["row_filter"]  # small.yaml
    assert card["row_filter"] == poster["row_filter"]
    assert any("$100,000" in words for words in card["not_for"])
    assert poster["gain"] == card["gain"]
    assert set(poster["cv"]) == {"poster", "training_mean", "ridge", "facts", "facts_poster"}


def test_checkpoints_are_gone_when_their_stage_has_ended(built):
    cache = built.root / "data" / "cache"
    assert (cache / "embeddings.sqlite").exists()
    assert not list(cache.rglob("*.pt"))


def test_a_page_for_people_is_beside_every_executed_notebook(built):
    for stage in STAGES:
        executed = nbformat.reads(built.read(f"reports/notebooks/{stage}.ipynb"), as_version=4)
        assert not any(
            output.output_type == "error"
            for cell in executed.cells
            for output in cell.get("outputs", [])
        )
        assert (built.root / "reports" / "notebooks" / f"{stage}.html").exists()
    assert not list((built.root / "reports").rglob("*.failed.ipynb"))
    assert not list(built.root.rglob("*.part*"))


@contextmanager
def one_core():
    """Processes that are started meanwhile have one core, where the system lets us say so."""
    if not hasattr(os, "sched_setaffinity"):  # macOS
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def test_notebooks_run_in_jupyter_and_give_the_same_results(built):
    """With nbval, as Jupyter runs them; DVC then finds every output as its own runs left it.

    Those had all cores, these have one, which saves the start of workers beside every kernel.
    """
    for stage in STAGES:
        path = built.root / "notebooks" / f"{stage}.ipynb"
        notebook = load_notebook_node(str(path))
        values = stage_params(stage, PARAMS, notebook_defaults(notebook))
        nbformat.write(parameterize_notebook(notebook, values), path)
    written = built.root / "reports" / "metrics" / "regress.json"
    before = written.stat().st_mtime_ns
    try:
        with one_core():
            done = built.run(
                *(sys.executable, "-m", "pytest", "-q", "--nbval-lax", "-p", "no:cacheprovider"),
                *(f"notebooks/{stage}.ipynb" for stage in STAGES),
                PYTHONPATH=str(built.root / "scripts"),
                **environment(),  # as `make lab` has it
            )
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        built.said("git", "checkout", "--quiet", "notebooks")
    assert written.stat().st_mtime_ns > before  # it was this clone that they wrote to
    assert json.loads(built.said("dvc", "status", "--json")) == {}


def test_a_faulty_source_is_named_and_nothing_is_lost(built):
    kept = {name: built.read(name) for name in ("dvc.lock", "reports/metrics/regress.json")}
    films = built.read("data/processed/films.parquet")
    source = built.root / RAW / "movies.csv"
    whole = source.read_bytes()
    movies = pd.read_csv(source, dtype=str, keep_default_na=False)
    movies.drop(columns="revenue").to_csv(source, index=False)

    done = built.run("dvc", "repro")
    assert done.returncode != 0
    assert "preprocess: cell" in done.stderr
    assert "movies.csv lacks the column revenue" in done.stderr
    assert "Traceback" not in done.stderr
    assert {name: built.read(name) for name in kept} == kept
    assert not list(built.root.rglob("*.part*"))

    # DVC clears a stage's outputs before it runs; with the source mended they come from its cache.
    source.write_bytes(whole)
    said = built.said("dvc", "repro")
    assert "Stage 'preprocess' is cached - skipping run, checking out outputs" in said
    assert "Running stage" not in said
    assert built.read("data/processed/films.parquet") == films
    assert built.said("git", "status", "--porcelain") == ""
