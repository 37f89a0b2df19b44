"""Tune, select and score the models of a task, over feature sets, folds and splits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from boxoffice.films.companies import companies_of
from boxoffice.films.features import FEATURE_SETS, input_columns
from boxoffice.films.money import BASE
from boxoffice.films.splits import SPLITS, training_rows_of_both
from boxoffice.films.votes import votes_of
from boxoffice.tabular import models
from boxoffice.tabular.export import export_model, film_card
from boxoffice.tabular.pipelines import fit_films, with_history
from boxoffice.tabular.scores import revenue_scores, success_scores
from boxoffice.tabular.selection import Folds, in_words

EXPORTED = ("classic", "pre_release")  # feature sets whose models are exported


@dataclass(frozen=True)
class Task:
    """A target of films, the unfitted models that may predict it, and how they are scored."""

    name: str  # of the exported models
    description: str  # of the target, for their cards
    target: str  # column of the films
    models: dict[str, BaseEstimator]
    baselines: dict[str, BaseEstimator]  # neither tuned nor selected
    ensemble: Callable[[dict[str, BaseEstimator]], BaseEstimator]  # of the tuned models
    grids: dict[str, dict]  # hyperparameters to search; a model with none is used as it is
    scorers: dict[str, str]  # scikit-learn's, by score; the first one tunes and selects
    scores: Callable[[np.ndarray, np.ndarray], dict[str, float]]  # of y_true and predictions
    rising: bool = False  # whether predictions may not fall when the budget rises
    # Models that are scored, but never selected, by feature set.
    never_selected: dict[str, tuple[str, ...]] = field(default_factory=dict)


def revenue_task(grids: dict[str, dict], seed: int) -> Task:
    """Predict log revenue (natural log, real USD); R2 tunes and selects."""
    return Task(
        "revenue",
        f"log_revenue: natural log of worldwide revenue in dollars of {BASE}",
        "log_revenue",
        models.revenue_models(seed),
        models.revenue_baselines(),
        models.revenue_ensemble,
        grids,
        {"r2": "r2", "rmse": "neg_root_mean_squared_error"},
        revenue_scores,
        rising=True,
        # Gradient boosting can't be held to rise with the budget. Before release, trees alone fall
        # behind large films of later years, which a straight line follows.
        never_selected=dict.fromkeys(FEATURE_SETS, ("gradient_boosting",))
        | {"pre_release": models.REVENUE_TREES},
    )


def success_task(grids: dict[str, dict], seed: int) -> Task:
    """Predict success (revenue > 1.5 x budget); ROC AUC tunes and selects."""
    return Task(
        "success",
        "probability that revenue > 1.5 x budget (second column of probabilities)",
        "success",
        models.success_models(seed),
        models.success_baselines(),
        models.success_ensemble,
        grids,
        {"roc_auc": "roc_auc"},
        success_scores,
    )


class Selection(NamedTuple):
    """Tuned, unfitted models, and the one selected for each feature set."""

    tuned: dict[str, dict[str, BaseEstimator]]  # by feature set and model
    scores: dict[str, dict[str, float]]  # means over folds, by feature set and model
    selected: dict[str, str]  # by feature set

    def chosen(self, grids: dict[str, dict]) -> pd.DataFrame:
        """The values that the searches chose: columns `feature_set`, `model`, `chosen`."""
        rows = [
            (feature_set, name, in_words({key: tuned[name].get_params()[key] for key in grid}))
            for feature_set, tuned in self.tuned.items()
            for name, grid in grids.items()
            if grid
        ]
        return pd.DataFrame(rows, columns=["feature_set", "model", "chosen"])


class HeldOut(NamedTuple):
    """Models fitted on a split's training films and scored on its test films."""

    scores: dict[str, dict[str, dict[str, dict[str, float]]]]  # by split, feature set and model
    predictions: dict[tuple[str, str], dict[str, np.ndarray]]  # by split and set, then by model
    pipelines: dict[tuple[str, str], Pipeline]  # the selected models by split and feature set
    seconds: pd.DataFrame  # a row per fit

    def table(self) -> pd.DataFrame:
        """One row per split, feature set and model, with all scores."""
        return pd.DataFrame(
            [
                {"split": split, "feature_set": feature_set, "model": name, **scores}
                for split, by_set in self.scores.items()
                for feature_set, by_model in by_set.items()
                for name, scores in by_model.items()
            ]
        )


