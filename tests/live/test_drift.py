"""Drift: found where there is some, not where there is none, and no verdict on few films."""

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from scipy import stats

from boxoffice.core import paths
from boxoffice.films.companies import companies_of
from boxoffice.films.credits import credit_roles
from boxoffice.films.features import film_facts
from boxoffice.films.schema import clean, read_source
from boxoffice.forecasts.forecasts import FORECASTS, Forecasts
from boxoffice.forecasts.table_files import open_table
from boxoffice.forecasts.watched import watched_films
from boxoffice.live.drift import (
    FEWEST_WATCHED,
    LEVEL,
    NOT_WATCHED,
    SIZE,
    drift,
    last_window,
    rolling,
)
from boxoffice.tabular.pipelines import training_features


@pytest.fixture(scope="module")
def forecasts(models):
    return Forecasts(models)


@pytest.fixture(scope="module")
def learned(forecasts):
    return forecasts.models["pre_release"].training_films()


@pytest.fixture(scope="module")
def training(forecasts):
    """All committed films as models learn from them; the models here may know only some."""
    movies, credits, _ = read_source(paths.RAW / "open_films")
    films = clean(movies).merge(credit_roles(movies, credits), on="id", validate="one_to_one")
    films = films.join(film_facts(films))
    features = training_features(films[films["usable"]].reset_index(drop=True))
    models = forecasts.models["pre_release"]
    return models.with_features(features[models.features].to_numpy())


@pytest.fixture(scope="module")
def films(workspace):
    films = pd.read_parquet(workspace / "data" / "processed" / "films.parquet")
    return films[films["usable"]].reset_index(drop=True)


@pytest.fixture
def table(workspace, tmp_path):
    """The source's films with their credits in one table."""
    source = YAML(typ="safe").load((workspace / "params.yaml").read_text())["data"]["source"]
    movies, credits = (
        pd.read_csv(workspace / "data" / "raw" / source / name, dtype=str, keep_default_na=False)
        for name in ("movies.csv", "credits.csv")
    )
    credits = credits[["movie_id", "cast", "crew"]].rename(columns={"movie_id": "id"})
    table = movies.merge(credits, on="id", how="left")
    path = tmp_path / "films.csv"
    table.assign(companies_of=companies_of(source)).to_csv(path, index=False)
    return path


def draw(table, n, seed):
    return table.sample(n, random_state=seed)


