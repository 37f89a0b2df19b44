"""Hit models: will viewers' engagement make a film a hit?

Every model is a `Pipeline` from the four engagement features, in the order of `FEATURES`, to the
probability of a hit. All that is learned, clusters and scaling included, is learned inside `fit`,
so from training rows alone.
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
from boxoffice.audience.segments import SCORES, WEIGHTS, segment_pipeline
from boxoffice.tabular.scores import success_scores

# What a grid search is decided by: unlike AUC it tells good probabilities from lucky orders, and
# it is defined on a fold with one row.
SCORING = "neg_log_loss"

# Scores are rounded before they reach a tree: many films share a score, trees split at such
# values, and an unrounded one differs in its last bit between float64 and ONNX's float32.
SCORE_GRID = 1e4


class SegmentFeatures(TransformerMixin, BaseEstimator):
    """Add both scores and the segment to the four engagement features.

    `fit` learns the ranges, the scaling and the K-Means clusters of `segments.segment_pipeline`
    from its own rows; `hit` is ignored. The two `onnx_` methods are skl2onnx's protocol for a
    transformer that it does not know.

    Parameters
    ----------
    k : int
        Number of segments.
    seed : int
    n_init : int
        Starts of K-Means.

    Attributes
    ----------
    segments_ : Pipeline
        The fitted segment pipeline.
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
        """Return shape (rows, 6 + k): the features, both scores, one 0/1 column per segment."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=float, reset=False)
        scores = np.round(self.segments_[:2].transform(X) * SCORE_GRID) / SCORE_GRID
        return np.hstack([X, scores, np.eye(self.k)[self.segments_.predict(X)]])

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """Return the names of the columns."""
        segments = [f"segment_{number}" for number in range(self.k)]
        return np.array([*FEATURES, *SCORES, *segments], dtype=object)

    def onnx_shape_calculator(self):
        """Say the shape of the output to skl2onnx."""

        def shape(operator):
            rows = operator.inputs[0].type.shape[0]
            width = len(FEATURES) + len(SCORES) + self.k
            operator.outputs[0].type = type(operator.inputs[0].type)([rows, width])

        return shape

    def onnx_converter(self):
        """Say the same computation to skl2onnx."""
        from skl2onnx.algebra.onnx_operator import OnnxSubEstimator
        from skl2onnx.algebra.onnx_ops import (
            OnnxCast,
            OnnxConcat,
            OnnxDiv,
            OnnxEqual,
            OnnxMatMul,
            OnnxMul,
            OnnxReshape,
            OnnxRound,
        )
        from skl2onnx.proto import TensorProto

        def convert(scope, operator, container):
            opset = container.target_opset
            features = operator.inputs[0]
            scaled = OnnxSubEstimator(self.segments_["range"], features, op_version=opset)
            scores = OnnxMatMul(scaled, WEIGHTS.astype(np.float32), op_version=opset)
            labels = scores
            for _, step in self.segments_.steps[2:]:
                labels = OnnxSubEstimator(step, labels, op_version=opset)
            as_float = OnnxCast(labels[0], to=TensorProto.FLOAT, op_version=opset)
            column = OnnxReshape(as_float, np.array([-1, 1]), op_version=opset)
            numbers = np.arange(self.k, dtype=np.float32).reshape(1, -1)
            same = OnnxEqual(column, numbers, op_version=opset)
            onehot = OnnxCast(same, to=TensorProto.FLOAT, op_version=opset)
            grid = np.array([SCORE_GRID], dtype=np.float32)
            steps = OnnxRound(OnnxMul(scores, grid, op_version=opset), op_version=opset)
            rounded = OnnxDiv(steps, grid, op_version=opset)
            joined = OnnxConcat(
                features,
                rounded,
                onehot,
                axis=1,
                op_version=opset,
                output_names=operator.outputs[:1],
            )
            joined.add_to(scope, container)

        return convert


def logistic_regression(seed: int) -> Pipeline:
    """Return standardised logistic regression; the grid's names start with `model__`."""
    model = LogisticRegression(max_iter=1000, random_state=seed)
    return Pipeline([("scale", StandardScaler()), ("model", model)])


def random_forest(seed: int, **settings) -> Pipeline:
    """Return a random forest; the grid's names start with `model__`."""
    settings = {"n_estimators": 100, **settings}
    model = RandomForestClassifier(random_state=seed, n_jobs=1, **settings)
    return Pipeline([("model", model)])


def xgboost(seed: int, **settings) -> Pipeline:
    """Return gradient boosted trees of XGBoost; the grid's names start with `model__`."""
    settings = {"n_estimators": 100, "max_depth": 3, "learning_rate": 0.1, **settings}
    model = XGBClassifier(random_state=seed, n_jobs=1, tree_method="hist", **settings)
    return Pipeline([("model", model)])


def with_segments(pipeline: Pipeline, k: int, seed: int) -> Pipeline:
    """Put `SegmentFeatures` before a pipeline: six features and the segment."""
    return Pipeline([("segments", SegmentFeatures(k, seed)), *pipeline.steps])


def original_models(seed: int) -> dict[str, Pipeline]:
    """Return the models of the few original films: logistic regression, random forest."""
    return {
        "logistic_regression": logistic_regression(seed),
        "random_forest": random_forest(seed, n_estimators=50),
    }


def synthetic_models(k: int, seed: int) -> dict[str, Pipeline]:
    """Return the models of the synthetic films, on six features and one of `k` segments."""
    return {
        "random_forest": with_segments(random_forest(seed), k, seed),
        "xgboost": with_segments(xgboost(seed), k, seed),
    }