@dataclass(frozen=True)
class Evaluation:
    """A task's models evaluated on films."""

    task: Task
    films: pd.DataFrame  # usable ones, with features, targets and the columns of `add_splits`
    folds: int  # of every cross-validation: rolling in `select`, shuffled in `cross_validate`
    seed: int

    def latest(self) -> np.ndarray:
        """Mark the test films of the temporal split: bool array of shape (n_films,)."""
        return self._test("temporal")

    def _test(self, split: str) -> np.ndarray:
        return (self.films[f"split_{split}"] == "test").to_numpy()

    def select(self) -> Selection:
        """Tune every model and select one per feature set, over rolling origins.

        Models are meant to forecast films that are coming, and are chosen by how well they do. Only
        films that are training films in both splits take part, so no test film has a say.
        """
        films = self.films[training_rows_of_both(self.films)]
        y_true = films[self.task.target].to_numpy()
        score, scorer = next(iter(self.task.scorers.items()))
        tuned, scores = {}, {}
        for feature_set in FEATURE_SETS:
            cv = Folds.rolling(feature_set, films, self.folds)
            untuned = self.task.models
            if self.task.rising:
                untuned = {
                    name: models.rising_with_budget(model, cv.names)
                    for name, model in untuned.items()
                }
            candidates = {
                name: cv.search(model, self.task.grids[name], y_true, scoring=scorer)
                for name, model in untuned.items()
            }
            candidates["ensemble"] = self.task.ensemble(candidates)
            means = {
                name: cv.score(model, y_true, {score: scorer})[score].mean()
                for name, model in candidates.items()
            }
            tuned[feature_set], scores[feature_set] = candidates, means
        selected = {}
        for feature_set, means in scores.items():
            barred = self.task.never_selected.get(feature_set, ())
            selected[feature_set] = max(
                (name for name in means if name not in barred), key=means.get
            )
        return Selection(tuned, scores, selected)

    def cross_validate(
        self,
        selection: Selection,
        baselines: bool = False,
        feature_sets: tuple[str, ...] = FEATURE_SETS,
    ) -> dict[str, dict[str, dict[str, float]]]:
        """Score the tuned models over folds of all films; nothing is chosen by it.

        By feature set and model (`selected` among them), the mean of each score; of the first one
        also the standard deviation over the folds, `<score>_std`.
        """
        y_true = self.films[self.task.target].to_numpy()
        scores = {}
        for feature_set in feature_sets:
            tuned = selection.tuned[feature_set]
            cv = Folds.shuffled(feature_set, self.films, self.folds, self.seed)
            by_model = {
                name: self._over_folds(cv.score(model, y_true, self.task.scorers))
                for name, model in ((self.task.baselines if baselines else {}) | tuned).items()
            }
            scores[feature_set] = by_model | {"selected": by_model[selection.selected[feature_set]]}
        return scores

    def _over_folds(self, scores: dict[str, np.ndarray]) -> dict[str, float]:
        means = {
            name: scores[name].mean() * (-1 if scorer.startswith("neg_") else 1)
            for name, scorer in self.task.scorers.items()
        }
        first = next(iter(means))
        return {first: means[first], f"{first}_std": scores[first].std(), **means}

    def score_held_out(
        self, selection: Selection, feature_sets: tuple[str, ...] = FEATURE_SETS
    ) -> HeldOut:
        """Fit baselines and tuned models on each split's training films; score its test films.

        The entry `selected` repeats that of the selected model.
        """
        scores, predictions, pipelines, seconds = {}, {}, {}, []
        for split in SPLITS:
            test = self._test(split)
            y_true = self.films.loc[test, self.task.target].to_numpy()
            scores[split] = {}
            for feature_set in feature_sets:
                tuned = selection.tuned[feature_set]
                X_test = self.films.loc[test, input_columns(feature_set, self.films)]
                y_pred = {}
                for name, model in (self.task.baselines | tuned).items():
                    start = perf_counter()
                    pipeline = self._fit(feature_set, model, ~test)
                    fitted = perf_counter()
                    y_pred[name] = _predicted(pipeline, X_test)
                    seconds.append((feature_set, name, fitted - start, perf_counter() - fitted))
                    if name == selection.selected[feature_set]:
                        pipelines[split, feature_set] = pipeline
                y_pred["selected"] = y_pred[selection.selected[feature_set]]
                predictions[split, feature_set] = y_pred
                scores[split][feature_set] = {
                    name: self.task.scores(y_true, values) for name, values in y_pred.items()
                }
        columns = ["feature set", "model", "training", "prediction"]
        return HeldOut(scores, predictions, pipelines, pd.DataFrame(seconds, columns=columns))

    def _fit(self, feature_set: str, model: BaseEstimator, train: np.ndarray) -> Pipeline:
        return fit_films(feature_set, self.films[train], clone(model), self.task.target)

    def score_updated(self, held_out: HeldOut) -> dict[str, dict[str, float]]:
        """Score the selected models on the latest films, with history until each one's release.

        By feature set; the models are those of `score_held_out`.
        """
        test = self.latest()
        y_true = self.films.loc[test, self.task.target].to_numpy()
        found = {}
        for (split, feature_set), pipeline in held_out.pipelines.items():
            if split != "temporal":
                continue
            updated = with_history(pipeline, self.films)
            X_test = self.films.loc[test, input_columns(feature_set, self.films)]
            found[feature_set] = self.task.scores(y_true, _predicted(updated, X_test))
        return found

    def importance(
        self, selection: Selection, held_out: HeldOut, feature_set: str, trees: tuple[str, ...]
    ) -> pd.DataFrame:
        """Importance of each feature by two measures, on the temporal split.

        A column of impurity importance per model of `trees`; `permutation`, how much the selected
        model's first score falls on the latest films when the feature is shuffled, and its standard
        deviation `permutation_std`. The most important feature by permutation comes first.
        """
        test = self.latest()
        pipeline = held_out.pipelines["temporal", feature_set]
        X_test = self.films.loc[test, input_columns(feature_set, self.films)]
        features = pipeline[0].transform(X_test)
        impurity = {}
        for name in trees:
            model = self._fit(feature_set, selection.tuned[feature_set][name], ~test)[-1]
            impurity[name] = model.feature_importances_
        permuted = permutation_importance(
            pipeline[1:],
            features,
            self.films.loc[test, self.task.target].to_numpy(),
            scoring=next(iter(self.task.scorers.values())),
            n_repeats=5,
            random_state=self.seed,
            n_jobs=-1,
        )
        return (
            pd.DataFrame(impurity, index=pd.Index(features.columns, name="feature"))
            .assign(permutation=permuted.importances_mean, permutation_std=permuted.importances_std)
            .sort_values("permutation", ascending=False)
        )

    def export(self, selection: Selection, held_out: HeldOut, source: str, **cards: dict) -> None:
        """Export the selected models of `classic` and `pre_release` as `<task>_<feature set>`.

        They are fitted on all films by the recipe that was measured, and written without their
        `features` step. `source` says where the films come from, and `cards` what else a feature
        set's card says, by feature set.
        """
        for feature_set in EXPORTED:
            name, tuned = selection.selected[feature_set], selection.tuned[feature_set]
            card = {
                "selected": name,
                "hyperparameters": {
                    each: {key: tuned[each].get_params()[key] for key in grid}
                    for each, grid in self.task.grids.items()
                    if grid
                },
                "metrics": {"temporal": held_out.scores["temporal"][feature_set]["selected"]},
                **cards.get(feature_set, {}),
            }
            export_fitted(self.task, feature_set, tuned[name], self.films, source, card)


