"""The two splits into training and test rows, also with validation rows between them."""

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

SPLITS = ("random", "temporal")


def random_split(n: int, test_size: float, seed: int) -> np.ndarray:
    """Mark a seeded share of rows as test: bool array of shape (n,)."""
    _, test = train_test_split(np.arange(n), test_size=test_size, random_state=seed)
    return np.isin(np.arange(n), test)


def temporal_split(release_date: pd.Series, test_size: float) -> np.ndarray:
    """Mark the latest share of rows by release date as test: bool array of shape (n,).

    Films of one day stay together, so that every training film was released strictly before every
    test film; the share may be exceeded by that day's films.
    """
    first_test_day = release_date.sort_values().iloc[int(len(release_date) * (1 - test_size))]
    return (release_date >= first_test_day).to_numpy()


def add_splits(films: pd.DataFrame, test_size: float, seed: int) -> pd.DataFrame:
    """Add `split_random` and `split_temporal`: 'train' or 'test' for usable rows, else 'unused'."""
    usable = films["usable"].to_numpy()
    marks = {
        "random": random_split(usable.sum(), test_size, seed),
        "temporal": temporal_split(films.loc[usable, "release_date"], test_size),
    }
    columns = {}
    for name, test in marks.items():
        column = np.full(len(films), "unused", dtype=object)
        column[usable] = np.where(test, "test", "train")
        columns[f"split_{name}"] = column
    return films.assign(**columns)


def training_rows_of_both(films: pd.DataFrame) -> np.ndarray:
    """Rows that are training rows in both splits: what chooses models sees neither test set."""
    return np.logical_and.reduce([films[f"split_{name}"] == "train" for name in SPLITS])


def random_parts(
    n: int, validation_size: float, test_size: float, seed: int, stratify=None
) -> np.ndarray:
    """Mark rows as 'train', 'validation' or 'test' at random: array of str of shape (n,).

    The sizes are shares of all rows; every part holds the classes of `stratify` in the same shares.
    """
    parts = np.full(n, "train", dtype=object)
    rows = np.arange(n)
    for part, size in (("test", test_size), ("validation", validation_size)):
        rows, marked = train_test_split(
            rows,
            test_size=round(n * size),
            random_state=seed,
            stratify=None if stratify is None else np.asarray(stratify)[rows],
        )
        parts[marked] = part
    return parts


def temporal_parts(release_date: pd.Series, validation_size: float, test_size: float) -> np.ndarray:
    """Mark the latest rows as 'test', the latest before them as 'validation', the rest as 'train'.

    Shares are of all rows; films of one day stay together.
    """
    parts = np.full(len(release_date), "train", dtype=object)
    parts[temporal_split(release_date, validation_size + test_size)] = "validation"
    parts[temporal_split(release_date, test_size)] = "test"
    return parts
