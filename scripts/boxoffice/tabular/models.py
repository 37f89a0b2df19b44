"""Models of revenue and of success, with the hyperparameters that are not searched."""

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted
from xgboost import XGBClassifier, XGBRegressor

from boxoffice.films.features import BUDGET_FEATURES

# Small trees, each on a part of the rows and columns, since a few thousand films overfit soon.
XGBOOST = {
    "subsample": 0.7,
    "colsample_bytree": 0.4,
    "min_child_weight": 2,
    "reg_lambda": 3.0,
    "max_bin": 64,
    "n_jobs": 1,
}
REVENUE_TREES = ("random_forest", "extra_trees", "gradient_boosting", "xgboost")
REVENUE_ENSEMBLE = ("linear", "extra_trees", "xgboost")
SUCCESS_ENSEMBLE = ("logistic_regression", "xgboost")


def _on_log_budget(model: BaseEstimator) -> Pipeline:
    """Fit a model on log budget alone, which is the first feature of every feature set."""
    return make_pipeline(ColumnTransformer([("log_budget", "passthrough", [0])]), model)


def revenue_models(seed: int) -> dict[str, BaseEstimator]:
    """Unfitted models of log revenue, by name; one thread each, as the searches use all cores.

    All models of trees are given a `BudgetTail`. `gradient_boosting` has a Huber loss, because a
    few revenues are nonsense ($12) and least squares would chase them.
    """
    trees = {
        "random_forest": RandomForestRegressor(
            max_features="sqrt", max_samples=0.3, random_state=seed
        ),
        "extra_trees": ExtraTreesRegressor(
            n_estimators=100, max_features=0.6, min_samples_leaf=5, random_state=seed
        ),
        "gradient_boosting": GradientBoostingRegressor(
            loss="huber", alpha=0.95, subsample=0.7, max_features="sqrt", random_state=seed
        ),
        "xgboost": XGBRegressor(**XGBOOST, random_state=seed),
    }
    return {
        "linear": make_pipeline(StandardScaler(), Ridge()),
        **{name: BudgetTail(model) for name, model in trees.items()},
    }


def revenue_baselines() -> dict[str, BaseEstimator]:
    """What every model has to beat: the training median, and a straight line in log budget."""
    return {
        "baseline": DummyRegressor(strategy="median"),
        "log_budget": _on_log_budget(LinearRegression()),
    }


class BudgetTail(RegressorMixin, MetaEstimatorMixin, BaseEstimator):
    """A regressor of log revenue that follows large budgets at least in proportion.

    Trees can't follow a budget beyond those they saw, and say the same for $150M and $400M. Above
    a quantile of the training budgets, the log budget in excess of it is taken off the target
    before the regressor learns, and added to what it answers.

    Parameters
    ----------
    regressor : estimator
        Its first feature is the log budget, in real USD.
    quantile : float
        Of the training budgets.

    Attributes
    ----------
    start_ : float
        Log budget where the tail begins.
    """

    def __init__(self, regressor: BaseEstimator, quantile: float = 0.8):
        self.regressor = regressor
        self.quantile = quantile

    def fit(self, X, y) -> Self:
        """Fit the regressor on what the tail leaves: X of shape (n, n_features), y (n,)."""
        self.start_ = float(np.quantile(X[:, 0], self.quantile))
        self.regressor_ = clone(self.regressor).fit(X, y - self._tail(X))
        return self

    def predict(self, X) -> np.ndarray:
        """Log revenue, shape (n,)."""
        check_is_fitted(self, "regressor_")
        return self.regressor_.predict(X) + self._tail(X)

    @property
    def feature_importances_(self) -> np.ndarray:
        """Those of the fitted regressor, shape (n_features,)."""
        return self.regressor_.feature_importances_

    def _tail(self, X) -> np.ndarray:
        return np.maximum(X[:, 0] - self.start_, 0)


def rising_with_budget(model: BaseEstimator, features: list[str]) -> BaseEstimator:
    """A copy of a model whose trees never fall when a feature of the budget rises.

    `features` are the names of its inputs, in order. What isn't made of trees stays as it is.
    """
    signs = tuple(int(name in BUDGET_FEATURES) for name in features)
    held = ("monotonic_cst", "monotone_constraints")
    settings = {key: signs for key in model.get_params() if key.endswith(held)}
    return clone(model).set_params(**settings)


def revenue_ensemble(models: dict[str, BaseEstimator]) -> BudgetTail:
    """The ensemble: the mean of a linear model, extremely randomised trees and XGBoost.

    The three err differently: a straight line extrapolates, trees find interactions. They share
    one tail, so the trees leave their own ones out.
    """
    bare = {name: getattr(models[name], "regressor", models[name]) for name in REVENUE_ENSEMBLE}
    return BudgetTail(VotingRegressor([(name, clone(model)) for name, model in bare.items()]))


def success_models(seed: int) -> dict[str, BaseEstimator]:
    """Unfitted models of success (revenue > 1.5 x budget), by name; one thread each."""
    return {
        "logistic_regression": make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=1000, random_state=seed)
        ),
        "decision_tree": DecisionTreeClassifier(random_state=seed),
        "xgboost": XGBClassifier(**XGBOOST, random_state=seed),
    }


def success_baselines() -> dict[str, BaseEstimator]:
    """What every model has to beat: the training success rate, and log budget alone."""
    return {
        "baseline": DummyClassifier(strategy="prior"),
        "log_budget": _on_log_budget(LogisticRegression()),
    }


def success_ensemble(models: dict[str, BaseEstimator]) -> VotingClassifier:
    """The ensemble: the mean probability of logistic regression and XGBoost."""
    return VotingClassifier(
        [(name, clone(models[name])) for name in SUCCESS_ENSEMBLE],
        voting="soft",
        flatten_transform=False,
    )
