"""Success models: what is tried, and with which hyperparameters."""

from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from boxoffice.regression import XGBOOST

ENSEMBLE = ("logistic_regression", "xgboost")


def success_models(seed: int) -> dict[str, BaseEstimator]:
    """Models for success (revenue > 1.5 x budget), unfitted, by name; one thread each."""
    return {
        "logistic_regression": make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=1000, random_state=seed)
        ),
        "decision_tree": DecisionTreeClassifier(random_state=seed),
        "xgboost": XGBClassifier(**XGBOOST, random_state=seed),
    }


def mean_of(models: dict[str, BaseEstimator]) -> VotingClassifier:
    """The ensemble: the mean probability of logistic regression and XGBoost."""
    return VotingClassifier(
        [(name, clone(models[name])) for name in ENSEMBLE], voting="soft", flatten_transform=False
    )