def film_models(seed: int, folds: int = 3) -> dict[str, BaseEstimator]:
    """Return the models of real films' engagement proxies.

    Soft voting averages the probabilities of logistic regression, forest and XGBoost; stacking
    learns a logistic regression from their out-of-fold probabilities.
    """
    forest = {"min_samples_leaf": 5}
    members = [
        ("logistic_regression", logistic_regression(seed)),
        ("random_forest", random_forest(seed, **forest)),
        ("xgboost", xgboost(seed)),
    ]
    return {
        "random_forest": random_forest(seed, **forest),
        "xgboost": xgboost(seed),
        # flatten_transform=False is what skl2onnx can convert
        "voting": VotingClassifier(members, voting="soft", flatten_transform=False),
        "stacking": StackingClassifier(
            members, LogisticRegression(random_state=seed), cv=_folds(folds, seed)
        ),
    }


def split(films: pd.DataFrame, test_size: float | int, seed: int) -> tuple[pd.DataFrame, ...]:
    """Return training and test films, seeded and stratified by `hit`."""
    return tuple(
        train_test_split(films, test_size=test_size, random_state=seed, stratify=films[TARGET])
    )


def xy(films: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return features, shape (films, 4), and `hit`, shape (films,)."""
    return films[FEATURES].to_numpy(float), films[TARGET].to_numpy(int)


def search(
    models: dict[str, BaseEstimator],
    grids: dict[str, dict],
    train: pd.DataFrame,
    folds: int,
    seed: int,
) -> dict[str, GridSearchCV]:
    """Fit a grid search per model on the training films.

    Parameters
    ----------
    models : dict
        Name -> unfitted estimator.
    grids : dict
        Name -> parameter grid; a model without one is fitted as it is, and still gets its
        cross-validated log loss.
    train : DataFrame
        The engagement schema.
    folds : int
        Stratified folds, seeded.

    Returns
    -------
    dict
        Name -> fitted search, refitted on all of `train`.

    Raises
    ------
    ValueError
        If a grid belongs to no model.
    """
    unknown = sorted(set(grids) - set(models))
    if unknown:
        raise ValueError(f"grids: {', '.join(unknown)} names no model; known: {', '.join(models)}")
    X, y = xy(train)
    return {
        name: GridSearchCV(
            model, grids.get(name, {}), scoring=SCORING, cv=_folds(folds, seed), n_jobs=1
        ).fit(X, y)
        for name, model in models.items()
    }


def _folds(folds: int, seed: int) -> StratifiedKFold:
    return StratifiedKFold(folds, shuffle=True, random_state=seed)


def selected(searches: dict[str, GridSearchCV]) -> str:
    """Return the name of the search with the best cross-validated log loss, on training rows."""
    return max(searches, key=lambda name: searches[name].best_score_)


def metrics(hit: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Score probabilities of a hit; the decision falls at 0.5.

    Parameters
    ----------
    hit : array, shape (rows,)
        0 or 1.
    probability : array, shape (rows,)
        Of a hit.

    Returns
    -------
    dict
        Those of `scores.success_scores`, and `precision`.

    Raises
    ------
    ValueError
        If the rows hold one class only: AUC and a recall are then undefined.
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
    """Score every search on test films, beside the majority class of the training films.

    Returns
    -------
    dict
        `baseline` (always the training films' majority, with their hit rate as probability), each
        model, and `selected`, the model that cross-validation chose.
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
    """Score models on each film in turn, all else fitted on the others.

    The grid search is repeated without the film (nested cross-validation), so the score holds no
    choice that has seen it.
    """
    X, hit = xy(films)
    scored = {}
    for name, model in models.items():
        nested = GridSearchCV(
            clone(model), grids.get(name, {}), scoring=SCORING, cv=_folds(folds, seed), n_jobs=1
        )
        probability = cross_val_predict(nested, X, hit, cv=LeaveOneOut(), method="predict_proba")
        scored[name] = metrics(hit, probability[:, 1])
    return scored


def cv_table(searches: dict[str, GridSearchCV]) -> pd.DataFrame:
    """Return a row per model: cross-validated log loss and the parameters it chose."""
    return pd.DataFrame(
        {
            "model": list(searches),
            "cv_log_loss": [-model.best_score_ for model in searches.values()],
            "best_params": [_said(model.best_params_) for model in searches.values()],
        }
    )


def _said(parameters: dict) -> str:
    shown = {name.rpartition("__")[2]: value for name, value in parameters.items()}
    return ", ".join(f"{name}={value}" for name, value in shown.items()) or "as given"


def predict_film(model: BaseEstimator, film: dict[str, float]) -> dict:
    """Answer for one new film: its probability of a hit, and the decision at 0.5.

    Parameters
    ----------
    model : fitted estimator
    film : dict
        The four features by name; other keys are ignored.

    Returns
    -------
    dict
        The four features, `hit_probability` and `hit` (0 or 1).

    Raises
    ------
    ValueError
        If a feature is missing, or no finite number.
    """
    missing = [name for name in FEATURES if name not in film]
    if missing:
        raise ValueError(f"new film: no {', '.join(missing)}; give all of {', '.join(FEATURES)}")
    values = {name: float(film[name]) for name in FEATURES}
    for name, value in values.items():
        if not np.isfinite(value):
            raise ValueError(f"new film: column {name} is {value}; give a finite number")
    probability = float(model.predict_proba(np.array([list(values.values())]))[0, 1])
    return {**values, "hit_probability": probability, "hit": int(probability >= 0.5)}
