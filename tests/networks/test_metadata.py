"""Facts for networks and a tabular model: nothing of held-out films reaches them."""

import numpy as np
import pandas as pd
import pytest

from boxoffice.core import paths
from boxoffice.films.credits import credit_roles
from boxoffice.films.features import film_facts
from boxoffice.films.schema import clean, read_source
from boxoffice.networks.metadata import (
    fact_forecasts,
    learned_from,
    pre_release_numbers,
    typical_facts,
)


@pytest.fixture(scope="module")
def films():
    movies, credits, _ = read_source(paths.RAW / "open_films")
    films = clean(movies).iloc[-500:]
    films = films.merge(credit_roles(movies, credits), on="id").join(film_facts(films))
    return films[films["usable"]].reset_index(drop=True)


def test_held_out_films_are_not_learned_from(films):
    held_out = films.sample(50, random_state=0)
    history = learned_from(films, held_out)
    assert history.sum() == len(films) - 50
    assert not set(films.loc[history, "id"]) & set(held_out["id"])


def test_of_the_latest_films_only_what_came_before_is_learned_from(films):
    held_out = films.iloc[-100:].sample(20, random_state=0)
    history = learned_from(films, held_out, temporal=True)
    first_day = held_out["release_date"].min()
    assert history.any()
    assert films.loc[history, "release_date"].max() < first_day
    pd.testing.assert_series_equal(
        pd.Series(history), films["release_date"] < first_day, check_names=False
    )


def test_revenue_of_held_out_films_changes_no_number(films):
    history = learned_from(films, films.iloc[::5])
    numbers = pre_release_numbers(films, history, films)
    assert numbers.shape[0] == len(films)
    assert numbers.dtype == np.float32
    changed = films.copy()
    changed.loc[~history, ["revenue", "log_revenue", "budget"]] *= 7
    changed.loc[~history, "log_budget"] = films.loc[~history, "log_budget"]  # a fact of the film
    np.testing.assert_array_equal(pre_release_numbers(changed, history, changed), numbers)


def test_revenue_of_films_learned_from_does_change_numbers(films):
    history = learned_from(films, films.iloc[::5])
    changed = films.assign(log_revenue=films["log_revenue"][::-1].to_numpy())
    before = pre_release_numbers(films, history, films)
    assert not np.array_equal(pre_release_numbers(changed, history, changed), before)


def test_some_films_get_the_numbers_they_get_among_all(films):
    history = learned_from(films, films.iloc[::5])
    some = films.iloc[[3, 50, 7]]
    expected = pre_release_numbers(films, history, films)[[3, 50, 7]]
    np.testing.assert_array_equal(pre_release_numbers(films, history, some), expected)


def test_an_unknown_fact_gets_its_typical_value(films):
    history = learned_from(films, films.iloc[::5])
    typical = typical_facts(films, history)
    assert typical["runtime"] == films.loc[history, "runtime"].median()
    asked = films.iloc[[0]].assign(runtime=np.nan)
    numbers = pre_release_numbers(films, history, asked)
    assert len(typical) == numbers.shape[1]
    assert numbers[0, list(typical).index("runtime")] == typical["runtime"]


# The tabular model


def test_facts_forecast_revenue_of_films_that_were_not_learned_from(films):
    history = learned_from(films, films.iloc[::5])
    forecast = fact_forecasts(films, history, 3, seed=0)
    revenue = np.log10(films["revenue"])
    for part in (history, ~history):  # none of them saw its own revenue
        error = np.mean((revenue[part] - forecast[part]) ** 2)
        assert 0.2 < error / revenue[part].var() < 0.9


def test_revenue_of_held_out_films_changes_no_forecast(films):
    history = learned_from(films, films.iloc[::5])
    changed = films.copy()
    changed.loc[~history, "revenue"] *= 1000
    changed.loc[~history, "log_revenue"] += np.log(1000)
    expected = fact_forecasts(films, history, 3, seed=0)
    np.testing.assert_array_equal(fact_forecasts(changed, history, 3, seed=0), expected)


def test_a_films_own_revenue_does_not_change_its_forecast_out_of_fold(films):
    history = learned_from(films, films.iloc[::5])
    film = np.flatnonzero(history)[-1]  # the last: in nobody's track record
    changed = films.copy()
    changed.loc[film, "revenue"] *= 1000
    changed.loc[film, "log_revenue"] += np.log(1000)
    before, after = (fact_forecasts(each, history, 3, seed=0) for each in (films, changed))
    assert before[film] == after[film]
    assert not np.array_equal(before, after)
