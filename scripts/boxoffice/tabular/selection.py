"""Cross-validation over films, with the features fitted inside each fold."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV, KFold, cross_validate

from boxoffice.films.features import input_columns
from boxoffice.tabular.pipelines import fit_films


def as_list(value) -> list:
    """Wrap a single value: a param gives either a list to search or one value to use."""
    return value if isinstance(value, list) else [value]


def in_words(params: dict) -> str:
    """Write hyperparameters as 'max_depth = 3, C = 1', without the names of pipeline steps."""
    return ", ".join(f"{name.rpartition('__')[2]} = {value}" for name, value in params.items())


@dataclass(frozen=True)
class Folds:
    """Features of every fold of a cross-validation, fitted on that fold's training rows alone.

    The features (track record, market, imputation) are the same for every model and every point of
    a grid, so they are computed once per fold and stacked; `splits` holds the rows of each fold.
    A search over them gives the same result as a search over the whole pipeline.

    """

    X: np.ndarray  # (n_stacked, n_features)
    rows: np.ndarray  # (n_stacked,): position of each stacked row among the films
    splits: list[tuple[np.ndarray, np.ndarray]]  # positions of training and test rows in `X`

    @classmethod
    def of(cls, feature_set: str, films: pd.DataFrame, n_splits: int, seed: int) -> Self:
        """Fit the features of a shuffled `KFold` over `films`, fold by fold."""
        X = films[input_columns(feature_set, films)]
        blocks, rows, splits, start = [], [], [], 0
        for train, test in KFold(n_splits, shuffle=True, random_state=seed).split(X):
            features = fit_films(feature_set, films.iloc[train], "passthrough")
            rows.append(np.concatenate([train, test]))
            blocks.append(features.transform(X.iloc[rows[-1]]))
            middle, end = start + len(train), start + len(X)
            splits.append((np.arange(start, middle), np.arange(middle, end)))
            start = end
        return cls(np.vstack(blocks), np.concatenate(rows), splits)

    def search(self, model: BaseEstimator, grid: dict, target, scoring: str) -> BaseEstimator:
        """Set the values of the grid that score best on average over the folds (unfitted)."""
        grid = {name: as_list(values) for name, values in grid.items()}
        if all(len(values) == 1 for values in grid.values()):
            return clone(model).set_params(**{name: values[0] for name, values in grid.items()})
        search = GridSearchCV(
            model,
            grid,
            scoring=scoring,
            cv=self.splits,
            refit=False,
            n_jobs=-1,
            error_score="raise",
        )
        search.fit(self.X, np.asarray(target)[self.rows])
        return clone(model).set_params(**search.best_params_)

    def score(self, model: BaseEstimator, target, scoring: dict[str, str]) -> dict[str, np.ndarray]:
        """Each score in every fold, shape (n_splits,)."""
        scores = cross_validate(
            model,
            self.X,
            np.asarray(target)[self.rows],
            scoring=scoring,
            cv=self.splits,
            n_jobs=-1,
            error_score="raise",
        )
        return {name: scores[f"test_{name}"] for name in scoring}

    def predict(self, model: BaseEstimator, target) -> np.ndarray:
        """Out-of-fold predictions, shape (n_films,)."""
        y = np.asarray(target)[self.rows]
        predicted = np.empty(len(np.unique(self.rows)))
        for train, test in self.splits:
            fitted = clone(model).fit(self.X[train], y[train])
            predicted[self.rows[test]] = fitted.predict(self.X[test])
        return predicted
