"""Facts known before a film's release, as numbers for a network."""

import numpy as np
import pandas as pd

from boxoffice.films.features import input_columns
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
