"""A history later than the models: they stay, and what they compare a film with moves on."""

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from commands import run

from boxoffice.core.model_files import ModelFileError
from boxoffice.films.companies import COMPANIES_OF_SOURCE
from boxoffice.films.history import FILES, write_history
from boxoffice.forecasts.forecasts import Forecasts

TABLES = ("films.parquet", "people.parquet", "companies.parquet")


@pytest.fixture
def processed(workspace, tmp_path):
    """What `preprocess` writes, with a film added by somebody who is known."""
    folder = tmp_path / "processed"
    folder.mkdir()
    films, people, companies = (
        pd.read_parquet(workspace / "data" / "processed" / name) for name in TABLES
    )
    directed = films[films["director"].map(len) > 0].iloc[-1]
    added = pd.DataFrame([directed]).assign(
        id=10**9, title="A Later Film", release_date=pd.Timestamp("2011-05-20"), log_revenue=22.0
    )
    films = pd.concat([films, added], ignore_index=True)
    films.attrs["source"] = "open_films"
    for name, table in zip(TABLES, (films, people, companies), strict=True):
        table.to_parquet(folder / name)
    return folder, [int(each) for each in directed["director"]]


def history(*words):
    return run("history.py", *words)


def test_track_records_know_of_later_films_and_the_models_stay(models, processed, tmp_path):
    folder, director = processed
    done = history(tmp_path / "history", "--processed", folder)
    assert done.returncode == 0, done.stderr
    assert "until 2011-05-20" in done.stdout
    own, later = Forecasts(models), Forecasts(models, tmp_path / "history")
    film = {"budget": 3e7, "release_year": 2013, "director": director}
    assert own.revenue(film)["log_revenue"] != later.revenue(film)["log_revenue"]
    assert own.cards == later.cards
    (read,) = later.read([film])
    assert read.features[0, read.models.features.index("director_revenue_best")] == 22.0


def write_history_of(source, workspace, folder):
    tables = [pd.read_parquet(workspace / "data" / "processed" / name) for name in TABLES]
    tables[0].attrs["source"] = source
    write_history(*tables, folder)


def test_a_history_of_the_same_films_changes_nothing(models, workspace, tmp_path, caplog):
    write_history_of("open_films", workspace, tmp_path)
    film = {"budget": 3e7, "release_year": 2008, "cast": ["Tom Hanks"]}
    own, same = Forecasts(models).revenue(film), Forecasts(models, tmp_path).revenue(film)
    assert own == same
    assert caplog.messages == []


def test_a_history_says_its_source_and_its_companies(workspace, tmp_path):
    write_history_of("open_films", workspace, tmp_path)
    metadata = pq.read_schema(tmp_path / FILES[0]).metadata[b"PANDAS_ATTRS"]
    assert json.loads(metadata) == {"source": "open_films", "companies": "distributors"}


def test_a_history_with_companies_of_another_kind_is_refused(models, workspace, tmp_path):
    write_history_of("tmdb5000", workspace, tmp_path)
    told = (
        r"history\.parquet is of tmdb5000, which lists production companies alone, but the models"
    )
    with pytest.raises(ModelFileError, match=told):
        Forecasts(models, tmp_path)


def test_a_history_of_another_source_with_such_companies_is_warned_of(
    models, workspace, tmp_path, monkeypatch, caplog
):
    monkeypatch.setitem(COMPANIES_OF_SOURCE, "newer", "distributors")
    write_history_of("newer", workspace, tmp_path)
    Forecasts(models, tmp_path)
    assert "is of newer, but the models learned from open_films" in caplog.text


def test_films_that_do_not_say_their_source_make_no_history(workspace, tmp_path):
    for name in TABLES:
        table = pd.read_parquet(workspace / "data" / "processed" / name)
        table.attrs.clear()
        table.to_parquet(tmp_path / name)
    done = history(tmp_path / "history", "--processed", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: films.parquet doesn't say its source: run `dvc repro")


def test_the_command_line_takes_a_history(models, processed, tmp_path):
    folder, director = processed
    assert history(tmp_path / "history", "--processed", folder).returncode == 0
    film = json.dumps({"budget": 3e7, "release_year": 2013, "director": director})
    own, later = (
        run("predict.py", "--models", models, "--film", film, *more)
        for more in ([], ["--history", tmp_path / "history"])
    )
    assert own.returncode == later.returncode == 0, later.stderr
    assert json.loads(own.stdout) != json.loads(later.stdout)


def test_what_is_missing_is_named(models, tmp_path):
    with pytest.raises(ModelFileError, match=r"history\.parquet is missing: run"):
        Forecasts(models, tmp_path)
    done = history(tmp_path / "out", "--processed", tmp_path)
    assert done.returncode != 0
    assert f"lacks {', '.join(TABLES)}" in done.stderr


def test_a_history_without_a_source_is_refused(models, tmp_path):
    for name in FILES:
        table = pd.read_parquet(models / name)
        table.attrs.clear()
        table.to_parquet(tmp_path / name)
    with pytest.raises(ModelFileError, match=r"history\.parquet doesn't say its source: write it"):
        Forecasts(models, tmp_path)


def test_a_history_that_states_other_roles_is_refused(models, tmp_path):
    for name in FILES:
        table = pd.read_parquet(models / name)
        table.attrs = {"source": "open_films", "companies": "distributors"}
        table.drop(columns=[each for each in ("director",) if each in table]).to_parquet(
            tmp_path / name
        )
    with pytest.raises(ModelFileError, match="of another source than the models"):
        Forecasts(models, tmp_path)
