"""Facts for networks: nothing of the films that are held out reaches them."""

import numpy as np
import pandas as pd
import pytest

from boxoffice import paths
from boxoffice.films.credits import credit_roles
from boxoffice.films.features import film_facts
from boxoffice.films.schema import clean, read_source
from boxoffice.networks.metadata import learned_from, pre_release_numbers


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
