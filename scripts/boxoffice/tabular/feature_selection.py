"""Which features a linear model can do without."""

from typing import NamedTuple

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import RFECV
from sklearn.linear_model import LassoCV, Ridge
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from boxoffice.tabular.models import rising_with_budget
from boxoffice.tabular.pipelines import fit_films

RIDGE = 100  # penalty of the model that features are eliminated from


class Survivors(NamedTuple):
    """Features that survive, by two methods, and how they were found."""

    lasso: list[str]  # those with a weight at the penalty that scores best
    eliminated_to: list[str]  # those that recursive elimination keeps
    path: pd.DataFrame  # LASSO weight of each feature (column) by penalty (index), ascending
    penalty: float  # that scores best
    scores: pd.Series  # mean R2 over rolling origins by number of features kept


def survivors(feature_set: str, films: pd.DataFrame, folds: int) -> Survivors:
    """Search the training films `films`, ordered by day, for features that forecasts need.

    The LASSO path (Tibshirani, 1996, https://doi.org/10.1111/j.2517-6161.1996.tb02080.x) and
    recursive elimination (Guyon et al., 2002, https://doi.org/10.1023/A:1012487302797) of a ridge
    regression, both over rolling origins.
    """
    pipeline = fit_films(feature_set, films, "passthrough")
    names = pipeline[0].get_feature_names_out()
    X = StandardScaler().fit_transform(pipeline.transform(films))
    y = films["log_revenue"].to_numpy()
    origins = TimeSeriesSplit(folds)
    lasso = LassoCV(cv=origins, max_iter=5000).fit(X, y)
    penalties, weights, _ = lasso.path(X, y - y.mean(), alphas=lasso.alphas_)
    ridge = RFECV(Ridge(RIDGE), cv=origins, scoring="r2").fit(X, y)
    return Survivors(
        names[lasso.coef_ != 0].tolist(),
        names[ridge.support_].tolist(),
        pd.DataFrame(weights.T, index=penalties, columns=names).sort_index(),
        float(lasso.alpha_),
        pd.Series(ridge.cv_results_["mean_test_score"], index=ridge.cv_results_["n_features"]),
    )


def restricted(model: BaseEstimator, names: list[str], kept: list[str]) -> Pipeline:
    """A revenue model that reads some of its features only, the log budget among them."""
    kept = [name for name in names if name in {*kept, names[0]}]
    places = [names.index(name) for name in kept]
    columns = ColumnTransformer([("kept", "passthrough", places)])
    return make_pipeline(columns, rising_with_budget(model, kept))
