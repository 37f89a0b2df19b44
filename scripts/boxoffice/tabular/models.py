"""Models of revenue and of success, with the hyperparameters that are not searched."""

from sklearn.base import BaseEstimator, clone
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
from xgboost import XGBClassifier, XGBRegressor

# Small trees, each on a part of the rows and columns, since a few thousand films overfit soon.
XGBOOST = {
    "subsample": 0.7,
    "colsample_bytree": 0.4,
    "min_child_weight": 2,
    "reg_lambda": 3.0,
    "max_bin": 64,
    "n_jobs": 1,
}
REVENUE_ENSEMBLE = ("linear", "extra_trees", "xgboost")
SUCCESS_ENSEMBLE = ("logistic_regression", "xgboost")


def _on_log_budget(model: BaseEstimator) -> Pipeline:
    """Fit a model on log budget alone, which is the first feature of every feature set."""
    return make_pipeline(ColumnTransformer([("log_budget", "passthrough", [0])]), model)


def revenue_models(seed: int) -> dict[str, BaseEstimator]:
    """Unfitted models of log revenue, by name; one thread each, as the searches use all cores.

    `gradient_boosting` has a Huber loss, because a few revenues are nonsense ($12) and least
    squares would chase them.
    """
    return {
        "linear": make_pipeline(StandardScaler(), Ridge()),
        "random_forest": RandomForestRegressor(
            max_features="sqrt", max_samples=0.3, random_state=seed
        ),
        "extra_trees": ExtraTreesRegressor(
            n_estimators=200, max_features=0.33, min_samples_leaf=2, random_state=seed
        ),
        "gradient_boosting": GradientBoostingRegressor(
            loss="huber", alpha=0.95, subsample=0.7, max_features="sqrt", random_state=seed
        ),
        "xgboost": XGBRegressor(**XGBOOST, random_state=seed),
    }


def revenue_baselines() -> dict[str, BaseEstimator]:
    """What every model has to beat: the training median, and a straight line in log budget."""
    return {
        "baseline": DummyRegressor(strategy="median"),
        "log_budget": _on_log_budget(LinearRegression()),
    }


def revenue_ensemble(models: dict[str, BaseEstimator]) -> VotingRegressor:
    """The ensemble: the mean of a linear model, extremely randomised trees and XGBoost.

    The three err differently: a straight line extrapolates, trees find interactions.
    """
    return VotingRegressor([(name, clone(models[name])) for name in REVENUE_ENSEMBLE])


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
