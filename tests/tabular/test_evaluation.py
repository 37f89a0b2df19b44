"""Evaluation of a task: who may have a say, what is fitted on which films, and what is reported."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import KFold

from boxoffice.core import paths
from boxoffice.films.credits import credit_roles
from boxoffice.films.features import FEATURE_SETS, film_facts, input_columns
from boxoffice.films.schema import clean, read_source
from boxoffice.films.splits import SPLITS, add_splits, training_rows_of_both
from boxoffice.tabular.evaluation import Evaluation, revenue_task, success_task
from boxoffice.tabular.export import run_model
from boxoffice.tabular.pipelines import fit_films, with_history
from boxoffice.tabular.selection import Folds

REVENUE_GRIDS = {
    "linear": {"ridge__alpha": [1, 100]},
    "random_forest": {"regressor__n_estimators": 5, "regressor__max_depth": [2, 4]},
    "extra_trees": {"regressor__n_estimators": 5},
    "gradient_boosting": {},
    "xgboost": {"regressor__n_estimators": 5},
}
SUCCESS_GRIDS = {
    "logistic_regression": {"logisticregression__C": [0.01, 1]},
    "decision_tree": {"max_depth": 2},
    "xgboost": {"n_estimators": 5},
}


@pytest.fixture(scope="module")
def films():
    movies, credits, _ = read_source(paths.RAW / "open_films")
    movies = movies.iloc[:300]
    films = clean(movies).merge(credit_roles(movies, credits), on="id", validate="one_to_one")
    films = add_splits(films.join(film_facts(films)), test_size=0.3, seed=42)
    return films[films["usable"]].reset_index(drop=True)


def evaluation_of(task, films):
    return Evaluation(task, films, folds=3, seed=7)


@pytest.fixture(scope="module")
def revenue(films):
    return evaluation_of(revenue_task(REVENUE_GRIDS, seed=7), films)


@pytest.fixture(scope="module")
def success(films):
    return evaluation_of(success_task(SUCCESS_GRIDS, seed=7), films)


@pytest.fixture(scope="module")
def selection(revenue):
    return revenue.select()


@pytest.fixture(scope="module")
def held_out(revenue, selection):
    return revenue.score_held_out(selection)


def test_the_best_mean_score_is_selected(revenue, selection):
    for feature_set in FEATURE_SETS:
        scores = selection.scores[feature_set]
        assert set(scores) == {*REVENUE_GRIDS, "ensemble"}
        barred = revenue.task.never_selected[feature_set]
        best = max(score for name, score in scores.items() if name not in barred)
        assert scores[selection.selected[feature_set]] == best


def test_trees_alone_are_not_selected_before_release(revenue):
    barred = revenue.task.never_selected
    assert barred["classic"] == barred["full"] == ("gradient_boosting",)
    assert set(REVENUE_GRIDS) - set(barred["pre_release"]) == {"linear"}


def test_a_model_that_is_never_selected_only_competes(revenue, films, selection):
    best = selection.selected["pre_release"]
    barred = replace(revenue.task, never_selected={"pre_release": (best,)})
    other = evaluation_of(barred, films).select()
    assert other.scores == selection.scores
    rest = {name: r2 for name, r2 in other.scores["pre_release"].items() if name != best}
    assert other.selected["pre_release"] == max(rest, key=rest.get)


def test_models_are_chosen_by_forecasts_of_later_films(revenue, films, selection):
    training = films[training_rows_of_both(films)]
    for feature_set in FEATURE_SETS:
        folds = Folds.rolling(feature_set, training, 3)
        for name, model in selection.tuned[feature_set].items():
            scores = folds.score(model, training["log_revenue"], {"r2": "r2"})["r2"]
            assert selection.scores[feature_set][name] == pytest.approx(scores.mean())


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_every_model_that_may_be_selected_rises_with_the_budget(films, selection, feature_set):
    """A sweep over the log budget alone, its rank and its relation to the market held."""
    test = films[films["split_temporal"] == "test"].head(30)
    steps = np.linspace(10, 22, 40)
    for name, model in selection.tuned[feature_set].items():
        if name == "gradient_boosting":
            continue
        pipeline = fit_films(feature_set, films[films["split_temporal"] == "train"], clone(model))
        features = pipeline[:-1].transform(test[input_columns(feature_set, test)])
        rows = np.repeat(np.asarray(features), len(steps), axis=0)
        rows[:, 0] = np.tile(steps, len(test))
        predicted = pipeline[-1].predict(rows).reshape(len(test), -1)
        assert np.diff(predicted, axis=1).min() > -1e-5, name
        if name != "linear":
            assert np.diff(predicted[:, -5:], axis=1).min() > 0.9 * np.diff(steps)[0], name


def test_what_was_chosen_is_told_in_words(selection):
    chosen = selection.chosen(REVENUE_GRIDS).set_index(["feature_set", "model"])["chosen"]
    assert len(chosen) == len(FEATURE_SETS) * 4  # gradient_boosting has no grid
    alpha = selection.tuned["full"]["linear"].get_params()["ridge__alpha"]
    assert chosen["full", "linear"] == f"alpha = {alpha}"


def test_test_films_of_either_split_have_no_say_in_the_selection(revenue, films, selection):
    spoilt = films.copy()
    test = (films[[f"split_{split}" for split in SPLITS]] == "test").any(axis=1)
    spoilt.loc[test, "log_revenue"] = np.random.default_rng(0).uniform(5, 22, test.sum())
    again = evaluation_of(revenue.task, spoilt).select()
    assert again.scores == selection.scores
    assert again.selected == selection.selected


def test_training_films_do_have_a_say(revenue, films, selection):
    spoilt = films.copy()
    spoilt.loc[training_rows_of_both(films), "log_revenue"] *= -1
    assert evaluation_of(revenue.task, spoilt).select().scores != selection.scores


def test_held_out_scores_are_those_of_a_plain_fit(films, held_out):
    for split in SPLITS:
        train, test = (films[films[f"split_{split}"] == part] for part in ("train", "test"))
        line = LinearRegression().fit(train[["log_budget"]], train["log_revenue"])
        expected = r2_score(test["log_revenue"], line.predict(test[["log_budget"]]))
        for feature_set in FEATURE_SETS:
            scores = held_out.scores[split][feature_set]
            assert scores["log_budget"]["r2"] == pytest.approx(expected)
            assert scores["baseline"]["r2"] <= 0


def test_the_selected_pipeline_is_the_one_that_was_scored(films, selection, held_out):
    test = films[films["split_temporal"] == "test"]
    for feature_set, name in selection.selected.items():
        pipeline = held_out.pipelines["temporal", feature_set]
        predicted = held_out.predictions["temporal", feature_set]
        assert (predicted["selected"] == predicted[name]).all()
        assert (pipeline.predict(test) == predicted["selected"]).all()
        scores = held_out.scores["temporal"][feature_set]
        assert scores["selected"] == scores[name]


def test_the_table_and_the_seconds_have_a_row_per_model(held_out):
    models = len(REVENUE_GRIDS) + 3  # the ensemble and two baselines
    table = held_out.table()
    assert len(table) == len(SPLITS) * len(FEATURE_SETS) * (models + 1)
    assert not table.duplicated(["split", "feature_set", "model"]).any()
    assert len(held_out.seconds) == len(SPLITS) * len(FEATURE_SETS) * models
    assert (held_out.seconds[["training", "prediction"]] > 0).all().all()


def test_cross_validation_gives_means_over_the_folds(revenue, films, selection):
    scores = revenue.cross_validate(selection, baselines=True)
    errors = []
    for train, test in KFold(3, shuffle=True, random_state=7).split(films):
        median = films["log_revenue"].iloc[train].median()
        errors.append(np.sqrt(np.mean((films["log_revenue"].iloc[test] - median) ** 2)))
    for feature_set, by_model in scores.items():
        assert list(by_model["baseline"]) == ["r2", "r2_std", "rmse"]
        assert by_model["baseline"]["rmse"] == pytest.approx(np.mean(errors))
        assert by_model["selected"] == by_model[selection.selected[feature_set]]


def test_updated_scores_are_of_the_same_models_with_history_until_release(revenue, films, held_out):
    updated = revenue.score_updated(held_out)
    assert set(updated) == set(FEATURE_SETS)
    test = films[films["split_temporal"] == "test"]
    y_true = test["log_revenue"].to_numpy()
    for feature_set, scores in updated.items():
        plain = held_out.scores["temporal"][feature_set]["selected"]
        assert set(scores) == set(plain)
        assert (scores == plain) == (feature_set == "classic")  # which has no history
        pipeline = with_history(held_out.pipelines["temporal", feature_set], films)
        predicted = pipeline.predict(test[input_columns(feature_set, test)])
        assert scores["r2"] == pytest.approx(r2_score(y_true, predicted))


def test_scoring_with_history_leaves_the_measured_models_as_they_were(revenue, films, held_out):
    revenue.score_updated(held_out)
    test = films[films["split_temporal"] == "test"]
    for feature_set in FEATURE_SETS:
        predicted = held_out.pipelines["temporal", feature_set].predict(test)
        assert (predicted == held_out.predictions["temporal", feature_set]["selected"]).all()


def test_fewer_feature_sets_can_be_scored(revenue, selection, held_out):
    fewer = revenue.score_held_out(selection, ("classic",))
    for split in SPLITS:
        assert fewer.scores[split] == {"classic": held_out.scores[split]["classic"]}
    assert set(revenue.cross_validate(selection, feature_sets=("classic",))) == {"classic"}


# Export


@pytest.fixture(scope="module")
def exported(revenue, selection, held_out, tmp_path_factory):
    """The models folder after an export."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "MODELS", folder)
        revenue.export(selection, held_out, "open_films", pre_release={"files": {"a": "b"}})
    return folder


