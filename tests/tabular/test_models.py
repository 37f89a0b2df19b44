"""Models of revenue: a larger budget never means less revenue, and beyond most budgets more."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from boxoffice.films.features import BUDGET_FEATURES
from boxoffice.tabular.export import convert, run_model
from boxoffice.tabular.models import (
    REVENUE_ENSEMBLE,
    BudgetTail,
    revenue_ensemble,
    revenue_models,
    rising_with_budget,
)

NAMES = ["log_budget", "runtime", "release_year", "budget_rank", "budget_relative", "season_sin"]
RISING = [NAMES.index(name) for name in BUDGET_FEATURES]
HELD = ("random_forest", "extra_trees", "xgboost")
NOISE = 1.5


def data(n=400, seed=0):
    """Features and log revenue; so noisy that free trees often fall where the budget rises."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, len(NAMES)))
    X[:, 0] = rng.uniform(10, 19, n)
    y = X[:, 0] + 0.3 * X[:, 1] - 0.5 * X[:, 3] + rng.normal(scale=NOISE, size=n)
    return X, y


def small(model):
    numbers = [key for key in model.get_params() if key.endswith("n_estimators")]
    return model.set_params(**dict.fromkeys(numbers, 20))


def models():
    return {name: small(model) for name, model in revenue_models(seed=0).items()}


def sweep(model, column, films=40, steps=60):
    """Forecasts of films as one feature rises from below to above training: (films, steps)."""
    X, _ = data(films, seed=1)
    values = np.linspace(-4, 4, steps) if column else np.linspace(8, 23, steps)
    rows = np.repeat(X, steps, axis=0)
    rows[:, column] = np.tile(values, films)
    return model.predict(rows).reshape(films, steps)


def steepest_fall(model, column):
    return np.diff(sweep(model, column), axis=1).min()


# Rising with the budget


@pytest.mark.parametrize("column", RISING, ids=lambda column: NAMES[column])
@pytest.mark.parametrize("name", HELD)
def test_held_trees_never_fall_when_the_budget_rises(name, column):
    X, y = data()
    free = clone(models()[name]).fit(X, y)
    held = rising_with_budget(models()[name], NAMES).fit(X, y)
    assert steepest_fall(free, column) < -0.01
    assert steepest_fall(held, column) > -1e-5  # XGBoost answers in float32
    assert np.ptp(sweep(held, 0)) > 1


@pytest.mark.parametrize("name", HELD)
def test_other_features_may_fall(name):
    X, y = data()
    held = rising_with_budget(models()[name], NAMES).fit(X, y - X[:, 1] * 3)
    assert steepest_fall(held, NAMES.index("runtime")) < -0.01


@pytest.mark.parametrize("column", RISING, ids=lambda column: NAMES[column])
def test_trees_of_the_ensemble_never_fall_either(column):
    X, y = data()
    tuned = {name: rising_with_budget(model, NAMES) for name, model in models().items()}
    # The straight line is held by nothing: without it the ensemble is made of trees alone.
    ensemble = revenue_ensemble(tuned).set_params(regressor__linear="drop").fit(X, y)
    assert steepest_fall(ensemble, column) > -1e-5
    free = revenue_ensemble(models()).set_params(regressor__linear="drop").fit(X, y)
    assert steepest_fall(free, column) < -0.01


def test_the_whole_ensemble_never_falls_when_the_log_budget_rises():
    X, y = data()
    held = {name: rising_with_budget(model, NAMES) for name, model in models().items()}
    assert steepest_fall(revenue_ensemble(held).fit(X, y), 0) > -1e-5


def test_an_ensemble_can_be_held_after_it_is_made():
    """Its members' settings are found under their names."""
    held = rising_with_budget(revenue_ensemble(models()), NAMES)
    signs = tuple(int(place in RISING) for place in range(len(NAMES)))
    members = dict(held.regressor.estimators)
    assert set(members) == set(REVENUE_ENSEMBLE)
    assert members["extra_trees"].monotonic_cst == signs
    assert members["xgboost"].monotone_constraints == signs


@pytest.mark.parametrize("name", revenue_models(seed=0))
def test_the_given_model_stays_as_it_was(name):
    model = revenue_models(seed=0)[name]
    before = {key: repr(value) for key, value in model.get_params().items()}
    held = rising_with_budget(model, NAMES)
    assert {key: repr(value) for key, value in model.get_params().items()} == before
    assert (held.get_params().keys() == model.get_params().keys()) and held is not model
    changed = [key for key, value in held.get_params().items() if repr(value) != before[key]]
    assert len(set(changed) - {"regressor"}) == (name in HELD)


# The tail of large budgets


def test_the_tail_starts_at_a_quantile_of_the_training_budgets():
    X, y = data()
    assert BudgetTail(LinearRegression()).fit(X, y).start_ == np.quantile(X[:, 0], 0.8)
    assert BudgetTail(LinearRegression(), 0.5).fit(X, y).start_ == np.median(X[:, 0])


