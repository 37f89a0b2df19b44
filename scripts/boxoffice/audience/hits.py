"""Hit models: will viewers' engagement make a film a hit?

Every model maps the four engagement features, in the order of `FEATURES`, to the probability of a
hit. Everything fitted, clusters and scaling included, is fitted on training rows alone.
"""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score
from sklearn.model_selection import (
    GridSearchCV,
    LeaveOneOut,
    StratifiedKFold,
    cross_val_predict,
    train_test_split,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data
from xgboost import XGBClassifier

from boxoffice.audience.engagement import FEATURES, TARGET
from boxoffice.audience.segments import SCORES, WEIGHTS, onnx_shape, segment_pipeline
from boxoffice.tabular.scores import success_scores
from boxoffice.tabular.selection import in_words

# Unlike AUC, log loss tells good probabilities from lucky orders, and it is defined on one row.
SCORING = "neg_log_loss"

# Scores are rounded before they reach a tree. Many films share a score and trees split at such
# values, but an unrounded one differs in its last bit between float64 and ONNX's float32.
SCORE_GRID = 1e4


class SegmentFeatures(TransformerMixin, BaseEstimator):
    """Add both scores and the segment to the four engagement features.

    `fit` learns the ranges, the scaling and the K-Means clusters of `segments.segment_pipeline`
    from its own rows, `k` clusters of the best of `n_init` starts; `hit` is ignored. The two
    `onnx_` methods are skl2onnx's protocol for transformers that it does not know.
    """

    def __init__(self, k: int = 4, seed: int = 42, n_init: int = 10):
        self.k = k
        self.seed = seed
        self.n_init = n_init

    def fit(self, X, y=None):
        """Fit on features, shape (rows, 4), in the order of `FEATURES`."""
        X = validate_data(self, X, dtype=float)
        self.segments_ = segment_pipeline(self.k, self.seed, self.n_init).fit(X)
        return self

    def transform(self, X) -> np.ndarray:
        """Features, both scores, and a 0/1 column per segment: shape (rows, 6 + k)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=float, reset=False)
        scores = np.round(self.segments_[:2].transform(X) * SCORE_GRID) / SCORE_GRID
        return np.hstack([X, scores, np.eye(self.k)[self.segments_.predict(X)]])

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """Names of the columns."""
        segments = [f"segment_{number}" for number in range(self.k)]
        return np.array([*FEATURES, *SCORES, *segments], dtype=object)

    def onnx_shape_calculator(self):
        """Tell skl2onnx the number of output columns."""
        return onnx_shape(len(FEATURES) + len(SCORES) + self.k)

    def onnx_converter(self):
        """Tell skl2onnx the same computation."""
        from skl2onnx.algebra import onnx_ops as ops
        from skl2onnx.algebra.onnx_operator import OnnxSubEstimator
        from skl2onnx.proto import TensorProto

        def convert(scope, operator, container):
            opset = container.target_opset
            features = operator.inputs[0]
            scaled = OnnxSubEstimator(self.segments_["range"], features, op_version=opset)
            scores = ops.OnnxMatMul(scaled, WEIGHTS.astype(np.float32), op_version=opset)
            labels = scores
            for _, step in self.segments_.steps[2:]:
                labels = OnnxSubEstimator(step, labels, op_version=opset)
            as_float = ops.OnnxCast(labels[0], to=TensorProto.FLOAT, op_version=opset)
            column = ops.OnnxReshape(as_float, np.array([-1, 1]), op_version=opset)
            numbers = np.arange(self.k, dtype=np.float32).reshape(1, -1)
            same = ops.OnnxEqual(column, numbers, op_version=opset)
            onehot = ops.OnnxCast(same, to=TensorProto.FLOAT, op_version=opset)
            grid = np.array([SCORE_GRID], dtype=np.float32)
            steps = ops.OnnxRound(ops.OnnxMul(scores, grid, op_version=opset), op_version=opset)
            rounded = ops.OnnxDiv(steps, grid, op_version=opset)
            options = {"op_version": opset, "output_names": operator.outputs[:1]}
            joined = ops.OnnxConcat(features, rounded, onehot, axis=1, **options)
            joined.add_to(scope, container)

        return convert


def logistic_regression(seed: int) -> Pipeline:
    """Standardised logistic regression; grids name its parameters `model__<name>`."""
    model = LogisticRegression(max_iter=1000, random_state=seed)
    return Pipeline([("scale", StandardScaler()), ("model", model)])


def random_forest(seed: int, n_estimators: int = 100, min_samples_leaf: int = 1) -> Pipeline:
    """A random forest; grids name its parameters `model__<name>`."""
    model = RandomForestClassifier(
        n_estimators, min_samples_leaf=min_samples_leaf, random_state=seed, n_jobs=1
    )
    return Pipeline([("model", model)])


def xgboost(seed: int) -> Pipeline:
    """Gradient boosted trees; grids name their parameters `model__<name>`."""
    model = XGBClassifier(
        n_estimators=100,
        max_depth=3,
        learning_rate=0.1,
        random_state=seed,
        n_jobs=1,
        tree_method="hist",
    )
    return Pipeline([("model", model)])


def original_models(seed: int) -> dict[str, Pipeline]:
    """Models for the few original films."""
    return {
        "logistic_regression": logistic_regression(seed),
        "random_forest": random_forest(seed, n_estimators=50),
    }


def synthetic_models(k: int, seed: int) -> dict[str, Pipeline]:
    """Models for the synthetic films, on six features and one of `k` segments."""
    models = {"random_forest": random_forest(seed), "xgboost": xgboost(seed)}
    return {
        name: Pipeline([("segments", SegmentFeatures(k, seed)), *model.steps])
        for name, model in models.items()
    }


def film_models(seed: int, folds: int = 3) -> dict[str, BaseEstimator]:
    """Models for real films' engagement proxies.

    Soft voting averages the probabilities of logistic regression, forest and XGBoost; stacking
    fits a logistic regression to their out-of-fold probabilities.
    """
    models = {
        "logistic_regression": logistic_regression(seed),
        "random_forest": random_forest(seed, min_samples_leaf=5),
        "xgboost": xgboost(seed),
    }
    members = list(models.items())
    return {
        "random_forest": models["random_forest"],
        "xgboost": models["xgboost"],
        # flatten_transform=False is what skl2onnx can convert
        "voting": VotingClassifier(members, voting="soft", flatten_transform=False),
        "stacking": StackingClassifier(
            members, LogisticRegression(random_state=seed), cv=_folds(folds, seed)
        ),
    }


def split(films: pd.DataFrame, test_size: float, seed: int) -> list[pd.DataFrame]:
    """Split into training and test films, stratified by `hit`."""
    stratify = films[TARGET]
    return train_test_split(films, test_size=test_size, random_state=seed, stratify=stratify)


def xy(films: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Features, shape (films, 4), and `hit`, shape (films,)."""
    return films[FEATURES].to_numpy(float), films[TARGET].to_numpy(int)


def search(
    models: dict[str, BaseEstimator],
    grids: dict[str, dict],
    train: pd.DataFrame,
    folds: int,
    seed: int,
) -> dict[str, GridSearchCV]:
    """Fit a grid search per model on the training films, over stratified folds.

    A model without a grid in `grids` is fitted as it is, and still gets its cross-validated loss.
    """
    X, hit = xy(train)
    return {
        name: _grid_search(model, grids.get(name, {}), folds, seed).fit(X, hit)
        for name, model in models.items()
    }


def _folds(folds: int, seed: int) -> StratifiedKFold:
    return StratifiedKFold(folds, shuffle=True, random_state=seed)


def _grid_search(model: BaseEstimator, grid: dict, folds: int, seed: int) -> GridSearchCV:
    return GridSearchCV(clone(model), grid, scoring=SCORING, cv=_folds(folds, seed), n_jobs=1)


def selected(searches: dict[str, GridSearchCV]) -> str:
    """Name of the search with the best cross-validated log loss, on training rows."""
    return max(searches, key=lambda name: searches[name].best_score_)


def metrics(hit: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Return the scores of `success_scores` and the `precision` of a decision at 0.5.

    `hit` is 0 or 1; both arrays have shape (rows,). Raises ValueError if the rows hold one class
    only: AUC and a recall are then undefined.
    """
    if len(np.unique(hit)) < 2:
        raise ValueError("column hit: the rows to score hold one class; give some of each")
    said = np.asarray(probability) >= 0.5
    precision = precision_score(hit, said, zero_division=0.0)
    return {**success_scores(hit, probability), "precision": precision}


def score(model: BaseEstimator, films: pd.DataFrame) -> dict[str, float]:
    """Score a fitted model on films that it has not seen."""
    X, hit = xy(films)
    return metrics(hit, model.predict_proba(X)[:, 1])


def score_all(
    searches: dict[str, GridSearchCV], train: pd.DataFrame, test: pd.DataFrame
) -> dict[str, dict[str, float]]:
    """Score every search on test films.

    Beside the models stand `baseline`, the training films' hit rate for every film, and `selected`,
    the model that cross-validation chose.
    """
    scored = {"baseline": score(DummyClassifier(strategy="prior").fit(*xy(train)), test)}
    scored |= {name: score(model, test) for name, model in searches.items()}
    return scored | {"selected": scored[selected(searches)]}


def leave_one_out(
    models: dict[str, BaseEstimator],
    grids: dict[str, dict],
    films: pd.DataFrame,
    folds: int,
    seed: int,
) -> dict[str, dict[str, float]]:
    """Score models on each film in turn, searched and fitted on all others (nested)."""
    X, hit = xy(films)
    scored = {}
    for name, model in models.items():
        nested = _grid_search(model, grids.get(name, {}), folds, seed)
        probability = cross_val_predict(nested, X, hit, cv=LeaveOneOut(), method="predict_proba")
        scored[name] = metrics(hit, probability[:, 1])
    return scored


def cv_table(searches: dict[str, GridSearchCV]) -> pd.DataFrame:
    """One row per model: cross-validated log loss and the parameters chosen."""
    return pd.DataFrame(
        {
            "model": list(searches),
            "cv_log_loss": [-model.best_score_ for model in searches.values()],
            "chosen": [in_words(model.best_params_) or "as given" for model in searches.values()],
        }
    )
