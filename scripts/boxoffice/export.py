"""Exported models: an ONNX file, which runs no code when loaded, and a JSON card beside it."""

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
from onnx import ModelProto
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from sklearn.base import BaseEstimator, is_classifier
from xgboost import XGBClassifier, XGBRegressor

from boxoffice import paths
from boxoffice.reports import replacing, write_json
from boxoffice.units import unit

OPSET = {"": 17, "ai.onnx.ml": 3}

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

    A classifier answers `label` and `probabilities` of shape (n, classes), in the order of its
    classes; a regressor answers `variable` of shape (n, 1).
    """
    options = {}
    if is_classifier(estimator):
        options[id(estimator)] = {"zipmap": False}
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


def final_step(estimator: BaseEstimator) -> BaseEstimator:
    """The last step of a pipeline, or the estimator itself."""
    return estimator[-1] if hasattr(estimator, "steps") else estimator


def describe_features(table: pd.DataFrame) -> list[dict]:
    """Name, unit, range and median of every training feature, in the order that the model takes.

    A feature that no training film had has no range: null.
    """
    ranges = table.astype(float).agg(["min", "median", "max"]).astype(object)
    ranges = ranges.where(ranges.notna(), None)
    return [
        {
            "name": name,
            "unit": unit(name),
            "minimum": ranges.loc["min", name],
            "median": ranges.loc["median", name],
            "maximum": ranges.loc["max", name],
        }
        for name in table
    ]


def export_model(name: str, estimator: BaseEstimator, training: pd.DataFrame, card: dict) -> None:
    """Write `models/<name>.onnx` and its card `models/<name>.json`.

    Parameters
    ----------
    estimator : fitted estimator
        Takes the columns of `training` in their order.
    training : DataFrame of shape (n_training, n_features)
        The features it was fitted on; their ranges go on the card.
    card : dict
        `target`, `source`, `row_filter`, `metrics`, `not_for` and what else a user must know.
    """
    content = convert(estimator, training.shape[1], name).SerializeToString(deterministic=True)
    with replacing(paths.MODELS / f"{name}.onnx") as path:
        path.write_bytes(content)
    write_json(
        paths.MODELS / f"{name}.json",
        {
            "name": name,
            "model": type(final_step(estimator)).__name__,
            **card,
            "features": describe_features(training),
            "sha256": hashlib.sha256(content).hexdigest(),
        },
    )


def run_model(path: Path, features: np.ndarray) -> dict[str, np.ndarray]:
    """Run an exported model on features of shape (n, n_features): its outputs by name."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(
        zip(names, session.run(names, {"X": np.asarray(features, dtype=np.float32)}), strict=True)
    )
