"""The scikit-learn pipeline that every revenue and success model shares."""

from copy import deepcopy

import pandas as pd
from sklearn import set_config
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from boxoffice.films.credits import ROLES
from boxoffice.films.features import fact_columns, input_columns
from boxoffice.tabular.transformers import MarketContext, ReleaseYear, TrackRecord

# TrackRecord needs revenue even where `y` is another target: routing slices it with the folds.
set_config(enable_metadata_routing=True)


def track_record_inputs(films: pd.DataFrame) -> list[str]:
    """Columns of `films` that track records are made of: those of the roles the source has."""
    return ["release_date", "log_budget", *(role for role in ROLES if role in films)]


def film_pipeline(feature_set: str, films: pd.DataFrame, model: BaseEstimator | str) -> Pipeline:
    """Features, imputation and a model, fitted together on training rows.

    What is missing becomes the training median: what is unknown of a film is typical.

    The steps are `features` (facts, the year and, but for classic, market and track record),
    `impute` and `model`, an estimator or 'passthrough'. `films` says which columns the source has.
    Fit it with `log_revenue=` (natural log, real USD) beside `y`.
    """
    blocks = [
        ("facts", "passthrough", fact_columns(feature_set, films)),
        ("year", ReleaseYear(), ["release_year"]),
    ]
    if feature_set != "classic":
        inputs = track_record_inputs(films)
        track_record = TrackRecord(tuple(inputs[2:])).set_fit_request(log_revenue=True)
        blocks += [
            ("market", MarketContext(), ["release_date", "log_budget"]),
            ("track_record", track_record, inputs),
        ]
    features = ColumnTransformer(blocks, verbose_feature_names_out=False)
    features.set_output(transform="pandas")
    impute = SimpleImputer(strategy="median", keep_empty_features=True)
    return Pipeline([("features", features), ("impute", impute), ("model", model)])


def fit_params(feature_set: str, log_revenue) -> dict:
    """What to pass to `fit` beside X and y: the track record's revenue, where there is one."""
    return {} if feature_set == "classic" else {"log_revenue": log_revenue}


def fit_films(
    feature_set: str, films: pd.DataFrame, model: BaseEstimator | str, target: str = "log_revenue"
) -> Pipeline:
    """Fit `film_pipeline` on `films`: training rows alone, with `log_revenue` and `target`."""
    pipeline = film_pipeline(feature_set, films, model)
    return pipeline.fit(
        films[input_columns(feature_set, films)],
        films[target],
        **fit_params(feature_set, films["log_revenue"]),
    )


def training_features(films: pd.DataFrame) -> pd.DataFrame:
    """What the exported models, `classic` and `pre_release`, learn from: float32.

    A row per film of `films`, the training films, in order; the features of both sets before
    imputation, so NaN is unknown.
    """
    tables = [
        fit_films(feature_set, films, "passthrough")[0].transform(
            films[input_columns(feature_set, films)]
        )
        for feature_set in ("classic", "pre_release")
    ]
    table = pd.concat(tables, axis=1).astype("float32")
    return table.loc[:, ~table.columns.duplicated()]


def with_history(pipeline: Pipeline, films: pd.DataFrame) -> Pipeline:
    """A copy of a fitted pipeline whose market and track records know of `films`.

    The model stays as it is: this is what becomes of it when only its history is kept up to date.
    """
    pipeline = deepcopy(pipeline)
    blocks = pipeline["features"].named_transformers_
    if "market" in blocks:
        blocks["market"].update(films)
        blocks["track_record"].update(films, films["log_revenue"])
    return pipeline
