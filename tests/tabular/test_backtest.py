"""Backtests: what comes after a cut-off does not reach its forecasts, nor their intervals."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from boxoffice.core.paths import RAW
from boxoffice.films.credits import ROLES, credit_roles
from boxoffice.films.features import film_facts, input_columns
from boxoffice.films.forecast_errors import FARTHEST, HORIZONS, ForecastErrors
from boxoffice.films.money import log_amounts
from boxoffice.films.schema import clean, read_source
from boxoffice.tabular.backtest import (
    FEWEST_SCORED,
    FEWEST_TRAINING,
    HISTORIES,
    RECENT,
    WARM_UP,
    backtest,
    forecast_errors,
    forecast_scores,
    horizon_scores,
    with_earlier_errors,
)
from boxoffice.tabular.pipelines import fit_films

FIRST = 2001
NOMINAL = 0.8
MODEL = make_pipeline(StandardScaler(), Ridge(10))
FORWARD_SETS = ("classic", "pre_release")


@pytest.fixture(scope="module")
def films():
    movies, credits, _ = read_source(RAW / "open_films")
    films = clean(movies).merge(credit_roles(movies, credits), on="id", validate="one_to_one")
    films = films.join(film_facts(films))
    films = films[films["usable"] & films["release_year"].between(1985, 2008)]
    return films.iloc[::2].reset_index(drop=True)


def forecasts_of(films, feature_set="pre_release", every=3):
    return backtest(films, feature_set, MODEL, FIRST, every)


@pytest.fixture(scope="module")
def forecasts(films):
    return forecasts_of(films)


def spoilt(films, rows, revenue_only=False):
    """The same films with other money and other people in some rows."""
    rng = np.random.default_rng(3)
    films = films.copy()
    films.loc[rows, "revenue"] = rng.integers(1e4, 1e9, rows.sum()).astype(float)
    if not revenue_only:
        films.loc[rows, "budget"] = rng.integers(1e4, 3e8, rows.sum()).astype(float)
        films.loc[rows, "runtime"] = rng.integers(60, 200, rows.sum())
        for role in ROLES:
            column = films[role].copy()
            column[rows] = column[rows].to_numpy()[rng.permutation(rows.sum())]
            films[role] = column
    return films.assign(**log_amounts(films))


# Forecasts


def test_films_of_ten_years_are_forecast_from_every_cutoff(films, forecasts):
    years = sorted(forecasts["cutoff"].unique())
    assert years == list(range(FIRST - WARM_UP, 2009, 3))
    for cutoff, rows in forecasts.groupby("cutoff"):
        asked = films[films["release_year"].between(cutoff, cutoff + FARTHEST)]
        assert rows["film"].tolist() == asked.index.tolist()
        assert (rows["horizon"] == asked["release_year"].to_numpy() - cutoff).all()
        assert (rows["actual"] == asked["log_revenue"].to_numpy()).all()
    assert set(forecasts["horizon"]) == set(range(FARTHEST + 1))


def test_the_horizons_lie_side_by_side():
    years = [year for first, last in HORIZONS.values() for year in range(first, last + 1)]
    assert years == list(range(FARTHEST + 1))


def test_frozen_forecasts_are_those_of_a_plain_fit(films, forecasts):
    cutoff = FIRST + 1
    rows = forecasts[forecasts["cutoff"] == cutoff]
    known, asked = films[films["release_year"] < cutoff], films.loc[rows["film"]]
    pipeline = fit_films("pre_release", known, MODEL)
    predicted = pipeline.predict(asked[input_columns("pre_release", asked)])
    np.testing.assert_array_equal(rows["frozen"], predicted)
    line = LinearRegression().fit(known[["log_budget"]], known["log_revenue"])
    np.testing.assert_allclose(rows["log_budget"], line.predict(asked[["log_budget"]]))


@pytest.mark.parametrize("feature_set", FORWARD_SETS)
def test_what_films_earn_after_the_cutoff_does_not_reach_a_frozen_forecast(films, feature_set):
    cutoff = FIRST + 1
    later = films["release_year"] >= cutoff
    plain, other = (
        forecasts_of(each, feature_set) for each in (films, spoilt(films, later, revenue_only=True))
    )
    early = plain["cutoff"] <= cutoff
    assert (other.loc[early, "frozen"] == plain.loc[early, "frozen"]).all()
    assert (other.loc[early, "log_budget"] == plain.loc[early, "log_budget"]).all()
    assert (other["actual"] != plain["actual"]).any()
    # The models of later cut-offs learn from these films.
    assert (other.loc[~early, "frozen"] != plain.loc[~early, "frozen"]).any()


def test_no_other_film_after_the_cutoff_reaches_a_frozen_forecast(films, forecasts):
    """Budgets, runtimes and people of other films may be anything: not a bit changes."""
    cutoff = FIRST + 1
    rows = forecasts[forecasts["cutoff"] == cutoff].set_index("film")
    later = films["release_year"] >= cutoff
    for kept in (later & (films.index % 2 == 0), later & (films.index % 2 == 1)):
        changed = forecasts_of(spoilt(films, later & ~kept))
        changed = changed[changed["cutoff"] == cutoff].set_index("film")
        same = films.index[kept & films.index.isin(rows.index)]
        assert len(same) > 50
        assert (changed.loc[same, "frozen"] == rows.loc[same, "frozen"]).all()
        others = rows.index.difference(same)
        assert (changed.loc[others, "frozen"] != rows.loc[others, "frozen"]).any()


def test_an_updated_forecast_knows_only_films_released_strictly_before_its_film(films, forecasts):
    cutoff = FIRST + 1
    day = films.loc[films["release_year"] == cutoff + 2, "release_date"].median()
    assert (films["release_date"] == day).any()
    changed = forecasts_of(spoilt(films, films["release_date"] >= day, revenue_only=True))
    rows, changed = (each[each["cutoff"] == cutoff] for each in (forecasts, changed))
    released = films["release_date"].reindex(rows["film"]).to_numpy()
    until = released <= day  # the day's own films don't see each other
    change = (changed["updated"] - rows["updated"]).abs().to_numpy()
    assert change[until].max() < 1e-9  # running sums round otherwise
    assert (change[~until] > 1e-3).mean() > 0.3
    assert (changed["frozen"] == rows["frozen"]).all()


def test_history_up_to_date_changes_the_forecasts_of_later_years(forecasts):
    ahead = forecasts[forecasts["horizon"] > 0]
    assert (ahead["updated"] != ahead["frozen"]).mean() > 0.9
    assert np.corrcoef(ahead["updated"], ahead["frozen"])[0, 1] > 0.8


def test_classic_models_have_no_history_to_update(films):
    forecasts = forecasts_of(films, "classic")
    assert (forecasts["updated"] == forecasts["frozen"]).all()


def test_too_few_films_before_a_cutoff_give_no_forecasts(films):
    year = films["release_year"].iloc[FEWEST_TRAINING // 2]
    early = backtest(films, "classic", MODEL, year + WARM_UP, every=1)
    known = {cutoff: (films["release_year"] < cutoff).sum() for cutoff in range(year, 2009)}
    assert min(known.values()) < FEWEST_TRAINING
    assert sorted(early["cutoff"].unique()) == [
        cutoff for cutoff, n in known.items() if n >= FEWEST_TRAINING
    ]


# Intervals


def intervals(forecasts, films, kind="frozen"):
    return with_earlier_errors(forecasts, films, kind, FIRST, NOMINAL)


@pytest.mark.parametrize("kind", HISTORIES)
def test_intervals_are_of_errors_that_were_known_at_the_cutoff(films, forecasts, kind):
    table = intervals(forecasts, films, kind)
    assert sorted(table["cutoff"].unique()) == [FIRST + 1, FIRST + 4, FIRST + 7]
    for cutoff, rows in table.groupby("cutoff"):
        released = films["release_year"].reindex(forecasts["film"]).to_numpy()
        early = released < cutoff
        recent = early & (released > released[early].max() - RECENT)
        near = forecasts[recent & (forecasts["horizon"] <= 2)]
        assert len(near) < (early & (forecasts["horizon"] <= 2)).sum() or cutoff == FIRST + 1
        assert (near["cutoff"] < cutoff).all()
        errors = ForecastErrors.of(near["actual"], near[kind], NOMINAL)
        predicted = rows["predicted"].to_numpy()
        for name, end in zip(("lower", "upper"), errors.interval(predicted), strict=True):
            np.testing.assert_array_equal(rows[name], end)
        np.testing.assert_array_equal(rows["expected"], errors.expected(predicted))
        asked = forecasts.loc[forecasts["cutoff"] == cutoff, kind]
        np.testing.assert_array_equal(predicted, asked)


def test_what_comes_after_the_cutoff_does_not_reach_its_intervals(films, forecasts):
    cutoff = FIRST + 1
    later = (forecasts["cutoff"] + forecasts["horizon"]) >= cutoff
    assert (later & (forecasts["cutoff"] < cutoff)).any()  # forecast earlier, released later
    other = forecasts.assign(actual=forecasts["actual"].where(~later, 3.0))
    plain, changed = (
        table[table["cutoff"] == cutoff].reset_index(drop=True)
        for table in (intervals(forecasts, films), intervals(other, films))
    )
    names = ["predicted", "lower", "upper", "expected", "chance"]
    pd.testing.assert_frame_equal(changed[names], plain[names], check_exact=True)
    last_plain, last_changed = (
        table[table["cutoff"] > cutoff]
        for table in (intervals(forecasts, films), intervals(other, films))
    )
    assert (last_changed["lower"] != last_plain["lower"]).all()


def test_intervals_name_budget_and_success_of_their_films(films, forecasts):
    table = intervals(forecasts, films)
    of_films = films.loc[table["film"]]
    assert (table["budget"] == of_films["budget"].to_numpy()).all()
    assert (table["success"] == of_films["success"].to_numpy()).all()
    threshold = np.log(1.5) + of_films["log_budget"].to_numpy()
    # An even chance is where the middle of the errors takes the forecast to the threshold.
    assert np.corrcoef(table["chance"], table["predicted"] - threshold)[0, 1] > 0.85


def test_too_few_early_forecasts_leave_a_cutoff_out(films, forecasts):
    cutoff = FIRST + 1
    released = forecasts["cutoff"] + forecasts["horizon"]
    known = forecasts.index[(released < cutoff) & (forecasts["horizon"] <= 2)]
    fewer = forecasts.drop(index=known[3:])
    assert cutoff not in set(intervals(fewer, films)["cutoff"])
    assert cutoff + 3 in set(intervals(fewer, films)["cutoff"])
    nothing = forecasts[forecasts["cutoff"] >= FIRST]
    only_one_cutoff = nothing[nothing["cutoff"] == cutoff]
    assert intervals(only_one_cutoff, films).empty


def test_errors_are_of_forecasts_at_most_two_years_ahead(forecasts):
    far = forecasts["horizon"] > 2
    assert far.any()
    absurd = forecasts.assign(actual=forecasts["actual"].where(~far, -99.0))
    assert forecast_errors(absurd, "frozen", NOMINAL).card() == (
        forecast_errors(forecasts, "frozen", NOMINAL).card()
    )


# Scores


def hand_made():
    """Four films, one of them with a blockbuster's budget, in logs of millions."""
    earned = np.array([1.0, 10.0, 100.0, 400.0])
    forecast = np.array([4.0, 10.0, 60.0, 200.0])
    return pd.DataFrame(
        {
            "horizon": [0, 0, 0, 0],
            "actual": np.log(earned * 1e6),
            "predicted": np.log(forecast * 1e6),
            "lower": np.log(forecast * 1e6) - 1,
            "upper": np.log(forecast * 1e6) + 1,
            "expected": np.log(2 * forecast * 1e6),
            "chance": [0.6, 0.2, 0.9, 0.7],
            "success": [False, False, True, True],
            "budget": [1e6, 19e6, 20e6, 150e6],
        }
    )