def halves(table):
    """Two halves at random: films of the same kind, none of which is in both."""
    one = draw(table, len(table) // 2, 0)
    return one, table.drop(one.index)


def alarm(table):
    return bool(table["drifted"].any())


# With and without drift


def test_films_of_the_same_kind_seldom_raise_an_alarm(training):
    """At a rate of false discoveries of 5%, at most so many of the draws: most tests are exact."""
    one, other = halves(training)
    alarms = [alarm(drift(one, draw(other, 150, seed))) for seed in range(100)]
    assert sum(alarms) <= 8


def test_larger_budgets_are_found(training):
    one, other = halves(training)
    found = []
    for seed in range(20):
        window = draw(other, 150, seed)
        window["log_budget"] += np.log(2)
        found.append(drift(one, window))
    assert sum(table.loc["log_budget", "drifted"] for table in found) >= 18
    others = [table["drifted"].drop("log_budget").sum() for table in found]
    assert np.mean(others) < 1  # what is left as it was


def test_later_films_have_drifted_and_a_random_half_has_not(training):
    year = training["release_year"]
    later = drift(training[year < 2005], training[year >= 2005])
    assert later["drifted"].sum() >= 10
    # The older the films that are on record, the fewer earlier films their people have.
    assert later.loc["cast_count", "drifted"]
    assert later.loc["cast_count", "mean"] > later.loc["cast_count", "mean_training"]
    assert not alarm(drift(*halves(training)))


def test_forecasts_are_watched_as_features_are(training):
    one, other = halves(training)
    window = other[other["log_budget"] > other["log_budget"].median()]
    assert drift(one, window).loc[list(FORECASTS), "drifted"].tolist()[0]


def test_the_year_of_release_is_left_out(training):
    assert set(training) - set(drift(training, training).index) == set(NOT_WATCHED)


# Each measure


def test_few_films_get_no_verdict_whatever_they_are_like(training):
    window = draw(training, FEWEST_WATCHED - 1, 0)
    window["log_budget"] += 10
    found = drift(training, window)
    measures = ["wasserstein", "ks", "p_value", "missing_p_value", "adjusted_p", "drifted"]
    assert found[measures].isna().all(axis=None)
    assert (found["n"] == FEWEST_WATCHED - 1).all()
    assert found.loc["log_budget", "unseen"] > 0.9  # a count, which needs no many films
    assert drift(training, draw(training, FEWEST_WATCHED, 0))["drifted"].notna().all()


def test_a_feature_known_of_few_films_is_not_compared_but_is_missed(training):
    window = draw(training, 150, 0)
    window["runtime"] = [100.0] * (FEWEST_WATCHED - 1) + [np.nan] * 51
    row = drift(training, window).loc["runtime"]
    assert np.isnan(row["ks"])
    assert np.isnan(row["wasserstein"])
    assert row["missing"] == pytest.approx(51 / 150)
    assert row["missing_training"] == training["runtime"].isna().mean()
    assert row["drifted"]


def test_what_is_missing_more_often_is_found_though_its_values_are_the_same(training):
    window = draw(training, 300, 0)
    window.loc[window.index[::5], "runtime"] = np.nan
    row = drift(training, window).loc["runtime"]
    assert row["p_value"] > LEVEL
    assert row["missing_p_value"] < 1e-6
    assert row["drifted"]


def test_a_feature_that_nobody_knows_is_no_drift(training):
    training = training.assign(unknown=np.nan)
    row = drift(training, draw(training, 150, 0)).loc["unknown"]
    assert row["missing"] == row["missing_training"] == 1
    assert not row["drifted"]


def test_a_shift_is_as_far_as_it_is(training):
    spread = training["log_budget"].to_numpy(float).std()
    window = training.assign(log_budget=training["log_budget"] - 0.7 * spread)
    row = drift(training, window).loc["log_budget"]
    assert row["wasserstein"] == pytest.approx(0.7, rel=1e-4)
    assert row["mean"] - row["mean_training"] == pytest.approx(-0.7 * spread, rel=1e-4)


def test_values_outside_the_training_range_are_counted(training):
    window = draw(training, 200, 0)
    window["runtime"] = window["runtime"].fillna(100)
    window.loc[window.index[:30], "runtime"] = training["runtime"].max() + 1
    window.loc[window.index[30:40], "runtime"] = training["runtime"].min() - 1
    assert drift(training, window).loc["runtime", "unseen"] == 0.2
    assert drift(training, training)["unseen"].max() == 0


def test_a_share_that_doubles_is_found(training):
    """Which the Kolmogorov-Smirnov test would not: it is made for values that don't repeat."""
    war = training["genre_war"] == 1
    window = pd.concat([draw(training[war], 24, 0), draw(training[~war], 176, 0)])
    assert 2 < 0.12 / war.mean() < 3
    row = drift(training, window).loc["genre_war"]
    assert row["drifted"]
    assert row["ks"] == pytest.approx(0.12 - war.mean(), abs=1e-6)
    assert stats.ks_2samp(training["genre_war"], window["genre_war"]).pvalue > 0.2


def test_p_values_are_adjusted_together(training):
    found = drift(training, draw(training, 150, 3))
    tests = found[["p_value", "missing_p_value"]].to_numpy()
    tests = tests[~np.isnan(tests)]
    assert len(tests) > len(found)
    assert found["adjusted_p"].min() == pytest.approx(stats.false_discovery_control(tests).min())
    assert (found["adjusted_p"] >= found[["p_value", "missing_p_value"]].min(axis=1)).all()


# Windows


def days(n, start="2020-01-01"):
    return pd.Series(pd.date_range(start, periods=n, freq="D"))


def test_windows_end_with_the_last_film(training):
    films = draw(training, 530, 0)
    windows = rolling(training, films, days(530), 200)
    spans = windows.index.droplevel("feature").unique()
    assert [last for _, _, last in spans] == list(
        pd.to_datetime(["2020-08-17", "2020-11-25", "2021-03-05", "2021-06-13"])
    )
    assert {(last - first).days for _, first, last in spans} == {199}
    alone = drift(training, films.iloc[-200:])
    pd.testing.assert_frame_equal(windows.loc[spans[-1]], alone)


def test_films_come_in_any_order_and_on_one_day(training):
    films = draw(training, 450, 0)
    order = np.random.default_rng(0).permutation(450)
    one, other = (
        rolling(training, films.iloc[rows], days(450).iloc[rows], 200)
        for rows in (np.arange(450), order)
    )
    pd.testing.assert_frame_equal(one, other)
    same_day = rolling(training, films, pd.Series([pd.Timestamp("2020-01-01")] * 450))
    assert len(last_window(same_day)) == len(drift(training, films))


def test_few_films_are_one_window(training):
    windows = rolling(training, draw(training, 43, 0), days(43))
    assert last_window(windows)["n"].unique() == [43]
    assert last_window(windows)["drifted"].isna().all()


def shifted(training, parts):
    """Films whose budgets are larger in some parts, of `SIZE` films each."""
    tables = [draw(training, SIZE, seed) for seed in range(len(parts))]
    for table, larger in zip(tables, parts, strict=True):
        table["log_budget"] += 1.0 * larger
    return rolling(training, pd.concat(tables), days(SIZE * len(parts)))


def test_since_when_is_told(training):
    since = last_window(shifted(training, [False, False, True, True])).loc["log_budget", "since"]
    start = days(3 * SIZE)[2 * SIZE]
    assert start <= since <= start + pd.Timedelta(days=SIZE)
    # Two breaks: what went away does not count.
    since = last_window(shifted(training, [True, False, True])).loc["log_budget", "since"]
    assert since >= start
    ended = last_window(shifted(training, [True, False]))
    assert pd.isna(ended.loc["log_budget", "since"])
    assert not ended.loc["log_budget", "drifted"]


def test_the_farthest_come_first(training):
    films = draw(training, 300, 0)
    films["log_budget"] += 3
    films["budget_relative"] += 9
    films["certificate_rank"] = np.nan
    table = last_window(rolling(training, films, days(300)))
    assert list(table.index[:2]) == ["budget_relative", "log_budget"]
    assert list(table.index).index("certificate_rank") < 6


# What the models learned from


def test_the_training_films_have_not_drifted_from_themselves(forecasts, learned, films, table):
    """Whichever way they come: what is unlike is the films, and not how they are read."""
    with open_table(table, "csv") as opened:
        asked, faults = watched_films(forecasts, opened.chunks(500))
    rows = pd.read_csv(table, usecols=["id"])["id"]
    asked = asked.set_index(rows.iloc[asked.index].to_numpy())
    asked = asked.loc[films["id"]].reset_index(drop=True)
    np.testing.assert_array_equal(asked[list(learned)], learned)
    assert (asked["release_date"] == films["release_date"]).all()
    assert not set(faults) & set(np.flatnonzero(rows.isin(films["id"])))


def test_rows_with_faults_are_told_and_left_out(forecasts, tmp_path):
    path = tmp_path / "films.csv"
    path.write_text(
        "budget,release_date,cast\n20000000,2024-01-05,[]\n0,2024-01-05,[]\n"
        "30000000,soon,[]\n5000000,2024-02-01,nobody\n40000000,2024-03-01,\n"
    )
    with open_table(path, "csv") as opened:
        films, faults = watched_films(forecasts, opened.chunks(2))
    assert list(films.index) == [0, 4]
    assert list(films["release_date"]) == [pd.Timestamp("2024-01-05"), pd.Timestamp("2024-03-01")]
    assert {row: texts[0].split(":")[0] for row, texts in faults.items()} == {
        1: "budget",
        2: "release_date",
        3: "cast",
    }


@pytest.mark.parametrize("feature_set", ["classic", "pre_release"])
def test_training_films_keep_what_is_unknown(forecasts, films, feature_set):
    table = forecasts.models[feature_set].training_films()
    assert len(table) == len(films)
    assert table["runtime"].isna().sum() == films["runtime"].isna().sum() > 0
    assert list(table)[-2:] == list(FORECASTS)
    assert table[list(FORECASTS)].notna().all(axis=None)
