"""Leakage: nothing of the test rows reaches a fit, and nothing of a held-out fold."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from boxoffice.core.paths import RAW
from boxoffice.films.credits import ROLES, credit_roles
from boxoffice.films.features import FEATURE_SETS, film_facts, input_columns
from boxoffice.films.schema import clean, read_source
from boxoffice.films.splits import SPLITS, add_splits
from boxoffice.tabular.export import unit
from boxoffice.tabular.models import revenue_baselines
from boxoffice.tabular.pipelines import film_pipeline, fit_films, fit_params, with_history
from boxoffice.tabular.transformers import STATISTICS, ReleaseYear

FOLDS = KFold(4, shuffle=True, random_state=0)
FORWARD_SETS = ("pre_release", "full")


def prepared(movies, credits):
    """Films as the preprocess stage makes them, usable ones only, indexed by id."""
    films = clean(movies).merge(credit_roles(movies, credits), on="id", validate="one_to_one")
    films = add_splits(films.join(film_facts(films)), test_size=0.2, seed=42)
    return films[films["usable"]].set_index("id")


@pytest.fixture(scope="module")
def source():
    movies, credits, _ = read_source(RAW / "open_films")
    return movies.iloc[:500], credits


@pytest.fixture(scope="module")
def films(source):
    return prepared(*source)


def scaled_ridge():
    return make_pipeline(StandardScaler(), Ridge())


def parts(films, split):
    return films[films[f"split_{split}"] == "train"], films[films[f"split_{split}"] == "test"]


def fitted(feature_set, train, model=None):
    pipeline = film_pipeline(feature_set, train, model or scaled_ridge())
    X = train[input_columns(feature_set, train)]
    return pipeline.fit(X, train["log_revenue"], **fit_params(feature_set, train["log_revenue"]))


def predicted(pipeline, feature_set, films):
    return pipeline.predict(films[input_columns(feature_set, films)])


def spoilt(movies, ids):
    """The same source with other budgets, revenues, runtimes and votes in some rows."""
    rng = np.random.default_rng(1)
    rows = movies["id"].astype(int).isin(ids)
    cells = {
        "budget": rng.integers(1, 10**9, rows.sum()),
        "revenue": rng.integers(1, 10**10, rows.sum()),
        "runtime": rng.integers(1, 600, rows.sum()),
        "vote_average": rng.integers(1, 10, rows.sum()),
        "vote_count": rng.integers(1, 10**6, rows.sum()),
    }
    movies = movies.copy()
    for name, values in cells.items():
        movies.loc[rows, name] = values.astype(str)
    return movies


def fitted_values(pipeline):
    scaler = pipeline["model"][0]
    return np.concatenate([pipeline["impute"].statistics_, scaler.mean_, scaler.scale_])


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_test_rows_do_not_reach_the_fit(source, films, feature_set, split):
    train, test = parts(films, split)
    movies, credits = source
    other = prepared(spoilt(movies, test.index), credits)
    other_train, other_test = parts(other, split)
    assert (other_test.loc[test.index, "log_revenue"] != test["log_revenue"]).all()

    plain, changed = fitted(feature_set, train), fitted(feature_set, other_train)
    assert (fitted_values(plain) == fitted_values(changed)).all()
    expected = predicted(plain, feature_set, train)
    assert (predicted(changed, feature_set, other_train) == expected).all()
    # So both predict the same for the test rows as they were.
    assert (predicted(changed, feature_set, test) == predicted(plain, feature_set, test)).all()


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_training_rows_do_reach_the_fit(source, films, feature_set):
    """What the test above relies on: the same change to training rows is seen."""
    train, _ = parts(films, "random")
    movies, credits = source
    other_train, _ = parts(prepared(spoilt(movies, train.index[:20]), credits), "random")
    plain, changed = fitted(feature_set, train), fitted(feature_set, other_train)
    assert (fitted_values(plain) != fitted_values(changed)).any()
    assert not np.allclose(
        predicted(plain, feature_set, train), predicted(changed, feature_set, train)
    )


def out_of_fold(feature_set, films, log_revenue, target=None, model=None):
    method = "predict" if target is None else "predict_proba"
    return cross_val_predict(
        film_pipeline(feature_set, films, model or scaled_ridge()),
        films[input_columns(feature_set, films)],
        log_revenue if target is None else target,
        cv=FOLDS,
        params=fit_params(feature_set, log_revenue),
        method=method,
    )


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_a_fold_is_predicted_without_its_own_revenue(films, feature_set):
    log_revenue = films["log_revenue"].to_numpy()
    plain = out_of_fold(feature_set, films, log_revenue)
    _, held_out = list(FOLDS.split(films))[1]
    changed = log_revenue.copy()
    changed[held_out] = np.random.default_rng(2).uniform(5, 22, len(held_out))
    spoilt = out_of_fold(feature_set, films, changed)
    assert (spoilt[held_out] == plain[held_out]).all()
    others = np.setdiff1d(np.arange(len(films)), held_out)
    assert (spoilt[others] != plain[others]).any()


@pytest.mark.parametrize("feature_set", FORWARD_SETS)
def test_a_fold_is_classified_without_its_own_revenue(films, feature_set):
    """The target is success, the track record's revenue is routed beside it."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    log_revenue, success = films["log_revenue"].to_numpy(), films["success"].to_numpy()
    plain = out_of_fold(feature_set, films, log_revenue, success, model)
    _, held_out = list(FOLDS.split(films))[2]
    changed, flipped = log_revenue.copy(), success.copy()
    changed[held_out] = 5.0
    flipped[held_out] = ~flipped[held_out]
    spoilt = out_of_fold(feature_set, films, changed, flipped, model)
    assert (spoilt[held_out] == plain[held_out]).all()