@pytest.mark.parametrize("feature_set", ["classic", "pre_release"])
def test_exported_models_learned_from_all_films(exported, films, selection, feature_set):
    name = f"revenue_{feature_set}"
    model = selection.tuned[feature_set][selection.selected[feature_set]]
    X = films[input_columns(feature_set, films)]
    of_all, of_training = (
        fit_films(feature_set, rows, clone(model))
        for rows in (films, films[films["split_temporal"] == "train"])
    )
    features = of_all[0].transform(X)
    answer = run_model(exported / f"{name}.onnx", features)["variable"][:, 0]
    np.testing.assert_allclose(answer, of_all.predict(X), rtol=0, atol=1e-4)
    assert np.abs(answer - of_training.predict(X)).max() > 0.01


@pytest.mark.parametrize("feature_set", ["classic", "pre_release"])
def test_a_card_has_the_films_and_the_measured_scores(
    exported, films, selection, held_out, feature_set
):
    card = json.loads((exported / f"revenue_{feature_set}.json").read_text())
    assert card["training_rows"] == len(films)
    assert card["trained_until"] == str(films["release_date"].max().date())
    assert card["selected"] == selection.selected[feature_set]
    measured = held_out.scores["temporal"][feature_set]["selected"]
    assert card["metrics"]["temporal"] == pytest.approx(measured, rel=1e-4)
    assert ("votes" in card) == (feature_set == "classic")
    assert card.get("companies") == ("distributors" if feature_set == "pre_release" else None)
    assert card.get("files") == ({"a": "b"} if feature_set == "pre_release" else None)


