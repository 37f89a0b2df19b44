"""TMDB's answers about films: their shape, and a file that keeps them as they came."""

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

from pydantic import BaseModel

from boxoffice.core.files import SourceError
from boxoffice.sources.tmdb_api import Tmdb, Unavailable

# A field without a default must be there, so that another shape is noticed.


class Listed(BaseModel):
    """An entry of a list of films."""

    id: int


class Page(BaseModel):
    """A page of /discover/movie or /movie/changes."""

    results: list[Listed]
    total_pages: int
    total_results: int


class Named(BaseModel):
    """A genre, a company, a collection."""

    id: int
    name: str | None


class Country(BaseModel):
    """A country of production."""

    iso_3166_1: str
    name: str | None


class Cast(Named):
    """A member of the cast."""

    character: str | None = None
    order: int | None = None
    popularity: float | None = None


class Crew(Named):
    """A member of the crew."""

    department: str | None = None
    job: str | None = None
    popularity: float | None = None


class Credits(BaseModel):
    """Cast and crew of a film."""

    cast: list[Cast]
    crew: list[Crew]


class ReleaseDate(BaseModel):
    """A release of a film in a country."""

    certification: str | None = None
    release_date: str | None = None
    type: int | None = None


class Releases(BaseModel):
    """Releases of a film in one country."""

    iso_3166_1: str
    release_dates: list[ReleaseDate]


class AllReleases(BaseModel):
    """Releases of a film in all countries."""

    results: list[Releases]


class FilmAnswer(BaseModel):
    """TMDB's answer to /movie/ID with its parts: what is read of it."""

    id: int
    imdb_id: str | None = None
    title: str | None
    original_title: str | None = None
    original_language: str | None
    release_date: str | None
    budget: float | None
    revenue: float | None
    runtime: float | None
    popularity: float | None
    vote_average: float | None
    vote_count: int | None
    overview: str | None
    genres: list[Named]
    production_companies: list[Named]
    production_countries: list[Country]
    belongs_to_collection: Named | None = None
    credits: Credits
    release_dates: AllReleases


def ask_page(tmdb: Tmdb, path: str, **query) -> Page:
    """A page of a list.

    Raises SourceError if it can't be had: a list that lacks a page is of no use.
    """
    try:
        return tmdb.ask(path, Page, **query)
    except Unavailable as error:
        asked = ", ".join(f"{name} {value}" for name, value in query.items())
        raise SourceError(
            f"TMDB can't list films ({path}: {asked}): {error}. The same command goes on from "
            "there, later"
        ) from error


class Answers:
    """TMDB's answers in an SQLite file, each kept as soon as it is there.

    A film that TMDB doesn't have is kept without a body. What was kept survives a killed process.

    Raises
    ------
    SourceError
        If the file is another one, or in use by another run.
    """

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, timeout=1, isolation_level=None)
            self._db.executescript(
                """
                PRAGMA locking_mode = EXCLUSIVE;
                PRAGMA journal_mode = WAL;
                PRAGMA synchronous = NORMAL;
                CREATE TABLE IF NOT EXISTS films (
                    id INTEGER PRIMARY KEY, read_on TEXT, changed INTEGER DEFAULT 0, body BLOB
                );
                CREATE TABLE IF NOT EXISTS pages (query TEXT PRIMARY KEY, page TEXT);
                CREATE TABLE IF NOT EXISTS days (name TEXT PRIMARY KEY, day TEXT);
                """
            )
        except sqlite3.OperationalError as error:
            raise SourceError(f"{path}: {error}. Does another run use it?") from error
        except sqlite3.DatabaseError as error:
            raise SourceError(f"{path} is damaged ({error}): delete it and run again") from error

    def close(self) -> None:
        """Write the log into the file and close it."""
        self._db.close()

    def page(self, tmdb: Tmdb, path: str, **query) -> Page:
        """A page that was kept, or else is asked for and kept; raises as `ask_page` does."""
        key = f"{path}?{urlencode(query)}"
        kept = self._db.execute("SELECT page FROM pages WHERE query = ?", [key]).fetchone()
        if kept:
            return Page.model_validate_json(kept[0])
        page = ask_page(tmdb, path, **query)
        self._db.execute("INSERT INTO pages VALUES (?, ?)", [key, page.model_dump_json()])
        return page

    def begin_anew(self) -> None:
        """Forget all pages, so that they are asked for anew, and that a run was completed."""
        self._db.execute("BEGIN")
        self._db.execute("DELETE FROM pages")
        self._db.execute("DELETE FROM days WHERE name = 'completed'")
        self._db.execute("COMMIT")

    def day(self, name: str) -> date | None:
        """A day that was noted, None if it wasn't."""
        kept = self._db.execute("SELECT day FROM days WHERE name = ?", [name]).fetchone()
        return date.fromisoformat(kept[0]) if kept else None

    def note_day(self, name: str, day: date) -> None:
        """Note a day under a name."""
        self._db.execute("INSERT OR REPLACE INTO days VALUES (?, ?)", [name, day.isoformat()])

    def keep_film(self, number: int, body: bytes | None, day: date) -> None:
        """Keep what TMDB said of a film on a day, in place of what it said before."""
        body = body and zlib.compress(body)
        row = [number, day.isoformat(), body]
        self._db.execute("INSERT OR REPLACE INTO films (id, read_on, body) VALUES (?, ?, ?)", row)

    def mark_changed(self, numbers: Iterable[int]) -> None:
        """Note that films changed since they were read."""
        self._db.execute("BEGIN")
        self._db.executemany("UPDATE films SET changed = 1 WHERE id = ?", ((n,) for n in numbers))
        self._db.execute("COMMIT")

    def up_to_date(self, since: date) -> set[int]:
        """Films that were read since a day and did not change."""
        rows = self._db.execute(
            "SELECT id FROM films WHERE NOT changed AND read_on >= ?", [since.isoformat()]
        )
        return {number for (number,) in rows}

    def forget_films_before(self, since: date) -> None:
        """Forget the films that were read before a day."""
        self._db.execute("DELETE FROM films WHERE read_on < ?", [since.isoformat()])

    def films(self) -> Iterator[tuple[int, date, bytes | None]]:
        """Number, day of reading and body of every film, by number."""
        for number, day, body in self._db.execute(
            "SELECT id, read_on, body FROM films ORDER BY id"
        ):
            yield number, date.fromisoformat(day), body and zlib.decompress(body)
