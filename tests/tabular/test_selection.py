"""Features computed once per fold are those of the whole pipeline, fold by fold."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from boxoffice.core.paths import RAW
from boxoffice.films.credits import credit_roles
from boxoffice.films.features import FEATURE_SETS, film_facts, input_columns
from boxoffice.films.schema import clean, read_source
from boxoffice.tabular.pipelines import film_pipeline, fit_params
from boxoffice.tabular.selection import Folds, as_list, in_words

FOLDS, SEED = 3, 7
KFOLD = KFold(FOLDS, shuffle=True, random_state=SEED)
FORWARD_SETS = ("pre_release", "full")


@pytest.fixture(scope="module")
def films():
    movies, credits, _ = read_source(RAW / "open_films")
    movies = movies.iloc[:300]
    films = clean(movies).merge(credit_roles(movies, credits), on="id", validate="one_to_one")
    films = films.join(film_facts(films))
    return films[films["usable"]].sample(frac=1, random_state=0)  # in no order, index and all


@pytest.fixture(scope="module", params=FEATURE_SETS)
def feature_set(request):
    return request.param


@pytest.fixture(scope="module")
def folds(feature_set, films):
    return Folds.shuffled(feature_set, films, FOLDS, SEED)


def whole_search(feature_set, films, model, grid, target, scoring):
    """The plain way: the grid is searched over the whole pipeline, features and all."""
    search = GridSearchCV(
        film_pipeline(feature_set, films, model),
        {f"model__{name}": values for name, values in grid.items()},
        scoring=scoring,
        cv=KFOLD,
        refit=False,
        error_score="raise",
    )
    X, log_revenue = films[input_columns(feature_set, films)], films["log_revenue"].to_numpy()
    return search.fit(X, target, **fit_params(feature_set, log_revenue))


def assert_same_search(folds, whole, model, grid, target, scoring):
    found = folds.search(model, grid, target, scoring)
    best = {name.removeprefix("model__"): value for name, value in whole.best_params_.items()}
    assert {name: found.get_params()[name] for name in grid} == best
    for point, expected in zip(
        whole.cv_results_["params"], whole.cv_results_["mean_test_score"], strict=True
    ):
        values = {name.removeprefix("model__"): value for name, value in point.items()}
        score = folds.score(model.set_params(**values), target, {"score": scoring})["score"]
        assert score.mean() == pytest.approx(expected, rel=1e-12)
    assert len(set(whole.cv_results_["mean_test_score"].round(6))) > 1  # there was a choice


def test_a_search_is_that_of_the_whole_pipeline(feature_set, films, folds):
    model = DecisionTreeRegressor(random_state=0)
    grid = {"max_depth": [1, 3], "min_samples_leaf": [2, 20]}
    target = films["log_revenue"].to_numpy()
    whole = whole_search(feature_set, films, model, grid, target, "r2")
    assert_same_search(folds, whole, model, grid, target, "r2")


def test_a_search_of_classifiers_is_that_of_the_whole_pipeline(feature_set, films, folds):
    """The track record still learns from revenue while the target is success."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    grid = {"logisticregression__C": [0.001, 0.1]}
    target = films["success"].to_numpy()
    whole = whole_search(feature_set, films, model, grid, target, "roc_auc")
    assert_same_search(folds, whole, model, grid, target, "roc_auc")


def by_release(films):
    """As the pipeline has them: the films in order of release, index and all."""
    return films.sort_values(["release_date", "id"], ignore_index=True)


@pytest.mark.parametrize("kind", ["shuffled", "rolling"])
def test_scores_are_those_of_the_whole_pipeline(feature_set, films, kind):
    model = make_pipeline(StandardScaler(), Ridge(10))
    films = by_release(films)
    if kind == "shuffled":
        folds, splitter = Folds.shuffled(feature_set, films, FOLDS, SEED), KFOLD
    else:
        folds, splitter = Folds.rolling(feature_set, films, FOLDS), TimeSeriesSplit(FOLDS)
    target = films["log_revenue"].to_numpy()
    expected = cross_val_score(
        film_pipeline(feature_set, films, model),
        films[input_columns(feature_set, films)],
        target,
        cv=splitter,
        params=fit_params(feature_set, target),
        scoring="r2",
    )
    scores = folds.score(model, target, {"r2": "r2"})["r2"]
    np.testing.assert_allclose(scores, expected, rtol=1e-9)


def test_the_features_are_named_in_their_order(feature_set, films, folds):
    assert folds.names[0] == "log_budget"
    assert folds.X.shape == (len(folds.rows), len(folds.names))
    tested = np.concatenate([test for _, test in folds.splits])
    budgets = films["log_budget"].to_numpy()[folds.rows[tested]]
    assert (folds.X[tested, 0] == budgets).all()


