"""Choose hyperparameters and a model by cross-validation on training rows."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, KFold, cross_validate

from boxoffice.features import input_columns
from boxoffice.pipelines import film_pipeline, fit_params


@dataclass(frozen=True)
class Candidate:
    """A model and the grid of its hyperparameters to search."""

    model: BaseEstimator
    grid: dict[str, list[Any]] = field(default_factory=dict)


def as_list(value) -> list:
    """One value or several: params may give a list to search or one value to use."""
    return value if isinstance(value, list) else [value]


def folds(n_splits: int, seed: int) -> KFold:
    return KFold(n_splits, shuffle=True, random_state=seed)


def search(
    feature_set: str, films: pd.DataFrame, target: str, candidate: Candidate, cv: KFold, **options
) -> BaseEstimator:
    """Find a candidate's best hyperparameters by a cross-validated grid search.

    Parameters
    ----------
    films : DataFrame
        Training rows, with `log_revenue` and the target.
    target : str
        Column of `films`.
    options
        `scoring` and `n_jobs` of `GridSearchCV`.

    Returns
    -------
    estimator
        The model with the best values set, unfitted.
    """
    pipeline = film_pipeline(feature_set, films, candidate.model)
    grid = {f"model__{name}": values for name, values in candidate.grid.items()}
    if all(len(values) == 1 for values in grid.values()):
        best = {name: values[0] for name, values in grid.items()}
    else:
        search = GridSearchCV(pipeline, grid, cv=cv, refit=False, error_score="raise", **options)
        search.fit(
            films[input_columns(feature_set, films)],
            films[target],
            **fit_params(feature_set, films["log_revenue"].to_numpy()),
        )
        best = search.best_params_
    return pipeline.set_params(**best)[-1]


def cross_validated(
    feature_set: str, films: pd.DataFrame, target: str, model: BaseEstimator, cv: KFold, **options
) -> dict[str, float]:
    """Mean scores over folds, each fitted on the other folds (track record included)."""
    scores = cross_validate(
        film_pipeline(feature_set, films, model),
        films[input_columns(feature_set, films)],
        films[target],
        cv=cv,
        params=fit_params(feature_set, films["log_revenue"].to_numpy()),
        error_score="raise",
        **options,
    )
    return {name[5:]: values.mean() for name, values in scores.items() if name.startswith("test_")}