def test_importance_names_every_feature_once(revenue, selection, held_out):
    table = revenue.importance(selection, held_out, "pre_release", trees=("random_forest",))
    names = held_out.pipelines["temporal", "pre_release"][0].get_feature_names_out()
    assert set(table.index) == set(names)
    assert table["random_forest"].sum() == pytest.approx(1)
    assert table["permutation"].is_monotonic_decreasing


def test_success_is_scored_by_probability(success, films):
    selection = success.select()
    held_out = success.score_held_out(selection)
    train, test = (films[films["split_temporal"] == part] for part in ("train", "test"))
    line = LogisticRegression().fit(train[["log_budget"]], train["success"])
    expected = roc_auc_score(test["success"], line.predict_proba(test[["log_budget"]])[:, 1])
    scores = held_out.scores["temporal"]["classic"]
    assert scores["log_budget"]["roc_auc"] == pytest.approx(expected)
    assert scores["baseline"]["roc_auc"] == 0.5
    rate = held_out.predictions["temporal", "classic"]["baseline"]
    assert rate == pytest.approx(train["success"].mean())
    cross_validated = success.cross_validate(selection)
    assert set(cross_validated["full"]) == {*SUCCESS_GRIDS, "ensemble", "selected"}
    assert set(cross_validated["full"]["ensemble"]) == {"roc_auc", "roc_auc_std"}
    assert isinstance(held_out.table(), pd.DataFrame)
