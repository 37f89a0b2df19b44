"""The known films as forecasts need them: for track records, the market and comparable films."""

from pathlib import Path

import pandas as pd

from boxoffice.core.reports import write_parquet
from boxoffice.films.credits import ROLES, known_names

FILES = ("history.parquet", "names.parquet")
_COLUMNS = ("id", "title", "release_date", "log_budget", "log_revenue", "genres", "certificate")


def write_history(
    films: pd.DataFrame, people: pd.DataFrame, companies: pd.DataFrame, folder: Path
) -> None:
    """Write `FILES`: the usable films, and which person or company is meant by a name.

    Parameters
    ----------
    films, people, companies : DataFrame
        As the stage `preprocess` writes them.
    """
    usable = films[films["usable"]]
    columns = [name for name in (*_COLUMNS, *ROLES) if name in films]
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet(folder / FILES[0], usable[columns])
    write_parquet(folder / FILES[1], known_names(usable, people, companies))
