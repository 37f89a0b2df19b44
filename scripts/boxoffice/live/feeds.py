"""Where the weekly job hears of films that are coming, and of what released ones have earned."""

import json
import logging
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

import pandas as pd

from boxoffice.films.popularity import SNAPSHOTS
from boxoffice.films.schema import read_source
from boxoffice.sources import tmdb_films
from boxoffice.sources.tmdb_api import Tmdb, Unavailable

HINDSIGHT = ("revenue", "vote_average", "vote_count", "popularity")  # nobody knows before release
KNOWN_AFTER = timedelta(weeks=3)  # from release, in a source that is played


class Feed(Protocol):
    """A source of films that are coming."""

    def coming(self, first: date, last: date) -> pd.DataFrame:
        """Films released from `first` to `last`, as far as they are known today.

        The columns are those of the TMDB 5000 schema with `cast` and `crew`, cells as text, without
        those of `HINDSIGHT`.
        """

    def people(self, films: pd.DataFrame) -> pd.DataFrame:
        """`person_id` and `popularity` today of the people of films; none if it isn't known."""

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

    def people(self, films: pd.DataFrame) -> pd.DataFrame:
        """Nobody: a source tells no popularity of before."""
        return pd.DataFrame()

    def revenues(self, ids: list[str], today: date) -> pd.DataFrame:
        """See `Feed.revenues`."""
        earned = pd.to_numeric(self._films["revenue"])
        known = (earned > 0) & (self._released <= today - KNOWN_AFTER)
        rows = known & self._films["id"].isin(ids)
        return pd.DataFrame({"id": self._films["id"], "revenue": earned})[rows]


class OnTmdb:
    """TMDB as it is now.

    Parameters
    ----------
    tmdb : Tmdb
    snapshots : Path
        Folder for the exports of people's popularity.
    exports : str
        Address of TMDB's daily exports.
    """

    def __init__(
        self,
        tmdb: Tmdb,
        snapshots: Path = tmdb_films.TMDB_API / SNAPSHOTS,
        exports: str = tmdb_films.EXPORTS,
    ):
        self._tmdb, self._snapshots, self._exports = tmdb, snapshots, exports

    def coming(self, first: date, last: date) -> pd.DataFrame:
        """See `Feed.coming`."""
        return tmdb_films.coming(self._tmdb, first, last)

    def people(self, films: pd.DataFrame) -> pd.DataFrame:
        """See `Feed.people`; an export that can't be had is left out, and logged."""
        wanted = {
            person["id"]
            for name in ("cast", "crew")
            for cell in films[name].dropna()
            for person in json.loads(cell)
        }
        try:
            path = tmdb_films.fetch_latest_people(self._snapshots, self._exports)
        except Unavailable as error:
            logging.getLogger(__name__).warning("people's popularity is left out: %s", error)
            return pd.DataFrame()
        columns = ["id", "popularity"]
        people = pd.read_parquet(path, columns=columns, filters=[("id", "in", wanted)]).dropna()
        return people.astype({"id": str}).rename(columns={"id": "person_id"})

    def revenues(self, ids: list[str], today: date) -> pd.DataFrame:
        """See `Feed.revenues`."""
        found = tmdb_films.revenues(self._tmdb, ids)
        return found[found["revenue"] > 0]
