"""How popular a film's people are: sums of TMDB's popularity, a scale without unit.

Credits state the popularity of the day on which they were read. For a film of the past that is
hindsight: it made its people popular. Only a snapshot of all people from before the release tells
what was known then.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

SNAPSHOTS = "people"  # folder of a source: <YYYY-MM-DD>.parquet with `id` and `popularity`


def total_popularity(ids: Iterable[int], popularity: Mapping[int, float]) -> float:
    """Sum over those whose popularity is known; NaN if nobody's is."""
    known = [popularity[number] for number in ids if number in popularity]
    return sum(known) if known else math.nan


def latest_before(taken: np.ndarray, released: np.ndarray) -> np.ndarray:
    """Place of the latest snapshot that was taken before each release, -1 where there is none.

    A snapshot of the day of release is none of before.

    Parameters
    ----------
    taken : array of datetime64[D], shape (n_snapshots,)
        Ascending.
    released : array of datetime64[D], shape (n,)
        NaT is unknown.
    """
    places = np.searchsorted(taken, released, side="left") - 1
    return np.where(np.isnat(released), -1, places)


def popularity_before(snapshots: Path, people: pd.DataFrame, released: np.ndarray) -> pd.DataFrame:
    """Sums of the popularity of each film's people, from the latest snapshot before its release.

    Parameters
    ----------
    snapshots : Path
        Folder of `<YYYY-MM-DD>.parquet`, with `id` and `popularity` of people. It may be absent.
    people : DataFrame of n rows
        Columns of lists of ids.
    released : array of datetime64[D], shape (n,)

    Returns
    -------
    DataFrame, same index
        `<column>_popularity_before` for each column that a snapshot tells something of.
    """
    files = sorted(snapshots.glob("????-??-??.parquet"))
    taken = np.array([path.stem for path in files], dtype="datetime64[D]")
    places = latest_before(taken, released)
    sums = pd.DataFrame(math.nan, index=people.index, columns=people.columns, dtype=float)
    for place in np.unique(places[places >= 0]):
        rows = places == place
        wanted = {number for column in people for ids in people.loc[rows, column] for number in ids}
        known = pd.read_parquet(
            files[place], columns=["id", "popularity"], filters=[("id", "in", wanted)]
        ).dropna()
        popularity = dict(zip(known["id"].tolist(), known["popularity"].tolist(), strict=True))
        for column in people:
            sums.loc[rows, column] = [
                total_popularity(ids, popularity) for ids in people.loc[rows, column]
            ]
    return sums.dropna(axis="columns", how="all").add_suffix("_popularity_before")