# Rolling origins


def test_every_origin_learns_from_the_films_before_it(feature_set, films):
    films = by_release(films)
    folds = Folds.rolling(feature_set, films, FOLDS)
    released = films["release_date"].to_numpy()
    sizes = []
    for train, test in folds.splits:
        train, test = folds.rows[train], folds.rows[test]
        assert sorted(train) == list(range(len(train)))
        assert test.min() == len(train)
        assert released[train].max() <= released[test].min()
        sizes.append(len(train))
    assert sizes == sorted(set(sizes))
    assert folds.rows[folds.splits[-1][1]].max() == len(films) - 1


def test_what_comes_after_an_origin_does_not_reach_it(feature_set, films):
    """Later films may earn and cost anything: features of earlier origins stay, to the bit."""
    films = by_release(films)
    folds = Folds.rolling(feature_set, films, FOLDS)
    _, asked = folds.splits[1]  # of this origin and the later ones
    later = films.index >= folds.rows[asked].min()
    rng = np.random.default_rng(2)
    spoilt = films.copy()
    for name in ("log_revenue", "log_budget", "runtime"):
        spoilt.loc[later, name] = rng.uniform(5, 22, later.sum())
    other = Folds.rolling(feature_set, spoilt, FOLDS)
    first = np.concatenate(folds.splits[0])
    np.testing.assert_array_equal(other.X[first], folds.X[first])
    trained = folds.splits[1][0]
    np.testing.assert_array_equal(other.X[trained], folds.X[trained])
    assert (other.X[folds.splits[2][0]] != folds.X[folds.splits[2][0]]).any()


# Searches


def test_every_film_is_in_one_test_part(films, folds):
    tested = np.concatenate([folds.rows[test] for _, test in folds.splits])
    assert sorted(tested) == list(range(len(films)))
    for train, test in folds.splits:
        both = np.concatenate([folds.rows[train], folds.rows[test]])
        assert sorted(both) == list(range(len(films)))
    assert np.isfinite(folds.X).all()


@pytest.mark.parametrize("number", range(FOLDS))
def test_a_folds_features_do_not_know_its_own_revenue(feature_set, films, folds, number):
    _, held_out = list(KFOLD.split(films))[number]
    spoilt = films.copy()
    column = spoilt.columns.get_loc("log_revenue")
    spoilt.iloc[held_out, column] = np.random.default_rng(1).uniform(10, 22, len(held_out))
    other = Folds.shuffled(feature_set, spoilt, FOLDS, SEED)
    for place, (train, test) in enumerate(folds.splits):
        rows = np.concatenate([train, test])
        same = (other.X[rows] == folds.X[rows]).all()
        # The other folds train on these films: there their revenue must be seen.
        assert same == (place == number or feature_set == "classic")


def test_one_value_needs_no_search(films):
    """No target is needed, for nothing is fitted, and the given model stays as it was."""
    folds = Folds.shuffled("classic", films, FOLDS, SEED)
    model = Ridge(alpha=1)
    found = folds.search(model, {"alpha": [30], "tol": 0.5}, target=None, scoring="r2")
    assert (found.alpha, found.tol, model.alpha) == (30, 0.5, 1)
    assert not hasattr(found, "coef_")
    assert folds.search(model, {}, target=None, scoring="r2").alpha == 1


def test_a_search_leaves_the_given_model_as_it_was(films):
    folds = Folds.shuffled("classic", films, FOLDS, SEED)
    model = Ridge(alpha=1)
    found = folds.search(model, {"alpha": [10, 1000]}, films["log_revenue"].to_numpy(), "r2")
    assert found.alpha in (10, 1000)
    assert model.alpha == 1


def test_scores_are_those_of_every_fold(films):
    folds = Folds.shuffled("classic", films, FOLDS, SEED)
    target = films["log_revenue"].to_numpy()
    squares = []
    for train, test in folds.splits:
        fitted = Ridge().fit(folds.X[train], target[folds.rows[train]])
        squares.append(np.mean((target[folds.rows[test]] - fitted.predict(folds.X[test])) ** 2))
    score = folds.score(Ridge(), target, {"mse": "neg_mean_squared_error"})
    assert score.keys() == {"mse"}
    assert score["mse"] == pytest.approx(np.negative(squares))


@pytest.mark.parametrize(("value", "values"), [(3, [3]), ([3, None], [3, None]), (None, [None])])
def test_as_list(value, values):
    assert as_list(value) == values


def test_hyperparameters_in_words():
    params = {"logisticregression__C": 0.1, "max_depth": None}
    assert in_words(params) == "C = 0.1, max_depth = None"
    assert in_words({}) == ""
