"""Budgets compared with those of the years before: against brute force, strictly before."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxoffice.films.budgets import FEWEST, PastBudgets
from boxoffice.tabular.transformers import MarketContext

FILM = st.fixed_dictionaries(
    {
        "release_date": st.integers(0, 4000).map(
            lambda day: pd.Timestamp("1995-01-01") + pd.Timedelta(days=day // 100 * 100)
        ),
        "log_budget": st.integers(10, 20).map(float) | st.floats(0, 20),
    }
)


def frames(least, most):
    return st.lists(FILM, min_size=least, max_size=most).map(pd.DataFrame)


def film(date, log_budget):
    return {"release_date": pd.Timestamp(date), "log_budget": log_budget}


def reference(train, films, years):
    """The market context by its definition, one film at a time."""
    rows = []
    last = train["release_date"].max() + pd.Timedelta(days=1)
    for row in films.itertuples():
        age = (min(row.release_date, last) - train["release_date"]).dt.days
        window = train.loc[(age > 0) & (age <= years * 365.25), "log_budget"]
        if len(window) < FEWEST:
            rows.append((0.5, 0.0))
        else:
            rows.append(((window < row.log_budget).mean(), row.log_budget - window.mean()))
    return pd.DataFrame(rows, columns=["budget_rank", "budget_relative"], index=films.index)


@settings(max_examples=60, deadline=None)
@given(train=frames(FEWEST, 60), films=frames(1, 10), years=st.sampled_from([1.0, 5.0, 20.0]))
def test_features_match_the_definition(train, films, years):
    market = MarketContext(years).fit(train)
    for rows in (films, train):
        result, expected = market.transform(rows), reference(train, rows, years)
        pd.testing.assert_frame_equal(result, expected, rtol=1e-9, atol=1e-9)


def test_arrays_give_the_same_as_frames():
    rng = np.random.default_rng(0)
    train, rows = (
        pd.DataFrame(
            {
                "release_date": np.datetime64("2000-01-01") + rng.integers(0, 3000, n),
                "log_budget": rng.integers(10, 20, n).astype(float),
            }
        )
        for n in (200, 5000)
    )
    budgets = PastBudgets(train)
    days = rows["release_date"].to_numpy("datetime64[D]").astype("int64")
    expected = budgets.features(rows)
    for part in (slice(0), slice(1), slice(None)):
        found = budgets.among(days[part], rows["log_budget"].to_numpy()[part])
        assert found.keys() == expected.keys()
        for name, values in found.items():
            np.testing.assert_array_equal(values, expected[name][part])


def test_only_films_released_strictly_before_count():
    train = pd.DataFrame([film("2000-06-01", budget) for budget in range(FEWEST)])
    rows = pd.DataFrame([film("2000-06-01", 99.0), film("2000-06-02", 99.0)])
    context = MarketContext().fit(train).transform(rows)
    assert context["budget_rank"].tolist() == [0.5, 1.0]
    assert context["budget_relative"].tolist() == [0.0, pytest.approx(99.0 - (FEWEST - 1) / 2)]


def test_too_few_films_make_no_market():
    train = pd.DataFrame([film("2000-06-01", budget) for budget in range(FEWEST - 1)])
    context = MarketContext().fit(train).transform(pd.DataFrame([film("2001-01-01", 99.0)]))
    assert context.iloc[0].tolist() == [0.5, 0.0]


FAR = pd.Timestamp("2150-06-01")


def test_a_film_far_ahead_meets_the_market_of_the_last_known_films():
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2000-01-01") + pd.to_timedelta(rng.integers(0, 4000, 300), "D")
    train = pd.DataFrame({"release_date": days, "log_budget": rng.normal(17, 2, 300)})
    market = MarketContext().fit(train)
    budgets = np.linspace(12, 22, 9)
    day_after = days.max() + pd.Timedelta(days=1)
    near, far = (
        market.transform(pd.DataFrame({"release_date": day, "log_budget": budgets}))
        for day in (day_after, FAR)
    )
    pd.testing.assert_frame_equal(far, near)
    assert near["budget_rank"].is_monotonic_increasing
    assert near["budget_rank"].nunique() > 5  # not the answer of an empty market
    last_day = market.transform(pd.DataFrame({"release_date": days.max(), "log_budget": budgets}))
    assert not last_day.equals(near)  # films of the last day itself don't see that day


def test_an_updated_market_knows_the_later_films():
    early = pd.DataFrame([film(f"2000-01-{day:02}", 15.0) for day in range(1, 15)])
    late = pd.DataFrame([film(f"2010-01-{day:02}", 18.0) for day in range(1, 15)])
    asked = pd.DataFrame([film("2010-02-01", 16.0), film("2010-01-01", 16.0)])
    market = MarketContext().fit(early)
    assert market.transform(asked)["budget_relative"].tolist() == [1.0, 1.0]
    market.update(pd.concat([early, late]))
    # The first of the later films is released when the window is empty.
    assert market.transform(asked)["budget_relative"].tolist() == [-2.0, 0.0]


def test_later_films_change_nothing():
    rng = np.random.default_rng(0)
    days = pd.to_datetime("2000-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 3000, 200)), "D")
    films = pd.DataFrame({"release_date": days, "log_budget": rng.normal(17, 2, 200)})
    early, late = films.iloc[:100], films.iloc[100:]
    first_late_day = late["release_date"].min()
    past = early[early["release_date"] < first_late_day]
    assert len(past) > 50
    louder = pd.concat([past, late.assign(log_budget=99.0)])
    pd.testing.assert_frame_equal(
        MarketContext().fit(louder).transform(past), MarketContext().fit(past).transform(past)
    )
