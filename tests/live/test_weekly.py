"""Weeks of 2009, played on the open films: what is written down, when, and how it is scored."""

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import date

import commands
import numpy as np
import pandas as pd
import pytest

import weekly
from boxoffice.core.files import SourceError
from boxoffice.core.model_files import load_card
from boxoffice.films.money import log_prices
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.live.feeds import HINDSIGHT, Played
from boxoffice.live.forecast_log import read_log
from boxoffice.live.past_models import write_past_models
from boxoffice.live.scores import DAYS, last_forecasts, log_scores, outcomes
from boxoffice.live.store import Store
from boxoffice.live.weekly import Model, play_week, weeks_between
from boxoffice.tabular import backtest
from boxoffice.tabular.evaluation import recipe, revenue_task
from run_notebook import read_params

SOURCE = "open_films"
FIRST, LAST = "2009-01-02", "2009-12-25"
SPRING = "2009-05-29"


@pytest.fixture(scope="module")
def past(workspace, tmp_path_factory):
    """Models that learned from films before 2009 alone."""
    folder = tmp_path_factory.mktemp("past") / "models"
    seed = read_params(workspace / "params.yaml")["seed"]
    before = pd.Timestamp("2009-01-01")
    write_past_models(
        SOURCE, before, folder, seed, workspace / "data/processed", workspace / "models"
    )
    return folder


def play(folder, until, workspace, past):
    """Play weeks into a folder."""
    feed = Played(workspace / "data" / "raw" / SOURCE)
    days = weeks_between(date.fromisoformat(FIRST), date.fromisoformat(until))
    (folder / "log").mkdir(exist_ok=True)
    outputs = (folder / "store", folder / "log", folder / "weekly.html")
    weekly.run(feed, SOURCE, days, 8, {"champion": past}, *outputs)
    return folder


@pytest.fixture(scope="module")
def played(workspace, past, tmp_path_factory):
    return play(tmp_path_factory.mktemp("played"), LAST, workspace, past)


@pytest.fixture(scope="module")
def spring(workspace, past, tmp_path_factory):
    return play(tmp_path_factory.mktemp("spring"), SPRING, workspace, past)


@pytest.fixture(scope="module")
def log(played):
    return read_log(played / "log" / "forecasts.csv")


@pytest.fixture(scope="module")
def found(played, log):
    return outcomes(log, Store(played / "store"), pd.Timestamp(LAST))


@pytest.fixture(scope="module")
def films(workspace):
    films = pd.read_parquet(workspace / "data/processed/films.parquet")
    return films[films["usable"]].reset_index(drop=True)


