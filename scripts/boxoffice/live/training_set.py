"""A source as it was known on a day, for training on nothing that came later."""

import json
import shutil
from datetime import date
from pathlib import Path

import pandas as pd

from boxoffice.films.schema import MOVIES
from boxoffice.live.store import Store, StoreError

CARD = "as_of.json"  # marks a folder that may be written again


def training_set(store: Store, as_of: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Films and credits in the TMDB 5000 schema, as they were known on a day.

    Returns
    -------
    movies : DataFrame
        The columns of movies.csv, cells as text; missing where nothing was known.
    credits : DataFrame
        `movie_id`, `cast`, `crew`.

    Raises
    ------
    StoreError
        If no film was known on that day, or the store can't be read.
    """
    films = store.latest("films", as_of).drop(columns="as_of")
    if films.empty:
        raise StoreError(
            f"{store.folder} knew of no film on {as_of}: `python scripts/store.py list` shows the "
            "days of its facts"
        )
    revenues = store.latest("revenues", as_of).set_index("id").reindex(columns=["revenue"])
    known = films["id"].map(revenues["revenue"]).astype(float)
    movies = films.drop(columns=["cast", "crew"], errors="ignore").assign(
        revenue=known.map("{:.0f}".format, na_action="ignore")
    )
    required = [name for name, column in MOVIES.columns.items() if column.required]
    movies = movies.assign(**{name: None for name in required if name not in movies})
    credits = films.rename(columns={"id": "movie_id"})
    return movies, credits.reindex(columns=["movie_id", "cast", "crew"])


def write_training_set(store: Store, as_of: date, to: Path) -> dict:
    """Write movies.csv and credits.csv as they were known on a day, and a card; return the card.

    Raises
    ------
    StoreError
        As `training_set`, and if `to` holds something else than a training set.
    """
    if to.exists() and not (to / CARD).is_file():
        raise StoreError(f"{to} holds something else: choose the name of a new folder")
    movies, credits = training_set(store, as_of)
    card = {
        "store": store.folder.name,
        "as_of": as_of.isoformat(),
        "films": len(movies),
        "with_revenue": int(movies["revenue"].notna().sum()),
    }
    temporary = to.with_name(f".{to.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    movies.to_csv(temporary / "movies.csv", index=False, lineterminator="\n")
    credits.to_csv(temporary / "credits.csv", index=False, lineterminator="\n")
    (temporary / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(to, ignore_errors=True)
    temporary.rename(to)
    return card
