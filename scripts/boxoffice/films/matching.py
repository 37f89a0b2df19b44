"""Which films of two tables are the same: by title and year, as sources number films otherwise."""

import pandas as pd

from boxoffice.films.credits import title_key

YEARS_APART = 1  # a festival or another country may show a film a year earlier


def same_films(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    """Pairs of films with the same title key, released within a year of each other.

    Parameters
    ----------
    left, right : DataFrame
        With `title` and `release_year`, each with an index of its own.

    Returns
    -------
    DataFrame
        Columns `left` and `right`, index labels; a film may be in several pairs.
    """
    keyed = [
        pd.DataFrame(
            {
                side: films.index,
                "key": films["title"].map(title_key).to_numpy(),
                f"{side}_year": films["release_year"].to_numpy(),
            }
        )
        for side, films in (("left", left), ("right", right))
    ]
    pairs = keyed[0][keyed[0]["key"] != ""].merge(keyed[1], on="key")
    near = (pairs["left_year"] - pairs["right_year"]).abs() <= YEARS_APART
    return pairs.loc[near, ["left", "right"]].reset_index(drop=True)