def contents(folder):
    """Every file below a folder, but for locks."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_every_film_is_forecast_once(log, films):
    day = films["release_date"]
    due = films[day.between("2009-01-03", pd.Timestamp(LAST) + pd.Timedelta(weeks=8))]
    assert sorted(log["film_id"]) == sorted(due["id"].astype(str))
    assert set(log["model"]) == {"revenue_pre_release"}


def test_forecasts_are_made_before_release_and_not_too_early(log):
    lead = (log["release_date"] - log["as_of"]).dt.days
    assert lead.between(1, 8 * 7).all()
    assert (lead > 7 * 7).any()


def test_the_models_know_no_film_of_the_weeks_that_are_played(past):
    assert load_card("revenue_pre_release", past)["trained_until"] < "2009"
    history = pd.read_parquet(past / "history.parquet")
    assert history["release_date"].max() < pd.Timestamp("2009-01-01")


def test_what_is_stored_before_release_holds_no_hindsight(played):
    films = Store(played / "store").latest("films")
    assert set(HINDSIGHT).isdisjoint(films.columns)
    released = pd.to_datetime(films["release_date"])
    assert (pd.to_datetime(films["as_of"]) < released).all()
    revenues = Store(played / "store").latest("revenues").set_index("id")
    out = released.set_axis(films["id"]).loc[revenues.index]
    assert (pd.to_datetime(revenues["as_of"]) > out).all()


def test_a_second_run_changes_nothing(spring, workspace, past):
    before = contents(spring)
    play(spring, SPRING, workspace, past)
    assert contents(spring) == before


def test_a_run_that_was_killed_is_finished_by_the_next(spring, workspace, past, tmp_path):
    code = "import sys; from pathlib import Path; from live.test_weekly import play; "
    code += "play(Path(sys.argv[1]), sys.argv[2], *map(Path, sys.argv[3:]))"
    command = [sys.executable, "-c", code, tmp_path, SPRING, workspace, past]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment) as process:
        wait_for(tmp_path / "log" / "forecasts.csv")
        time.sleep(0.3)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "weekly.html").exists()
    play(tmp_path, SPRING, workspace, past)
    for name in ("log/forecasts.csv", "weekly.json"):
        assert (tmp_path / name).read_bytes() == (spring / name).read_bytes()


def wait_for(path):
    deadline = time.monotonic() + 300
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)


def test_forecasts_are_those_of_the_backtest(log, films, past, workspace):
    """The log's model, refitted by scikit-learn, says the same of the same films.

    People whom no training film names count as not stated where films are asked about, but as
    nobody in the backtest: those films are left out.
    """
    seed = read_params(workspace / "params.yaml")["seed"]
    model = recipe(revenue_task({}, seed), load_card("revenue_pre_release", past))
    asked = films[films["release_year"] <= 2009]
    made = backtest.backtest(asked, "pre_release", model, 2009 + backtest.WARM_UP)
    known = films[films["release_year"] < 2009]
    roles = [role for role in ("cast", "director", "writers") if role in films]
    people = {number for role in roles for each in known[role] for number in each}
    by_strangers = asked[roles].map(lambda ids: bool(len(ids)) and people.isdisjoint(ids))
    made = made[~by_strangers.any(axis=1).loc[made["film"]].to_numpy()]
    made = made.assign(film_id=asked.loc[made["film"], "id"].astype(str).to_numpy())
    both = log.merge(made, on="film_id")
    assert len(both)
    price = log_prices(both["release_date"].to_numpy())
    logged = np.log1p(both["predicted_revenue"]) - price
    np.testing.assert_allclose(logged, both["frozen"], atol=2e-4)


def test_scores_are_those_of_the_backtest_s_own_functions(found):
    assert set(found["days"]) == set(DAYS)
    rows = last_forecasts(found)
    half_a_year = rows[rows["days"] == 180]
    scores = log_scores(found, 0.9)
    ((version, by_days),) = scores.items()
    if len(half_a_year) < backtest.FEWEST_SCORED:
        pytest.skip(f"{len(half_a_year)} films of the small run are too few to score")
    expected = backtest.forecast_scores(half_a_year, 0.9)
    said = by_days["d180"]["all"]
    assert {name: said[name] for name in expected} == expected
    error = np.log((1 + rows["predicted_revenue"]) / (1 + rows["revenue"]))
    assert expected["bias"] == pytest.approx(error[rows["days"] == 180].mean(), abs=1e-9)
    assert version == half_a_year["version"].iloc[0]
    assert said["brier"] == pytest.approx(
        ((half_a_year["chance"] - half_a_year["success"]) ** 2).mean()
    )


def test_the_page_tells_what_is_coming_and_what_came(spring):
    page = (spring / "weekly.html").read_text()
    for heading in ("Coming", "What came", "played as if they were still coming"):
        assert heading in page
    logged = read_log(spring / "log" / "forecasts.csv")
    coming = logged[logged["release_date"] > pd.Timestamp(SPRING)]
    assert len(coming) and all(
        title.replace("&", "&amp;").replace("'", "&#39;") in page for title in coming["title"]
    )
    assert "http" not in page.replace("http://www.w3.org", "")
    assert page.count("<h1") == 1


def test_a_challenger_forecasts_the_same_films(past, workspace, tmp_path):
    """Both roles forecast every film once; the page compares them on what came out."""
    today = workspace / "models"  # they know these films, which is no fair challenge
    feed = Played(workspace / "data" / "raw" / SOURCE)
    days = weeks_between(date(2009, 1, 2), date(2009, 5, 15))
    (tmp_path / "log").mkdir()
    outputs = (tmp_path / "store", tmp_path / "log", tmp_path / "weekly.html")
    weekly.run(feed, SOURCE, days, 8, {"champion": past, "challenger": today}, *outputs)
    log = read_log(tmp_path / "log" / "forecasts.csv")
    of_both = log.groupby("film_id")["role"].agg(sorted)
    assert len(of_both) and set(map(tuple, of_both)) == {("challenger", "champion")}
    shown = (tmp_path / "weekly.html").read_text().split("Champion and challenger")[1]
    came = (log["release_date"] <= "2009-04-15").sum() // 2
    assert f"On {came} films that both forecast" in shown or f"came out: {came}." in shown


def test_a_later_fact_makes_a_new_forecast(past, tmp_path, workspace):
    """A film whose facts change before release is forecast anew; what was said before stays."""
    shutil.copytree(workspace / "data" / "raw" / SOURCE, tmp_path / SOURCE)
    movies = tmp_path / SOURCE / "movies.csv"
    table = pd.read_csv(movies, dtype=str, keep_default_na=False)
    soon = table["release_date"].between("2009-01-10", "2009-02-20") & (table["budget"] != "")
    store, log = Store(tmp_path / "store"), tmp_path / "forecasts.csv"
    models = [Model("champion", "v1", Forecasts(past))]
    first = play_week(Played(tmp_path / SOURCE), SOURCE, store, log, models, date(2009, 1, 2), 8)
    before = log.read_bytes()
    film = table.index[soon][0]
    table.loc[film, "budget"] = str(10 * float(table.loc[film, "budget"]))
    table.to_csv(movies, index=False)
    second = play_week(Played(tmp_path / SOURCE), SOURCE, store, log, models, date(2009, 1, 3), 7)
    assert first.forecasts
    assert (second.films, second.forecasts) == (1, 1)
    assert log.read_bytes().startswith(before)
    told = read_log(log)
    own = told[told["film_id"] == table.loc[film, "id"]]
    assert own["budget"].iloc[1] == 10 * own["budget"].iloc[0]
    assert own["predicted_revenue"].iloc[1] > own["predicted_revenue"].iloc[0]


def test_the_recipe_of_the_past_must_not_be_hindsight(workspace, tmp_path):
    with pytest.raises(SourceError, match="would be hindsight"):
        write_past_models(
            SOURCE,
            pd.Timestamp("1995-01-01"),
            tmp_path / "models",
            42,
            workspace / "data/processed",
            workspace / "models",
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", [["--today", "2009-01-02"], ["--source", SOURCE], ["--today", "tomorrow"]]
)
def test_wrong_options_are_refused(options):
    assert commands.run("weekly.py", *options).returncode != 0