def test_scores_of_a_hand_made_table():
    table = hand_made()
    found = forecast_scores(table, NOMINAL)
    errors = np.log([4, 1, 0.6, 0.5])
    assert found["n"] == 4
    assert found["bias"] == pytest.approx(errors.mean())
    assert found["median_error"] == pytest.approx((np.log(1) + np.log(0.6)) / 2)
    assert found["rmse"] == pytest.approx(np.sqrt((errors**2).mean()))
    spread = ((table["actual"] - table["actual"].mean()) ** 2).sum()
    assert found["r2"] == pytest.approx(1 - (errors**2).sum() / spread)
    assert found["total_ratio"] == pytest.approx(2 * 274 / 511)
    assert found["largest_ratio"] == pytest.approx(0.5)
    assert found["roc_auc"] == 1
    assert found["coverage"] == found["interval"]["coverage"] == 0.75  # log 4 is more than 1


def test_within_a_factor_of_two():
    table = hand_made().assign(predicted=lambda t: t["actual"] + np.log([4, 1, 0.6, 0.49]))
    found = forecast_scores(table, NOMINAL)
    assert found["within_2"] == 0.5
    assert found["within_2_large"] == 0.5


def test_scores_of_small_films_name_no_large_ones():
    found = forecast_scores(hand_made().assign(budget=1e6, success=False), NOMINAL)
    assert not {"within_2_large", "largest_ratio", "roc_auc"} & set(found)


def test_a_horizon_with_too_few_forecasts_is_left_out():
    many, few = (pd.concat([hand_made()] * n) for n in (FEWEST_SCORED // 4, 1))
    table = pd.concat([many.assign(horizon=0), many.assign(horizon=2), few.assign(horizon=9)])
    found = horizon_scores(table, NOMINAL)
    assert list(found) == ["h0", "h1_2"]
    assert found["h1_2"] == forecast_scores(many, NOMINAL)
