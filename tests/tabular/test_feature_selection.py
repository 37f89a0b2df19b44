"""Which features a linear model can do without, on films whose revenue is made up."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from boxoffice.films.credits import ROLES
from boxoffice.films.features import fact_columns, film_facts
from boxoffice.tabular.feature_selection import restricted, survivors
from boxoffice.tabular.models import BudgetTail, revenue_ensemble, revenue_models
from boxoffice.tabular.pipelines import fit_films

TOLD = ["log_budget", "runtime", "genre_drama"]  # what revenue is made of
GENRES = ["Drama", "Comedy", "Horror", "Western", "War", "Music"]


@pytest.fixture(scope="module")
def films():
    """Films in order of release; their revenue depends on budget, runtime and one genre."""
    rng = np.random.default_rng(0)
    n = 800
    films = pd.DataFrame(
        {
            "release_date": pd.Timestamp("1990-01-01") + pd.to_timedelta(np.arange(n) * 7, "D"),
            "budget": np.exp(rng.uniform(13, 19, n)),
            "runtime": rng.normal(110, 20, n),
            "original_language": rng.choice(["en", "de"], n),
            "genres": [[name for name in GENRES if rng.random() < 0.4] for _ in range(n)],
            "usable": True,
        }
    )
    films["release_year"] = films["release_date"].dt.year
    films["release_month"] = films["release_date"].dt.month
    films["log_budget"] = np.log(films["budget"])
    for role in ROLES[:1]:
        films[role] = [[int(name)] for name in rng.integers(0, 100, n)]
    films = films.join(film_facts(films))
    noise = rng.normal(scale=0.5, size=n)
    runtime, drama = films["runtime"], films["genre_drama"]
    films["log_revenue"] = 0.9 * films["log_budget"] + 0.04 * runtime + 1.5 * drama + noise
    return films


@pytest.fixture(scope="module")
def found(films):
    return survivors("pre_release", films, folds=3)


def test_what_revenue_is_made_of_survives(found):
    # The log budget is also that of the market: its weight may lie with the relative one.
    for kept in (found.lasso, found.eliminated_to):
        assert {"runtime", "genre_drama"} <= set(kept)
        assert {"log_budget", "budget_rank", "budget_relative"} & set(kept)
    strongest = found.path.iloc[0].abs().nlargest(6).index
    assert {"runtime", "genre_drama"} <= set(strongest)


def test_some_of_the_rest_is_dropped(found):
    names = set(found.path)
    assert len(found.lasso) < len(names)
    assert len(found.eliminated_to) <= len(names)
    assert set(found.lasso) < names
    assert set(found.eliminated_to) <= names


def test_the_path_begins_with_all_weights_and_ends_with_none(films, found):
    pipeline = fit_films("pre_release", films, "passthrough")
    assert list(found.path) == pipeline[0].get_feature_names_out().tolist()
    assert found.path.index.is_monotonic_increasing
    assert (found.path.iloc[-1] == 0).all()
    assert (found.path.iloc[0] != 0).sum() > len(found.lasso)
    assert found.path.index[0] < found.penalty < found.path.index[-1]


def test_the_kept_ones_have_a_weight_on_the_path(found):
    at_penalty = found.path.loc[found.penalty]
    assert set(at_penalty[at_penalty != 0].index) == set(found.lasso)


def test_elimination_keeps_the_number_that_scores_best(found):
    assert found.scores.idxmax() == len(found.eliminated_to)
    assert found.scores.index.tolist() == list(range(1, found.path.shape[1] + 1))
    assert found.scores.loc[3] > 0.7


# A model of fewer features

NAMES = ["log_budget", "runtime", "budget_rank", "season_sin", "budget_relative"]


def data(n=300, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, len(NAMES)))
    return X, X[:, 0] + 2 * X[:, 1] - 0.5 * X[:, 2] + rng.normal(size=n)


def test_features_that_are_not_kept_are_not_read():
    X, y = data()
    model = restricted(LinearRegression(), NAMES, ["log_budget", "runtime"]).fit(X, y)
    changed = X.copy()
    changed[:, 2:] = 99.0
    assert (model.predict(changed) == model.predict(X)).all()
    changed[:, 1] += 1
    assert (model.predict(changed) != model.predict(X)).all()


@pytest.mark.parametrize("kept", [["runtime", "log_budget"], ["runtime"], []])
def test_the_log_budget_stays_the_first_feature(kept):
    X, y = data()
    model = restricted(BudgetTail(LinearRegression()), NAMES, kept).fit(X, y)
    assert model[-1].start_ == np.quantile(X[:, 0], 0.8)
    expected = ["log_budget"] + ["runtime"] * ("runtime" in kept)
    places = model[0].transformers_[0][2]
    assert [NAMES[place] for place in places] == expected


def test_a_restricted_ensemble_never_falls_when_a_kept_budget_feature_rises():
    X, y = data()
    trees = {
        name: model.set_params(regressor__n_estimators=20) if name != "linear" else model
        for name, model in revenue_models(seed=0).items()
    }
    ensemble = revenue_ensemble(trees).set_params(regressor__linear="drop")
    model = restricted(ensemble, NAMES, ["season_sin", "budget_rank", "runtime"]).fit(X, y)
    steps = np.linspace(-4, 4, 60)
    for name, falls in (("log_budget", False), ("budget_rank", False), ("season_sin", True)):
        rows = np.repeat(X[:30], len(steps), axis=0)
        rows[:, NAMES.index(name)] = np.tile(steps, 30)
        slopes = np.diff(model.predict(rows).reshape(30, -1), axis=1)
        assert (slopes.min() < -1e-3) == falls, name


def test_features_of_made_up_films_are_those_of_the_set(films, found):
    assert set(fact_columns("pre_release", films)) < set(found.path)