def test_pre_release_does_not_see_votes_at_all(source, films):
    movies, credits = source
    movies = movies.assign(vote_average="1.0", vote_count="1", popularity="99")
    blind = prepared(movies, credits)
    plain = predicted(fitted("pre_release", films), "pre_release", films)
    assert (predicted(fitted("pre_release", blind), "pre_release", blind) == plain).all()


def test_popularity_that_only_later_films_have_says_nothing_of_them(films):
    """As with snapshots of people that began after the last training film."""
    train, test = parts(films, "temporal")
    train = train.assign(cast_popularity_before=np.nan)
    pipeline = fitted("pre_release", train)
    answers = [
        predicted(pipeline, "pre_release", test.assign(cast_popularity_before=value))
        for value in (np.nan, 50.0)
    ]
    np.testing.assert_allclose(*answers)
    np.testing.assert_allclose(
        answers[0], predicted(fitted("pre_release", films.loc[train.index]), "pre_release", test)
    )


@pytest.mark.parametrize("feature_set", FORWARD_SETS)
def test_the_track_record_is_of_earlier_training_films_alone(films, feature_set):
    """With only the first half of the years to learn from, later films change no feature."""
    train, _ = parts(films, "temporal")
    middle = train["release_date"].median()
    early = train[train["release_date"] < middle]
    columns = [f"{role}_{name}" for role in ROLES for name in STATISTICS]
    features = []
    for rows in (early, train):
        step = fitted(feature_set, rows)["features"].named_transformers_["track_record"]
        step.careers_.mean_ = {"revenue": 0.0, "return": 0.0}
        features.append(step.transform(early)[columns])
    np.testing.assert_allclose(features[0], features[1], rtol=1e-9, atol=1e-9)
    assert (features[0].filter(like="_count") > 0).any().any()


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_a_film_is_predicted_alike_alone_and_among_others(films, feature_set):
    train, test = parts(films, "temporal")
    pipeline = fitted(feature_set, train)
    together = predicted(pipeline, feature_set, test)
    alone = [predicted(pipeline, feature_set, test.iloc[[row]]).item() for row in range(5)]
    np.testing.assert_allclose(alone, together[:5], rtol=1e-9)


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_missing_numbers_are_filled_from_the_training_rows(films, feature_set):
    train, test = parts(films, "random")
    pipeline = fitted(feature_set, train)
    X = test[input_columns(feature_set, test)].assign(runtime=np.nan)
    features = pipeline[:-1].transform(X)
    names = list(pipeline["features"].get_feature_names_out())
    filled = np.asarray(features)[:, names.index("runtime")]
    assert (filled == train["runtime"].median()).all()
    assert np.isfinite(np.asarray(features)).all()
    assert np.isfinite(pipeline.predict(X)).all()


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_every_feature_is_named_and_has_a_unit(films, feature_set):
    pipeline = fitted(feature_set, films)
    features = pipeline["features"].transform(films[input_columns(feature_set, films)])
    assert isinstance(features, pd.DataFrame)
    assert features.columns.is_unique
    for name in features:
        if not features[name].dropna().isin([0, 1]).all():
            assert unit(name) != "0 or 1", name


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_a_clone_fits_to_the_same_model(films, feature_set):
    pipeline = fitted(feature_set, films)
    copy = clone(pipeline)
    X, y = films[input_columns(feature_set, films)], films["log_revenue"]
    copy.fit(X, y, **fit_params(feature_set, y))
    assert (copy.predict(X) == pipeline.predict(X)).all()


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_baselines_are_the_median_and_the_budget_alone(films, feature_set):
    train, test = parts(films, "temporal")
    said = {
        name: predicted(fitted(feature_set, train, model), feature_set, test)
        for name, model in revenue_baselines().items()
    }
    assert set(said["baseline"]) == {train["log_revenue"].median()}
    line = LinearRegression().fit(train[["log_budget"]], train["log_revenue"])
    np.testing.assert_allclose(said["log_budget"], line.predict(test[["log_budget"]]))