def recipe(task: Task, card: dict) -> BaseEstimator:
    """The unfitted model that an exported model's card describes, without another search.

    `card` has `selected`, `hyperparameters` and `features` (each with a `name`).
    """
    names = [feature["name"] for feature in card["features"]]
    tuned = {}
    for name, model in task.models.items():
        model = models.rising_with_budget(model, names) if task.rising else clone(model)
        tuned[name] = model.set_params(**card["hyperparameters"].get(name, {}))
    return (tuned | {"ensemble": task.ensemble(tuned)})[card["selected"]]


def export_fitted(
    task: Task,
    feature_set: str,
    model: BaseEstimator,
    films: pd.DataFrame,
    source: str,
    card: dict,
    folder: Path | None = None,
) -> None:
    """Fit a model on `films` and export it as `<task>_<feature set>`, without its `features` step.

    `source` says where the films come from, and `card` what else the model's card says.
    """
    pipeline = fit_films(feature_set, films, clone(model), task.target)
    features = pipeline[0].transform(films[input_columns(feature_set, films)])
    card = {
        "target": task.description,
        "source": source,
        **card,
        **film_card(feature_set, films),
    }
    if "vote_count" in features:
        card["votes"] = votes_of(source)
    if "companies_count" in features:
        card["companies"] = companies_of(source)
    export_model(f"{task.name}_{feature_set}", pipeline[1:], features, card, folder)


def _predicted(model: BaseEstimator, X: pd.DataFrame) -> np.ndarray:
    return model.predict_proba(X)[:, 1] if is_classifier(model) else model.predict(X)
