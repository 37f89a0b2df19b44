"""Export models to ONNX, which runs no code when loaded, with a JSON card beside the file."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
from onnx import ModelProto
from onnx.helper import set_model_props
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.algebra.onnx_operator import OnnxSubEstimator
from skl2onnx.algebra.onnx_ops import OnnxAdd, OnnxGather, OnnxRelu, OnnxSub
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier, XGBRegressor

from boxoffice.core.model_files import FEATURE_NAMES, write_model
from boxoffice.films.features import POPULARITY_BEFORE
from boxoffice.films.money import BASE
from boxoffice.tabular.models import BudgetTail

_OPSET = 17
OPSET = {"": _OPSET, "ai.onnx.ml": 3}

_NOT_FOR = [
    "not for films far outside the ranges of the training films",
    "not for markets other than that of the training films, mostly American ones with a cinema run",
    "not for small films without a reported gross: mostly those that did well are on record",
    "no cause and effect: a larger budget on the form is not a larger film",
]
# A straight line would let a film of ten hours earn billions.
HELD = ("runtime",)
_HINDSIGHT = "not for films before release: it reads votes, which exist only afterwards"
UNITS = {
    "log_budget": f"natural log of dollars of {BASE}",
    "runtime": "minutes",
    "popularity": "TMDB popularity, no unit",
    **dict.fromkeys(
        ("cast_popularity", "crew_popularity", *POPULARITY_BEFORE),
        "sum of people's TMDB popularity, no unit",
    ),
    "vote_average": "points of 10",
    "vote_count": "votes",
    "log_popularity": "natural log of 1 + TMDB popularity",
    "log_vote_count": "natural log of 1 + votes",
    "budget_rank": "share of the films of the last years with a smaller budget, 0-1",
    "budget_relative": "natural log of budget / mean budget of the last years",
    "release_year": "year, held at its maximum",
    "certificate_rank": "0 (G) to 4 (NC-17)",
    "release_month": "month, 1-12",
    "weekday": "day of the week, Monday = 0",
    "season_sin": "sine of the day of the year",
    "season_cos": "cosine of the day of the year",
    "avg_watch_time": "minutes",
    "completion_rate": "share, 0-1",
    "ratings_count": "ratings",
    "avg_rating": "stars, 1-5",
}
TRACK_RECORD_UNITS = {
    "_count": "natural log of 1 + prior films",
    "_revenue_best": f"natural log of dollars of {BASE}",
    "_return_mean": "natural log of revenue / budget",
}


def _convert_tail(scope, operator, container) -> None:
    """`BudgetTail` in ONNX: the regressor's answer, and the log budget beyond the tail's start."""
    (X,), model = operator.inputs, operator.raw_operator
    budget = OnnxGather(X, np.array([0], dtype=np.int64), axis=1, op_version=_OPSET)
    start = np.array([model.start_], dtype=np.float32)
    tail = OnnxRelu(OnnxSub(budget, start, op_version=_OPSET), op_version=_OPSET)
    answer = OnnxSubEstimator(model.regressor_, X, op_version=_OPSET)
    total = OnnxAdd(answer, tail, op_version=_OPSET, output_names=operator.outputs[:1])
    total.add_to(scope, container)


update_registered_converter(
    BudgetTail,
    "BudgetTail",
    calculate_linear_regressor_output_shapes,
    _convert_tail,
)
update_registered_converter(
    XGBRegressor, "XGBRegressor", calculate_linear_regressor_output_shapes, convert_xgboost
)
update_registered_converter(
    XGBClassifier,
    "XGBClassifier",
    calculate_linear_classifier_output_shapes,
    convert_xgboost,
    options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
)


def convert(estimator: BaseEstimator, n_features: int, name: str) -> ModelProto:
    """Convert a fitted estimator to ONNX: input `X`, float32 of shape (n, n_features).

    A classifier outputs `label` and `probabilities` of shape (n, classes), in the order of its
    classes; a regressor outputs `variable` of shape (n, 1).
    """
    options = {id(estimator): {"zipmap": False}} if is_classifier(estimator) else {}
    model = to_onnx(
        estimator,
        initial_types=[("X", FloatTensorType([None, n_features]))],
        target_opset=OPSET,
        options=options,
        name=name,
    )
    # skl2onnx lists the operator sets in the order of a Python set, which changes between runs.
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return model


def unit(name: str) -> str:
    """The unit of a feature, in words."""
    if name in UNITS:
        return UNITS[name]
    endings = (words for ending, words in TRACK_RECORD_UNITS.items() if name.endswith(ending))
    return next(endings, "0 or 1")


def describe_features(table: pd.DataFrame) -> list[dict]:
    """Name, unit, range and median of every training feature, in the order the model takes them.

    The range of a feature that no training film had is null. Where one is `held`, a value beyond
    the range counts as the end of it.
    """
    ranges = table.astype(float).agg(["min", "median", "max"]).astype(object)
    ranges = ranges.where(ranges.notna(), None)
    ranges = ranges.rename({"min": "minimum", "max": "maximum"})
    return [
        {"name": name, "unit": unit(name), **ranges[name], "held": name in HELD} for name in table
    ]


def kind_of(estimator: BaseEstimator) -> str:
    """What an estimator, or the last one of a pipeline, is: 'XGBRegressor with a budget tail'."""
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if isinstance(last, BudgetTail):
        return f"{kind_of(last.regressor)} with a budget tail"
    return type(last).__name__


def export_model(
    name: str,
    estimator: BaseEstimator,
    training: pd.DataFrame,
    card: dict,
    folder: Path | None = None,
) -> None:
    """Write `<name>.onnx` and its card `<name>.json` to `models/`, or to `folder`.

    The estimator takes the columns of `training`, shape (n_training, n_features), on which it was
    fitted and whose ranges go on the card. `card` has `target`, `source`, `row_filter`, `metrics`,
    `not_for`, and whatever else a user must know.
    """
    model = convert(estimator, training.shape[1], name)
    set_model_props(model, {FEATURE_NAMES: json.dumps(list(training))})
    content = model.SerializeToString(deterministic=True)
    described = {"model": kind_of(estimator), **card, "features": describe_features(training)}
    write_model(name, ".onnx", content, described, folder)


def film_card(feature_set: str, films: pd.DataFrame) -> dict:
    """What every card of a model says that was fitted on `films`, the training films."""
    return {
        "feature_set": feature_set,
        "row_filter": "budget and revenue known (above 0)",
        "training_rows": len(films),
        "trained_until": str(films["release_date"].max().date()),
        "not_for": _NOT_FOR if feature_set == "pre_release" else [*_NOT_FOR, _HINDSIGHT],
    }


def run_model(path: Path, features: np.ndarray) -> dict[str, np.ndarray]:
    """Run an exported model on features of shape (n, n_features): its outputs by name."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    outputs = session.run(names, {"X": np.asarray(features, dtype=np.float32)})
    return dict(zip(names, outputs, strict=True))