# History that is kept up to date


@pytest.mark.parametrize("feature_set", FORWARD_SETS)
def test_history_up_to_date_changes_no_other_part(films, feature_set):
    train, test = parts(films, "temporal")
    frozen = fitted(feature_set, train)
    before = predicted(frozen, feature_set, test)
    updated = with_history(frozen, films)
    assert (fitted_values(updated) == fitted_values(frozen)).all()
    assert (updated["model"][1].coef_ == frozen["model"][1].coef_).all()
    steps = [each["features"].named_transformers_ for each in (frozen, updated)]
    assert steps[1]["track_record"].careers_.mean_ == steps[0]["track_record"].careers_.mean_
    assert steps[1]["year"].latest_ == steps[0]["year"].latest_
    assert (predicted(updated, feature_set, test) != before).any()
    assert (predicted(frozen, feature_set, test) == before).all()  # a copy was updated


@pytest.mark.parametrize("feature_set", FORWARD_SETS)
def test_updated_features_are_those_of_the_whole_history(films, feature_set):
    """But for the training means, they are what a fit on all films gives."""
    train, test = parts(films, "temporal")
    updated = with_history(fitted(feature_set, train), films)
    record = updated["features"].named_transformers_["track_record"]
    of_all = fitted(feature_set, films)["features"].named_transformers_
    of_all["track_record"].careers_.mean_ = record.careers_.mean_
    features = updated["features"].transform(test[input_columns(feature_set, test)])
    expected = of_all["track_record"].transform(test).join(of_all["market"].transform(test))
    pd.testing.assert_frame_equal(features[list(expected)], expected)


def test_classic_models_have_no_history(films):
    train, test = parts(films, "temporal")
    frozen = fitted("classic", train)
    updated = with_history(frozen, films)
    assert (predicted(updated, "classic", test) == predicted(frozen, "classic", test)).all()


# The year of release


def years(*values):
    return pd.DataFrame({"release_year": values})


def test_the_year_is_held_at_the_latest_quarter_of_training():
    year = ReleaseYear().fit(years(*range(1990, 2011)))  # three quarters of the way: 2005
    answer = year.transform(years(1890, 1990, 2004, 2005, 2006, 2010, 2150))
    assert list(answer) == year.get_feature_names_out().tolist() == ["release_year"]
    assert answer["release_year"].tolist() == [1890, 1990, 2004, 2005, 2005, 2005, 2005]


def test_the_year_at_which_to_hold_is_one_of_training():
    year = ReleaseYear(quantile=0.5).fit(years(1990, 1990, 2004, 2010))
    assert year.latest_ == 1990
    assert ReleaseYear(quantile=1.0).fit(years(1990, 2010)).latest_ == 2010


def test_a_year_that_was_not_fitted():
    with pytest.raises(NotFittedError):
        ReleaseYear().transform(years(2000))


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_far_years_are_forecast_alike(films, feature_set):
    """The same films, announced for one day of ever later years."""
    pipeline = fitted(feature_set, films)
    asked = films.tail(20)
    answers = []
    for later in (1, 10, 100):
        first = films["release_year"].max() + later
        dates = pd.Timestamp(f"{first}-06-15")
        answers.append(
            predicted(pipeline, feature_set, asked.assign(release_year=first, release_date=dates))
        )
    assert np.ptp(answers[0]) > 0.5
    np.testing.assert_array_equal(answers[1], answers[0])
    np.testing.assert_array_equal(answers[2], answers[0])


def test_folds_hold_the_year_by_their_own_training_films(films):
    early = films[films["release_year"] < films["release_year"].median()]
    held = [
        fit_films("classic", rows, "passthrough")["features"].named_transformers_["year"].latest_
        for rows in (early, films)
    ]
    assert held[0] < early["release_year"].max() <= held[1] < films["release_year"].max()
