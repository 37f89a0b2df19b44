"""Where the weekly job hears of films that are coming, and of what released ones have earned."""

from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

import pandas as pd

from boxoffice.films.schema import read_source
from boxoffice.sources import tmdb_films
from boxoffice.sources.tmdb_api import Tmdb

HINDSIGHT = ("revenue", "vote_average", "vote_count", "popularity")  # nobody knows before release
KNOWN_AFTER = timedelta(weeks=3)  # from release, in a source that is played


class Feed(Protocol):
    """A source of films that are coming."""

    def coming(self, first: date, last: date) -> pd.DataFrame:
        """Films released from `first` to `last`, as far as they are known today.

        The columns are those of the TMDB 5000 schema with `cast` and `crew`, cells as text, without
        those of `HINDSIGHT`.
        """

    def revenues(self, ids: list[str], today: date) -> pd.DataFrame:
        """`id` and `revenue` (USD), as they are read today, of films that have one."""


class Played:
    """A source of the past, played as if its films were still coming.

    Its facts count as known before release, its revenues as read three weeks after it. What changed
    on the way to release, and how a revenue grew, such a source doesn't tell.

    Parameters
    ----------
    folder : Path
        A source, as `read_source` takes it, and with its errors.
    """

    def __init__(self, folder: Path):
        movies, credits, _ = read_source(folder)
        people = credits[["movie_id", "cast", "crew"]].rename(columns={"movie_id": "id"})
        self._films = movies.merge(people, on="id", how="left")
        self._released = pd.to_datetime(self._films["release_date"]).dt.date

    def coming(self, first: date, last: date) -> pd.DataFrame:
        """See `Feed.coming`."""
        films = self._films[self._released.between(first, last)]
        return films.drop(columns=[name for name in HINDSIGHT if name in films])

    def revenues(self, ids: list[str], today: date) -> pd.DataFrame:
        """See `Feed.revenues`."""
        earned = pd.to_numeric(self._films["revenue"])
        known = (earned > 0) & (self._released <= today - KNOWN_AFTER)
        rows = known & self._films["id"].isin(ids)
        return pd.DataFrame({"id": self._films["id"], "revenue": earned})[rows]


class OnTmdb:
    """TMDB as it is now."""

    def __init__(self, tmdb: Tmdb):
        self._tmdb = tmdb

    def coming(self, first: date, last: date) -> pd.DataFrame:
        """See `Feed.coming`."""
        return tmdb_films.coming(self._tmdb, first, last)

    def revenues(self, ids: list[str], today: date) -> pd.DataFrame:
        """See `Feed.revenues`."""
        found = tmdb_films.revenues(self._tmdb, ids)
        return found[found["revenue"] > 0]
