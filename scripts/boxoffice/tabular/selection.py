"""Cross-validation over films, with the features fitted inside each fold."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import (
    BaseCrossValidator,
    GridSearchCV,
    KFold,
    TimeSeriesSplit,
    cross_validate,
)

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

    names: list[str]  # of the features
    X: np.ndarray  # (n_stacked, n_features)
    rows: np.ndarray  # (n_stacked,): position of each stacked row among the films
    splits: list[tuple[np.ndarray, np.ndarray]]  # positions of training and test rows in `X`

    @classmethod
    def shuffled(cls, feature_set: str, films: pd.DataFrame, n_splits: int, seed: int) -> Self:
        """The folds of a shuffled `KFold` over `films`."""
        return cls.of(feature_set, films, KFold(n_splits, shuffle=True, random_state=seed))

    @classmethod
    def rolling(cls, feature_set: str, films: pd.DataFrame, n_splits: int) -> Self:
        """Rolling origins: each fold is learned from the films before it, as forecasts are.

        `films` are ordered by day of release.
        """
        return cls.of(feature_set, films, TimeSeriesSplit(n_splits))

    @classmethod
    def of(cls, feature_set: str, films: pd.DataFrame, splitter: BaseCrossValidator) -> Self:
        """Fit the features of each fold of a splitter."""
        X = films[input_columns(feature_set, films)]
        blocks, rows, splits, start = [], [], [], 0
        for train, test in splitter.split(X):
            features = fit_films(feature_set, films.iloc[train], "passthrough")
            rows.append(np.concatenate([train, test]))
            blocks.append(features.transform(X.iloc[rows[-1]]))
            middle, end = start + len(train), start + len(train) + len(test)
            splits.append((np.arange(start, middle), np.arange(middle, end)))
            start = end
        names = features[0].get_feature_names_out().tolist()
        return cls(names, np.vstack(blocks), np.concatenate(rows), splits)

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
