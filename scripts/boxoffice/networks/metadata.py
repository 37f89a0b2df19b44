"""Facts known before a film's release: as numbers for a network, and what they forecast."""

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold
from xgboost import XGBRegressor

from boxoffice.films.features import input_columns
from boxoffice.tabular.models import XGBOOST
from boxoffice.tabular.pipelines import fit_films


def learned_from(films: pd.DataFrame, held_out: pd.DataFrame, temporal: bool = False) -> np.ndarray:
    """Mark the films that features may be fitted on: bool array of shape (n,).

    These are all but those held out (validation and test rows), and if `temporal`, only what was
    released before the first day of those.
    """
    history = ~films["id"].isin(held_out["id"])
    if temporal:
        history &= films["release_date"] < held_out["release_date"].min()
    return history.to_numpy()


def pre_release_numbers(
    films: pd.DataFrame, history: np.ndarray, asked: pd.DataFrame
) -> np.ndarray:
    """The pre-release features, track records among them, fitted on some films.

    Parameters
    ----------
    films : DataFrame
        All usable films.
    history : bool array of shape (n_films,)
        The films to fit on.
    asked : DataFrame
        The films to describe: float32 array of shape (n_asked, columns). They may be in `history`,
        for a track record counts earlier films only.
    """
    pipeline = fit_films("pre_release", films[history], "passthrough")
    numbers = pipeline.transform(asked[input_columns("pre_release", films)])
    return np.asarray(numbers, dtype="float32")


def typical_facts(films: pd.DataFrame, history: np.ndarray) -> dict[str, float]:
    """What `pre_release_numbers` puts where a fact is unknown, by the names of its columns."""
    impute = fit_films("pre_release", films[history], "passthrough")["impute"]
    unknown = pd.DataFrame(np.nan, index=[0], columns=impute.feature_names_in_)
    return dict(zip(unknown, impute.transform(unknown)[0].tolist(), strict=True))


def fact_forecasts(films: pd.DataFrame, history: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Forecast every film from its facts, by a tabular model (XGBoost) that didn't see it.

    Films in `history` are forecast out of fold, the others by a model fitted on all of `history`.

    Parameters
    ----------
    films : DataFrame
        The films to forecast.
    history : bool array of shape (n_films,)
        The films to fit on.
    folds : int
        Parts of the history, each forecast by a model fitted on the others.

    Returns
    -------
    array of shape (n_films,)
        log10 USD.
    """
    forecast = np.empty(len(films))
    forecast[~history] = _by_xgboost(films[history], films[~history], seed)
    places = np.flatnonzero(history)
    for learned, held in KFold(folds, shuffle=True, random_state=seed).split(places):
        learned, held = places[learned], places[held]
        forecast[held] = _by_xgboost(films.iloc[learned], films.iloc[held], seed)
    return forecast


def _by_xgboost(training: pd.DataFrame, asked: pd.DataFrame, seed: int) -> np.ndarray:
    # Hyperparameters are of the grid that the stage `regress` searches.
    model = XGBRegressor(
        **XGBOOST, n_estimators=300, max_depth=3, learning_rate=0.05, random_state=seed
    )
    training = training.assign(log10_revenue=np.log10(training["revenue"]))
    pipeline = fit_films("pre_release", training, model, "log10_revenue")
    return pipeline.predict(asked[input_columns("pre_release", training)])