def test_beyond_what_trees_have_seen_revenue_grows_in_proportion_to_the_budget():
    X, y = data()
    tree = DecisionTreeRegressor(max_depth=4, random_state=0)
    budgets = np.linspace(X[:, 0].max(), X[:, 0].max() + 3, 7)
    asked = np.repeat(X[:1], 7, axis=0)
    asked[:, 0] = budgets
    assert np.ptp(clone(tree).fit(X, y).predict(asked)) == 0
    tail = BudgetTail(tree).fit(X, y)
    assert_allclose(np.diff(tail.predict(asked)), np.diff(budgets))


@pytest.mark.parametrize("name", [name for name in revenue_models(seed=0) if name != "linear"])
def test_every_model_of_trees_follows_a_budget_beyond_the_training_films(name):
    X, y = data()
    model = rising_with_budget(models()[name], NAMES).fit(X, y)
    asked = np.repeat(X[:1], 2, axis=0)
    asked[:, 0] = X[:, 0].max() + np.array([1, 2])
    assert_allclose(np.diff(model.predict(asked)), 1, atol=1e-5)


def test_the_trees_of_the_ensemble_share_one_tail():
    ensemble = revenue_ensemble(models())
    assert isinstance(ensemble, BudgetTail)
    members = dict(ensemble.regressor.estimators)
    assert not any(isinstance(member, BudgetTail) for member in members.values())
    X, y = data()
    asked = np.repeat(X[:1], 2, axis=0)
    asked[:, 0] = X[:, 0].max() + np.array([1, 2])
    line = members["linear"].fit(X, y - np.maximum(X[:, 0] - np.quantile(X[:, 0], 0.8), 0))
    expected = 1 + np.diff(line.predict(asked)) / len(members)
    assert_allclose(np.diff(ensemble.fit(X, y).predict(asked)), expected, atol=1e-5)


def test_importances_are_those_of_the_regressor():
    X, y = data()
    tail = BudgetTail(DecisionTreeRegressor(max_depth=4, random_state=0)).fit(X, y)
    assert (tail.feature_importances_ == tail.regressor_.feature_importances_).all()


def test_up_to_its_start_the_tail_adds_nothing():
    X, y = data()
    tail = BudgetTail(DecisionTreeRegressor(max_depth=4, random_state=0)).fit(X, y)
    below = X[X[:, 0] <= tail.start_]
    assert (tail.predict(below) == tail.regressor_.predict(below)).all()
    above = X[X[:, 0] > tail.start_]
    excess = above[:, 0] - tail.start_
    assert_allclose(tail.predict(above), tail.regressor_.predict(above) + excess)


def test_the_regressor_learns_what_the_tail_leaves():
    """Where revenue is the budget, a constant in the tail's terms, nothing is counted twice."""
    X, _ = data()
    y = np.maximum(X[:, 0], 17.0)
    tail = BudgetTail(DecisionTreeRegressor(max_depth=1, random_state=0))
    tail = tail.set_params(quantile=float((X[:, 0] <= 17).mean())).fit(X, y)
    assert_allclose(tail.predict(X), y, atol=0.05)


def test_nothing_jumps_where_the_tail_begins():
    X, y = data()
    tail = BudgetTail(LinearRegression()).fit(X, y)
    asked = np.repeat(X[:1], 3, axis=0)
    asked[:, 0] = tail.start_ + np.array([-1e-6, 0, 1e-6])
    assert np.ptp(tail.predict(asked)) < 1e-5


def test_the_given_regressor_is_not_fitted():
    X, y = data()
    tree = DecisionTreeRegressor()
    with pytest.raises(NotFittedError):
        BudgetTail(tree).predict(X)
    BudgetTail(tree).fit(X, y)
    with pytest.raises(NotFittedError):
        tree.predict(X)


def tails():
    return {
        "tree": BudgetTail(DecisionTreeRegressor(max_depth=5, random_state=0)),
        "line": BudgetTail(LinearRegression(), 0.5),
        "ensemble": revenue_ensemble(models()),
    }


@pytest.mark.parametrize("name", tails())
def test_onnx_answers_as_scikit_learn_does(name, tmp_path):
    X, y = data()
    model = tails()[name].fit(X, y)
    asked, _ = data(200, seed=2)
    asked[:50, 0] += np.linspace(0, 8, 50)  # far into the tail
    asked = asked.astype(np.float32).astype(float)
    path = tmp_path / "tail.onnx"
    path.write_bytes(convert(model, len(NAMES), "tail").SerializeToString(deterministic=True))
    answer = run_model(path, asked)["variable"]
    assert answer.shape == (200, 1)
    assert_allclose(answer[:, 0], model.predict(asked), rtol=0, atol=1e-4)
    assert (asked[:, 0] > model.start_).any()
    assert (asked[:, 0] < model.start_).any()


def test_the_same_tail_converts_to_the_same_bytes():
    X, y = data()
    contents = {
        convert(revenue_ensemble(models()).fit(X, y), len(NAMES), "tail").SerializeToString(
            deterministic=True
        )
        for _ in range(2)
    }
    assert len(contents) == 1
